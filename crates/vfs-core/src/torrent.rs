//! What a source says about torrents: the listing, which changes, and the details, which do not.

use std::num::NonZeroU32;
use std::sync::Arc;

use crate::InfoHash;

/// What a server does with a torrent at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TorrentState {
    /// Its files are being checked.
    Initializing,
    /// It downloads or seeds.
    Live,
    /// It is stopped: what is missing does not come.
    Paused,
    /// It failed: what is missing does not come.
    Failed,
}

/// One line of a server's list: everything about a torrent that changes with time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TorrentSummary {
    /// Which torrent.
    pub info_hash: InfoHash,
    /// Where it stands in the order of arrival on the server; the smaller came first and keeps a
    /// name that two torrents share. Only compared, and only when torrents are first seen.
    pub added_order: u64,
    /// Whether its list of files is known. A magnet link is not resolved at first.
    pub is_resolved: bool,
    /// Whether the newest list of the server has it. False for a torrent that is kept although
    /// that list lacks it: a "not found" of the server is final then.
    pub is_listed: bool,
    /// What the server does with it.
    pub state: TorrentState,
    /// The bytes that are there, file by file in the torrent's order; `None` where the server does
    /// not know yet.
    pub file_progress: Option<Arc<[u64]>>,
}

/// Everything about a torrent that never changes, because the info hash covers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TorrentDetails {
    /// Which torrent.
    pub info_hash: InfoHash,
    /// The name as it stands in the torrent, not escaped.
    pub name: String,
    /// Whether the torrent is one file or a directory.
    pub layout: Layout,
    /// The creation date in seconds since 1970 (BEP 3 `creation date`), if there is a sane one.
    pub created: Option<i64>,
    /// The length of all pieces but the last in bytes (BEP 3 `piece length`). Without it nobody can
    /// tell which piece a byte is in.
    pub piece_len: Option<NonZeroU32>,
    /// Whether `layout`, `created`, `piece_len` and the targets of links come from the torrent's
    /// metadata, or are guesses that [`TorrentSource::metadata`](crate::TorrentSource::metadata)
    /// may correct.
    pub metadata: MetadataStatus,
    /// All files in the torrent's order: the position is the [`FileIndex`](crate::FileIndex).
    pub files: Vec<FileEntry>,
}

/// Whether the metadata of a torrent (its `.torrent` file, BEP 3) was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MetadataStatus {
    /// It was read.
    #[default]
    Known,
    /// It was not asked for yet, or the source did not answer.
    Pending,
    /// The source answered that it has none that can be used. It may have one later.
    Unavailable,
}

/// The two forms of a torrent (BEP 3: `length` or `files` in the info dictionary).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// The torrent's only file stands in the root of the mount under the torrent's name.
    SingleFile,
    /// The torrent is a directory in the root of the mount, even if it has one file or none.
    Directory,
}

/// One file of a torrent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// The names of the folders inside the torrent and of the file, not escaped. The torrent's own
    /// name is not among them.
    pub path: Vec<String>,
    /// The length in bytes.
    pub len: u64,
    /// What kind of file it is.
    pub kind: FileKind,
}

/// The folder that libtorrent puts padding files into; their names are numbers (BEP 47).
const PADDING_FOLDER: &str = ".pad";

/// How BitComet begins the names of padding files; a number and another underscore follow.
const PADDING_PREFIX: &str = "_____padding_file_";

impl FileEntry {
    /// Returns whether a file of a directory is padding: by its attribute (BEP 47), or by its name
    /// where the maker of the torrent set none (`.pad/N`, `_____padding_file_N_...`).
    #[must_use]
    pub fn is_padding(&self) -> bool {
        let is_number = |text: &str| {
            !text.is_empty() && text.bytes().all(|character| character.is_ascii_digit())
        };
        match &self.kind {
            FileKind::Padding => true,
            FileKind::Symlink { .. } => false,
            FileKind::Regular => match self.path.as_slice() {
                [.., folder, name] if folder == PADDING_FOLDER && is_number(name) => true,
                [.., name] => name
                    .strip_prefix(PADDING_PREFIX)
                    .and_then(|rest| rest.split_once('_'))
                    .is_some_and(|(number, _)| is_number(number)),
                [] => false,
            },
        }
    }
}

/// The kinds of file that a torrent can have (BEP 47 `attr`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// Bytes to read.
    Regular,
    /// A symbolic link to a path from the torrent's own directory on, not escaped.
    Symlink {
        /// The names on the way to the target.
        target: Vec<String>,
    },
    /// Zeros that align the next file with a piece. Hidden.
    Padding,
}
