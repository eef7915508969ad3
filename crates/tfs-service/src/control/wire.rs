//! Everything that goes over a control socket: version 1 of the API. `docs/control-api.md`
//! describes it for those who write other clients.
//!
//! Fields and kinds are added, never changed or removed: a client takes defaults for what an older
//! process does not say, and passes over what it does not know.

use serde::{Deserialize, Serialize};

use crate::status::Status;

/// The version of the API, which is the first part of each path.
pub const API_VERSION: u32 = 1;

/// The most files that a search answers with: more than anybody reads, and some 30 MB.
pub const SEARCH_HITS_MAX: usize = 100_000;

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
pub struct Target {
    /// As in [`MountId`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mountpoint: Option<String>,
}

/// `POST /v1/refresh` with a [`Target`]: what a look at the server that began after the request
/// has changed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Refreshed {
    /// The names of torrents that came.
    pub added: Vec<String>,
    /// The names of torrents that went.
    pub removed: Vec<String>,
    /// How many torrents there are now.
    pub torrents: u64,
}

/// Which caches are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheParts {
    /// Names, attributes and what is known of torrents.
    Metadata,
    /// Bytes of files.
    Data,
    /// Both.
    All,
}

impl CacheParts {
    /// Returns whether names and attributes are meant.
    #[must_use]
    pub fn has_metadata(self) -> bool {
        matches!(self, Self::Metadata | Self::All)
    }

    /// Returns whether bytes of files are meant.
    #[must_use]
    pub fn has_data(self) -> bool {
        matches!(self, Self::Data | Self::All)
    }
}

/// `POST /v1/cache/clear`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClearRequest {
    /// As in [`Target`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mountpoint: Option<String>,
    /// What is to be dropped.
    pub parts: CacheParts,
}

/// The answer to [`ClearRequest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cleared {
    /// Bytes of files that tfs kept in memory.
    pub memory_bytes: u64,
    /// Files whose pages the kernel was told to drop.
    pub kernel_files: u64,
    /// Names that the kernel was told to look up again.
    pub kernel_names: u64,
    /// Whether the server was asked for its torrents again, and answered.
    pub server_asked: bool,
    /// Files whose pages the kernel keeps for now, since reads of them were under way for too
    /// long.
    pub files_in_use: u64,
}

/// `POST /v1/cache/stats` with a [`Target`]: what is kept, and how much it helped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CacheStats {
    /// The most that buffers and cache may take together.
    pub memory_bytes_max: u64,
    /// Bytes in the buffers of open streams.
    pub buffered_bytes: u64,
    /// Bytes in the cache of blocks.
    pub cached_bytes: u64,
    /// Bytes that came from the server and were given up before anybody asked for them.
    pub unused_bytes: u64,
    /// Reads that the kernel asked for. What its own page cache answered is not among them.
    pub reads: u64,
    /// Reads that were answered from memory at once.
    pub hits: u64,
    /// Reads that were not.
    pub misses: u64,
    /// Bytes that came from the server.
    pub fetched_bytes: u64,
    /// Bytes that were given to readers.
    pub given_bytes: u64,
    /// Inodes that the kernel knows.
    pub kernel_inodes: u64,
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

/// `POST /v1/unmount`. The answer `{}` comes when the mount has ended, for a lazy one when it has
/// left the tree.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnmountRequest {
    /// As in [`Target`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mountpoint: Option<String>,
    /// How.
    #[serde(default)]
    pub mode: UnmountMode,
}

/// The answer to `POST /v1/reload` with `{}`: what a daemon made of its configuration. It comes
/// when each mount has come up, failed, stayed or gone, or after a minute.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reloaded {
    /// The process.
    pub pid: u32,
    /// What became of each mount, by path.
    pub mounts: Vec<ReloadedMount>,
    /// What became of the sections that have changed and are no part of a mount.
    pub sections: Vec<ReloadedSection>,
}

/// What became of a section of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadedSection {
    /// Its name.
    pub section: String,
    /// What became of it.
    pub outcome: SectionOutcome,
    /// Why, if it does not hold.
    #[serde(default)]
    pub why: Option<String>,
}

/// What became of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SectionOutcome {
    /// It holds from now on.
    Applied,
    /// It holds after a restart of the daemon.
    NeedsRestart,
    /// It cannot be done. The next reload tries again.
    Failed,
    /// Something that this client does not know.
    #[serde(other)]
    Unknown,
}

