//! Bitfield of the pieces that a server has.

use std::fmt;

use bytes::Bytes;

/// Bitfield of the pieces of a torrent that are on the server's disk and match their hashes.
///
/// It is a snapshot: present pieces stay present, missing ones may have arrived since.
#[derive(Clone, PartialEq, Eq)]
pub struct HaveBitfield {
    /// One bit for each piece, most significant bit of a byte first.
    bits: Bytes,
    piece_count: u32,
}

impl HaveBitfield {
    /// Creates a bitfield, or returns `None` if the number of bytes does not match `piece_count`.
    pub fn new(bits: Bytes, piece_count: u32) -> Option<Self> {
        let bytes = usize::try_from(piece_count.div_ceil(8)).ok()?;
        (bits.len() == bytes).then_some(Self { bits, piece_count })
    }

    /// Returns whether the piece is present; false for a piece past the end.
    pub fn has(&self, piece_idx: u32) -> bool {
        let byte = usize::try_from(piece_idx / 8).ok().and_then(|idx| self.bits.get(idx));
        piece_idx < self.piece_count
            && byte.is_some_and(|byte| byte & (0x80 >> (piece_idx % 8)) != 0)
    }

    /// Returns the number of pieces of the torrent.
    pub fn piece_count(&self) -> u32 {
        self.piece_count
    }

    /// Returns the number of present pieces. Costs O(pieces).
    pub fn have_count(&self) -> u32 {
        let count = (0..self.piece_count).filter(|&piece_idx| self.has(piece_idx)).count();
        u32::try_from(count).expect("no more pieces are counted than a u32 holds")
    }

    /// Returns the bits as sent: most significant bit of a byte first, spare bits last.
    ///
    /// The values of the spare bits are unspecified.
    pub fn as_bytes(&self) -> &Bytes {
        &self.bits
    }
}

impl fmt::Debug for HaveBitfield {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Haves({} of {})", self.have_count(), self.piece_count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bits: &'static [u8], piece_count: u32, want: Option<&str>) {
        let haves = HaveBitfield::new(Bytes::from_static(bits), piece_count);
        let got = haves.map(|haves| {
            let marks = (0..piece_count + 9).map(|idx| if haves.has(idx) { '#' } else { '.' });
            format!("{haves:?} {}", marks.collect::<String>())
        });
        assert_eq!(got.as_deref(), want, "{bits:?} {piece_count}");
    }

    #[test]
    fn most_significant_bit_is_the_first_piece() {
        check(&[], 0, Some("Haves(0 of 0) ........."));
        check(&[0b1010_0000], 3, Some("Haves(2 of 3) #.#........."));
        // Spare bits are not pieces.
        check(&[0xff], 3, Some("Haves(3 of 3) ###........."));
        check(&[0x00, 0x80], 9, Some("Haves(1 of 9) ........#........."));
        check(&[0xff], 0, None);
        check(&[0xff], 9, None);
        check(&[0xff, 0xff], 8, None);
    }
}
