//! Byte ranges: the only module that adds offsets and lengths.
#![warn(clippy::arithmetic_side_effects)]

/// The bytes from `start` up to, not including, `end` of a file. `start` is at most `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ByteRange {
    start: u64,
    end: u64,
}

impl ByteRange {
    /// Returns the part of the `len` bytes at `offset` that lies inside a file of `file_len` bytes;
    /// empty at and after the end of the file.
    #[must_use]
    pub fn clamped(offset: u64, len: u64, file_len: u64) -> Self {
        let start = offset.min(file_len);
        let end = offset.saturating_add(len).min(file_len);
        Self { start, end }
    }

    /// Returns the part of the range at or after `offset`.
    #[must_use]
    pub(crate) fn from(self, offset: u64) -> Self {
        Self { start: offset.clamp(self.start, self.end), end: self.end }
    }

    /// Returns the offset of the first byte.
    #[must_use]
    pub const fn start(self) -> u64 {
        self.start
    }

    /// Returns the offset after the last byte.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.end
    }

    /// Returns the number of bytes.
    #[must_use]
    pub const fn len(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Returns whether the range has no bytes.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(offset: u64, len: u64, file_len: u64, want: (u64, u64)) {
        let range = ByteRange::clamped(offset, len, file_len);
        assert_eq!((range.start(), range.end()), want);
        assert_eq!(range.len(), want.1.saturating_sub(want.0));
        assert_eq!(range.is_empty(), want.0 == want.1);
    }

    #[test]
    fn ranges_end_with_the_file_and_never_overflow() {
        check(0, 10, 100, (0, 10));
        check(95, 10, 100, (95, 100));
        check(100, 10, 100, (100, 100));
        check(u64::MAX, 10, 100, (100, 100));
        check(5, u64::MAX, 100, (5, 100));
        check(u64::MAX - 1, u64::MAX, u64::MAX, (u64::MAX - 1, u64::MAX));
        check(0, 0, 0, (0, 0));
    }
}
