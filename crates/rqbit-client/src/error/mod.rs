//! Errors of calls: the kind, the call, and whether a retry may help.

mod context;
mod kind;

use std::fmt;

pub use self::context::{Endpoint, ErrorContext};
pub use self::kind::{ErrorKind, ProxyFailure, RangeAnswer, ServerError, TimeoutPhase, TlsError};

/// The result of a call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The error of an underlying library, kept for the source chain.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a call failed.
///
/// Its text fits after "failed to": "list the torrents (GET http://h/torrents): connection
/// refused". It contains no secret. Data from the server in it is bounded and without control
/// characters.
#[derive(Debug, thiserror::Error)]
#[error("{context}: {kind}")]
pub struct Error {
    kind: Box<ErrorKind>,
    context: Box<ErrorContext>,
    source: Option<BoxError>,
}

impl Error {
    /// Returns the kind of the failure.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// Returns the failed call.
    pub fn context(&self) -> &ErrorContext {
        &self.context
    }

    /// Returns whether the same call may succeed later without any intervention.
    ///
    /// Short for [`ErrorKind::is_retryable`].
    pub fn is_retryable(&self) -> bool {
        self.kind.is_retryable()
    }
}

/// Kind and source of a failure whose call is not known yet.
#[derive(Debug)]
pub(crate) struct CallFailure {
    pub(crate) kind: ErrorKind,
    pub(crate) source: Option<BoxError>,
}

impl CallFailure {
    /// Creates a failure with a source.
    pub(crate) fn new(kind: ErrorKind, source: impl Into<BoxError>) -> Self {
        Self { kind, source: Some(source.into()) }
    }

    /// Prefixes the position of malformed JSON with the position of the enclosing element.
    pub(crate) fn below(mut self, above: fmt::Arguments<'_>) -> Self {
        if let ErrorKind::MalformedJson { path } = &mut self.kind {
            *path = if path == "." { above.to_string() } else { format!("{above}.{path}") };
        }
        self
    }

    /// Creates the error of a call.
    pub(crate) fn at(self, context: &ErrorContext) -> Error {
        Error { kind: Box::new(self.kind), context: Box::new(context.clone()), source: self.source }
    }
}

impl From<ErrorKind> for CallFailure {
    fn from(kind: ErrorKind) -> Self {
        Self { kind, source: None }
    }
}
