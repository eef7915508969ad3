//! Data and holes of a file, for `lseek` with `SEEK_DATA` and `SEEK_HOLE`.

use crate::{Bitfield, ByteRange, Geometry, VfsError};

/// Target of a seek.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SeekTo {
    /// The next downloaded byte.
    Data,
    /// The next missing byte, or the end of the file.
    Hole,
}

/// The present byte ranges of a file.
#[derive(Debug, Clone)]
pub(crate) enum Extents {
    /// The whole file; also if unknown, as Linux expects.
    All,
    /// The bytes of the present pieces.
    Pieces(Bitfield, Geometry),
}

impl Extents {
    /// Returns the extents of a file of `len` bytes. A bitfield that does not reach to its end
    /// belongs to another torrent, and is ignored.
    pub(crate) fn new(have: Option<Bitfield>, geometry: Geometry, len: u64) -> Self {
        let last = geometry.piece_at(len.saturating_sub(1));
        match have.filter(|have| last.is_some_and(|last| last < have.piece_count())) {
            Some(have) => Self::Pieces(have, geometry),
            None => Self::All,
        }
    }

    /// Returns the first matching byte at or after `offset` in a file of `len` bytes. The end of
    /// the file is a hole (`lseek(2)`). Costs O(pieces) up to the result.
    ///
    /// # Errors
    /// `NothingThere` at and after the end of the file, or if no data follows.
    pub(crate) fn seek(&self, to: SeekTo, offset: u64, len: u64) -> Result<u64, VfsError> {
        if offset >= len {
            return Err(VfsError::NothingThere);
        }
        let rest = ByteRange::clamped(offset, len, len);
        let found = match (self, to) {
            (Self::All, SeekTo::Data) => offset,
            (Self::All, SeekTo::Hole) => len,
            (Self::Pieces(have, geometry), SeekTo::Hole) => geometry.have_until(have, rest),
            (Self::Pieces(have, geometry), SeekTo::Data) => geometry.missing_until(have, rest),
        };
        match to {
            SeekTo::Data if found >= len => Err(VfsError::NothingThere),
            SeekTo::Data | SeekTo::Hole => Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    /// Renders a file of `len` bytes, whose torrent has pieces of ten bytes, by alternating seeks
    /// to data and hole.
    #[track_caller]
    fn check(have: Option<&[u32]>, piece_count: u32, (file_offset, len): (u64, u64), want: &str) {
        let geometry = Geometry { file_offset, piece_len: NonZeroU32::new(10).unwrap() };
        let have = have.map(|have| {
            Bitfield::from_fn(piece_count, |piece_idx| have.contains(&piece_idx)).unwrap()
        });
        let extents = Extents::new(have, geometry, len);
        let mut found = Vec::new();
        let mut at = 0;
        while let Ok(data) = extents.seek(SeekTo::Data, at, len) {
            at = extents.seek(SeekTo::Hole, data, len).unwrap();
            // Seeks from any offset inside return the same.
            for inside in data..at {
                assert_eq!(extents.seek(SeekTo::Data, inside, len).unwrap(), inside);
                assert_eq!(extents.seek(SeekTo::Hole, inside, len).unwrap(), at);
            }
            found.push(format!("{data}..{at}"));
        }
        assert_eq!(found.join(" "), want);
        for beyond in [len, len + 1, u64::MAX] {
            for to in [SeekTo::Data, SeekTo::Hole] {
                let beyond = extents.seek(to, beyond, len);
                assert!(matches!(beyond, Err(VfsError::NothingThere)));
            }
        }
    }

    #[test]
    fn data_is_where_pieces_are() {
        check(Some(&[0, 1, 2]), 3, (0, 30), "0..30");
        check(Some(&[]), 3, (0, 30), "");
        check(Some(&[0]), 3, (0, 30), "0..10");
        check(Some(&[2]), 3, (0, 25), "20..25");
        check(Some(&[0, 2]), 3, (0, 30), "0..10 20..30");
        // A file with boundaries inside pieces.
        check(Some(&[0, 2]), 4, (7, 25), "0..3 13..23");
        check(Some(&[1]), 4, (7, 25), "3..13");
        check(Some(&[3]), 4, (7, 25), "23..25");
        check(Some(&[0]), 1, (3, 4), "0..4");
        check(Some(&[]), 1, (3, 0), "");
    }

    #[test]
    fn what_nobody_knows_is_data() {
        check(None, 0, (0, 25), "0..25");
        // The bitfield of another torrent.
        check(Some(&[0]), 2, (0, 25), "0..25");
        check(Some(&[0]), 1, (u64::MAX, 25), "0..25");
    }
}
