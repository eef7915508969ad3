//! Errors of the core: those of a source, and those of filesystem operations.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// Classification of a source's error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceErrorKind {
    /// The torrent or file does not exist, or no longer exists.
    NotFound,
    /// The server cannot be reached, or the connection failed.
    Unreachable,
    /// The server did not answer in time.
    TimedOut,
    /// The server refuses access: wrong or missing credentials, or a rule of a proxy.
    Denied,
    /// The server sent an invalid answer, such as bytes of another offset.
    Protocol,
    /// The server failed for another reason.
    Failed,
}

/// An error of a [`TorrentSource`](crate::TorrentSource). The message fits after "failed to".
///
/// Clones share the cause: one server failure ends many reads.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{context}")]
pub struct SourceError {
    /// The kind, which determines the reaction of the filesystem.
    pub kind: SourceErrorKind,
    /// Whether the same call may succeed later without a change of the configuration. A read is
    /// retried after such an error until its deadline; any other error ends it at once.
    ///
    /// A retryable [`SourceErrorKind::NotFound`] becomes final when the newest list of the server
    /// lacks the torrent ([`TorrentSummary::is_listed`](crate::TorrentSummary::is_listed)).
    pub is_retryable: bool,
    /// The failed action, such as `list the torrents of http://127.0.0.1:3030/`.
    pub context: String,
    /// The underlying cause, if any.
    #[source]
    pub source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl SourceError {
    /// Returns an error of `kind` without a cause, with the kind's default for retryable.
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
    /// Returns the default for errors of this kind, unless the source sets it.
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

/// Why a filesystem operation failed. A front end maps each variant to one errno.
#[derive(Debug, thiserror::Error)]
pub enum VfsError {
    /// The name or inode does not exist.
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
    /// The handle was never opened, or has been released.
    #[error("no such handle")]
    BadHandle,
    /// The extended attribute does not exist.
    #[error("no such attribute")]
    NoAttribute,
    /// No data follows the offset, or the offset is at or past the end of the file.
    #[error("no data up to the end of the file")]
    NothingThere,
    /// The torrent was removed from the server.
    #[error("the torrent is gone")]
    Stale,
    /// No list of torrents was ever received, so that not even emptiness is known.
    #[error("the list of torrents is not known yet")]
    NoTree,
    /// The bytes are missing, and either the read must not wait for them, or they are unavailable:
    /// the torrent is paused or failed.
    #[error("the data is missing, and the read must not wait")]
    WouldBlock,
    /// Some pages of the range are present, and bytes of others are missing. Only for callers that
    /// can read each page alone, see [`Vfs::read_pages`](crate::Vfs::read_pages).
    #[error("part of the data is missing")]
    Partial,
    /// The deadline of a read has passed.
    #[error("the data did not arrive in time")]
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
            // A torrent in the newest list of the server was not removed.
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
