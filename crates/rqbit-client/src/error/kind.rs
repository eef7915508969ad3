//! The kinds of errors, and which of them may pass by themselves.

use std::fmt;

use crate::ByteRange;

/// What rqbit says in `human_readable` where the index of a file is out of range, together
/// with status 500 (`torrent_state/streaming.rs` of librqbit 9.1.0).
const INVALID_FILE: &str = "invalid file";

/// The HTTP statuses of which the same call gets the same answer again: the request itself is
/// refused. All others may pass, also 408, 412, 425 and 429, which ask to try later.
///
/// 404 is among them since a call alone cannot tell whether a torrent is gone or only not there
/// yet; who knows the list of torrents may try again.
const FINAL_STATUSES: [u16; 7] = [400, 401, 403, 404, 405, 410, 416];

/// What went wrong.
///
/// Match it without a wildcard: a new kind is a new decision.
/// Each kind says whether it [is retryable](ErrorKind::is_retryable).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// The host name cannot be resolved. Retryable: name servers and networks come back.
    #[error("host name cannot be resolved")]
    Resolve,
    /// Nobody listens on the port. Retryable: the server may be starting.
    #[error("connection refused")]
    Refused,
    /// The connection cannot be made for another reason, such as no route. Retryable.
    #[error("connection cannot be made")]
    Connect,
    /// TLS cannot be agreed on. Not retryable: certificates do not mend themselves.
    #[error("{0}")]
    Tls(TlsError),
    /// The server took longer than [`Timeouts`](crate::Timeouts) allow. Retryable.
    #[error("timed out {phase}")]
    Timeout {
        /// What was waited for.
        phase: TimeoutPhase,
    },
    /// The connection was closed or reset before the answer was complete. Retryable.
    ///
    /// For a call that is not a `GET` the server may have acted on it nevertheless.
    /// Also what a [`RangeStream`](crate::RangeStream) answers after it has failed once.
    #[error("connection closed by the server")]
    Closed,
    /// The server answered with an error that has no kind of its own.
    ///
    /// Retryable, except for [`FINAL_STATUSES`] and rqbit's "invalid file", which is the 404 of the
    /// index of a file.
    #[error("{0}")]
    Status(ServerError),
    /// Status 401: the credentials are missing or wrong. Not retryable.
    #[error("server wants other credentials")]
    Unauthorized,
    /// rqbit says that it has no such torrent. Not retryable.
    ///
    /// Only an answer in rqbit's own form counts: a bare 404 of a reverse proxy is
    /// [`ErrorKind::Status`], lest a mount forgets torrents because a proxy was set up wrongly.
    #[error("{0}")]
    NotFound(ServerError),
    /// Status 412: the torrent is being checked, or in state error, so there is no bitfield.
    ///
    /// Retryable: a check ends by itself. rqbit 9.1 does not tell the two apart here, the state
    /// in the stats of the torrent does.
    #[error("torrent is still initializing")]
    Initializing,
    /// Whoever answers is not rqbit: HTML or garbage in place of JSON, or a `GET /` that does
    /// not name rqbit. Not retryable.
    #[error("server is not rqbit ({reason})")]
    NotRqbit {
        /// What gives it away; for people.
        reason: &'static str,
    },
    /// JSON that is not what rqbit sends. Not retryable.
    #[error("malformed json at {path}")]
    MalformedJson {
        /// Where in the document, such as `torrents[3].info_hash`; `.` is the whole of it.
        path: String,
    },
    /// The answer breaks the rules of HTTP, or of the endpoint outside of JSON.
    /// Not retryable.
    #[error("malformed answer ({reason})")]
    Protocol {
        /// Which rule; for people.
        reason: &'static str,
    },
    /// The body is larger than this client takes. Not retryable.
    #[error("body of more than {limit_bytes} bytes")]
    BodyTooLarge {
        /// The limit in bytes.
        limit_bytes: usize,
    },
    /// The body ended early. Retryable.
    #[error("body ended early, after {received_bytes} bytes")]
    ShortBody {
        /// Bytes that came, for a stream those that were handed out.
        received_bytes: u64,
    },
    /// The server sent more bytes than were asked for; none of them was handed out.
    /// Not retryable.
    #[error("body goes on after the range that was asked for")]
    LongBody,
    /// The server answered another range than was asked for. Not retryable.
    #[error("asked for bytes {asked}, {got}")]
    WrongRange {
        /// The range in the request.
        asked: ByteRange,
        /// What came in its place.
        got: RangeAnswer,
    },
    /// The server sends the client elsewhere (status 3xx); it is not followed. Not retryable.
    #[error("redirected to {location}")]
    Redirect {
        /// The `Location` header without user name, password and query; may be empty.
        location: String,
    },
}

impl ErrorKind {
    /// Returns whether the same call may work later without anybody changing anything.
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
            Self::Tls(_)
            | Self::Unauthorized
            | Self::NotFound(_)
            | Self::NotRqbit { .. }
            | Self::MalformedJson { .. }
            | Self::Protocol { .. }
            | Self::BodyTooLarge { .. }
            | Self::LongBody
            | Self::WrongRange { .. }
            | Self::Redirect { .. } => false,
        }
    }
}

/// What a wait was for when it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeoutPhase {
    /// The answer of the name servers.
    Resolve,
    /// The TCP connection.
    Connect,
    /// The TLS handshake.
    Tls,
    /// The headers of the answer.
    Headers,
    /// The next chunk of the body.
    Chunk,
    /// The end of the whole call.
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

/// Why TLS cannot be agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsError {
    /// The address says `https` and this library was built without the feature `tls`.
    NotBuilt,
    /// The system has no trusted roots and none were given.
    NoRoots,
    /// The certificate of the server is not trusted, expired or for another host.
    Certificate,
    /// Anything else, such as a server that speaks plain HTTP on this port.
    Handshake,
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotBuilt => "https is not built in",
            Self::NoRoots => "system has no trusted root certificates",
            Self::Certificate => "certificate of the server is not trusted",
            Self::Handshake => "tls handshake failed",
        })
    }
}

/// The answer of a server to a call that it refused.
///
/// The texts are cut to 1 KiB and have no control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError {
    /// The HTTP status.
    pub status: u16,
    /// rqbit's `error_kind`, such as `torrent_not_found` or `internal_error`.
    pub error_kind: Option<String>,
    /// rqbit's `human_readable`, or the whole body where it is plain text.
    pub human_readable: Option<String>,
}

impl ServerError {
    /// Returns whether rqbit says that the torrent has no file of this index.
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

/// What a server answered in place of the range that it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RangeAnswer {
    /// Status 206 without a `Content-Range` that can be read.
    Missing,
    /// Status 206 with another range.
    Range {
        /// Offset of the first byte.
        start: u64,
        /// Offset behind the last byte.
        end: u64,
        /// Length of the file, if the server says so.
        total: Option<u64>,
    },
    /// A body of another length than the range has.
    BodyLength {
        /// The `Content-Length`.
        bytes: u64,
    },
    /// Status 200 with the whole file, and the offset is too far to skip to it, or the length
    /// of the file is unknown.
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
