//! Torrents and their files, `api.rs` of librqbit 9.1.0.

use serde::{Deserialize, Serialize};

use super::{TorrentState, TorrentStats, components, null_default};
use crate::InfoHash;

/// The answer of `GET /torrents`.
#[derive(Debug, Deserialize)]
pub(crate) struct TorrentList {
    pub(crate) torrents: Vec<TorrentDetails>,
}

/// One torrent, as in the list, as alone, and as answered when it is added.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct TorrentDetails {
    /// The id on this server until it restarts; none for a torrent that was only looked at.
    #[serde(default)]
    pub id: Option<u64>,
    /// The identity of the torrent.
    pub info_hash: InfoHash,
    /// The name, unless it is not known yet, as for a magnet that is being resolved.
    #[serde(default)]
    pub name: Option<String>,
    /// Where the files are on the server's disk, the folder of a multi-file torrent included.
    ///
    /// Bytes that are not UTF-8 were replaced by the server.
    #[serde(default, deserialize_with = "null_default")]
    pub output_folder: String,
    /// Number of pieces; 0 while a magnet is being resolved. rqbit before version 9 does not say
    /// it, and lists no torrent that is not resolved.
    #[serde(default)]
    pub total_pieces: Option<u32>,
    /// The files in the order of their index: none in a list, empty while a magnet is being
    /// resolved.
    #[serde(default)]
    pub files: Option<Vec<TorrentFile>>,
    /// Only in a list that was asked for with stats.
    #[serde(default)]
    pub stats: Option<TorrentStats>,
}

/// What a list with stats says of a torrent that changes while it downloads.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TorrentProgress {
    /// The id on this server until it restarts.
    #[serde(default)]
    pub id: Option<u64>,
    /// The identity of the torrent.
    pub info_hash: InfoHash,
    /// The name, unless it is not known yet.
    #[serde(default)]
    pub name: Option<String>,
    /// As in [`TorrentDetails`].
    #[serde(default, deserialize_with = "null_default")]
    pub output_folder: String,
    /// Number of pieces; 0 while a magnet is being resolved. rqbit before version 9 does not say
    /// it, and lists no torrent that is not resolved.
    #[serde(default)]
    pub total_pieces: Option<u32>,
    /// What it is doing, and what is there.
    #[serde(default, deserialize_with = "null_default")]
    pub stats: ProgressStats,
}

/// The part of the stats of a torrent that says what is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ProgressStats {
    /// What it is doing.
    #[serde(deserialize_with = "null_default")]
    pub state: TorrentState,
    /// Bytes that are there, for each file by its index; empty while initializing.
    #[serde(deserialize_with = "null_default")]
    pub file_progress: Vec<u64>,
    /// Why it is in state error: many lines, with a backtrace.
    pub error: Option<String>,
}

/// One file of a torrent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TorrentFile {
    /// The components joined by the server's separator, for show.
    #[serde(default, deserialize_with = "null_default")]
    pub name: String,
    /// The path below the output folder.
    #[serde(default, deserialize_with = "components")]
    pub components: Vec<String>,
    /// Length in bytes.
    pub length: u64,
    /// Whether it is selected for download; so where the server does not say.
    #[serde(default = "included_default")]
    pub included: bool,
    /// What kind of file it is (BEP 47).
    #[serde(default, deserialize_with = "null_default")]
    pub attributes: FileAttributes,
}

/// A file that the server does not call left out is in.
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
    /// Padding: not on the disk, and not for users to see.
    pub padding: bool,
    /// Executable.
    pub executable: bool,
}

/// The answer to adding a torrent.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct AddedTorrent {
    /// The id, none if the torrent was only to be listed.
    #[serde(default)]
    pub id: Option<u64>,
    /// The torrent with its files.
    pub details: TorrentDetails,
    /// Where the files are, or would be.
    #[serde(default, deserialize_with = "null_default")]
    pub output_folder: String,
    /// Addresses `host:port` of peers that were seen while a magnet was resolved, only if the
    /// torrent was only to be listed.
    #[serde(default)]
    pub seen_peers: Option<Vec<String>>,
}

/// The body of `POST /torrents/{id}/update_only_files`.
#[derive(Debug, Serialize)]
pub(crate) struct OnlyFiles<'a> {
    pub(crate) only_files: &'a [usize],
}
