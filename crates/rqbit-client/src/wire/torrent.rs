//! Torrents and their files, `api.rs` of librqbit 9.1.0.

use serde::{Deserialize, Serialize};

use super::{TorrentState, TorrentStats, components, null_default};
use crate::InfoHash;

/// The answer of `GET /torrents`.
#[derive(Debug, Deserialize)]
pub(crate) struct TorrentList {
    pub(crate) torrents: Vec<TorrentDetails>,
}

/// One torrent: an element of the list, a single torrent, or the answer when it is added.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct TorrentDetails {
    /// The id on this server until it restarts; `None` for a torrent that was only listed.
    #[serde(default)]
    pub id: Option<u64>,
    /// The info hash.
    pub info_hash: InfoHash,
    /// The name, unless it is not known yet, as for a magnet that is being resolved.
    #[serde(default)]
    pub name: Option<String>,
    /// Folder of the files on the server's disk, including the folder of a multi-file torrent.
    ///
    /// The server replaces bytes that are not UTF-8.
    #[serde(default, deserialize_with = "null_default")]
    pub output_folder: String,
    /// Number of pieces; 0 while a magnet is being resolved. rqbit before version 9 does not send
    /// it, and lists no unresolved torrent.
    #[serde(default)]
    pub total_pieces: Option<u32>,
    /// The files by index: `None` in a list, empty while a magnet is being resolved.
    #[serde(default)]
    pub files: Option<Vec<TorrentFile>>,
    /// Only in a list requested with stats.
    #[serde(default)]
    pub stats: Option<TorrentStats>,
}

/// The changing part of a torrent in a list. In a list without stats, these are the default.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TorrentProgress {
    /// The id on this server until it restarts.
    #[serde(default)]
    pub id: Option<u64>,
    /// The info hash.
    pub info_hash: InfoHash,
    /// The name, unless it is not known yet.
    #[serde(default)]
    pub name: Option<String>,
    /// As in [`TorrentDetails`].
    #[serde(default, deserialize_with = "null_default")]
    pub output_folder: String,
    /// Number of pieces; 0 while a magnet is being resolved. rqbit before version 9 does not send
    /// it, and lists no unresolved torrent.
    #[serde(default)]
    pub total_pieces: Option<u32>,
    /// State and progress.
    #[serde(default, deserialize_with = "null_default")]
    pub stats: ProgressStats,
}

/// The part of a torrent's stats about its progress.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ProgressStats {
    /// The state.
    #[serde(deserialize_with = "null_default")]
    pub state: TorrentState,
    /// Bytes present of each file, by index; empty while initializing.
    #[serde(deserialize_with = "null_default")]
    pub file_progress: Vec<u64>,
    /// Whether all selected files are complete.
    #[serde(deserialize_with = "null_default")]
    pub finished: bool,
    /// Bytes of the pieces with selected files, while live or paused; otherwise of all files.
    pub total_bytes: Option<u64>,
    /// The error, in state error: many lines, with a backtrace.
    pub error: Option<String>,
}

impl From<TorrentStats> for ProgressStats {
    fn from(stats: TorrentStats) -> Self {
        let TorrentStats { state, file_progress, error, finished, total_bytes, .. } = stats;
        Self { state, file_progress, error, finished, total_bytes: Some(total_bytes) }
    }
}

/// One file of a torrent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TorrentFile {
    /// The components joined by the server's separator, for display.
    #[serde(default, deserialize_with = "null_default")]
    pub name: String,
    /// The path below the output folder.
    #[serde(default, deserialize_with = "components")]
    pub components: Vec<String>,
    /// Length in bytes.
    pub length: u64,
    /// Whether it is selected for download; true if the server does not send it.
    #[serde(default = "included_default")]
    pub included: bool,
    /// File attributes (BEP 47).
    #[serde(default, deserialize_with = "null_default")]
    pub attributes: FileAttributes,
}

/// Default: a file is selected unless the server reports otherwise.
fn included_default() -> bool {
    true
}

/// The attributes of a file (BEP 47).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct FileAttributes {
    /// A symbolic link.
    pub symlink: bool,
    /// Hidden.
    pub hidden: bool,
    /// Padding: not on the disk, and hidden from users.
    pub padding: bool,
    /// Executable.
    pub executable: bool,
}

/// The answer to adding a torrent.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct AddedTorrent {
    /// The id; `None` if the torrent was only listed.
    #[serde(default)]
    pub id: Option<u64>,
    /// The torrent with its files.
    pub details: TorrentDetails,
    /// Folder of the files, also for a torrent that was only listed.
    #[serde(default, deserialize_with = "null_default")]
    pub output_folder: String,
    /// Addresses `host:port` of peers that were seen while a magnet was resolved; only if the
    /// torrent was only listed.
    #[serde(default)]
    pub seen_peers: Option<Vec<String>>,
}

/// The body of `POST /torrents/{id}/update_only_files`.
#[derive(Debug, Serialize)]
pub(crate) struct OnlyFiles<'a> {
    pub(crate) only_files: &'a [usize],
}
