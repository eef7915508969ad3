//! Torrents with unusual shapes: everything that is legal, and illegal ones that exist.

use std::num::NonZeroU32;

use vfs_core::{FileEntry, FileKind, InfoHash, Layout, MetadataStatus, TorrentDetails};

/// The longest file that Linux can represent: `st_size` is signed.
const LINUX_FILE_BYTES_MAX: u64 = i64::MAX.cast_unsigned();

/// The number of files of the largest torrent.
pub const MANY_FILES: usize = 100_000;

/// The depth of the deepest folder. With names of five bytes the path is longer than `PATH_MAX`.
pub const DEEP_LEVELS: usize = 1000;

/// The piece length of all of them, so small that each file has several pieces.
pub const PIECE_BYTES: u32 = 16;

/// Returns the torrents, each named after its peculiarity.
#[must_use]
pub fn edge_case_torrents() -> Vec<TorrentDetails> {
    let many = (0..MANY_FILES).map(|n| regular(&[&format!("file {n:06}")], 10)).collect();
    let deep: Vec<_> = (0..DEEP_LEVELS).map(|level| format!("d{level:04}")).collect();
    let deep = regular(&deep.iter().map(String::as_str).chain(["file"]).collect::<Vec<_>>(), 40);
    let cases = vec![
        ("no files", vec![]),
        ("only empty files", vec![regular(&["a"], 0), regular(&["b", "c"], 0)]),
        ("only padding", vec![padding(16), padding(9)]),
        ("a file of 4 TiB", vec![regular(&["sparse.img"], 4 << 40), regular(&["after"], 40)]),
        (
            "the longest files of all",
            vec![
                regular(&["max"], LINUX_FILE_BYTES_MAX),
                regular(&["max 2"], LINUX_FILE_BYTES_MAX),
                regular(&["after"], 40),
            ],
        ),
        (
            "files that Linux cannot show",
            vec![
                regular(&["before"], 40),
                regular(&["2^63"], LINUX_FILE_BYTES_MAX + 1),
                regular(&["2^64-1"], u64::MAX),
                regular(&["after"], 40),
            ],
        ),
        (
            "padding in the middle",
            vec![
                regular(&["first"], 21),
                padding(11),
                regular(&["second"], 33),
                padding(15),
                regular(&["third"], 40),
            ],
        ),
        (
            "links of all kinds",
            vec![
                regular(&["dir", "file"], 40),
                link(&["to the file"], &["dir", "file"]),
                link(&["to the folder"], &["dir"]),
                link(&["dir", "up and down"], &["dir", "file"]),
                link(&["absolute"], &["", "etc", "passwd"]),
                link(&["also absolute"], &["/etc/passwd"]),
                link(&["up"], &["..", "..", "etc", "passwd"]),
                link(&["down and up"], &["dir", "..", "..", "..", "etc", "passwd"]),
                link(&["to itself"], &["to itself"]),
                link(&["to nothing"], &[]),
                link(&["to nobody"], &["nobody"]),
            ],
        ),
        ("one path twice", vec![regular(&["d", "a"], 40), regular(&["d", "a"], 41)]),
        ("a path below a file", vec![regular(&["a"], 40), regular(&["a", "b", "c"], 41)]),
        ("empty names", vec![regular(&[], 40), regular(&[""], 41), regular(&["", "", "a"], 42)]),
        ("many files", many),
        ("very deep", vec![deep]),
    ];
    let torrents = cases.into_iter().zip(1..).map(|((name, files), id)| TorrentDetails {
        info_hash: InfoHash::from_bytes([id; InfoHash::BYTES]),
        name: name.to_owned(),
        layout: Layout::Directory,
        created: Some(1_500_000_000),
        piece_len: NonZeroU32::new(PIECE_BYTES),
        metadata: MetadataStatus::Known,
        files,
    });
    torrents.collect()
}

fn entry(path: &[&str], len: u64, kind: FileKind) -> FileEntry {
    FileEntry { path: path.iter().map(|&name| name.to_owned()).collect(), len, kind }
}

fn regular(path: &[&str], len: u64) -> FileEntry {
    entry(path, len, FileKind::Regular)
}

fn padding(len: u64) -> FileEntry {
    entry(&[".pad", &len.to_string()], len, FileKind::Padding)
}

fn link(path: &[&str], target: &[&str]) -> FileEntry {
    let target = target.iter().map(|&name| name.to_owned()).collect();
    entry(path, 0, FileKind::Symlink { target })
}
