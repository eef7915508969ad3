//! One request, independent of its connection.

use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use hyper::header::{HeaderName, HeaderValue};

use crate::{BaseUrl, Endpoint, ErrorContext};

/// Added to the server's own time limit: its "timeout" error is more precise than the client's.
const SERVER_TIMEOUT_MARGIN: Duration = Duration::from_secs(5);

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct HttpRequest {
    pub(crate) endpoint: Endpoint,
    pub(crate) method: Method,
    /// Path and query below the prefix of the server, without a leading slash, encoded.
    pub(crate) path: String,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
    /// Time limit sent to the server, if it differs from the client's time-outs.
    pub(crate) server_timeout: Option<Duration>,
}

impl HttpRequest {
    /// Creates a `GET`.
    pub(crate) fn get(endpoint: Endpoint, path: String) -> Self {
        Self::new(endpoint, Method::GET, path)
    }

    /// Creates a `POST` with an empty body.
    pub(crate) fn post(endpoint: Endpoint, path: String) -> Self {
        Self::new(endpoint, Method::POST, path)
    }

    /// Creates a request with an empty body.
    pub(crate) fn new(endpoint: Endpoint, method: Method, path: String) -> Self {
        let (headers, body) = (Vec::new(), Bytes::new());
        Self { endpoint, method, path, headers, body, server_timeout: None }
    }

    /// Adds a header.
    pub(crate) fn header(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.push((name, value));
    }

    /// Returns how long to wait for the answer: `limit`, or the server's time limit, if longer.
    pub(crate) fn within(&self, limit: Duration) -> Duration {
        let server = self.server_timeout.map(|it| it.saturating_add(SERVER_TIMEOUT_MARGIN));
        server.map_or(limit, |server| server.max(limit))
    }

    /// Returns the error context of this call.
    pub(crate) fn context(&self, base_url: &BaseUrl) -> ErrorContext {
        let path = self.path.split('?').next().unwrap_or_default();
        ErrorContext {
            endpoint: self.endpoint,
            method: match self.method {
                Method::GET => "GET",
                Method::PUT => "PUT",
                _ => "POST",
            },
            url: format!("{base_url}{path}"),
        }
    }
}
