//! The drop folder of a mount.

use serde::{Deserialize, Serialize};

/// The drop folder of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DropStatus {
    /// Its mount point; invalid UTF-8 is replaced.
    pub path: String,
    /// Whether it is mounted. Files that wait are sent also after it was unmounted.
    pub mounted: bool,
    /// Why it could not be mounted; older processes do not send it.
    #[serde(default)]
    pub trouble: Option<String>,
    /// Torrents that it shows.
    pub torrents: usize,
    /// Files that are being written, or were closed a moment ago.
    pub writing: usize,
    /// Files that a server is asked about.
    pub sending: usize,
    /// Files that wait for a server or for peers.
    pub waiting: usize,
    /// Files that were left incomplete.
    pub incomplete: usize,
    /// `.error` files.
    pub errors: usize,
    /// Torrents that were added since the mount's start.
    pub added: u64,
    /// Files and links that were refused since the mount's start.
    pub refused: u64,
    /// The first twenty files that are sent, wait or were refused.
    pub files: Vec<DropFileStatus>,
}

/// A file of a drop folder that is not added yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropFileStatus {
    /// Its path in the folder.
    pub path: String,
    /// Its state.
    pub state: DropFileState,
    /// What it waits for, or why it was refused.
    pub reason: Option<String>,
}

/// State of a file of a drop folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropFileState {
    /// A program writes it.
    Writing,
    /// A server is asked about it.
    Sending,
    /// It waits for a server or for peers.
    Waiting,
    /// It was refused after it had waited.
    Refused,
}
