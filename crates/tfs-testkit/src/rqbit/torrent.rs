//! The torrents of a server.

use std::num::NonZeroU32;

use vfs_core::InfoHash;

use crate::content::Content;

/// A file of a torrent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FakeFile {
    /// The folders in the torrent and the file name.
    pub path: Vec<String>,
    /// Its content.
    pub content: Content,
}

/// A torrent of generated files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FakeTorrent {
    /// Its info hash.
    pub info_hash: InfoHash,
    /// The name of the folder, or of the only file.
    pub name: String,
    /// Whether it is a folder.
    pub is_directory: bool,
    /// The length of all pieces except the last, in bytes.
    pub piece_len: NonZeroU32,
    /// The files.
    pub files: Vec<FakeFile>,
    /// rqbit's name of its state.
    pub state: &'static str,
    /// Whether all pieces are present from the start.
    pub is_complete: bool,
    /// The creation date, in seconds since 1970.
    pub created: Option<u64>,
    /// The length of the piece hashes, if it is not 20 bytes for each piece.
    pub hash_bytes: Option<usize>,
}

impl FakeTorrent {
    /// Returns a folder that is not downloaded: the `nth` torrent of a server.
    ///
    /// # Panics
    /// If the piece length is 0.
    #[must_use]
    pub fn folder(nth: u8, name: &str, piece_bytes: u32, files: &[(&str, Content)]) -> Self {
        let files =
            files.iter().map(|&(name, content)| FakeFile { path: vec![name.to_owned()], content });
        Self {
            info_hash: InfoHash::from_bytes([nth; InfoHash::BYTES]),
            name: name.to_owned(),
            is_directory: true,
            piece_len: NonZeroU32::new(piece_bytes).expect("a piece has bytes"),
            files: files.collect(),
            state: "live",
            is_complete: false,
            created: None,
            hash_bytes: None,
        }
    }

    /// Returns its length in bytes.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.content.len()).sum()
    }

    pub(super) fn piece_count(&self) -> usize {
        let pieces = self.total_bytes().div_ceil(u64::from(self.piece_len.get()));
        usize::try_from(pieces).unwrap_or(usize::MAX)
    }

    /// Returns the offset of a file in the torrent.
    pub(super) fn file_start(&self, file: usize) -> u64 {
        self.files.iter().take(file).map(|file| file.content.len()).sum()
    }

    /// Returns the piece at an offset of the torrent.
    pub(super) fn piece_of(&self, offset: u64) -> usize {
        usize::try_from(offset / u64::from(self.piece_len.get())).unwrap_or(usize::MAX)
    }

    /// Returns the end of the piece at an offset.
    pub(super) fn piece_end(&self, offset: u64) -> u64 {
        let len = u64::from(self.piece_len.get());
        (offset / len).saturating_add(1).saturating_mul(len)
    }
}
