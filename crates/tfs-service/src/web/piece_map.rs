//! Piece maps in the form of the page.

use tfs_web::model::PieceMap;
use vfs_core::PieceShares;

/// A reader of a file: where it is, and where it waits.
pub(super) type ReaderPlace = (u64, Option<u64>);

/// Returns the map of a file with its readers.
pub(super) fn piece_map(shares: &PieceShares, readers: &[ReaderPlace]) -> PieceMap {
    let bucket = |offset: u64| Some(u32::try_from(shares.bucket_at(offset)?).unwrap_or(u32::MAX));
    let mut places: Vec<_> = readers.iter().filter_map(|(offset, _)| bucket(*offset)).collect();
    places.sort_unstable();
    places.dedup();
    let waits = readers.iter().filter_map(|(_, waits_at)| bucket((*waits_at)?));
    let mut wanted: Vec<_> = waits.map(|bucket| (bucket, bucket)).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let digit = |share: &Option<u8>| match share {
        Some(share) => char::from_digit(u32::from(*share).min(9), 10).unwrap_or('?'),
        None => '?',
    };
    PieceMap {
        have: shares.shares.iter().map(digit).collect(),
        wanted,
        readers: places,
        pieces: shares.pieces,
        piece_bytes: shares.piece_bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_are_in_the_bucket_of_their_offset() {
        let shares = PieceShares {
            shares: vec![Some(9), Some(4), Some(0), None],
            pieces: 40,
            piece_bytes: 10,
            file_len: 400,
        };
        let map = piece_map(&shares, &[(0, None), (399, Some(250)), (150, Some(250)), (400, None)]);
        assert_eq!(map.have, "940?");
        assert_eq!((map.readers, map.wanted), (vec![0, 1, 3], vec![(2, 2)]));
        assert_eq!((map.pieces, map.piece_bytes), (40, 10));
        assert_eq!(piece_map(&PieceShares::default(), &[(0, Some(0))]), PieceMap::default());
    }
}
