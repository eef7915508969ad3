//! Preloads and their events.

use serde::{Deserialize, Serialize};

/// `POST /v1/preload`. The answer is lines of [`PreloadEvent`], a few per second for each active
/// file. Closing the connection cancels the preload.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreloadRequest {
    /// As in [`MountSelector`](super::MountSelector).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mountpoint: Option<String>,
    /// Files, or directories with all files below them, as paths from the root of the mount. An
    /// empty path is the root.
    pub paths: Vec<String>,
    /// Only this number of bytes at the beginning of each file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_bytes: Option<u64>,
    /// Only this number of bytes at the end of each file; with `head_bytes`, both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail_bytes: Option<u64>,
}

/// The reason why a preload waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreloadReason {
    /// The server does not answer.
    Server,
    /// The server is checking the torrent.
    Check,
    /// The bitfield is pending. Until it arrives, `there_bytes` may be far too low.
    Bitfield,
    /// Foreground reads, which have priority.
    Readers,
    /// A stream: the stream budget of the server is used up.
    Stream,
    /// Another preload of the mount is active.
    Turn,
    /// The rest of a piece that the server is downloading.
    Piece,
    /// No peer sends data.
    Peers,
    /// A reason that this client does not know.
    #[serde(other)]
    Unknown,
}

/// An event of a preload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum PreloadEvent {
    /// The first event: totals.
    Began {
        /// Number of files.
        files: u64,
        /// Number of bytes.
        total_bytes: u64,
    },
    /// Progress of a file.
    Progress {
        /// The path from the root of the mount.
        path: String,
        /// Requested bytes that are known to be on the server.
        there_bytes: u64,
        /// Requested bytes.
        total_bytes: u64,
        /// The reason for waiting; absent while data arrives.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        waits_for: Option<PreloadReason>,
    },
    /// The requested bytes of a file are on the server.
    Done {
        /// The path from the root of the mount.
        path: String,
        /// Requested bytes.
        total_bytes: u64,
    },
    /// No peer sends the file. It is retried after the other files.
    Stalled {
        /// The path from the root of the mount.
        path: String,
        /// The reason, for users.
        message: String,
    },
    /// The preload of a file failed.
    Failed {
        /// The path from the root of the mount.
        path: String,
        /// The reason, for users.
        message: String,
    },
    /// The last event: how many files were preloaded, and how many failed.
    Ended {
        /// Number of preloaded files.
        done: u64,
        /// Number of failed files.
        failed: u64,
    },
    /// An event that this client does not know.
    #[serde(other)]
    Unknown,
}

/// A file that is being preloaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreloadStatus {
    /// The path from the root of the mount, without a leading slash.
    pub path: String,
    /// Requested bytes.
    pub total_bytes: u64,
    /// The part of these bytes that is known to be on the server.
    pub there_bytes: u64,
    /// The reason for waiting; absent while data arrives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<PreloadReason>,
    /// The path of the file that is played, if this one is preloaded because it follows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<String>,
}
