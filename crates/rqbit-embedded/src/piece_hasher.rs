//! Hashes of a torrent's pieces, over its concatenated files.

use librqbit_sha1_wrapper::{ISha1 as _, Sha1};

/// Collects the SHA-1 of each piece of a stream of bytes.
pub(crate) struct PieceHasher {
    piece_length: usize,
    /// The incomplete last piece.
    open: Sha1,
    open_len: usize,
    hashes: Vec<u8>,
}

impl PieceHasher {
    /// `piece_length` is in bytes and not zero.
    pub(crate) fn new(piece_length: usize) -> Self {
        debug_assert!(piece_length > 0, "a piece of no bytes never ends");
        Self { piece_length, open: Sha1::new(), open_len: 0, hashes: Vec::new() }
    }

    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let fits = bytes.len().min(self.piece_length - self.open_len);
            let (head, tail) = bytes.split_at(fits);
            self.open.update(head);
            self.open_len += fits;
            if self.open_len == self.piece_length {
                self.close();
            }
            bytes = tail;
        }
    }

    /// Returns 20 bytes for each piece, the last of which may be short.
    ///
    /// `create_torrent` of librqbit 9.1.0 fails here: it omits the last hash when the last file is
    /// empty, and adds an extra one when the last piece is full.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        if self.open_len > 0 {
            self.close();
        }
        self.hashes
    }

    fn close(&mut self) {
        let full = std::mem::replace(&mut self.open, Sha1::new());
        self.hashes.extend_from_slice(&full.finish());
        self.open_len = 0;
    }
}

/// Returns the SHA-1 of `bytes`.
pub(crate) fn sha1(bytes: &[u8]) -> [u8; 20] {
    let mut hasher = Sha1::new();
    hasher.update(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::{PieceHasher, sha1};

    /// Feeds `bytes` in parts of `part_len` and compares with hashing piece by piece.
    #[track_caller]
    fn check(len: usize, piece_length: usize, part_len: usize) {
        let bytes: Vec<u8> = (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect();
        let expected: Vec<u8> = bytes.chunks(piece_length).flat_map(sha1).collect();
        let mut hasher = PieceHasher::new(piece_length);
        bytes.chunks(part_len).for_each(|part| hasher.update(part));
        assert_eq!(hasher.finish(), expected, "{len} bytes, pieces of {piece_length}");
    }

    #[test]
    fn hashes_are_those_of_the_pieces() {
        check(0, 10, 1);
        check(1, 10, 1);
        check(10, 10, 10); // The last piece is full: one hash, not two.
        check(20, 10, 3);
        check(25, 10, 25);
        check(25, 10, 7);
    }

    #[test]
    fn sha1_is_sha1() {
        assert_eq!(sha1(b"abc")[..4], [0xa9, 0x99, 0x3e, 0x36]);
    }
}
