//! Answers that refuse a request.

use std::time::Duration;

use hyper::header::{CONNECTION, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use tfs_api::wire::{FailureBody, FailureKind};
use tfs_http::{ForeignHost, ResponseBody, json, status, text};

use crate::access::{Denied, ForeignPage};

pub(crate) const TEXT_TYPE: &str = "text/plain; charset=utf-8";

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    failure: FailureBody,
    /// When to try again.
    retry_after: Option<Duration>,
    /// Whether the connection is closed, so that it takes no place.
    closes: bool,
}

impl Refusal {
    fn new(status: StatusCode, kind: FailureKind, message: &str) -> Self {
        let failure = FailureBody::new(kind, message);
        Self { status, failure, retry_after: None, closes: false }
    }

    /// A right that the sender has not.
    pub(crate) fn forbidden(message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, FailureKind::NotPermitted, message)
    }

    /// A body of the wrong type.
    pub(crate) fn unsupported(message: &str) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, FailureKind::BadRequest, message)
    }

    /// A missing token, or a wrong one.
    pub(crate) fn denied(denied: Denied) -> Self {
        let unauthorized =
            |message| Self::new(StatusCode::UNAUTHORIZED, FailureKind::NotPermitted, message);
        match denied {
            Denied::Missing => unauthorized("log in first"),
            Denied::Wrong => unauthorized("log in first: this is not the token"),
            Denied::TooMany(wait) => Self {
                retry_after: Some(wait),
                ..Self::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    FailureKind::Busy,
                    "too many wrong tokens; try again in a minute",
                )
            },
        }
    }

    /// Something of which there may be only a few.
    pub(crate) fn too_many(message: &str) -> Self {
        Self {
            retry_after: Some(Duration::from_secs(5)),
            closes: true,
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, FailureKind::Busy, message)
        }
    }

    /// Returns the answer, as JSON or as text.
    pub(crate) fn into_response(self, as_json: bool) -> Response<ResponseBody> {
        let mut response = match as_json {
            true => json::<()>(&Err(self.failure)),
            false => text(self.status, TEXT_TYPE, self.failure.message + "\n"),
        };
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            // `Basic` would make browsers ask with a window of their own.
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"tfs\""));
        }
        if let Some(wait) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        if self.closes {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl From<FailureBody> for Refusal {
    fn from(failure: FailureBody) -> Self {
        let status = status(failure.kind);
        Self { status, failure, retry_after: None, closes: false }
    }
}

impl From<ForeignHost> for Refusal {
    fn from(ForeignHost: ForeignHost) -> Self {
        Self::forbidden(
            "this host name is not allowed; use the IP address of the machine, or add the name to \
             web.hosts in the configuration of tfs",
        )
    }
}

impl From<ForeignPage> for Refusal {
    fn from(ForeignPage: ForeignPage) -> Self {
        Self::forbidden(
            "requests of pages of other sites are refused; behind a proxy, pass the host name on, \
             or add it to web.hosts in the configuration of tfs",
        )
    }
}
