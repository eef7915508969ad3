//! Requests to one URL that is not of rqbit, over the same connections, TLS and limits.
//!
//! For webhooks of other programs than rqbit. The answer is its status.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use hyper::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use url::{Position, Url};

use crate::config::Timeouts;
use crate::http::{HttpRequest, Transport};
use crate::{AccessOptions, BaseUrl, BaseUrlError, ClientConfig, Endpoint, Result};

/// How much of an answer is read. Its content is not used.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// A whole `http` or `https` address, with path and query.
///
/// Path and query may be secret, so [`fmt::Display`] and [`fmt::Debug`] show scheme, host and port
/// only.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestUrl {
    origin: BaseUrl,
    /// Path and query, encoded, without the leading slash.
    target: String,
}

impl FromStr for RequestUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, BaseUrlError> {
        let (place, query) = text.split_once('?').unwrap_or((text, ""));
        let origin: BaseUrl = place.parse()?;
        if query.contains('#') {
            return Err(BaseUrlError::Fragment);
        }
        let url = Url::parse(text).map_err(BaseUrlError::Syntax)?;
        let target = url.as_str().get(url[..Position::BeforePath].len()..).unwrap_or_default();
        let target = target.strip_prefix('/').unwrap_or(target).to_owned();
        Ok(Self { origin: origin.without_prefix(), target })
    }
}

impl fmt::Display for RequestUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.origin.to_string();
        f.write_str(origin.trim_end_matches('/'))
    }
}

impl fmt::Debug for RequestUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestUrl({self})")
    }
}

/// The method of a request to a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlMethod {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
}

/// A client of one URL.
///
/// # Cancel safety
///
/// Dropping the future of a request closes its connection. The server may or may not have got the
/// request by then.
pub struct UrlClient {
    transport: Transport,
    target: String,
}

impl fmt::Debug for UrlClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.transport.base_url();
        f.debug_struct("UrlClient").field("origin", origin).finish_non_exhaustive()
    }
}

impl UrlClient {
    /// Creates a client; sends nothing. Each request takes `time_max` at most, its whole answer
    /// included.
    ///
    /// For `https` it reads the system's trusted roots from disk.
    ///
    /// # Errors
    ///
    /// As [`Client::new`](crate::Client::new).
    pub fn new(url: RequestUrl, access: AccessOptions, time_max: Duration) -> Result<Self> {
        let RequestUrl { origin, target } = url;
        let usual = Timeouts::default();
        let timeouts = Timeouts {
            connect: usual.connect.min(time_max),
            headers: time_max,
            chunk: time_max,
            total: time_max,
        };
        let transport =
            Transport::new(ClientConfig { base_url: origin, credentials: None, timeouts, access })?;
        Ok(Self { transport, target })
    }

    /// Sends a request. A body without a `content_type` must be empty.
    ///
    /// # Errors
    ///
    /// Any failure to connect, and any status but success; redirects are not followed. The error's
    /// context has the path of the URL, which may be secret: show [`Error::kind`](crate::Error)
    /// only.
    pub async fn send(
        &self,
        method: UrlMethod,
        content_type: Option<&'static str>,
        body: Bytes,
    ) -> Result<()> {
        let (method, method_has_body) = match method {
            UrlMethod::Get => (Method::GET, false),
            UrlMethod::Post => (Method::POST, true),
            UrlMethod::Put => (Method::PUT, true),
        };
        let mut call = HttpRequest::new(Endpoint::Url, method, self.target.clone());
        call.header(ACCEPT, HeaderValue::from_static("*/*"));
        if body.is_empty() && method_has_body {
            // Some servers refuse a POST without a length; hyper leaves out that of an empty body.
            call.header(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        if let Some(content_type) = content_type {
            call.header(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        call.body = body;
        self.transport.send_only(&call, ANSWER_BYTES_MAX).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_keeps_its_path_and_query_and_shows_neither() {
        let cases = [
            "http://h",
            "https://h:8443/a/b?token=secret&x=1",
            "http://h/a b/?q=a b",
            "http://[::1]:80/x/../y",
            "http://u:p@h/",
            "http://h/#f",
            "http://h/?a#f",
            "h/a",
            "ftp://h/",
        ];
        let rows = cases.map(|text| match text.parse::<RequestUrl>() {
            Ok(url) => format!("{text} -> {url:?} /{}\n", url.target),
            Err(error) => format!("{text} -> failed to {error}\n"),
        });
        expect_test::expect![[r#"
            http://h -> RequestUrl(http://h) /
            https://h:8443/a/b?token=secret&x=1 -> RequestUrl(https://h:8443) /a/b?token=secret&x=1
            http://h/a b/?q=a b -> RequestUrl(http://h) /a%20b/?q=a%20b
            http://[::1]:80/x/../y -> RequestUrl(http://[::1]) /y
            http://u:p@h/ -> failed to use the server address: user name or password in it
            http://h/#f -> failed to use the server address: fragment in it
            http://h/?a#f -> failed to use the server address: fragment in it
            h/a -> failed to use the server address: neither http:// nor https://
            ftp://h/ -> failed to use the server address: neither http:// nor https://
        "#]]
        .assert_eq(&rows.concat());
    }
}
