//! Mapping of pieces to byte ranges of files.

use std::num::NonZeroU32;

use tfs_types::Bitfield;

use crate::ByteRange;

/// Position of a file among the pieces of its torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Offset of the file in the torrent, which concatenates its files, including padding.
    pub file_offset: u64,
    /// Length in bytes of all pieces but the last.
    pub piece_len: NonZeroU32,
}

impl Geometry {
    /// Returns the piece that contains a byte of the file, or `None` past all pieces.
    pub(crate) fn piece_at(self, offset: u64) -> Option<u32> {
        let at = self.file_offset.checked_add(offset)?;
        u32::try_from(at / u64::from(self.piece_len.get())).ok()
    }

    /// Returns the offset in the file where the piece of `offset` ends, possibly past the file.
    pub(crate) fn piece_end(self, offset: u64) -> u64 {
        let piece_len = u64::from(self.piece_len.get());
        let into = self.file_offset.wrapping_add(offset) % piece_len;
        offset.saturating_add(piece_len - into)
    }

    /// Returns the end of the present bytes at the start of `range`: the end of `range` if all of
    /// it is present, its start if its first byte is missing.
    pub(crate) fn have_until(self, have: &Bitfield, range: ByteRange) -> u64 {
        self.end_of_run(range, |piece_idx| have.has(piece_idx))
    }

    /// Returns the end of the missing bytes at the start of `range`: the end of `range` if all of
    /// it is missing, its start if its first byte is present.
    pub(crate) fn missing_until(self, have: &Bitfield, range: ByteRange) -> u64 {
        self.end_of_run(range, |piece_idx| !have.has(piece_idx))
    }

    /// Returns the number of present bytes in `range`.
    pub(crate) fn have_bytes(self, have: &Bitfield, range: ByteRange) -> u64 {
        let (mut rest, mut bytes) = (range, 0_u64);
        while !rest.is_empty() {
            let missing = rest.from(self.have_until(have, rest));
            bytes = bytes.saturating_add(missing.start().saturating_sub(rest.start()));
            let next = missing.from(self.missing_until(have, missing));
            if next.start() == rest.start() {
                // An offset past all pieces, which only a hostile source can cause.
                break;
            }
            rest = next;
        }
        bytes
    }

    fn end_of_run(self, range: ByteRange, is_in_run: impl Fn(u32) -> bool) -> u64 {
        let mut at = range.start();
        while at < range.end() && self.piece_at(at).is_some_and(&is_in_run) {
            at = self.piece_end(at);
        }
        at.min(range.end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file_offset: u64, have: &[u32], range: (u64, u64), want: u64) {
        let geometry = Geometry { file_offset, piece_len: NonZeroU32::new(10).unwrap() };
        let have = Bitfield::from_fn(10, |piece_idx| have.contains(&piece_idx)).unwrap();
        let range = ByteRange::clamped(range.0, range.1 - range.0, u64::MAX);
        assert_eq!(geometry.have_until(&have, range), want);
    }

    #[test]
    fn pieces_cover_the_bytes_of_files() {
        check(0, &[0, 1], (0, 5), 5);
        check(0, &[0, 1], (0, 25), 20);
        check(0, &[1], (0, 25), 0);
        check(0, &[1], (10, 20), 20);
        check(7, &[0, 1], (0, 25), 13);
        check(7, &[1], (3, 13), 13);
        check(7, &[1], (2, 13), 2);
        check(0, &[9], (95, 200), 100);
        check(u64::MAX, &[0], (5, 6), 5);
    }
}
