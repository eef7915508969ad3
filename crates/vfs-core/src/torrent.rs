//! Torrents as reported by a source: summaries, which change, and details, which do not.

use std::num::NonZeroU32;
use std::sync::Arc;

use crate::{FileId, FileIndex, InfoHash};

/// State of a torrent on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TorrentState {
    /// The server checks its files.
    Initializing,
    /// Downloading or seeding.
    Live,
    /// Stopped: missing data does not arrive.
    Paused,
    /// Failed: missing data does not arrive.
    Failed,
}

/// One entry of a server's list: all changing data of a torrent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TorrentSummary {
    /// Info hash of the torrent.
    pub info_hash: InfoHash,
    /// Order of addition on the server: the torrent with the smaller value keeps a name that two
    /// torrents share. Only compared, and only when torrents are first seen.
    pub added_order: u64,
    /// Whether its list of files is known. A magnet link is initially unresolved.
    pub is_resolved: bool,
    /// Whether the newest list of the server contains it. False for a torrent that is kept although
    /// that list lacks it: a "not found" of the server is then final.
    pub is_listed: bool,
    /// State on the server.
    pub state: TorrentState,
    /// Present bytes of each file, in the torrent's order; `None` if the server does not know yet.
    pub file_progress: Option<Arc<[u64]>>,
}

/// All immutable data of a torrent, which its info hash covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TorrentDetails {
    /// Info hash of the torrent.
    pub info_hash: InfoHash,
    /// Name as in the torrent, not escaped.
    pub name: String,
    /// Whether the torrent is one file or a directory.
    pub layout: Layout,
    /// Creation date in seconds since 1970 (BEP 3 `creation date`), if plausible.
    pub created: Option<i64>,
    /// Length in bytes of all pieces but the last (BEP 3 `piece length`). Without it the piece of a
    /// byte is unknown.
    pub piece_len: Option<NonZeroU32>,
    /// Whether `layout`, `created`, `piece_len` and the targets of links come from the torrent's
    /// metadata, or are guesses that [`TorrentSource::metadata`](crate::TorrentSource::metadata)
    /// may correct.
    pub metadata: MetadataStatus,
    /// All files in the torrent's order: the position is the [`FileIndex`].
    pub files: Vec<FileEntry>,
}

/// Whether the metadata of a torrent (its `.torrent` file, BEP 3) was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MetadataStatus {
    /// The metadata was read.
    #[default]
    Known,
    /// The metadata was not requested yet, or the source did not answer.
    Pending,
    /// The source has no usable metadata. It may have some later.
    Unavailable,
}

/// The two forms of a torrent (BEP 3: `length` or `files` in the info dictionary).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// The torrent's only file is in the root of the mount, under the torrent's name.
    SingleFile,
    /// The torrent is a directory in the root of the mount, even if it has one file or none.
    Directory,
}

/// One file of a torrent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Names of the folders inside the torrent and of the file, not escaped, without the torrent's
    /// own name.
    pub path: Vec<String>,
    /// The length in bytes.
    pub len: u64,
    /// Its type.
    pub kind: FileKind,
}

/// Folder of libtorrent's padding files; their names are numbers (BEP 47).
const PADDING_FOLDER: &str = ".pad";

/// Prefix of BitComet's padding files; a number and another underscore follow.
const PADDING_PREFIX: &str = "_____padding_file_";

/// A file of a torrent and its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TorrentFile {
    /// Identity of the file.
    pub id: FileId,
    /// Its length in bytes.
    pub len: u64,
    /// Path from the root, without a leading slash.
    pub path: String,
}

impl TorrentState {
    /// Returns how promising a state is; lower is better.
    pub(crate) fn rank(self) -> u8 {
        match self {
            Self::Live => 0,
            Self::Initializing => 1,
            Self::Paused => 2,
            Self::Failed => 3,
        }
    }
}

impl TorrentSummary {
    /// Returns the present bytes of a file; 0 if the server does not know.
    pub(crate) fn have_bytes(&self, index: FileIndex) -> u64 {
        let progress = self.file_progress.as_ref();
        let file = |progress: &Arc<[u64]>| progress.get(usize::try_from(index.0).ok()?).copied();
        progress.and_then(file).unwrap_or(0)
    }
}

impl FileEntry {
    /// Returns whether a file of a directory is padding: by its attribute (BEP 47), or by its name
    /// if the creator of the torrent set none (`.pad/N`, `_____padding_file_N_...`).
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

/// Types of files in a torrent (BEP 47 `attr`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A symbolic link to a path relative to the torrent's own directory, not escaped.
    Symlink {
        /// Path components of the target.
        target: Vec<String>,
    },
    /// Zeros that align the next file to a piece boundary. Hidden.
    Padding,
}
