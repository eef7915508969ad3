//! The JSON of the page. Fields are added, never changed or removed within a version of tfs; the
//! page comes from the same process, so it needs no more.
//!
//! Names are those of the torrents, unescaped: the page shows them as text only.

use serde::{Deserialize, Serialize};
use tfs_api::wire::{MissingMount, MountStatus};

/// Maximum number of buckets of a piece map.
pub const BUCKETS_MAX: usize = 512;

/// Number of samples of a history, one a second.
pub const SAMPLES_MAX: usize = 600;

/// The first view: `GET /api/overview`, and once a second as a server-sent event `overview`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overview {
    /// The version of tfs.
    pub tfs_version: String,
    /// The time on this machine, in seconds since 1970.
    pub now: i64,
    /// Whether controls are switched on. They need a token as well.
    pub control: bool,
    /// The mounts of the process, the oldest first: the objects of `tfs status --json`.
    pub mounts: Vec<MountStatus>,
    /// Configured mounts of a daemon that do not exist at the moment.
    pub missing: Vec<MissingMount>,
    /// Piece maps of the files that are read, by `mounts[].readers[]`: each file once.
    pub maps: Vec<FileMap>,
}

/// The piece map of a file that is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMap {
    /// The file.
    #[serde(flatten)]
    pub place: FilePlace,
    /// Its map.
    pub map: PieceMap,
}

/// A file of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FilePlace {
    /// The mount point, as in `mounts[].mountpoint`.
    pub mountpoint: String,
    /// The info hash of the torrent.
    pub info_hash: String,
    /// The index of the file in the torrent, from 0.
    pub file_index: u32,
}

/// The mount that a request is about; none is the only one of the process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountQuery {
    /// The mount point.
    #[serde(default)]
    pub mountpoint: Option<String>,
}

/// What is there of a file, in buckets of equal length.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PieceMap {
    /// One character for each bucket: `0` nothing of it is there, `1` to `8` a part, `9` all of it,
    /// `?` unknown. At most 512, and at most one for each piece.
    pub have: String,
    /// The buckets that readers wait for: first and last, both included.
    pub wanted: Vec<(u32, u32)>,
    /// The buckets where readers are.
    pub readers: Vec<u32>,
    /// Number of pieces that the file lies in; 0 if unknown.
    pub pieces: u32,
    /// Length of a piece in bytes; 0 if unknown.
    pub piece_bytes: u32,
}

/// The counters of the last ten minutes: `GET /api/history`. The last sample is the newest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The time of the newest sample, in seconds since 1970.
    pub until: i64,
    /// Bytes a second given to readers.
    pub given_bps: Vec<u64>,
    /// Bytes a second received from servers.
    pub fetched_bps: Vec<u64>,
    /// Bytes a second read from this machine's disk.
    pub local_bps: Vec<u64>,
    /// Reads that waited.
    pub waiting: Vec<u64>,
    /// Reads that failed in the second.
    pub failures: Vec<u64>,
}

/// The torrents of a mount: `GET /api/torrents?mountpoint=…`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebTorrents {
    /// The torrents, in the order in which they were added.
    pub torrents: Vec<TorrentItem>,
    /// Servers that did not answer, with the reason.
    pub failed: Vec<FailedList>,
}

/// A server that did not list its torrents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedList {
    /// Its name.
    pub server: String,
    /// Why.
    pub error: String,
}

/// A torrent of the list. The fields are those of `tfs list --json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TorrentItem {
    /// The info hash, 40 lower-case hexadecimal digits.
    pub info_hash: String,
    /// The name; null while it is not resolved.
    pub name: Option<String>,
    /// `resolving`, `initializing`, `live`, `paused`, `error` or `unknown`.
    pub state: String,
    /// Bytes of all files.
    pub size_bytes: Option<u64>,
    /// Bytes of all files that are there.
    pub there_bytes: u64,
    /// Bytes of the selected files.
    pub total_bytes: u64,
    /// Bytes of the selected files that are there.
    pub have_bytes: u64,
    /// Bytes that are selected; null while unknown.
    pub selected_bytes: Option<u64>,
    /// Whether all selected files are there.
    pub finished: bool,
    /// Bytes a second from peers.
    pub download_bps: u64,
    /// Bytes a second to peers.
    pub upload_bps: u64,
    /// Seconds until the selected files are there at the present speed; null if unknown.
    pub eta_seconds: Option<u64>,
    /// Connected peers.
    pub peers: u64,
    /// Why it is in state `error`.
    pub error: Option<String>,
    /// The servers that have it.
    pub servers: Vec<String>,
    /// Its tags.
    pub tags: Vec<String>,
}

/// A torrent with its files: `GET /api/torrents/HASH?mountpoint=…`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TorrentDetail {
    /// The torrent.
    #[serde(flatten)]
    pub torrent: TorrentItem,
    /// Its files, in the order of the torrent.
    pub files: Vec<FileItem>,
}

/// A file of a torrent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileItem {
    /// Its index, from 0.
    pub file_index: u32,
    /// Its path inside of the torrent, with `/`.
    pub path: String,
    /// Its path in the mount, from the root; null if it is not shown.
    pub mount_path: Option<String>,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// Bytes that are there.
    pub have_bytes: u64,
    /// Whether it is selected; null while unknown.
    pub selected: Option<bool>,
}

/// A change of a torrent: `POST /api/torrents/HASH`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum WebAction {
    /// Pauses it on all servers of the mount that have it.
    Pause,
    /// Starts it.
    Start,
    /// Removes it from its servers; its files stay on their disks.
    Forget,
    /// Removes it from its servers and deletes its files.
    Delete {
        /// The whole name of the torrent, as typed by the user.
        name: String,
    },
    /// Selects exactly these files for download.
    Select {
        /// Their indexes.
        files: Vec<u32>,
    },
    /// Preloads a file, or the beginning and end of it.
    Preload {
        /// Its index.
        file_index: u32,
    },
}

/// A torrent to add: `POST /api/add`, with the bytes of a `.torrent` file or the text of a magnet
/// link as the body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddRequest {
    /// The mount whose server gets it.
    pub mount: MountQuery,
    /// The name of the server; none is the only one.
    pub server: Option<String>,
    /// Whether it is paused as soon as it is added.
    pub paused: bool,
    /// Whether files that exist on the server's disk are used: matching parts are kept, the rest is
    /// overwritten.
    pub overwrite: bool,
    /// The `.torrent` file or magnet link, at most 10 MiB.
    pub content: bytes::Bytes,
}

/// The answer to an added torrent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebAdded {
    /// The info hash.
    pub info_hash: String,
    /// The name.
    pub name: String,
    /// Whether it is new on the server.
    pub added: bool,
}
