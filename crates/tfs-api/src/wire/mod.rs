//! Wire types of the control API, version 1. `docs/reference/control-api.md`
//! documents it for authors of other clients.
//!
//! Fields and kinds are added, never changed or removed. A client uses defaults for fields that an
//! older process does not send, and ignores unknown ones.

mod access;
mod cache;
mod event;
mod failure;
mod preload;
mod reader_name;
mod recent;
mod reload;
mod search;
mod status;
mod tags;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use access::{EmbeddedServerInfo, EmbeddedServers, ServerAccess};
pub use cache::{CacheParts, CacheStats, ClearRequest, Cleared};
pub use event::{EventKind, EventLine, LostEvents, ServiceEvent};
pub use failure::{FailureBody, FailureKind, HolderInfo};
pub use preload::{PreloadEvent, PreloadReason, PreloadRequest, PreloadStatus};
pub use reader_name::client_name;
pub use recent::{LongWait, RecentStatus, ScanStatus};
pub use reload::{MountOutcome, Reloaded, ReloadedMount, ReloadedSection, SectionOutcome};
pub use search::{QueryText, SEARCH_HITS_MAX, SearchAnswer, SearchRequest, SearchResult};
pub use status::{MissingMount, MountStatus, ReaderStatus, StatusReply, WaitStatus, WayStatus};
pub use tags::TagRequest;

/// The version of the API, which is the first part of each path.
pub const API_VERSION: u32 = 1;

/// `GET /v1/mounts`: the process and its mounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessMounts {
    /// The process id.
    pub pid: u32,
    /// The version of tfs.
    pub version: String,
    /// Its mounts, the oldest first.
    pub mounts: Vec<MountId>,
    /// Whether it is a daemon, which accepts reload requests.
    #[serde(default)]
    pub is_daemon: bool,
}

/// Identity of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountId {
    /// The mount point: absolute, without symbolic links. A library that is mounted nowhere has the
    /// name of its first front end, such as `webdav://127.0.0.1:8080`.
    pub mountpoint: String,
    /// The device number of its filesystem as in `/proc/self/mountinfo`, such as `0:45`. It
    /// distinguishes mounts on top of each other. Empty if it is mounted nowhere.
    pub device: String,
}

/// Selects the mount of a request. May be empty if the process has one mount only.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MountSelector {
    /// As in [`MountId`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mountpoint: Option<String>,
}

/// `POST /v1/refresh`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// As in [`MountSelector`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mountpoint: Option<String>,
    /// Whether all torrents that the servers do not list count as removed, also those that are
    /// missing since a restart of a server.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accept_removals: bool,
    /// Info hashes of torrents that tfs removed from a server; they count as removed at once. At
    /// most [`REMOVED_MAX`](Self::REMOVED_MAX).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
}

impl RefreshRequest {
    /// Maximum number of torrents in one request.
    pub const REMOVED_MAX: usize = 1000;
}

/// The answer to a [`RefreshRequest`]: the changes found by a poll of each server that began after
/// the request. The request fails only if no server could be polled.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Refreshed {
    /// The names of new torrents.
    pub added: Vec<String>,
    /// The names of removed torrents.
    pub removed: Vec<String>,
    /// The current number of torrents.
    pub torrents: u64,
    /// The names of the servers that were polled.
    #[serde(default)]
    pub servers: Vec<String>,
    /// The servers that failed, whose torrents are shown as last known.
    #[serde(default)]
    pub failed: Vec<FailedServer>,
}

/// A server that could not be polled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedServer {
    /// Its name.
    pub server: String,
    /// What failed, and why, for users.
    pub error: String,
    /// Whether it cannot be reached; otherwise it answered with an error, or too late.
    #[serde(default)]
    pub unreachable: bool,
}

/// Kinds of unmount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnmountMode {
    /// Only if no program uses the mount.
    #[default]
    Clean,
    /// Detaches it from the tree at once; it ends when its last user closes it.
    Lazy,
    /// At once; programs that use it get errors.
    Force,
}

/// `POST /v1/unmount`. The answer is [`Unmounted`]. It is sent when the mount has ended. For a lazy
/// unmount it is sent when the mount has left the tree, and for a mount that is mounted elsewhere
/// too when it has left its first place.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnmountRequest {
    /// As in [`MountSelector`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mountpoint: Option<String>,
    /// The kind of unmount.
    #[serde(default)]
    pub mode: UnmountMode,
}

/// The answer to [`UnmountRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Unmounted {
    /// Where the filesystem is still mounted, so that its process continues. After a forced
    /// unmount, where a dead mount remains. Older processes do not send it.
    #[serde(default)]
    pub still_mounted: Vec<PlaceInfo>,
}

/// A place where a mount is visible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceInfo {
    /// The mount point.
    pub mountpoint: String,
    /// A process that sees it there, if that is in another mount namespace, such as a container's.
    pub pid: Option<u32>,
    /// The name of that process.
    pub command: Option<String>,
}

/// An answer without content: the request succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Acknowledged {}

/// Returns a path for JSON; invalid UTF-8 is replaced.
#[must_use]
pub fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
