//! Converts unsuccessful answers into errors.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::header::{HeaderValue, LOCATION};
use hyper::{Response, StatusCode};
use url::Url;

use super::AnswerBody;
use crate::error::CallFailure;
use crate::wire::ErrorBody;
use crate::{Endpoint, ErrorKind, ServerError};

/// Maximum size of an error body. An error of rqbit has some hundred bytes, a page of a proxy some
/// thousand.
const ERROR_BODY_BYTES_MAX: usize = 64 * 1024;

/// Maximum size of a server's text, which is shown in logs and on terminals.
const TEXT_BYTES_MAX: usize = 1024;

/// rqbit's `error_kind` of an unknown torrent.
const TORRENT_NOT_FOUND: &str = "torrent_not_found";

/// Texts of rqbit's error for forget and delete of an unknown torrent, with status 500
/// (`Session::delete` of librqbit 9.1.0): for an info hash and for an id.
const UNKNOWN_TORRENT_TEXTS: [&str; 2] = ["no such torrent in db", "did not exist"];

/// Converts an unsuccessful answer into the failure of its call.
///
/// The body is read for its details; if that fails, the status alone is used.
pub(super) async fn refusal(
    endpoint: Endpoint,
    response: Response<AnswerBody>,
    chunk_timeout: Duration,
) -> CallFailure {
    let (parts, body) = response.into_parts();
    if parts.status.is_redirection() {
        let location = parts.headers.get(LOCATION).map(location_text).unwrap_or_default();
        return ErrorKind::Redirect { location }.into();
    }
    if parts.status == StatusCode::UNAUTHORIZED {
        return ErrorKind::Unauthorized.into();
    }
    let mut text = BytesMut::new();
    let each = |part: &[u8]| {
        text.extend_from_slice(part);
        Ok(())
    };
    let body = body.for_each_chunk(ERROR_BODY_BYTES_MAX, chunk_timeout, each);
    let is_whole = matches!(tokio::time::timeout(chunk_timeout, body).await, Ok(Ok(())));
    let body = if is_whole { text.freeze() } else { Bytes::new() };
    classify(endpoint, server_error(parts.status, &body)).into()
}

/// Returns the kind of an error answer.
fn classify(endpoint: Endpoint, error: ServerError) -> ErrorKind {
    let says = |text: &str| error.human_readable.as_deref().is_some_and(|it| it.contains(text));
    let is_rqbit = error.error_kind.is_some();
    match (error.status, endpoint) {
        (404, _) if error.error_kind.as_deref() == Some(TORRENT_NOT_FOUND) => {
            ErrorKind::NotFound(error)
        }
        (500, Endpoint::Forget | Endpoint::Delete)
            if is_rqbit && UNKNOWN_TORRENT_TEXTS.into_iter().any(says) =>
        {
            ErrorKind::NotFound(error)
        }
        (404, Endpoint::ServerInfo | Endpoint::List) if !is_rqbit => {
            ErrorKind::NotRqbit { reason: "status 404" }
        }
        (412, Endpoint::Haves) => ErrorKind::Initializing,
        _ => ErrorKind::Status(error),
    }
}

/// Parses the details of an error answer: rqbit's JSON, or a line of plain text.
fn server_error(status: StatusCode, body: &[u8]) -> ServerError {
    let status = status.as_u16();
    if let Ok(body) = serde_json::from_slice::<ErrorBody>(body) {
        let error_kind = Some(clean(&body.error_kind));
        let human_readable = body.human_readable.map(|text| clean(&text));
        return ServerError { status, error_kind, human_readable };
    }
    let text = std::str::from_utf8(body).unwrap_or_default().trim();
    let is_plain = !text.is_empty() && !text.starts_with(['<', '{', '[']);
    let human_readable = is_plain.then(|| clean(text));
    ServerError { status, error_kind: None, human_readable }
}

/// Returns the target of a redirect, without parts that may be secret.
fn location_text(value: &HeaderValue) -> String {
    let Ok(text) = value.to_str() else { return String::new() };
    if let Ok(url) = Url::parse(text) {
        let origin = url.origin().ascii_serialization();
        return clean(&format!("{origin}{}", url.path()));
    }
    // A relative target, whose authority may follow two slashes.
    let path = text.split(['?', '#']).next().unwrap_or_default();
    clean(path.rsplit('@').next().unwrap_or_default())
}

/// Truncates a text of the server and replaces control characters, which could confuse a terminal.
fn clean(text: &str) -> String {
    let mut text: String = text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
    text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_apart_by_status_endpoint_and_body() {
        #[track_caller]
        fn check(endpoint: Endpoint, status: u16, body: &str, want: &str) {
            let status = StatusCode::from_u16(status).unwrap();
            let kind = classify(endpoint, server_error(status, body.as_bytes()));
            assert_eq!(format!("{kind} retry={}", kind.is_retryable()), want);
        }
        let not_found =
            r#"{"error_kind":"torrent_not_found","human_readable":"torrent not found 7"}"#;
        let internal = r#"{"error_kind":"internal_error","human_readable":"invalid file"}"#;
        let unknown = r#"{"error_kind":"internal_error","human_readable":"no such torrent in db"}"#;
        let json = r#"{"message":"nope"}"#;
        let html = "<html>";
        check(
            Endpoint::Details,
            404,
            not_found,
            "server answered 404 (torrent not found 7) retry=false",
        );
        check(Endpoint::Details, 404, "", "server answered 404 retry=false");
        check(Endpoint::List, 404, html, "server is not rqbit (status 404) retry=false");
        check(Endpoint::Stream, 500, internal, "server answered 500 (invalid file) retry=false");
        check(Endpoint::Stream, 500, json, "server answered 500 retry=true");
        check(
            Endpoint::Stats,
            500,
            unknown,
            "server answered 500 (no such torrent in db) retry=true",
        );
        check(
            Endpoint::Forget,
            500,
            unknown,
            "server answered 500 (no such torrent in db) retry=false",
        );
        check(Endpoint::Haves, 412, "", "torrent is still initializing retry=true");
        check(Endpoint::Pause, 412, "", "server answered 412 retry=true");
        check(Endpoint::Add, 400, "a\u{1b}[31mb\n", "server answered 400 (a [31mb) retry=false");
        check(Endpoint::Add, 502, html, "server answered 502 retry=true");
        for (status, is_retryable) in [
            (400, false),
            (403, false),
            (405, false),
            (408, true),
            (410, false),
            (416, false),
            (425, true),
            (429, true),
            (500, true),
            (504, true),
        ] {
            let want = format!("server answered {status} retry={is_retryable}");
            check(Endpoint::Stream, status, "", &want);
        }
        let long = "ü".repeat(10_000);
        check(
            Endpoint::Add,
            503,
            &long,
            &format!("server answered 503 ({}) retry=true", "ü".repeat(512)),
        );
    }

    #[test]
    fn location_of_a_redirect_holds_no_secret() {
        #[track_caller]
        fn check(location: &'static str, want: &str) {
            assert_eq!(location_text(&HeaderValue::from_static(location)), want);
        }
        check("https://user:secret@host:1/login?token=secret#secret", "https://host:1/login");
        check("/login?token=secret", "/login");
        check("//user:secret@host/", "host/");
        check("", "");
    }
}
