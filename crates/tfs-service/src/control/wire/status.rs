//! What a process knows of its mounts: their state, and who reads what.

use serde::{Deserialize, Serialize};

use super::PlaceInfo;
use crate::PreloadStatus;
use crate::status::StatusReport;

/// `GET /v1/status`: all that a process knows of its mounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReply {
    /// The process.
    pub pid: u32,
    /// Its mounts, the oldest first.
    pub mounts: Vec<MountStatus>,
    /// The mounts of a daemon's configuration that are not there; older processes do not say.
    #[serde(default)]
    pub missing: Vec<MissingMount>,
}

/// A mount that a daemon is to have and has not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingMount {
    /// Where it is to be.
    pub mountpoint: String,
    /// Why it is not there, and what becomes of it.
    pub why: String,
}

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountStatus {
    /// As in [`MountId`](super::MountId).
    pub device: String,
    /// What `.tfs/status.json` says.
    #[serde(flatten)]
    pub status: StatusReport,
    /// Who has files open, those who have waited for the longest first.
    pub readers: Vec<ReaderStatus>,
    /// Where else it is mounted, such as by a bind mount; older processes do not say. If it is
    /// not at its own mount point any more, containers are among them.
    #[serde(default)]
    pub also_mounted: Vec<PlaceInfo>,
    /// The files that are being preloaded now, by path; older processes do not say.
    #[serde(default)]
    pub preloading: Vec<PreloadStatus>,
}

/// One open file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReaderStatus {
    /// The path of the file in the mount, from its root; null if the torrent is gone.
    pub path: Option<String>,
    /// The info hash of its torrent.
    pub info_hash: String,
    /// The position of the file in the torrent, counted from 0.
    pub file_index: u32,
    /// The process that read from it last, or else opened it. Null if it is gone, or in another
    /// container.
    pub pid: Option<u32>,
    /// Its name.
    pub command: Option<String>,
    /// Where its last read ended.
    pub offset: u64,
    /// The length of the file.
    pub file_bytes: u64,
    /// Bytes that it was given. What the kernel's page cache answered is not among them.
    pub given_bytes: u64,
    /// Bytes a second that it was given of late.
    pub bytes_per_second: u64,
    /// How the file is read at the moment.
    #[serde(default)]
    pub way: WayStatus,
    /// What it waits for.
    pub waits: Option<WaitStatus>,
}

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WayStatus {
    /// From the server.
    #[default]
    Http,
    /// From this machine's disk, what is there of it.
    Local,
    /// By the kernel itself, from this machine's disk. What it reads is not counted.
    Passthrough,
    /// Something that this client does not know.
    #[serde(other)]
    Unknown,
}

/// What a reader waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitStatus {
    /// The first byte of the file that it lacks.
    pub offset: u64,
    /// The piece of the torrent that it is in, where that is known.
    pub piece: Option<u32>,
    /// How long that piece is, in bytes.
    #[serde(default)]
    pub piece_bytes: Option<u32>,
    /// For how long it has waited, in milliseconds.
    pub for_millis: u64,
    /// How long the piece will still take at the present speed of the download, in milliseconds,
    /// if that can be told: after some seconds, and if the torrent downloads little else.
    #[serde(default)]
    pub left_millis: Option<u64>,
}
