//! What is there of a file, as a short row of shares that a person can look at.
#![warn(clippy::arithmetic_side_effects)]

use crate::{ByteRange, Geometry, LocalPieces};

/// The number of steps of a share: all bytes are there.
const ALL: u8 = 9;

/// The largest share of a bucket that lacks a byte.
const PART_MAX: u8 = 8;

/// The piece map of a file: shares of its bytes that are there, in buckets of equal length.
///
/// Positions are those of the file, not of its torrent: a piece at the border of the file counts
/// with the bytes that the file has of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PieceShares {
    /// One for each bucket: 0 if nothing of it is there, 9 if all of it is, otherwise 1 to 8.
    /// `None` if it is unknown. Empty for an empty file.
    pub shares: Vec<Option<u8>>,
    /// The number of pieces that the file lies in; 0 if unknown.
    pub pieces: u32,
    /// The length of a piece in bytes; 0 if unknown.
    pub piece_bytes: u32,
    /// The length of the file in bytes.
    pub file_len: u64,
}

/// What is known of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MappedFile {
    pub(crate) len: u64,
    /// Its position among the pieces, if known.
    pub(crate) geometry: Option<Geometry>,
}

impl PieceShares {
    /// Returns the map of a file in at most `buckets_max` buckets, and at most one for each piece.
    /// A piece is there if one of `parts` has it; without parts, all is unknown. Costs O(pieces of
    /// the file × parts).
    pub(crate) fn new(file: MappedFile, buckets_max: usize, parts: &[LocalPieces]) -> Self {
        let MappedFile { len, geometry } = file;
        let pieces = geometry.map_or(0, |geometry| piece_count(geometry, len));
        let piece_bytes = geometry.map_or(0, |geometry| geometry.piece_len.get());
        // Without pieces, one bucket: then only all or nothing can be known.
        let count = buckets_max.max(1).min(usize::try_from(pieces.max(1)).unwrap_or(usize::MAX));
        let mut map = Self { shares: Vec::new(), pieces, piece_bytes, file_len: len };
        if len > 0 {
            map.shares = vec![None; count];
            map.shares =
                (0..count).map(|bucket| share_of(geometry, map.range(bucket), parts)).collect();
        }
        map
    }

    /// Returns the bucket of a byte of the file; the last one at and after its end, `None` for an
    /// empty file.
    #[must_use]
    pub fn bucket_at(&self, offset: u64) -> Option<usize> {
        let last = self.shares.len().checked_sub(1)?;
        let guess = self.guess(offset).min(last);
        // Bounds are rounded down, so the byte may be in the next bucket.
        let next = guess.saturating_add(1).min(last);
        let is_next = self.bound(next) <= offset;
        Some(if is_next { next } else { guess })
    }

    /// Returns the bytes of a bucket.
    fn range(&self, bucket: usize) -> ByteRange {
        let (start, end) = (self.bound(bucket), self.bound(bucket.saturating_add(1)));
        ByteRange::clamped(start, end.saturating_sub(start), self.file_len)
    }

    /// Returns the offset at which a bucket begins.
    fn bound(&self, bucket: usize) -> u64 {
        let product = u128::from(self.file_len).saturating_mul(bucket as u128);
        let bound = product.checked_div(self.shares.len() as u128).unwrap_or(0);
        u64::try_from(bound).unwrap_or(u64::MAX)
    }

    /// Returns the bucket of a byte, or the one before it.
    fn guess(&self, offset: u64) -> usize {
        let product = u128::from(offset).saturating_mul(self.shares.len() as u128);
        let bucket = product.checked_div(u128::from(self.file_len)).unwrap_or(0);
        usize::try_from(bucket).unwrap_or(usize::MAX)
    }
}

/// Returns the number of pieces that a file lies in.
fn piece_count(geometry: Geometry, len: u64) -> u32 {
    let (first, last) = (geometry.piece_at(0), geometry.piece_at(len.saturating_sub(1)));
    match (first, last) {
        (Some(first), Some(last)) => last.saturating_sub(first).saturating_add(1),
        // Beyond all pieces, which only a hostile source can cause.
        (None, _) | (_, None) => 0,
    }
}

