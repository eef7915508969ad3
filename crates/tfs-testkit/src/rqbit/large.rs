//! A library of thousands of torrents, each a function of its number. All are complete, and only
//! the list is kept in memory, so that the client dominates a measurement.

use std::num::NonZeroU32;

use vfs_core::InfoHash;

use super::torrent::{FakeFile, FakeTorrent};
use crate::content::Content;

/// The number of files of a torrent that is a directory. With the others, which are one file each,
/// the average is ten.
const SERIES_FILES: u32 = 19;

/// The piece length of all torrents.
const PIECE_BYTES: NonZeroU32 = NonZeroU32::new(1 << 20).expect("not zero");

/// The length of films and of episodes.
const VIDEO_BYTES: u64 = 5_000_000;

/// The length of the other files.
const EXTRA_BYTES: u64 = 40_000;

/// The creation date of the first torrent; each further one is a minute later.
const CREATED_FIRST: u64 = 1_600_000_000;

/// A library of a number of torrents. Half of them are films of one file. The other half are series
/// with a cover and eighteen episodes in two folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LargeLibrary {
    /// The number of torrents.
    pub torrent_count: u32,
}

impl LargeLibrary {
    /// Returns all torrents, in the order of their ids.
    pub fn torrents(self) -> impl Iterator<Item = FakeTorrent> {
        (0..self.torrent_count).map(torrent)
    }

    /// Returns how many files there are in all torrents.
    #[must_use]
    pub fn file_count(self) -> usize {
        let counts = (0..self.torrent_count).map(|it| if is_series(it) { SERIES_FILES } else { 1 });
        counts.map(|count| count as usize).sum()
    }

    /// Returns the path in the mount and the content of every file.
    pub fn files(self) -> impl Iterator<Item = FakeFile> {
        self.torrents().flat_map(|torrent| {
            let folder = torrent.is_directory.then_some(torrent.name);
            torrent.files.into_iter().map(move |mut file| {
                file.path.splice(..0, folder.clone());
                file
            })
        })
    }

    /// Returns a torrent and its id. The hash contains the number, so that no table is needed.
    pub(super) fn find(self, hash: &str) -> Option<(usize, FakeTorrent)> {
        let number = u32::from_str_radix(hash.get(..8)?, 16).ok()?.reverse_bits();
        let is_known = number < self.torrent_count && info_hash(number).to_string() == hash;
        is_known.then(|| (number as usize, torrent(number)))
    }
}

fn torrent(number: u32) -> FakeTorrent {
    let is_directory = is_series(number);
    let name = if is_directory {
        format!("A series of eighteen episodes {number:06} (1080p)")
    } else {
        format!("A film of one file {number:06} (2160p).mkv")
    };
    let files =
        if is_directory { series(number) } else { vec![file(number, 0, vec![name.clone()])] };
    FakeTorrent {
        info_hash: info_hash(number),
        name,
        is_directory,
        piece_len: PIECE_BYTES,
        files,
        state: "live",
        is_complete: true,
        created: Some(CREATED_FIRST + 60 * u64::from(number)),
        hash_bytes: None,
    }
}

fn is_series(number: u32) -> bool {
    number % 2 == 1
}

fn series(number: u32) -> Vec<FakeFile> {
    let cover = file(number, 0, vec!["cover.jpg".to_owned()]);
    let episodes = (1..SERIES_FILES).map(|episode| {
        let season = 1 + episode / 10;
        let name = format!("Series {number:06} S0{season}E{episode:02}.mkv");
        file(number, episode, vec![format!("Season {season}"), name])
    });
    std::iter::once(cover).chain(episodes).collect()
}

fn file(number: u32, idx: u32, path: Vec<String>) -> FakeFile {
    let is_cover = is_series(number) && idx == 0;
    let len = if is_cover { EXTRA_BYTES } else { VIDEO_BYTES };
    FakeFile { path, content: Content::new(u64::from(number) << 16 | u64::from(idx), len) }
}

/// Returns the info hash of a torrent. Hashes of neighbours differ widely.
fn info_hash(number: u32) -> InfoHash {
    let mut bytes = [0; InfoHash::BYTES];
    Content::new(u64::from(number), InfoHash::BYTES as u64).fill(0, &mut bytes);
    for (byte, digit) in bytes.iter_mut().zip(number.reverse_bits().to_be_bytes()) {
        *byte = digit;
    }
    InfoHash::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn torrents_are_found_by_their_hashes_only() {
        let library = LargeLibrary { torrent_count: 1000 };
        let hashes: HashSet<_> = library.torrents().map(|torrent| torrent.info_hash).collect();
        assert_eq!(hashes.len(), 1000);
        for (id, torrent) in library.torrents().enumerate() {
            assert_eq!(library.find(&torrent.info_hash.to_string()), Some((id, torrent)));
        }
        for unknown in [info_hash(1000).to_string(), "00".to_owned(), "é".repeat(20)] {
            assert_eq!(library.find(&unknown), None);
        }
    }

    #[test]
    fn ten_files_a_torrent_and_each_path_once() {
        let library = LargeLibrary { torrent_count: 100 };
        let paths: HashSet<_> = library.files().map(|file| file.path).collect();
        assert_eq!((library.file_count(), paths.len()), (1000, 1000));
    }
}
