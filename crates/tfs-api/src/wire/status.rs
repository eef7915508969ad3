//! Status of a process: its mounts and their readers.

use serde::{Deserialize, Serialize};

use super::{PlaceInfo, PreloadStatus, RecentStatus};
use crate::status::StatusReport;

/// `GET /v1/status`: the status of a process and its mounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReply {
    /// The process id.
    pub pid: u32,
    /// Its mounts, the oldest first.
    pub mounts: Vec<MountStatus>,
    /// Configured mounts of a daemon that do not exist at the moment; older processes do not send
    /// it.
    #[serde(default)]
    pub missing: Vec<MissingMount>,
}

/// A mount that a daemon is configured to have, but has not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingMount {
    /// The configured mount point.
    pub mountpoint: String,
    /// Why it does not exist, and what happens next.
    pub why: String,
}

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountStatus {
    /// As in [`MountId`](super::MountId).
    pub device: String,
    /// The content of `.tfs/status.json`.
    #[serde(flatten)]
    pub status: StatusReport,
    /// What happened in the last minutes and hours; older processes do not send it.
    #[serde(default)]
    pub recent: RecentStatus,
    /// Open files, those with the longest wait first.
    pub readers: Vec<ReaderStatus>,
    /// Other places where it is mounted, such as by a bind mount; older processes do not send it.
    /// If it is no longer at its own mount point, places in containers are included.
    #[serde(default)]
    pub also_mounted: Vec<PlaceInfo>,
    /// The files that are being preloaded, ordered by path; older processes do not send it.
    #[serde(default)]
    pub preloading: Vec<PreloadStatus>,
}

/// One open file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReaderStatus {
    /// The path of the file in the mount, from its root; null if the torrent is gone.
    pub path: Option<String>,
    /// The info hash of its torrent.
    pub info_hash: String,
    /// The index of the file in the torrent, from 0.
    pub file_index: u32,
    /// The process that last read from it, or else the one that opened it. Null if the process is
    /// gone, or in another container.
    pub pid: Option<u32>,
    /// Its name.
    pub command: Option<String>,
    /// The front end that a client on the network uses: `webdav`, `nfs`, `dlna`, or `page`; null
    /// for a process of this machine. Older processes do not send it.
    #[serde(default)]
    pub front: Option<String>,
    /// The address of that client.
    #[serde(default)]
    pub peer: Option<String>,
    /// What that client calls itself, such as its `User-Agent`.
    #[serde(default)]
    pub agent: Option<String>,
    /// The offset at which its last read ended.
    pub offset: u64,
    /// The length of the file.
    pub file_bytes: u64,
    /// Bytes returned to the reader. Reads that the kernel's page cache answered are not included.
    pub given_bytes: u64,
    /// Bytes that its server downloaded because of its reads: whole pieces, also those that the
    /// server fetched ahead of it. Older processes do not send it.
    #[serde(default)]
    pub bytes_downloaded: u64,
    /// Recent rate in bytes per second.
    pub bytes_per_second: u64,
    /// The current access method.
    #[serde(default)]
    pub way: WayStatus,
    /// The name of the server that answers its reads; null if none has yet and several have the
    /// torrent. Older processes do not send it.
    #[serde(default)]
    pub server: Option<String>,
    /// The reason for waiting, if it waits.
    pub waits: Option<WaitStatus>,
}

/// Access methods of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WayStatus {
    /// From the server over HTTP.
    #[default]
    Http,
    /// From the local disk, as far as the data is there.
    Local,
    /// By the kernel itself from the local disk (passthrough). These reads are not counted.
    Passthrough,
    /// A method that this client does not know.
    #[serde(other)]
    Unknown,
}

/// A pending read of a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitStatus {
    /// Offset in the file of the first missing byte.
    pub offset: u64,
    /// The piece of the torrent that contains it, if that is known.
    pub piece: Option<u32>,
    /// The length of that piece in bytes.
    #[serde(default)]
    pub piece_bytes: Option<u32>,
    /// How long it has waited, in milliseconds.
    pub for_millis: u64,
    /// Estimated time until the piece is complete, in milliseconds, at the current download rate.
    /// Absent for the first seconds, and if the torrent downloads much else.
    #[serde(default)]
    pub left_millis: Option<u64>,
    /// Connected peers of the torrent. Null if the server does not say it. rqbit's API does not say
    /// which peers have the piece.
    #[serde(default)]
    pub peers: Option<u64>,
}
