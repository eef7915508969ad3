//! Events of a process: `GET /v1/events`, `tfs events --follow`, hooks.

use serde::{Deserialize, Serialize};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceEvent {
    /// What.
    pub event: EventKind,
    /// When, in seconds since 1970.
    pub at: i64,
    /// The mount point.
    pub mountpoint: String,
    /// The name of the server; null for [`EventKind::TreeChanged`].
    pub server: Option<String>,
    /// The info hash of the torrent, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info_hash: Option<String>,
    /// The name of the torrent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The path of its file or directory in the mount, absolute; the first of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Why a server is down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The kind of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A torrent is shown that was not.
    TorrentAdded,
    /// All selected files of a torrent are there.
    TorrentFinished,
    /// A torrent is no longer shown: a removal that is believed.
    TorrentRemoved,
    /// Names appeared, changed or went, for any reason.
    TreeChanged,
    /// A server does not answer.
    ServerDown,
    /// A server answers again.
    ServerUp,
    /// A kind that this client does not know.
    #[serde(other)]
    Unknown,
}
