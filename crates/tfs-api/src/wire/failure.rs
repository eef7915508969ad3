//! Failures of requests.

use serde::{Deserialize, Serialize};

/// The body of every response whose status is not 200.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct FailureBody {
    /// For programs.
    pub kind: FailureKind,
    /// For users: what failed, and why.
    pub message: String,
    /// The processes that use the mount, for kind `Busy`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<HolderInfo>,
}

impl FailureBody {
    /// Returns a failure without holders.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), holders: Vec::new() }
    }
}

/// Kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// 400: the request is malformed.
    BadRequest,
    /// 400: the search query is malformed.
    BadQuery,
    /// 404: this version of the API has no such path.
    UnknownPath,
    /// 405: the path requires another method.
    WrongMethod,
    /// 413: the body is larger than the limit.
    TooLarge,
    /// 408: the body did not arrive in time.
    TooSlow,
    /// 404: the mount has no such file or directory.
    UnknownFile,
    /// 404: the process has no such mount, or the mount has ended.
    UnknownMount,
    /// 409: the process has several mounts, and the request names none.
    Ambiguous,
    /// 409: the mount is in use.
    Busy,
    /// 403: the system denies it to this process.
    NotPermitted,
    /// 502: the torrent server did not answer, or answered with an error.
    ServerFailed,
    /// 502: the torrent server cannot be reached.
    ServerUnreachable,
    /// 409: the process is not a daemon, so it has no configuration to reload.
    NotDaemon,
    /// 422: the configuration is invalid, and nothing was changed.
    ConfigInvalid,
    /// 504: the bytes of a file did not arrive in time.
    TimedOut,
    /// 503: the bytes of a file are not there and cannot arrive now: its torrent is paused or
    /// failed, for example.
    Unavailable,
    /// 410: the torrent was removed while it was read.
    Gone,
    /// 500: it failed for another reason.
    Failed,
    /// A kind that this client does not know.
    #[serde(other)]
    Unknown,
}

/// A process that uses a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HolderInfo {
    /// Its process id.
    pub pid: u32,
    /// Its name.
    pub command: String,
    /// One of its open files or directories in the mount.
    pub path: String,
}
