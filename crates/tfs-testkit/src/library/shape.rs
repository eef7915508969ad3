//! The content of a library: thousands of torrents, each a function of its number.

use vfs_core::InfoHash;

use crate::content::Content;

/// The number of files of a torrent that is a directory. With the others, which are one file each,
/// the average is ten.
const SERIES_FILES: u32 = 19;

/// The piece length of all torrents.
pub(super) const PIECE_BYTES: u32 = 1 << 20;

/// The length of films and of episodes.
const VIDEO_BYTES: u64 = 5_000_000;

/// The length of the other files.
const EXTRA_BYTES: u64 = 40_000;

/// The creation date of the first torrent; each further one is a minute later.
const CREATED_FIRST: u64 = 1_600_000_000;

/// A library of a number of torrents. Half of them are films of one file. The other half are series
/// with a cover and eighteen episodes in two folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LibraryShape {
    /// The number of torrents.
    pub torrent_count: u32,
}

/// One torrent of a library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LibraryTorrent {
    /// Its number, from 0 on, which is also its id.
    pub number: u32,
}

/// A file of a torrent of a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryFile {
    /// The folders in the torrent and the file name.
    pub path: Vec<String>,
    /// The length in bytes.
    pub len: u64,
}

impl LibraryShape {
    /// Returns all torrents.
    pub fn torrents(self) -> impl Iterator<Item = LibraryTorrent> {
        (0..self.torrent_count).map(|number| LibraryTorrent { number })
    }

    /// Returns how many files there are in all torrents.
    #[must_use]
    pub fn file_count(self) -> usize {
        self.torrents().map(LibraryTorrent::file_count).sum()
    }

    /// Returns the path in the mount and the length of every file.
    pub fn files(self) -> impl Iterator<Item = LibraryFile> {
        self.torrents().flat_map(|torrent| {
            let name = torrent.name();
            torrent.files().into_iter().map(move |mut file| {
                if torrent.is_directory() {
                    file.path.insert(0, name.clone());
                }
                file
            })
        })
    }

    pub(super) fn find(self, hash: &str) -> Option<LibraryTorrent> {
        // The hash contains the number, so that no table is needed.
        let number = u32::from_str_radix(hash.get(..8)?, 16).ok()?.reverse_bits();
        let torrent = LibraryTorrent { number };
        (number < self.torrent_count && torrent.info_hash().to_string() == hash).then_some(torrent)
    }
}

impl LibraryTorrent {
    /// Returns its info hash. Hashes of neighbours differ widely.
    #[must_use]
    pub fn info_hash(self) -> InfoHash {
        let mut bytes = [0; InfoHash::BYTES];
        Content::new(u64::from(self.number), InfoHash::BYTES as u64).fill(0, &mut bytes);
        for (byte, digit) in bytes.iter_mut().zip(self.number.reverse_bits().to_be_bytes()) {
            *byte = digit;
        }
        InfoHash::from_bytes(bytes)
    }

    /// Returns its name, which is also the name in the mount.
    #[must_use]
    pub fn name(self) -> String {
        let number = self.number;
        if self.is_directory() {
            format!("A series of eighteen episodes {number:06} (1080p)")
        } else {
            format!("A film of one file {number:06} (2160p).mkv")
        }
    }

    /// Returns whether it is a directory.
    #[must_use]
    pub fn is_directory(self) -> bool {
        self.number % 2 == 1
    }

    /// Returns the number of its files.
    #[must_use]
    pub fn file_count(self) -> usize {
        if self.is_directory() { SERIES_FILES as usize } else { 1 }
    }

    /// Returns its files.
    #[must_use]
    pub fn files(self) -> Vec<LibraryFile> {
        if !self.is_directory() {
            return vec![LibraryFile { path: vec![self.name()], len: VIDEO_BYTES }];
        }
        let cover = LibraryFile { path: vec!["cover.jpg".to_owned()], len: EXTRA_BYTES };
        let episodes = (1..SERIES_FILES).map(|episode| LibraryFile {
            path: vec![
                format!("Season {}", 1 + episode / 10),
                format!("Series {:06} S0{}E{episode:02}.mkv", self.number, 1 + episode / 10),
            ],
            len: VIDEO_BYTES,
        });
        std::iter::once(cover).chain(episodes).collect()
    }

    /// Returns the content of a file.
    #[must_use]
    pub fn content(self, file_idx: usize, len: u64) -> Content {
        Content::new(u64::from(self.number) << 16 | file_idx as u64, len)
    }

    pub(super) fn total_bytes(self) -> u64 {
        self.files().iter().map(|file| file.len).sum()
    }

    pub(super) fn piece_count(self) -> u64 {
        self.total_bytes().div_ceil(u64::from(PIECE_BYTES))
    }

    pub(super) fn created(self) -> u64 {
        CREATED_FIRST + 60 * u64::from(self.number)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn torrents_are_found_by_their_hashes_only() {
        let shape = LibraryShape { torrent_count: 1000 };
        let hashes: HashSet<_> = shape.torrents().map(LibraryTorrent::info_hash).collect();
        assert_eq!(hashes.len(), 1000);
        for torrent in shape.torrents() {
            assert_eq!(shape.find(&torrent.info_hash().to_string()), Some(torrent));
        }
        let beyond = LibraryTorrent { number: 1000 };
        for unknown in [beyond.info_hash().to_string(), "00".to_owned(), "é".repeat(20)] {
            assert_eq!(shape.find(&unknown), None);
        }
    }

    #[test]
    fn ten_files_a_torrent_and_each_path_once() {
        let shape = LibraryShape { torrent_count: 100 };
        let paths: HashSet<_> = shape.files().map(|file| file.path).collect();
        assert_eq!((shape.file_count(), paths.len()), (1000, 1000));
    }
}
