//! Answers to requests that fail.

use std::time::Duration;

use hyper::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use tfs_http::{ForeignHost, ResponseBody, text};
use vfs_core::VfsError;

use crate::access::WebdavDenied;
use crate::target::BadTarget;

/// The type of texts for people.
pub(crate) const TEXT_TYPE: &str = "text/plain; charset=utf-8";

/// The methods that are answered.
pub(crate) const METHODS: &str = "OPTIONS, GET, HEAD, PROPFIND, LOCK, UNLOCK";

/// When a client may ask again, in seconds, for what is not there yet.
const RETRY_SECONDS: u64 = 5;

/// What a login is for; clients show it.
const CHALLENGE: &str = "Basic realm=\"tfs\", charset=\"UTF-8\"";

/// Why a request fails.
#[derive(Debug)]
pub(crate) struct WebdavRefusal {
    status: StatusCode,
    message: String,
    /// A condition of WebDAV that it violates (RFC 4918, section 16), in place of the message.
    condition: Option<&'static str>,
    header: Option<(HeaderName, HeaderValue)>,
    /// Whether the client is at fault, and not the state of a torrent.
    is_refused: bool,
}

pub(crate) type WebdavAnswer = Result<Response<ResponseBody>, WebdavRefusal>;

impl WebdavRefusal {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let (condition, header) = (None, None);
        Self { status, message: message.into(), condition, header, is_refused: true }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn not_found() -> Self {
        Self { is_refused: false, ..Self::new(StatusCode::NOT_FOUND, "no such file or folder") }
    }

    /// A method that is not answered.
    pub(crate) fn read_only() -> Self {
        let header = Some((ALLOW, HeaderValue::from_static(METHODS)));
        let message = "the files are read-only; torrents are added and removed at their server";
        Self { header, ..Self::new(StatusCode::METHOD_NOT_ALLOWED, message) }
    }

    /// A violated condition of WebDAV.
    pub(crate) fn condition(condition: &'static str) -> Self {
        Self { condition: Some(condition), ..Self::new(StatusCode::FORBIDDEN, "") }
    }

    /// What may work later.
    pub(crate) fn later(message: impl Into<String>, wait: Duration) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message).after(wait)
    }

    /// The first byte of a file did not come in time.
    pub(crate) fn no_byte_yet() -> Self {
        let message = "the data did not arrive yet; it is requested from peers, try again";
        let wait = Duration::from_secs(RETRY_SECONDS);
        Self { is_refused: false, ..Self::later(message, wait) }
    }

    pub(crate) fn is_refused(&self) -> bool {
        self.is_refused
    }

    pub(crate) fn into_response(self) -> Response<ResponseBody> {
        let (kind, body) = match self.condition {
            None => (TEXT_TYPE, format!("{}\n", self.message)),
            Some(condition) => {
                let body = format!(
                    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
                     <D:error xmlns:D=\"DAV:\"><D:{condition}/></D:error>\n"
                );
                ("application/xml; charset=utf-8", body)
            }
        };
        let mut response = text(self.status, TEXT_TYPE, body);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }

    fn after(self, wait: Duration) -> Self {
        // Rounded up: a client that comes too early is refused again.
        let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1);
        Self { header: Some((RETRY_AFTER, HeaderValue::from(seconds))), ..self }
    }
}

impl From<VfsError> for WebdavRefusal {
    fn from(error: VfsError) -> Self {
        let soon = Duration::from_secs(RETRY_SECONDS);
        let refusal = match &error {
            VfsError::NotFound
            | VfsError::NotDirectory
            | VfsError::NotSymlink
            | VfsError::IsDirectory => Self::not_found(),
            VfsError::Stale => Self::new(StatusCode::GONE, "the torrent was removed"),
            VfsError::TimedOut => {
                Self::new(StatusCode::GATEWAY_TIMEOUT, "the data did not arrive in time")
                    .after(soon)
            }
            VfsError::WouldBlock => {
                Self::later("the data is missing, and the torrent is paused or failed", soon)
            }
            VfsError::NoTree => Self::later("the list of torrents is not known yet", soon),
            VfsError::ShuttingDown => Self::later("tfs is shutting down", soon),
            VfsError::BadHandle
            | VfsError::NoAttribute
            | VfsError::NothingThere
            | VfsError::Partial
            // It may name the server.
            | VfsError::Source(_) => {
                Self::new(StatusCode::BAD_GATEWAY, "the torrent's server did not give the data")
            }
        };
        Self { is_refused: false, ..refusal }
    }
}

impl From<BadTarget> for WebdavRefusal {
    fn from(bad: BadTarget) -> Self {
        match bad {
            BadTarget::Malformed(reason) => Self::bad_request(format!("bad path: {reason}")),
            BadTarget::TooLong => Self::new(StatusCode::URI_TOO_LONG, "the path is too long"),
            BadTarget::Unknown => Self::not_found(),
        }
    }
}

impl From<WebdavDenied> for WebdavRefusal {
    fn from(denied: WebdavDenied) -> Self {
        match denied {
            WebdavDenied::Login => {
                let header = Some((WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE)));
                Self { header, ..Self::new(StatusCode::UNAUTHORIZED, "a login is needed") }
            }
            // As for a file that does not exist: it tells nothing about tokens.
            WebdavDenied::Unknown => Self { is_refused: true, ..Self::not_found() },
            WebdavDenied::NoToken => {
                let message = "only links of devices are served here; create one by \
                               `tfs serve token new NAME`";
                Self::new(StatusCode::NOT_FOUND, message)
            }
            WebdavDenied::TooMany(wait) => {
                let message = "too many wrong passwords or tokens; try again later";
                Self::new(StatusCode::TOO_MANY_REQUESTS, message).after(wait)
            }
            WebdavDenied::ClearText => {
                let message = "a login without TLS is answered on this machine only; use https";
                Self::new(StatusCode::FORBIDDEN, message)
            }
        }
    }
}

impl From<ForeignHost> for WebdavRefusal {
    fn from(ForeignHost: ForeignHost) -> Self {
        let message = "unknown host name; allow it by the flag `--allow-host`, or the key `hosts` \
                       of the configuration; or use an IP address";
        Self::new(StatusCode::FORBIDDEN, message)
    }
}
