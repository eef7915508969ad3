//! Maps errors of the client to errors of the core.

use rqbit_client::{Error, ErrorKind, ProxyFailure, TimeoutPhase};
use vfs_core::{SourceError, SourceErrorKind};

/// Converts an error. The client's text becomes the context: it names the call and the server.
pub(crate) fn to_source_error(error: Error) -> SourceError {
    let (kind, is_retryable) = (kind_of(error.kind()), is_retryable(error.kind()));
    let context = error.context().to_string();
    SourceError::new(kind, context).with_retryable(is_retryable).with_source(error)
}

/// Returns whether the same call may succeed later. A 404 is retryable: a server that is starting
/// answers before it has loaded all torrents, and only its list shows what is gone.
fn is_retryable(kind: &ErrorKind) -> bool {
    kind_of(kind) == SourceErrorKind::NotFound && !is_invalid_file(kind) || kind.is_retryable()
}

fn is_invalid_file(kind: &ErrorKind) -> bool {
    matches!(kind, ErrorKind::Status(answer) if answer.is_invalid_file())
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
        ErrorKind::Unauthorized | ErrorKind::LoginPage { .. } => SourceErrorKind::Denied,
        ErrorKind::Proxy { failure: ProxyFailure::Unauthorized, .. } => SourceErrorKind::Denied,
        ErrorKind::Proxy { .. } => SourceErrorKind::Unreachable,
        ErrorKind::Status(answer) if answer.status == 403 => SourceErrorKind::Denied,
        ErrorKind::NotFound(_) => SourceErrorKind::NotFound,
        ErrorKind::Status(answer) if answer.status == 404 => SourceErrorKind::NotFound,
        // The torrent was replaced by one without this file, which its info hash rules out, or the
        // id was reused: in both cases the file does not exist.
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

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use rqbit_client::{ServerError, TlsError};

    use super::*;

    #[test]
    fn each_error_has_its_kind_and_is_retryable_or_final() {
        let status = |status| {
            ErrorKind::Status(ServerError { status, error_kind: None, human_readable: None })
        };
        let invalid_file = ErrorKind::Status(ServerError {
            status: 500,
            error_kind: Some("internal_error".to_owned()),
            human_readable: Some("invalid file".to_owned()),
        });
        let unknown = ServerError {
            status: 404,
            error_kind: Some("torrent_not_found".to_owned()),
            human_readable: None,
        };
        let mut kinds: Vec<_> =
            [400, 403, 404, 405, 408, 410, 412, 416, 425, 429, 500, 503].map(status).into();
        kinds.extend([
            ErrorKind::NotFound(unknown),
            invalid_file,
            ErrorKind::Unauthorized,
            ErrorKind::Initializing,
            ErrorKind::Tls(TlsError::Certificate),
            ErrorKind::Tls(TlsError::Handshake),
            ErrorKind::Refused,
            ErrorKind::Closed,
            ErrorKind::Timeout { phase: TimeoutPhase::Connect },
            ErrorKind::Timeout { phase: TimeoutPhase::Chunk },
            ErrorKind::LongBody,
            ErrorKind::LoginPage { location: "https://auth/".to_owned() },
        ]);
        let failures = [ProxyFailure::Refused, ProxyFailure::Unauthorized];
        kinds.extend(
            failures
                .map(|failure| ErrorKind::Proxy { proxy: "http://proxy:3128".to_owned(), failure }),
        );
        let lines = kinds.iter().map(|kind| {
            let end = if is_retryable(kind) { "retryable" } else { "final" };
            format!("{kind}: {}, {end}\n", kind_of(kind))
        });
        expect![[r#"
            server answered 400: failed on the server, final
            server answered 403: denied, final
            server answered 404: not found, retryable
            server answered 405: failed on the server, final
            server answered 408: failed on the server, retryable
            server answered 410: failed on the server, final
            server answered 412: failed on the server, retryable
            server answered 416: failed on the server, final
            server answered 425: failed on the server, retryable
            server answered 429: failed on the server, retryable
            server answered 500: failed on the server, retryable
            server answered 503: failed on the server, retryable
            server answered 404: not found, retryable
            server answered 500 (invalid file): not found, final
            server requires other credentials: denied, final
            torrent is still initializing: failed on the server, retryable
            certificate of the server is not trusted: failed on the server, final
            tls handshake failed: failed on the server, final
            connection refused: unreachable, retryable
            connection closed by the server: unreachable, retryable
            timed out connecting: unreachable, retryable
            timed out waiting for more of the body: timed out, retryable
            body continues after the requested range: protocol violated, final
            server answered with a login page at https://auth/: denied, final
            proxy http://proxy:3128: connection refused: unreachable, retryable
            proxy http://proxy:3128: requires other credentials: denied, final
        "#]]
        .assert_eq(&lines.collect::<String>());
    }
}
