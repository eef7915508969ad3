//! The kinds of errors, and which of them are retryable.

use std::fmt;

use crate::RequestedRange;

/// rqbit's `human_readable` for a file index out of range, with status 500
/// (`torrent_state/streaming.rs` of librqbit 9.1.0).
const INVALID_FILE: &str = "invalid file";

/// HTTP statuses that are not retryable: the request itself is refused. All others are retryable,
/// including 408, 412, 425 and 429, which request a later retry.
///
/// 404 is included, since one call cannot tell whether a torrent was removed or does not exist yet;
/// a caller with the list of torrents may retry.
const FINAL_STATUSES: [u16; 7] = [400, 401, 403, 404, 405, 410, 416];

/// Classification of a failed call.
///
/// Match it without a wildcard, so that a new kind requires a decision. Each kind documents whether
/// it [is retryable](ErrorKind::is_retryable).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// The host name cannot be resolved. Retryable: name servers and networks recover.
    #[error("host name cannot be resolved")]
    Resolve,
    /// No process listens on the port. Retryable: the server may be starting.
    #[error("connection refused")]
    Refused,
    /// The connection failed for another reason, such as no route. Retryable.
    #[error("connection cannot be made")]
    Connect,
    /// The proxy cannot be used. Retryable, if [`ProxyFailure::is_retryable`].
    #[error("proxy {proxy}: {failure}")]
    Proxy {
        /// The address of the proxy, without credentials.
        proxy: String,
        /// Why it cannot be used.
        failure: ProxyFailure,
    },
    /// The TLS handshake failed. Not retryable: certificates do not fix themselves.
    #[error("{0}")]
    Tls(TlsError),
    /// The server took longer than [`Timeouts`](crate::Timeouts) allow. Retryable.
    #[error("timed out {phase}")]
    Timeout {
        /// The phase that timed out.
        phase: TimeoutPhase,
    },
    /// The connection was closed or reset before the answer was complete. Retryable.
    ///
    /// The server may nevertheless have executed a call other than `GET`. A
    /// [`RangeStream`](crate::RangeStream) also returns this after its first failure.
    #[error("connection closed by the server")]
    Closed,
    /// The server returned an error without a kind of its own.
    ///
    /// Retryable, except for [`FINAL_STATUSES`] and rqbit's "invalid file", which stands for an
    /// unknown file index.
    #[error("{0}")]
    Status(ServerError),
    /// Status 401: the credentials are missing or wrong. Not retryable.
    #[error("server requires other credentials")]
    Unauthorized,
    /// rqbit reports that it has no such torrent. Not retryable.
    ///
    /// Only an error in rqbit's own format counts. A bare 404 of a reverse proxy is
    /// [`ErrorKind::Status`], so that a misconfigured proxy does not make a mount drop torrents.
    #[error("{0}")]
    NotFound(ServerError),
    /// Status 412: the torrent is being checked, or in state error, so there is no bitfield.
    ///
    /// Retryable: a check ends by itself. rqbit 9.1 returns the same status for both; the state in
    /// the torrent's stats distinguishes them.
    #[error("torrent is still initializing")]
    Initializing,
    /// The server is not rqbit: HTML or garbage instead of JSON, or a `GET /` that does not name
    /// rqbit. Not retryable.
    #[error("server is not rqbit ({reason})")]
    NotRqbit {
        /// What shows it; for people.
        reason: &'static str,
    },
    /// JSON that does not match rqbit's format. Not retryable.
    #[error("malformed json at {path}")]
    MalformedJson {
        /// Position in the document, such as `torrents[3].info_hash`; `.` is the whole document.
        path: String,
    },
    /// The answer violates HTTP, or the endpoint's format outside of JSON. Not retryable.
    #[error("malformed answer ({reason})")]
    Protocol {
        /// The violated rule; for people.
        reason: &'static str,
    },
    /// The body exceeds this client's limit. Not retryable.
    #[error("body of more than {limit_bytes} bytes")]
    BodyTooLarge {
        /// The limit in bytes.
        limit_bytes: usize,
    },
    /// The body ended early. Retryable.
    #[error("body ended early, after {received_bytes} bytes")]
    ShortBody {
        /// Bytes received; for a stream, bytes returned to the caller.
        received_bytes: u64,
    },
    /// The server sent more bytes than requested; none of the extra bytes was returned. Not
    /// retryable.
    #[error("body continues after the requested range")]
    LongBody,
    /// The server sent another range than requested. Not retryable.
    #[error("requested bytes {asked}, {got}")]
    WrongRange {
        /// The range in the request.
        asked: RequestedRange,
        /// What the server sent.
        got: RangeAnswer,
    },
    /// A login page instead of rqbit's answer: an identity provider in front of the server requires
    /// a login. Not retryable.
    #[error("server answered with a login page{}", at(.location))]
    LoginPage {
        /// The `Location` header without user name, password and query; empty if the page itself
        /// was the answer.
        location: String,
    },
    /// The server redirects the client (status 3xx), which is not followed. Not retryable.
    #[error("redirected to {location}")]
    Redirect {
        /// The `Location` header without user name, password and query; may be empty.
        location: String,
    },
}

