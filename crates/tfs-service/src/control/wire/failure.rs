//! Why a request was not done.

use serde::{Deserialize, Serialize};

/// The body of every answer whose status is not 200.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct FailureBody {
    /// For programs.
    pub kind: FailureKind,
    /// For people: what failed and why.
    pub message: String,
    /// Who uses the mount, where that is why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<HolderInfo>,
}

impl FailureBody {
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
