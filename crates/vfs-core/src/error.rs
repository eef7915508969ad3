//! Errors of the core: what a source reports, and what a caller of the filesystem gets.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// Why a source could not do something, in the words that matter to a filesystem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceErrorKind {
    /// The torrent or file does not exist there (any more).
    NotFound,
    /// The server cannot be reached, or the connection broke.
    Unreachable,
    /// The server did not answer in time.
    TimedOut,
    /// The server refuses access: wrong or missing credentials, or a rule of a proxy.
    Denied,
    /// The server said something that cannot be right, such as bytes of another offset.
    Protocol,
    /// The server failed for a reason of its own.
    Failed,
}

/// An error of a [`TorrentSource`](crate::TorrentSource). The message fits after "failed to".
///
/// Clones share the cause: one failure of a server ends many reads.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{context}")]
pub struct SourceError {
    /// The class that decides what the filesystem does.
    pub kind: SourceErrorKind,
    /// Whether the same call may succeed later without a change of the configuration. A read
    /// retries after such an error until its deadline; any other error ends it at once.
    ///
    /// A retryable [`SourceErrorKind::NotFound`] is final too once the newest list of the server
    /// lacks the torrent ([`TorrentSummary::is_listed`](crate::TorrentSummary::is_listed)).
    pub is_retryable: bool,
    /// What was tried, such as `list the torrents of http://127.0.0.1:3030/`.
    pub context: String,
    /// What went wrong underneath, if anything did.
    #[source]
    pub source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl SourceError {
    /// Returns an error of `kind` with no cause underneath, retryable if errors of its kind usually
    /// are.
    #[must_use]
    pub fn new(kind: SourceErrorKind, context: impl Into<String>) -> Self {
        Self { kind, is_retryable: kind.is_retryable(), context: context.into(), source: None }
    }

    /// Returns the same error, retryable or not.
    #[must_use]
    pub fn with_retryable(self, is_retryable: bool) -> Self {
        Self { is_retryable, ..self }
    }

    /// Returns the same error with its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }
}

impl SourceErrorKind {
    /// Returns whether errors of this kind are retryable unless the source says otherwise.
    const fn is_retryable(self) -> bool {
        match self {
            Self::Unreachable | Self::TimedOut | Self::Failed => true,
            Self::NotFound | Self::Denied | Self::Protocol => false,
        }
    }
}

impl fmt::Display for SourceErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "not found",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed out",
            Self::Denied => "denied",
            Self::Protocol => "protocol violated",
            Self::Failed => "failed on the server",
        })
    }
}

/// Why a filesystem operation failed. Each is one errno of a front end.
#[derive(Debug, thiserror::Error)]
pub enum VfsError {
    /// There is no such name or inode.
    #[error("no such file or directory")]
    NotFound,
    /// The operation needs a directory.
    #[error("not a directory")]
    NotDirectory,
    /// The operation needs a file.
    #[error("is a directory")]
    IsDirectory,
    /// The operation needs a symbolic link.
    #[error("not a symbolic link")]
    NotSymlink,
    /// The handle was never opened or is released.
    #[error("no such handle")]
    BadHandle,
    /// There is no such extended attribute.
    #[error("no such attribute")]
    NoAttribute,
    /// There is no data (or, where a hole was looked for, no byte at all) from there on.
    #[error("nothing there up to the end of the file")]
    NothingThere,
    /// The torrent is gone from the server.
    #[error("the torrent is gone")]
    Stale,
    /// No list of torrents was ever received, so nothing can be said, not even that it is empty.
    #[error("no list of torrents is known yet")]
    NoTree,
    /// The bytes are not there, and the read may not wait for them, or they cannot come: the
    /// torrent is paused or failed.
    #[error("the data is not there and must not be waited for")]
    WouldBlock,
    /// Some pages of the range are there and bytes of others are not. Only for those who can ask
    /// for each page alone, see [`Vfs::read_pages`](crate::Vfs::read_pages).
    #[error("a part of the data is not there")]
    Partial,
    /// The deadline of a read has passed.
    #[error("the data did not come in time")]
    TimedOut,
    /// The filesystem is being shut down.
    #[error("the filesystem is shutting down")]
    ShuttingDown,
    /// The source failed.
    #[error(transparent)]
    Source(SourceError),
}

impl From<SourceError> for VfsError {
    fn from(error: SourceError) -> Self {
        match error.kind {
            // What the newest list of the server still has is not gone.
            SourceErrorKind::NotFound if error.is_retryable => Self::Source(error),
            SourceErrorKind::NotFound => Self::Stale,
            SourceErrorKind::TimedOut => Self::TimedOut,
            SourceErrorKind::Unreachable
            | SourceErrorKind::Denied
            | SourceErrorKind::Protocol
            | SourceErrorKind::Failed => Self::Source(error),
        }
    }
}
