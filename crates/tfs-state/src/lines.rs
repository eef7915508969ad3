//! Reads a log line by line, with bounded memory.

use std::io::{self, BufRead};

use super::record::LINE_BYTES_MAX;

/// Iterator over the lines of a log.
#[derive(Debug)]
pub(super) struct LogLines<R> {
    reader: R,
    /// Offset of the next line, in bytes from the start of the file.
    offset: u64,
    line: Vec<u8>,
}

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Its offset, in bytes from the start of the file.
    pub(super) offset: u64,
    /// Its bytes without the line feed. Of a longer line, the first [`LINE_BYTES_MAX`] + 1 bytes.
    pub(super) bytes: &'a [u8],
    /// Whether it ends with a line feed. Otherwise it is the last line, and may be truncated.
    pub(super) is_ended: bool,
}

impl<R: BufRead> LogLines<R> {
    /// Returns the lines of a reader that is at `offset`.
    pub(super) fn new(reader: R, offset: u64) -> Self {
        Self { reader, offset, line: Vec::new() }
    }

    /// Returns the next line, or `None` at the end.
    ///
    /// # Errors
    /// Those of the reader.
    pub(super) fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let offset = self.offset;
        let mut is_ended = false;
        while !is_ended {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                break;
            }
            let feed = memchr::memchr(b'\n', buffer);
            is_ended = feed.is_some();
            let part = buffer.get(..feed.unwrap_or(buffer.len())).unwrap_or(buffer);
            let room = (LINE_BYTES_MAX + 1).saturating_sub(self.line.len()).min(part.len());
            self.line.extend_from_slice(part.get(..room).unwrap_or(part));
            let used = part.len() + usize::from(is_ended);
            self.reader.consume(used);
            self.offset += used as u64;
        }
        let is_end = self.offset == offset;
        Ok((!is_end).then_some(Line { offset, bytes: &self.line, is_ended }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    #[test]
    fn lines_are_found_whatever_the_buffer_has_of_them() {
        let text = b"one\n\ntwo three\nfour";
        for capacity in 1..=text.len() {
            let mut lines = LogLines::new(BufReader::with_capacity(capacity, text.as_slice()), 100);
            for (offset, bytes, is_ended) in [
                (100, "one", true),
                (104, "", true),
                (105, "two three", true),
                (115, "four", false),
            ] {
                let want = Line { offset, bytes: bytes.as_bytes(), is_ended };
                assert_eq!(lines.next_line().unwrap(), Some(want));
            }
            assert_eq!(lines.next_line().unwrap(), None);
        }
    }

    #[test]
    fn a_line_without_end_costs_no_more_than_the_longest() {
        let text = [vec![b'x'; LINE_BYTES_MAX * 2], b"\nnext\n".to_vec()].concat();
        let mut lines = LogLines::new(text.as_slice(), 0);
        assert_eq!(lines.next_line().unwrap().unwrap().bytes.len(), LINE_BYTES_MAX + 1);
        assert_eq!(lines.next_line().unwrap().unwrap().bytes, b"next");
    }
}