/// What became of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadedMount {
    /// Where it is or was, as the configuration has it.
    pub mountpoint: String,
    /// What became of it.
    pub outcome: MountOutcome,
    /// Why, if it is not as the configuration has it.
    #[serde(default)]
    pub why: Option<String>,
}

/// What became of a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MountOutcome {
    /// It has come up.
    Mounted,
    /// It was there, and is as it was.
    Unchanged,
    /// It was mounted anew, with changed settings.
    Remounted,
    /// It has gone, since the configuration does not have it any more.
    Removed,
    /// It is in use, and stays as it was although the configuration says otherwise.
    Kept,
    /// It did not come up or was lost, and is tried again.
    Failed,
    /// Somebody unmounted it. The next reload mounts it again.
    Unmounted,
    /// It is still coming up or going.
    Pending,
    /// Something that this client does not know.
    #[serde(other)]
    Unknown,
}

/// An answer that says only that all went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Done {}

/// The body of every answer whose status is not 200.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// For programs.
    pub kind: FailureKind,
    /// For people: what failed and why.
    pub message: String,
    /// Who uses the mount, where that is why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<HolderInfo>,
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), holders: Vec::new() }
    }
}

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// 400: the request cannot be understood.
    BadRequest,
    /// 400: what is to be searched for cannot be understood.
    BadQuery,
    /// 404: there is no such path in this version of the API.
    UnknownPath,
    /// 405: the path wants another method.
    WrongMethod,
    /// 413: the body is larger than any request.
    TooLarge,
    /// 408: the body did not come in time.
    TooSlow,
    /// 404: the mount has no such file or directory.
    UnknownFile,
    /// 404: the process has no such mount, or it has ended meanwhile.
    UnknownMount,
    /// 409: the process has several mounts, and the request names none.
    Ambiguous,
    /// 409: the mount is in use.
    Busy,
    /// 403: the system does not let this process do it.
    NotPermitted,
    /// 502: the torrent server did not answer, or with an error.
    ServerFailed,
    /// 409: the process is no daemon, so it has nothing to reload.
    NotDaemon,
    /// 422: the configuration is wrong, and everything stays as it was.
    ConfigInvalid,
    /// 500: it failed for another reason.
    Failed,
    /// A kind that this client does not know.
    #[serde(other)]
    Unknown,
}

/// A process that uses a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HolderInfo {
    /// Its number.
    pub pid: u32,
    /// Its name.
    pub command: String,
    /// One of the files or directories that it holds.
    pub path: String,
}

/// `GET /v1/status`: all that a process knows of its mounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessStatus {
    /// The process.
    pub pid: u32,
    /// Its mounts, the oldest first.
    pub mounts: Vec<MountStatus>,
}

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountStatus {
    /// As in [`MountId`].
    pub device: String,
    /// What `.tfs/status.json` says.
    #[serde(flatten)]
    pub status: Status,
    /// Who has files open, those who have waited for the longest first.
    pub readers: Vec<ReaderStatus>,
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
    /// For how long it has waited, in milliseconds.
    pub for_millis: u64,
}

/// `POST /v1/search`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchRequest {
    /// As in [`Target`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mountpoint: Option<String>,
    /// What to look for.
    pub query: QueryText,
    /// How many files are wanted at most; any more than 100000 count as that.
    pub limit: u64,
}

/// What to look for, and how it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryText {
    /// Words, each of which must occur in the path, in any case.
    Words(String),
    /// A glob for the name, or with a slash in it for the path.
    Glob(String),
    /// A regular expression for the path.
    Regex(String),
}

/// The answer to [`SearchRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SearchAnswer {
    /// The files, torrent by torrent.
    pub hits: Vec<SearchHit>,
    /// Whether there are more than were wanted.
    pub is_cut: bool,
}

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchHit {
    /// The path in the mount, from its root, without a slash before it.
    pub path: String,
    /// The info hash of the torrent.
    pub info_hash: String,
    /// The position of the file in the torrent, counted from 0.
    pub file_index: u32,
    /// The length.
    pub size_bytes: u64,
    /// How much of it is downloaded.
    pub have_bytes: u64,
}

/// `POST /v1/preload`. The answer is lines of [`PreloadEvent`], a few a second for each file that
/// is under way. Whoever closes the connection gives the preload up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreloadRequest {
    /// As in [`Target`].
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
