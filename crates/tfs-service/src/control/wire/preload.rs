//! Preloads, and what happens to them.

use serde::{Deserialize, Serialize};
use vfs_core::PreloadWait;

/// `POST /v1/preload`. The answer is lines of [`PreloadEvent`], a few a second for each file that
/// is under way. Whoever closes the connection gives the preload up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreloadRequest {
    /// As in [`MountSelector`](super::MountSelector).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mountpoint: Option<String>,
    /// Files, or directories with all files below them, as paths from the root of the mount. An
    /// empty one is the root.
    pub paths: Vec<String>,
    /// Only so many bytes from the beginning of each file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_bytes: Option<u64>,
    /// Only so many bytes from the end of each file; with `head_bytes`, both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail_bytes: Option<u64>,
}

/// What a preload waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreloadReason {
    /// The server, which does not answer.
    Server,
    /// The server's check of the torrent.
    Check,
    /// The server's answer which pieces it has. Until it comes, `there_bytes` may be far too low.
    Bitfield,
    /// Readers, whose data comes first.
    Readers,
    /// A stream: all that may be open on the server are taken.
    Stream,
    /// Another preload of the mount.
    Turn,
    /// The rest of a piece that the server is downloading.
    Piece,
    /// Peers: none sends any data.
    Peers,
    /// A reason that this client does not know.
    #[serde(other)]
    Unknown,
}

impl From<PreloadWait> for PreloadReason {
    fn from(wait: PreloadWait) -> Self {
        match wait {
            PreloadWait::Server => Self::Server,
            PreloadWait::Check => Self::Check,
            PreloadWait::Bitfield => Self::Bitfield,
            PreloadWait::Readers => Self::Readers,
            PreloadWait::Stream => Self::Stream,
            PreloadWait::Turn => Self::Turn,
            PreloadWait::Piece => Self::Piece,
            PreloadWait::Peers => Self::Peers,
        }
    }
}

/// What happens to a preload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum PreloadEvent {
    /// The first: what is wanted in all.
    Began {
        /// How many files.
        files: u64,
        /// How many bytes of them.
        total_bytes: u64,
    },
    /// How far a file is.
    Progress {
        /// From the root of the mount.
        path: String,
        /// How many of the wanted bytes are known to be on the server.
        there_bytes: u64,
        /// How many are wanted.
        total_bytes: u64,
        /// What it waits for; absent while data comes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        waits_for: Option<PreloadReason>,
    },
    /// All that is wanted of a file is on the server.
    Done {
        /// From the root of the mount.
        path: String,
        /// How much that is.
        total_bytes: u64,
    },
    /// Nobody sends a file. It is tried again after the others.
    Stalled {
        /// From the root of the mount.
        path: String,
        /// Why, for people.
        message: String,
    },
    /// A file is given up.
    Failed {
        /// From the root of the mount.
        path: String,
        /// Why, for people.
        message: String,
    },
    /// The last: how many files were preloaded and given up.
    Ended {
        /// How many are there.
        done: u64,
        /// How many were given up.
        failed: u64,
    },
    /// An event that this client does not know.
    #[serde(other)]
    Unknown,
}