impl ErrorKind {
    /// Returns whether the same call may succeed later without any intervention.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Resolve
            | Self::Refused
            | Self::Connect
            | Self::Timeout { .. }
            | Self::Closed
            | Self::Initializing
            | Self::ShortBody { .. } => true,
            Self::Status(error) => {
                !FINAL_STATUSES.contains(&error.status) && !error.is_invalid_file()
            }
            Self::Proxy { failure, .. } => failure.is_retryable(),
            Self::Tls(_)
            | Self::Unauthorized
            | Self::NotFound(_)
            | Self::NotRqbit { .. }
            | Self::MalformedJson { .. }
            | Self::Protocol { .. }
            | Self::BodyTooLarge { .. }
            | Self::LongBody
            | Self::WrongRange { .. }
            | Self::LoginPage { .. }
            | Self::Redirect { .. } => false,
        }
    }
}

/// Returns a place for a message.
fn at(location: &str) -> String {
    if location.is_empty() { String::new() } else { format!(" at {location}") }
}

/// Why a proxy cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ProxyFailure {
    /// Its name cannot be resolved.
    #[error("host name cannot be resolved")]
    Resolve,
    /// No process listens on its port.
    #[error("connection refused")]
    Refused,
    /// The connection failed for another reason, such as no route.
    #[error("connection cannot be made")]
    Connect,
    /// It did not answer in time.
    #[error("timed out")]
    TimedOut,
    /// It closed the connection without an answer.
    #[error("connection closed by the proxy")]
    Closed,
    /// Status 407: its credentials are missing or wrong.
    #[error("requires other credentials")]
    Unauthorized,
    /// It answered `CONNECT` with another error, such as 403 for a port that it does not allow, or
    /// 502 for a server that it cannot reach.
    #[error("refused to connect to the server (status {status})")]
    Status {
        /// The HTTP status.
        status: u16,
    },
    /// Its answer is not HTTP.
    #[error("not an http proxy")]
    Malformed,
}

impl ProxyFailure {
    /// Returns whether the proxy may work later without any intervention.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        match self {
            Self::Resolve | Self::Refused | Self::Connect | Self::TimedOut | Self::Closed => true,
            Self::Unauthorized | Self::Malformed => false,
            Self::Status { status } => !FINAL_STATUSES.contains(&status),
        }
    }
}

/// The phase that timed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeoutPhase {
    /// Name resolution.
    Resolve,
    /// The TCP connection.
    Connect,
    /// The TLS handshake.
    Tls,
    /// The headers of the answer.
    Headers,
    /// The next chunk of the body.
    Chunk,
    /// The whole call.
    Total,
}

impl fmt::Display for TimeoutPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "resolving the host name",
            Self::Connect => "connecting",
            Self::Tls => "in the tls handshake",
            Self::Headers => "waiting for the answer",
            Self::Chunk => "waiting for more of the body",
            Self::Total => "before the answer was complete",
        })
    }
}

/// Why TLS failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsError {
    /// The address has the scheme `https`, and this library was built without the feature `tls`.
    NotBuilt,
    /// The system has no trusted roots, and none were configured.
    NoRoots,
    /// The server's certificate is not trusted, expired or for another host.
    Certificate,
    /// The server requires a certificate of its clients, and this one has none.
    ClientCertificateMissing,
    /// The server does not accept the certificate of this client.
    ClientCertificateRefused,
    /// Any other failure, such as a server that uses plain HTTP on this port.
    Handshake,
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotBuilt => "https is not built in",
            Self::NoRoots => "system has no trusted root certificates",
            Self::Certificate => "certificate of the server is not trusted",
            Self::ClientCertificateMissing => "server requires a client certificate",
            Self::ClientCertificateRefused => "server does not accept the client certificate",
            Self::Handshake => "tls handshake failed",
        })
    }
}

/// Error answer of a server.
///
/// The texts are truncated to 1 KiB and contain no control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError {
    /// The HTTP status.
    pub status: u16,
    /// rqbit's `error_kind`, such as `torrent_not_found` or `internal_error`.
    pub error_kind: Option<String>,
    /// rqbit's `human_readable`, or the whole body if it is plain text.
    pub human_readable: Option<String>,
}

impl ServerError {
    /// Returns whether rqbit reports that the torrent has no file with this index.
    pub fn is_invalid_file(&self) -> bool {
        self.status == 500
            && self.human_readable.as_deref().is_some_and(|text| text.contains(INVALID_FILE))
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "server answered {}", self.status)?;
        match &self.human_readable {
            Some(text) => write!(f, " ({text})"),
            None => Ok(()),
        }
    }
}

/// What a server sent instead of the requested range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RangeAnswer {
    /// Status 206 without a valid `Content-Range`.
    Missing,
    /// Status 206 with another range.
    Range {
        /// Offset of the first byte.
        start: u64,
        /// Offset after the last byte.
        end: u64,
        /// Length of the file, if the server reports it.
        total: Option<u64>,
    },
    /// A body whose length differs from the range.
    BodyLength {
        /// The `Content-Length`.
        bytes: u64,
    },
    /// Status 200 with the whole file. Either the offset is too far to skip to, or the length of
    /// the file is unknown.
    WholeFile,
}

impl fmt::Display for RangeAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("answered a range it does not name"),
            Self::Range { start, end, total: Some(total) } => {
                write!(f, "answered bytes {start}..{end} of {total}")
            }
            Self::Range { start, end, total: None } => write!(f, "answered bytes {start}..{end}"),
            Self::BodyLength { bytes } => write!(f, "answered a body of {bytes} bytes"),
            Self::WholeFile => f.write_str("answered the whole file"),
        }
    }
}
