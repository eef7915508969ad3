//! Errors of an embedded server.

use std::error::Error as StdError;
use std::fmt;

/// Cause of an [`EmbeddedError`].
pub(crate) type BoxedError = Box<dyn StdError + Send + Sync + 'static>;

/// Kind, context and cause of a failure.
///
/// The message is a fragment that fits after "failed to"; the cause is in
/// [`source`](StdError::source), which is an [`std::io::Error`] if a system call failed.
#[derive(Debug, thiserror::Error)]
#[error("{kind} {context}")]
pub struct EmbeddedError {
    kind: EmbeddedErrorKind,
    context: String,
    #[source]
    source: Option<BoxedError>,
}

/// The step that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmbeddedErrorKind {
    /// The directory does not exist and cannot be created, or is not a directory, or its name is
    /// not UTF-8.
    CreateDir,
    /// The directory exists, but this user cannot create files in it.
    WriteDir,
    /// Another server uses the session directory. There is no further cause.
    SessionInUse,
    /// The HTTP API cannot bind its port on 127.0.0.1, or no port is free.
    BindPort,
    /// librqbit, or the runtime it needs, did not start.
    StartSession,
    /// A torrent cannot be created from the path: unreadable, empty, or a name that is not UTF-8.
    CreateTorrent,
    /// The torrent was created, but rqbit refused it or did not find its data complete.
    SeedTorrent,
}

impl EmbeddedError {
    pub(crate) fn new(
        kind: EmbeddedErrorKind,
        context: impl fmt::Display,
        source: impl Into<BoxedError>,
    ) -> Self {
        Self { kind, context: context.to_string(), source: Some(source.into()) }
    }

    pub(crate) fn bare(kind: EmbeddedErrorKind, context: impl fmt::Display) -> Self {
        Self { kind, context: context.to_string(), source: None }
    }

    /// Returns the step that failed.
    pub fn kind(&self) -> EmbeddedErrorKind {
        self.kind
    }
}

impl fmt::Display for EmbeddedErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CreateDir => "create the directory",
            Self::WriteDir => "create a file in the directory",
            Self::SessionInUse => "lock, because another server uses it, the session in",
            Self::BindPort => "listen for HTTP on",
            Self::StartSession => "start an rqbit session in",
            Self::CreateTorrent => "make a torrent of",
            Self::SeedTorrent => "seed",
        })
    }
}
