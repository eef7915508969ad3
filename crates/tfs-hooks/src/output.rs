//! The output of a command: its beginning is kept, the rest is read and dropped.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Maximum number of bytes that are kept of each stream of a command.
pub const OUTPUT_BYTES_MAX: usize = 64 << 10;

/// Size of a read.
const READ_BYTES: usize = 8 << 10;

/// Maximum number of lines of an output that are logged, and of characters of each.
const LINES_MAX: usize = 3;
const LINE_CHARS_MAX: usize = 200;

/// The output so far.
#[derive(Debug, Default)]
pub(crate) struct CommandOutput {
    kept: Vec<u8>,
}

impl CommandOutput {
    /// Reads a stream to its end.
    ///
    /// # Cancel safety
    /// What was read is kept.
    pub(crate) async fn read_from(&mut self, stream: Option<impl AsyncRead + Unpin>) {
        let Some(mut stream) = stream else { return };
        let mut buffer = vec![0; READ_BYTES];
        loop {
            match stream.read(&mut buffer).await {
                Ok(0) => return,
                Ok(len) => {
                    let part = buffer.get(..len).unwrap_or_default();
                    let room = OUTPUT_BYTES_MAX.saturating_sub(self.kept.len());
                    self.kept.extend_from_slice(part.get(..room).unwrap_or(part));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    /// Returns the first lines in one line, without control characters.
    pub(crate) fn first_lines(&self) -> String {
        let text = String::from_utf8_lossy(&self.kept);
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).take(LINES_MAX);
        let shown = lines.map(|line| {
            let chars = line.chars().take(LINE_CHARS_MAX);
            chars.map(|it| if it.is_control() { ' ' } else { it }).collect::<String>()
        });
        shown.collect::<Vec<_>>().join(" | ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_beginning_is_kept_and_the_rest_is_read() {
        let text = "x".repeat(OUTPUT_BYTES_MAX * 3);
        let (mut output, mut rest) = (CommandOutput::default(), text.as_bytes());
        output.read_from(Some(&mut rest)).await;
        assert_eq!((output.kept.len(), rest.len()), (OUTPUT_BYTES_MAX, 0));
    }

    #[tokio::test]
    async fn the_first_lines_are_shown_without_control_characters() {
        let mut output = CommandOutput::default();
        let text = b"\n one\x1b[2J\n\n\xff two\nthree\nfour\n".as_slice();
        output.read_from(Some(text)).await;
        assert_eq!(output.first_lines(), "one [2J | \u{fffd} two | three");
    }
}
