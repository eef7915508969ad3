//! Reports where bytes differ from a content, and shows them.

use std::error::Error;
use std::fmt;

use super::Content;

/// How many bytes are shown of each side.
const SHOWN_BYTES: usize = 16;

/// The first byte that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The content that was expected.
    pub content: Content,
    /// Offset of the first byte that differs, in the content.
    pub offset: u64,
    /// The expected bytes; empty past the end of the content.
    pub expected: Vec<u8>,
    /// The bytes found.
    pub got: Vec<u8>,
}

impl Mismatch {
    /// Finds the first difference of two unequal slices that begin at `offset`.
    pub(super) fn new(content: Content, offset: u64, expected: &[u8], got: &[u8]) -> Self {
        let shared = expected.iter().zip(got).take_while(|(e, g)| e == g).count();
        let shown = |bytes: &[u8]| bytes.iter().skip(shared).take(SHOWN_BYTES).copied().collect();
        let offset = offset + shared as u64;
        Self { content, offset, expected: shown(expected), got: shown(got) }
    }
}

impl Error for Mismatch {}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { content, offset, expected, got } = self;
        let (seed, len) = (content.seed(), content.len());
        write!(f, "byte {offset} of {len} (seed {seed}): ")?;
        if expected.is_empty() {
            return write!(f, "expected the end, got {}", Hex(got));
        }
        write!(f, "expected {}, got {}", Hex(expected), Hex(got))?;
        if got.iter().all(|&byte| byte == 0) {
            f.write_str(" (zeros: a hole?)")?;
        }
        Ok(())
    }
}

/// Shows bytes as `0a 0b 0c`.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (idx, byte) in self.0.iter().enumerate() {
            let gap = if idx == 0 { "" } else { " " };
            write!(f, "{gap}{byte:02x}")?;
        }
        Ok(())
    }
}
