//! Bodies of requests and responses. Every wait and every size of a request is limited.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt as _};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tfs_api::wire::{FailureBody, FailureKind};
use tokio::time::timeout;

/// Timeout for the body of a request after its head.
const BODY_TIME_MAX: Duration = Duration::from_secs(5);

/// Maximum size of a request body: the largest contains a path and a query.
const BODY_BYTES_MAX: usize = 64 << 10;

/// Body of a response: a complete text, or lines that are produced one by one. When the client
/// closes the connection, the body is dropped, and with it the producer of the lines.
pub type ResponseBody = UnsyncBoxBody<Bytes, Infallible>;

/// Reads the body of a request of at most `bytes_max`, within `time_max`.
pub async fn read_bytes(
    body: Incoming,
    bytes_max: usize,
    time_max: Duration,
) -> Result<Bytes, FailureBody> {
    let collected = Limited::new(body, bytes_max).collect();
    match timeout(time_max, collected).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let message = format!("a request body may have at most {bytes_max} bytes");
            Err(FailureBody::new(FailureKind::TooLarge, message))
        }
        Ok(Err(error)) => Err(FailureBody::new(FailureKind::BadRequest, error.to_string())),
        Err(_elapsed) => {
            let message = "the request body did not arrive in time";
            Err(FailureBody::new(FailureKind::TooSlow, message))
        }
    }
}

/// Reads the body of a request as JSON. An empty one counts as `{}`.
pub async fn read_json<T: DeserializeOwned>(body: Incoming) -> Result<T, FailureBody> {
    let body = read_bytes(body, BODY_BYTES_MAX, BODY_TIME_MAX).await?;
    let text: &[u8] = if body.is_empty() { b"{}" } else { &body };
    serde_json::from_slice(text)
        .map_err(|error| FailureBody::new(FailureKind::BadRequest, error.to_string()))
}

/// Returns a text response.
pub fn text(
    status: StatusCode,
    content_type: &'static str,
    text: impl Into<Bytes>,
) -> Response<ResponseBody> {
    let mut response = Response::new(Full::new(text.into()).boxed_unsync());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Returns a JSON response. A failure determines the status by its kind.
pub fn json<T: Serialize>(result: &Result<T, FailureBody>) -> Response<ResponseBody> {
    let (status, written) = match result {
        Ok(value) => (StatusCode::OK, serde_json::to_vec(value)),
        Err(failure) => (status(failure.kind), serde_json::to_vec(failure)),
    };
    match written {
        Ok(written) => text(status, "application/json", written),
        // Numbers, strings and lists of them always serialize.
        Err(error) => {
            tracing::error!(%error, "cannot write an answer");
            text(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", "")
        }
    }
}

/// Returns a response of JSON lines, which are sent as they are produced.
pub fn lines<T: Serialize>(
    values: impl Stream<Item = T> + Send + 'static,
) -> Response<ResponseBody> {
    let lines = values.map(|value| {
        // Numbers and strings always serialize.
        let mut line = serde_json::to_vec(&value).unwrap_or_default();
        line.push(b'\n');
        Ok(Frame::data(Bytes::from(line)))
    });
    let mut response = Response::new(StreamBody::new(lines).boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Returns the status code of a kind of failure.
#[must_use]
pub fn status(kind: FailureKind) -> StatusCode {
    match kind {
        FailureKind::BadRequest | FailureKind::BadQuery => StatusCode::BAD_REQUEST,
        FailureKind::UnknownPath | FailureKind::UnknownMount | FailureKind::UnknownFile => {
            StatusCode::NOT_FOUND
        }
        FailureKind::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
        FailureKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        FailureKind::TooSlow => StatusCode::REQUEST_TIMEOUT,
        FailureKind::Ambiguous | FailureKind::Busy | FailureKind::NotDaemon => StatusCode::CONFLICT,
        FailureKind::ConfigInvalid => StatusCode::UNPROCESSABLE_ENTITY,
        FailureKind::NotPermitted => StatusCode::FORBIDDEN,
        FailureKind::ServerFailed | FailureKind::ServerUnreachable => StatusCode::BAD_GATEWAY,
        FailureKind::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        FailureKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        FailureKind::Gone => StatusCode::GONE,
        FailureKind::Failed | FailureKind::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
