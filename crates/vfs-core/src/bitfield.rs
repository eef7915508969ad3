//! Bitfields of pieces, and the mapping of pieces to byte ranges of files.

use std::fmt;
use std::num::NonZeroU32;

use bytes::Bytes;

use crate::ByteRange;

/// Maximum number of pieces that is accepted, more than any torrent has.
const PIECE_COUNT_MAX: u32 = 1 << 28;

/// Bitfield of the present pieces of a torrent. A snapshot: pieces are added, and after a crash
/// some may be missing.
#[derive(Clone, PartialEq, Eq)]
pub struct Bitfield {
    /// One bit for each piece, most significant bit of a byte first (BEP 3).
    bits: Bytes,
    piece_count: u32,
}

impl Bitfield {
    /// Returns the bitfield of `piece_count` pieces, or `None` if the number of bytes does not
    /// match, or if it exceeds the maximum number of pieces.
    #[must_use]
    pub fn new(bits: Bytes, piece_count: u32) -> Option<Self> {
        let bytes = usize::try_from(piece_count.div_ceil(8)).ok()?;
        (piece_count <= PIECE_COUNT_MAX && bits.len() == bytes)
            .then_some(Self { bits, piece_count })
    }

    /// Returns the bitfield of the pieces for which `has` returns true, or `None` if `piece_count`
    /// exceeds the maximum.
    #[must_use]
    pub fn from_fn(piece_count: u32, mut has: impl FnMut(u32) -> bool) -> Option<Self> {
        if piece_count > PIECE_COUNT_MAX {
            return None;
        }
        let bytes = (0..piece_count.div_ceil(8)).map(|byte| {
            (0..8).fold(0_u8, |bits, bit| {
                let piece_idx = byte * 8 + bit;
                let is_set = piece_idx < piece_count && has(piece_idx);
                bits | if is_set { 0x80 >> bit } else { 0 }
            })
        });
        Self::new(bytes.collect(), piece_count)
    }

    /// Returns the union of two bitfields; the first one if they belong to different torrents.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        if self.piece_count != other.piece_count {
            return self.clone();
        }
        let bits = self.bits.iter().zip(&other.bits).map(|(one, other)| one | other);
        Self { bits: bits.collect(), piece_count: self.piece_count }
    }

    /// Returns whether a piece is present; false for a piece past the end.
    #[must_use]
    pub fn has(&self, piece_idx: u32) -> bool {
        let byte = usize::try_from(piece_idx / 8).ok().and_then(|idx| self.bits.get(idx));
        piece_idx < self.piece_count
            && byte.is_some_and(|byte| byte & (0x80 >> (piece_idx % 8)) != 0)
    }

    /// Returns the number of pieces of the torrent.
    #[must_use]
    pub fn piece_count(&self) -> u32 {
        self.piece_count
    }

    /// Returns the number of present pieces. Costs O(pieces).
    #[must_use]
    pub fn have_count(&self) -> u32 {
        (0..self.piece_count).map(|piece_idx| u32::from(self.has(piece_idx))).sum()
    }
}

impl fmt::Debug for Bitfield {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bitfield({} of {})", self.have_count(), self.piece_count)
    }
}

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
    #[must_use]
    pub fn piece_at(self, offset: u64) -> Option<u32> {
        let at = self.file_offset.checked_add(offset)?;
        u32::try_from(at / u64::from(self.piece_len.get())).ok()
    }

    /// Returns the offset in the file where the piece of `offset` ends, possibly past the file.
    #[must_use]
    pub fn piece_end(self, offset: u64) -> u64 {
        let piece_len = u64::from(self.piece_len.get());
        let into = self.file_offset.wrapping_add(offset) % piece_len;
        offset.saturating_add(piece_len - into)
    }

    /// Returns the end of the present bytes at the start of `range`: the end of `range` if all of
    /// it is present, its start if its first byte is missing.
    #[must_use]
    pub fn have_until(self, have: &Bitfield, range: ByteRange) -> u64 {
        self.end_of_run(range, |piece_idx| have.has(piece_idx))
    }

    /// Returns the end of the missing bytes at the start of `range`: the end of `range` if all of
    /// it is missing, its start if its first byte is present.
    #[must_use]
    pub fn missing_until(self, have: &Bitfield, range: ByteRange) -> u64 {
        self.end_of_run(range, |piece_idx| !have.has(piece_idx))
    }

    /// Returns the number of present bytes in `range`.
    #[must_use]
    pub fn have_bytes(self, have: &Bitfield, range: ByteRange) -> u64 {
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

    #[test]
    fn hostile_lengths_are_refused() {
        let make = |bits: &'static [u8], count| Bitfield::new(Bytes::from_static(bits), count);
        assert!(make(&[], 0).is_some());
        assert!(make(&[0xff], 3).is_some_and(|field| field.have_count() == 3 && !field.has(3)));
        for (bits, count) in
            [(&[][..], 1), (&[0xff][..], 0), (&[0xff][..], 9), (&[0; 9][..], u32::MAX)]
        {
            assert_eq!(make(bits, count), None, "{count}");
        }
        assert_eq!(Bitfield::from_fn(u32::MAX, |_| true), None);
        let odd = Bitfield::from_fn(11, |piece_idx| piece_idx % 2 == 1).unwrap();
        assert_eq!((odd.have_count(), odd.piece_count()), (5, 11));
        assert!(odd.has(9) && !odd.has(10) && !odd.has(11));
    }

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
