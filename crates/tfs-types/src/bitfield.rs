//! Bitfields of pieces.

use std::fmt;

use bytes::Bytes;

/// Maximum number of pieces that is accepted, more than any torrent has.
const PIECE_COUNT_MAX: u32 = 1 << 28;

/// Bitfield of the pieces of a torrent that are on a server's disk and match their hashes.
///
/// It is a snapshot: pieces are added later, and after a crash some may be missing.
#[derive(Clone, PartialEq, Eq)]
pub struct Bitfield {
    /// One bit for each piece, most significant bit of a byte first (BEP 3). The spare bits at the
    /// end have any value.
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
        let spare = match (self.bits.last(), self.piece_count % 8) {
            (Some(last), used @ 1..) => (last & (0xff >> used)).count_ones(),
            _ => 0,
        };
        self.bits.iter().map(|byte| byte.count_ones()).sum::<u32>() - spare
    }
}

impl fmt::Debug for Bitfield {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bitfield({} of {})", self.have_count(), self.piece_count)
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
    fn check(bits: &'static [u8], piece_count: u32, want: Option<&str>) {
        let field = Bitfield::new(Bytes::from_static(bits), piece_count);
        let got = field.map(|field| {
            let marks = (0..piece_count + 9).map(|idx| if field.has(idx) { '#' } else { '.' });
            format!("{field:?} {}", marks.collect::<String>())
        });
        assert_eq!(got.as_deref(), want, "{bits:?} {piece_count}");
    }

    #[test]
    fn most_significant_bit_is_the_first_piece() {
        check(&[], 0, Some("Bitfield(0 of 0) ........."));
        check(&[0b1010_0000], 3, Some("Bitfield(2 of 3) #.#........."));
        // Spare bits are not pieces.
        check(&[0xff], 3, Some("Bitfield(3 of 3) ###........."));
        check(&[0x00, 0x80], 9, Some("Bitfield(1 of 9) ........#........."));
        check(&[0xff], 0, None);
        check(&[0xff], 9, None);
        check(&[0xff, 0xff], 8, None);
    }
}
