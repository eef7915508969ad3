//! Errors of the client in the words of the core.

use rqbit_client::{Error, ErrorKind, TimeoutPhase};
use vfs_core::{SourceError, SourceErrorKind};

/// Converts an error. The client's text becomes the context: it names the call and the server.
pub(crate) fn to_source_error(error: Error) -> SourceError {
    let context = error.context().to_string();
    SourceError::new(kind_of(error.kind()), context).with_source(error)
}

fn kind_of(kind: &ErrorKind) -> SourceErrorKind {
    match kind {
        ErrorKind::Resolve
        | ErrorKind::Refused
        | ErrorKind::Connect
        | ErrorKind::Closed
        | ErrorKind::ShortBody { .. } => SourceErrorKind::Unreachable,
        ErrorKind::Timeout { phase } => match phase {
            TimeoutPhase::Resolve | TimeoutPhase::Connect | TimeoutPhase::Tls => {
                SourceErrorKind::Unreachable
            }
            TimeoutPhase::Headers | TimeoutPhase::Chunk | TimeoutPhase::Total => {
                SourceErrorKind::TimedOut
            }
        },
        ErrorKind::Unauthorized => SourceErrorKind::Denied,
        ErrorKind::NotFound(_) => SourceErrorKind::NotFound,
        // The torrent was replaced by one without this file, which its info hash forbids, or the
        // id was handed out anew: in both cases what was asked for is not there.
        ErrorKind::Status(answer) if answer.is_invalid_file() => SourceErrorKind::NotFound,
        ErrorKind::Status(_) | ErrorKind::Initializing | ErrorKind::Tls(_) => {
            SourceErrorKind::Failed
        }
        ErrorKind::NotRqbit { .. }
        | ErrorKind::MalformedJson { .. }
        | ErrorKind::Protocol { .. }
        | ErrorKind::BodyTooLarge { .. }
        | ErrorKind::LongBody
        | ErrorKind::WrongRange { .. }
        | ErrorKind::Redirect { .. } => SourceErrorKind::Protocol,
    }
}
