//! Errors of a library.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use vfs_core::{QueryError, SourceError, SourceErrorKind, VfsError};

/// Why a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum LibraryErrorKind {
    /// The options are invalid.
    #[error("the options are invalid")]
    Configuration,
    /// The server cannot be reached, or broke the connection.
    #[error("the server cannot be reached")]
    Unreachable,
    /// The server refuses access: wrong or missing credentials.
    #[error("the server refuses access: check the user name and password")]
    Denied,
    /// The server sent an invalid answer, or is no rqbit.
    #[error("the answer of the server is invalid")]
    Protocol,
    /// The server failed for another reason.
    #[error("the server failed")]
    Failed,
    /// The path does not exist.
    #[error("no such file or directory")]
    NotFound,
    /// The path leads through a file, or a directory was expected.
    #[error("not a directory")]
    NotDirectory,
    /// A file was expected.
    #[error("is a directory")]
    IsDirectory,
    /// The torrents of the server are not known yet.
    #[error("the torrents are not known yet")]
    NotListed,
    /// The torrent was removed after the file was opened.
    #[error("the torrent was removed")]
    Removed,
    /// Bytes are missing and cannot arrive: the torrent is paused or has failed.
    #[error("the bytes are missing, and the torrent is paused or has failed")]
    Missing,
    /// The bytes, or the first list of torrents, did not arrive in time.
    #[error("no answer in time")]
    TimedOut,
    /// The search is invalid.
    #[error("the search is invalid")]
    Query,
    /// The library was shut down.
    #[error("the library was shut down")]
    ShutDown,
}

/// An error of a [`Library`](crate::Library). The message fits after "failed to".
#[derive(Debug, Clone, thiserror::Error)]
#[error("{context}: {kind}")]
pub struct LibraryError {
    kind: LibraryErrorKind,
    /// The action, with the path or server.
    context: String,
    #[source]
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl LibraryError {
    pub(crate) fn new(kind: LibraryErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), source: None }
    }

    /// Returns the error of a call for a path.
    pub(crate) fn of_path(action: &str, path: &str, error: VfsError) -> Self {
        Self::of_call(format!("{action} {path:?}"), error)
    }

    pub(crate) fn of_call(context: String, error: VfsError) -> Self {
        let kind = match error {
            VfsError::NotFound
            | VfsError::NotSymlink
            | VfsError::NoAttribute
            | VfsError::NothingThere => LibraryErrorKind::NotFound,
            VfsError::NotDirectory => LibraryErrorKind::NotDirectory,
            VfsError::IsDirectory => LibraryErrorKind::IsDirectory,
            VfsError::Stale => LibraryErrorKind::Removed,
            VfsError::NoTree => LibraryErrorKind::NotListed,
            VfsError::WouldBlock | VfsError::Partial => LibraryErrorKind::Missing,
            VfsError::TimedOut => LibraryErrorKind::TimedOut,
            VfsError::ShuttingDown => LibraryErrorKind::ShutDown,
            // A handle lives as long as its file.
            VfsError::BadHandle => LibraryErrorKind::Failed,
            VfsError::Source(error) => {
                let kind = kind_of(error.kind);
                return Self { kind, context, source: Some(Arc::new(error)) };
            }
        };
        Self::new(kind, context)
    }

    /// Returns the error of a poll.
    pub(crate) fn of_server(error: &SourceError) -> Self {
        let (kind, context) = (kind_of(error.kind), error.context.clone());
        Self { kind, context, source: error.source.clone() }
    }

    pub(crate) fn of_query(query: &str, error: QueryError) -> Self {
        let context = format!("search for {query:?}");
        Self { kind: LibraryErrorKind::Query, context, source: Some(Arc::new(error)) }
    }

    pub(crate) fn caused_by(self, source: impl StdError + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }

    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> LibraryErrorKind {
        self.kind
    }
}

impl From<LibraryError> for io::Error {
    fn from(error: LibraryError) -> Self {
        let kind = match error.kind {
            LibraryErrorKind::NotFound | LibraryErrorKind::Removed => io::ErrorKind::NotFound,
            LibraryErrorKind::NotDirectory => io::ErrorKind::NotADirectory,
            LibraryErrorKind::IsDirectory => io::ErrorKind::IsADirectory,
            LibraryErrorKind::TimedOut => io::ErrorKind::TimedOut,
            LibraryErrorKind::Unreachable => io::ErrorKind::ConnectionRefused,
            LibraryErrorKind::Denied => io::ErrorKind::PermissionDenied,
            LibraryErrorKind::Protocol => io::ErrorKind::InvalidData,
            LibraryErrorKind::Configuration | LibraryErrorKind::Query => {
                io::ErrorKind::InvalidInput
            }
            // `WouldBlock` would make a reader wait for ever.
            LibraryErrorKind::Missing
            | LibraryErrorKind::Failed
            | LibraryErrorKind::NotListed
            | LibraryErrorKind::ShutDown => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

fn kind_of(kind: SourceErrorKind) -> LibraryErrorKind {
    match kind {
        SourceErrorKind::NotFound => LibraryErrorKind::Removed,
        SourceErrorKind::Unreachable => LibraryErrorKind::Unreachable,
        SourceErrorKind::TimedOut => LibraryErrorKind::TimedOut,
        SourceErrorKind::Denied => LibraryErrorKind::Denied,
        SourceErrorKind::Protocol => LibraryErrorKind::Protocol,
        SourceErrorKind::Failed => LibraryErrorKind::Failed,
    }
}
