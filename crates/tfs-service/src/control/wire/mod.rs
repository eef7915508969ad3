//! Everything that goes over a control socket: version 1 of the API. `docs/control-api.md`
//! describes it for those who write other clients.
//!
//! Fields and kinds are added, never changed or removed: a client takes defaults for what an older
//! process does not say, and passes over what it does not know.

mod access;
mod cache;
mod failure;
mod preload;
mod reload;
mod search;
mod status;

use serde::{Deserialize, Serialize};

pub use access::{EmbeddedServerInfo, EmbeddedServers, ServerAccess};
pub use cache::{CacheParts, CacheStats, ClearRequest, Cleared};
pub use failure::{FailureBody, FailureKind, HolderInfo};
pub use preload::{PreloadEvent, PreloadReason, PreloadRequest};
pub use reload::{MountOutcome, Reloaded, ReloadedMount, ReloadedSection, SectionOutcome};
pub use search::{QueryText, SEARCH_HITS_MAX, SearchAnswer, SearchRequest, SearchResult};
pub use status::{MissingMount, MountStatus, ReaderStatus, StatusReply, WaitStatus, WayStatus};

/// The version of the API, which is the first part of each path.
pub const API_VERSION: u32 = 1;

/// `GET /v1/mounts`: who answers, and what it has mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessMounts {
    /// The process.
    pub pid: u32,
    /// The version of tfs.
    pub version: String,
    /// Its mounts, the oldest first.
    pub mounts: Vec<MountId>,
    /// Whether it is a daemon, which can be told to reload its configuration.
    #[serde(default)]
    pub is_daemon: bool,
}

/// Which mount it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountId {
    /// Where it is: absolute, without symbolic links.
    pub mountpoint: String,
    /// The number of its filesystem as in `/proc/self/mountinfo`, such as `0:45`. It tells apart
    /// mounts on top of each other.
    pub device: String,
}

/// What most requests say: which mount is meant. It may be left out where the process has one.
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
    /// Whether all torrents that the servers do not list are believed to be removed, also those
    /// that are missing since a restart of a server.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accept_removals: bool,
    /// Info hashes of torrents that tfs removed from a server, which is believed at once. At most
    /// [`REMOVED_MAX`](Self::REMOVED_MAX).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
}

impl RefreshRequest {
    /// The most torrents that one request names.
    pub const REMOVED_MAX: usize = 1000;
}

/// The answer to a [`RefreshRequest`]: what a look at each server that began after the request
/// has changed. It is a failure only if no server could be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Refreshed {
    /// The names of torrents that came.
    pub added: Vec<String>,
    /// The names of torrents that went.
    pub removed: Vec<String>,
    /// How many torrents there are now.
    pub torrents: u64,
    /// The names of the servers that were looked at.
    #[serde(default)]
    pub servers: Vec<String>,
    /// The servers that failed, whose torrents are shown as last known.
    #[serde(default)]
    pub failed: Vec<FailedServer>,
}

/// A server that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedServer {
    /// Its name.
    pub server: String,
    /// What failed and why, for people.
    pub error: String,
}

/// How a mount is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnmountMode {
    /// Only if nobody uses it.
    #[default]
    Clean,
    /// Out of the tree at once; it ends when the last who uses it is done.
    Lazy,
    /// Now: its users get errors.
    Force,
}

/// `POST /v1/unmount`. The answer is [`Unmounted`]. It comes when the mount has ended, for a lazy
/// one when it has left the tree, and for one that is mounted elsewhere too when it has left its
/// first place.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnmountRequest {
    /// As in [`MountSelector`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mountpoint: Option<String>,
    /// How.
    #[serde(default)]
    pub mode: UnmountMode,
}

/// The answer to [`UnmountRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Unmounted {
    /// Where the filesystem is still mounted, so that its process lives on, or, after an end by
    /// force, where a dead mount stays. Older processes do not say.
    #[serde(default)]
    pub still_mounted: Vec<PlaceInfo>,
}

/// A place where a mount is seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceInfo {
    /// Where.
    pub mountpoint: String,
    /// A process that sees it there, if that is in another mount namespace, such as a container's.
    pub pid: Option<u32>,
    /// The name of that process.
    pub command: Option<String>,
}

/// An answer that says only that all went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Acknowledged {}
