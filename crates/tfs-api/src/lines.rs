//! Splits a response body that arrives in chunks into lines.

use bytes::{Buf as _, Bytes, BytesMut};

/// Maximum length of a line: the longest path takes 4 KiB, and six times that in JSON.
pub(super) const LINE_BYTES_MAX: usize = 64 << 10;

/// Received bytes that were not returned yet.
#[derive(Debug, Default)]
pub(super) struct ResponseLines {
    bytes: BytesMut,
    /// Length of the prefix that is known to contain no line break.
    searched: usize,
}

impl ResponseLines {
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
    }

    /// Returns the next complete line without its line break.
    pub(super) fn next(&mut self) -> Option<Bytes> {
        let unknown = self.bytes.get(self.searched..).unwrap_or_default();
        let Some(position) = unknown.iter().position(|byte| *byte == b'\n') else {
            self.searched = self.bytes.len();
            return None;
        };
        let line = self.bytes.split_to(self.searched + position).freeze();
        self.bytes.advance(1);
        self.searched = 0;
        Some(line)
    }

    /// Returns whether the incomplete line exceeds [`LINE_BYTES_MAX`].
    pub(super) fn is_too_long(&self) -> bool {
        self.bytes.len() > LINE_BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_however_they_are_cut() {
        let text = "one\n\ntwo\nthree";
        for len in 1..text.len() {
            let mut lines = ResponseLines::default();
            let mut found = Vec::new();
            for piece in text.as_bytes().chunks(len) {
                lines.push(piece);
                while let Some(line) = lines.next() {
                    found.push(String::from_utf8(line.to_vec()).unwrap());
                }
            }
            assert_eq!(found, ["one", "", "two"], "{len}");
        }
        let mut lines = ResponseLines::default();
        lines.push(&vec![b'x'; LINE_BYTES_MAX]);
        assert!(lines.next().is_none() && !lines.is_too_long());
        lines.push(b"x");
        assert!(lines.next().is_none() && lines.is_too_long());
    }
}
