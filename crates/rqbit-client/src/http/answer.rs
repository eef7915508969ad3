//! Converts unsuccessful answers into errors.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::header::{HeaderValue, LOCATION};
use hyper::{Response, StatusCode};
use url::Url;

use super::AnswerBody;
use crate::error::CallFailure;
use crate::wire::ErrorBody;
use crate::{BaseUrl, Endpoint, ErrorKind, ServerError, TlsError};

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

/// nginx's answers, with status 400, to a client without a certificate or with one that it does not
/// trust (`ngx_http_special_response.c` of nginx 1.26).
const NGINX_NO_CERTIFICATE: &str = "No required SSL certificate was sent";
const NGINX_WRONG_CERTIFICATE: &str = "The SSL certificate error";

/// Words in the addresses of login pages: of Cloudflare Access, Authelia, authentik, Keycloak,
/// oauth2-proxy, and the usual words for them.
const LOGIN_WORDS: [&str; 8] =
    ["login", "signin", "sign-in", "sign_in", "oauth", "openid", "sso", "saml"];

/// Words in the host names of identity providers.
const LOGIN_HOSTS: [&str; 6] = ["auth", "authelia", "authentik", "keycloak", "login", "sso"];

/// Converts an unsuccessful answer into the failure of its call.
///
/// The body is read for its details; if that fails, the status alone is used.
pub(super) async fn refusal(
    endpoint: Endpoint,
    server: &BaseUrl,
    response: Response<AnswerBody>,
    chunk_timeout: Duration,
) -> CallFailure {
    let (parts, body) = response.into_parts();
    if parts.status.is_redirection() {
        let location = parts.headers.get(LOCATION).map(location_text).unwrap_or_default();
        let is_login = is_login(server, parts.status, parts.headers.get(LOCATION));
        return match is_login {
            true => ErrorKind::LoginPage { location },
            false => ErrorKind::Redirect { location },
        }
        .into();
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
    if parts.status == StatusCode::BAD_REQUEST && contains(&body, NGINX_NO_CERTIFICATE) {
        return ErrorKind::Tls(TlsError::ClientCertificateMissing).into();
    }
    if parts.status == StatusCode::BAD_REQUEST && contains(&body, NGINX_WRONG_CERTIFICATE) {
        return ErrorKind::Tls(TlsError::ClientCertificateRefused).into();
    }
    classify(endpoint, server_error(parts.status, &body)).into()
}

fn contains(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|part| part == text.as_bytes())
}

/// Returns whether a redirect leads to a login page: to an address with the words of one, or, for
/// now only, to another host. A permanent redirect to another host is a server that has moved.
fn is_login(server: &BaseUrl, status: StatusCode, location: Option<&HeaderValue>) -> bool {
    let Some(text) = location.and_then(|value| value.to_str().ok()) else { return false };
    let Ok(base) = Url::parse(&server.to_string()) else { return false };
    let Ok(url) = base.join(text) else { return false };
    let path = url.path().to_ascii_lowercase();
    let host = url.host_str().unwrap_or_default();
    let is_other_host = base.host_str() != Some(host);
    let is_for_now = matches!(
        status,
        StatusCode::FOUND | StatusCode::SEE_OTHER | StatusCode::TEMPORARY_REDIRECT
    );
    let of_provider = host.split('.').next().is_some_and(|label| LOGIN_HOSTS.contains(&label));
    LOGIN_WORDS.iter().any(|word| path.contains(word))
        || is_other_host && (of_provider || is_for_now)
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
    fn redirects_to_login_pages_and_others() {
        let cases = [
            (302, "https://team.cloudflareaccess.com/cdn-cgi/access/login/h?kid=secret"),
            (302, "https://auth.example.com/?rd=https%3A%2F%2Fhost%2F"),
            (303, "/oauth2/start?rd=secret"),
            (302, "login"),
            (307, "https://elsewhere.example/"),
            (301, "https://auth.example.com/"),
            (301, "https://elsewhere.example/rqbit/"),
            (308, "https://host/rqbit/"),
            (302, "https://host/rqbit/"),
            (302, "/web/"),
            (302, ""),
        ];
        let server = "http://host/rqbit".parse().unwrap();
        let rows = cases.map(|(status, location)| {
            let status = StatusCode::from_u16(status).unwrap();
            let is_login = is_login(&server, status, Some(&HeaderValue::from_static(location)));
            format!("{} {location:?}: {is_login}\n", status.as_u16())
        });
        expect_test::expect![[r#"
            302 "https://team.cloudflareaccess.com/cdn-cgi/access/login/h?kid=secret": true
            302 "https://auth.example.com/?rd=https%3A%2F%2Fhost%2F": true
            303 "/oauth2/start?rd=secret": true
            302 "login": true
            307 "https://elsewhere.example/": true
            301 "https://auth.example.com/": true
            301 "https://elsewhere.example/rqbit/": false
            308 "https://host/rqbit/": false
            302 "https://host/rqbit/": false
            302 "/web/": false
            302 "": false
        "#]]
        .assert_eq(&rows.concat());
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