/// Returns which share of a range is there.
fn share_of(geometry: Option<Geometry>, range: ByteRange, parts: &[LocalPieces]) -> Option<u8> {
    if parts.is_empty() {
        return None;
    }
    if parts.contains(&LocalPieces::All) {
        return Some(ALL);
    }
    let geometry = geometry?;
    let (mut at, mut here) = (range.start(), 0_u64);
    while at < range.end() {
        let piece = geometry.piece_at(at)?;
        let end = geometry.piece_end(at).min(range.end());
        if parts.iter().any(|part| part.has(piece)) {
            here = here.saturating_add(end.saturating_sub(at));
        }
        at = end;
    }
    Some(match here {
        0 => 0,
        _ if here == range.len() => ALL,
        _ => {
            let steps = u128::from(here).saturating_mul(u128::from(PART_MAX).saturating_add(1));
            let share = steps.checked_div(u128::from(range.len())).unwrap_or(0);
            u8::try_from(share).unwrap_or(PART_MAX).clamp(1, PART_MAX)
        }
    })
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;
    use crate::Bitfield;

    fn geometry(file_offset: u64) -> Geometry {
        Geometry { file_offset, piece_len: NonZeroU32::new(10).unwrap() }
    }

    fn some(have: &[u32]) -> LocalPieces {
        LocalPieces::Some(Bitfield::from_fn(1000, |piece| have.contains(&piece)).unwrap())
    }

    fn text(map: &PieceShares) -> String {
        let digit =
            |share: &Option<u8>| share.map_or('?', |share| char::from(b'0'.saturating_add(share)));
        map.shares.iter().map(digit).collect()
    }

    /// Maps a file of a torrent with pieces of ten bytes.
    #[track_caller]
    fn check((file_offset, len): (u64, u64), buckets: usize, parts: &[LocalPieces], want: &str) {
        let file = MappedFile { len, geometry: Some(geometry(file_offset)) };
        let map = PieceShares::new(file, buckets, parts);
        assert_eq!(text(&map), want);
        assert_eq!((map.piece_bytes, map.file_len), (10, len));
    }

    #[test]
    fn shares_are_those_of_the_bytes_that_are_there() {
        check((0, 100), 10, &[some(&[0, 1, 9])], "9900000009");
        check((0, 100), 5, &[some(&[0, 1, 9])], "90004");
        check((0, 100), 1, &[some(&[0])], "1");
        check((0, 1000), 1, &[some(&[0])], "1");
        // All but one piece of a hundred.
        let most: Vec<u32> = (0..99).collect();
        check((0, 1000), 1, &[some(&most)], "8");
        // At most one bucket for each piece.
        check((0, 25), 512, &[some(&[2])], "005");
        // The file begins and ends inside of pieces.
        check((7, 25), 512, &[some(&[0])], "4000");
        check((7, 6), 512, &[some(&[1])], "09");
        check((0, 0), 512, &[some(&[0])], "");
    }

    #[test]
    fn a_piece_of_any_server_or_of_the_local_disk_counts() {
        check((0, 40), 4, &[some(&[0]), some(&[2])], "9090");
        check((0, 40), 4, &[some(&[0]), LocalPieces::All], "9999");
        check((0, 40), 4, &[], "????");
    }

    #[test]
    fn without_pieces_a_file_is_one_bucket() {
        let map = |parts: &[LocalPieces]| {
            let map = PieceShares::new(MappedFile { len: 50, geometry: None }, 512, parts);
            assert_eq!((map.pieces, map.piece_bytes), (0, 0));
            text(&map)
        };
        assert_eq!(map(&[]), "?");
        assert_eq!(map(&[some(&[0])]), "?");
        assert_eq!(map(&[LocalPieces::All]), "9");
    }

    #[test]
    fn hostile_positions_are_unknown() {
        let file = MappedFile { len: u64::MAX, geometry: Some(geometry(u64::MAX)) };
        let map = PieceShares::new(file, 4, &[some(&[0])]);
        assert_eq!((text(&map).as_str(), map.pieces), ("?", 0));
        assert_eq!(map.bucket_at(u64::MAX), Some(0));
    }

    proptest! {
        #[test]
        fn full_and_empty_buckets_are_exactly_those(
            file_offset in 0_u64..100,
            len in 1_u64..3000,
            buckets_max in 0_usize..40,
            have in prop::collection::btree_set(0_u32..320, 0..320),
        ) {
            let have: Vec<_> = have.into_iter().collect();
            let geometry = geometry(file_offset);
            let file = MappedFile { len, geometry: Some(geometry) };
            let map = PieceShares::new(file, buckets_max, &[some(&have)]);
            prop_assert!(map.shares.len() <= buckets_max.max(1));
            prop_assert!(map.shares.len() <= map.pieces as usize);
            let mut covered = 0;
            for (bucket, share) in map.shares.iter().enumerate() {
                let range = map.range(bucket);
                prop_assert_eq!(range.start(), covered);
                covered = range.end();
                let is_here = |at: u64| have.contains(&geometry.piece_at(at).unwrap());
                let here = (range.start()..range.end()).filter(|at| is_here(*at)).count() as u64;
                prop_assert_eq!(*share == Some(0), here == 0);
                prop_assert_eq!(*share == Some(9), here == range.len());
                for at in range.start()..range.end() {
                    prop_assert_eq!(map.bucket_at(at), Some(bucket));
                }
            }
            prop_assert_eq!(covered, len);
        }
    }
}
