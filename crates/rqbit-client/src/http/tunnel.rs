//! The way through a proxy: a tunnel by `CONNECT`, and the proxy's failures.

use std::fmt::Write as _;

use httparse::{EMPTY_HEADER, Response, Status};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::error::CallFailure;
use crate::{BaseUrl, ErrorKind, Proxy, ProxyFailure};

/// Maximum size of the head of an answer to `CONNECT`. Proxies send some hundred bytes; an error
/// comes with a page, which is not read.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Maximum number of headers of that answer.
const HEADERS_MAX: usize = 64;

/// Status of a proxy that requires other credentials.
const PROXY_AUTHENTICATION_REQUIRED: u16 = 407;

/// Makes a tunnel to the server over a connection to the proxy.
///
/// # Cancel safety
/// The connection is then unusable.
pub(super) async fn open(
    proxy: &Proxy,
    server: &BaseUrl,
    tcp: &mut TcpStream,
) -> Result<(), CallFailure> {
    let exchange = async {
        tcp.write_all(request(proxy, server).as_bytes())
            .await
            .map_err(|_error| ProxyFailure::Closed)?;
        let mut head = Vec::new();
        loop {
            let received = tcp.read_buf(&mut head).await.map_err(|_error| ProxyFailure::Closed)?;
            if let Some(status) = status(&head)? {
                return check(status);
            }
            if received == 0 {
                return Err(ProxyFailure::Closed);
            }
        }
    };
    exchange.await.map_err(|failure| failure_of(proxy, failure))
}

/// Returns the failure of the proxy with its address.
pub(super) fn failure_of(proxy: &Proxy, failure: ProxyFailure) -> CallFailure {
    ErrorKind::Proxy { proxy: proxy.to_string(), failure }.into()
}

/// Converts a failure to connect, which concerns the proxy and not the server behind it.
pub(super) fn connect_failure(proxy: &Proxy, failure: CallFailure) -> CallFailure {
    #[expect(clippy::wildcard_enum_match_arm, reason = "all kinds of resolving and connecting")]
    let of_proxy = match &failure.kind {
        ErrorKind::Resolve => ProxyFailure::Resolve,
        ErrorKind::Refused => ProxyFailure::Refused,
        ErrorKind::Timeout { .. } => ProxyFailure::TimedOut,
        ErrorKind::Closed => ProxyFailure::Closed,
        _ => ProxyFailure::Connect,
    };
    CallFailure { source: failure.source, ..failure_of(proxy, of_proxy) }
}

fn request(proxy: &Proxy, server: &BaseUrl) -> String {
    let target = server.authority_with_port();
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n");
    let authorization = proxy.authorization();
    if let Some(value) = authorization.as_ref().and_then(|value| value.to_str().ok()) {
        // Writing to a string cannot fail.
        _ = write!(request, "proxy-authorization: {value}\r\n");
    }
    request.push_str("\r\n");
    request
}

/// Returns the status of an answer, or `None` if its head is incomplete.
fn status(received: &[u8]) -> Result<Option<u16>, ProxyFailure> {
    let mut headers = [EMPTY_HEADER; HEADERS_MAX];
    let mut response = Response::new(&mut headers);
    let parsed = response.parse(received).map_err(|_malformed| ProxyFailure::Malformed)?;
    match (parsed, response.code) {
        // A TLS server is silent until it has the client's first message, so nothing may follow the
        // head of a tunnel.
        (Status::Complete(head_bytes), Some(200..=299)) if head_bytes < received.len() => {
            Err(ProxyFailure::Malformed)
        }
        (Status::Complete(_), Some(status)) => Ok(Some(status)),
        (Status::Partial, _) if received.len() < HEAD_BYTES_MAX => Ok(None),
        (Status::Complete(_) | Status::Partial, _) => Err(ProxyFailure::Malformed),
    }
}

fn check(status: u16) -> Result<(), ProxyFailure> {
    match status {
        200..=299 => Ok(()),
        PROXY_AUTHENTICATION_REQUIRED => Err(ProxyFailure::Unauthorized),
        status => Err(ProxyFailure::Status { status }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_to_connect() {
        let long = format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(HEAD_BYTES_MAX));
        let cases = [
            "HTTP/1.1 200 Connection established\r\n\r\n",
            "HTTP/1.0 200 OK\r\nvia: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\n\r\nSSH-2.0",
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n<html>",
            "HTTP/1.1 502 Bad Gateway\r\n\r\n",
            "SSH-2.0-OpenSSH\r\n",
            &long,
        ];
        let rows = cases.map(|text| {
            let shown = text.get(..60).unwrap_or(text);
            format!("{shown:?}: {:?}\n", status(text.as_bytes()).map(|it| it.map(check)))
        });
        expect_test::expect![[r#"
            "HTTP/1.1 200 Connection established\r\n\r\n": Ok(Some(Ok(())))
            "HTTP/1.0 200 OK\r\nvia: x\r\n\r\n": Ok(Some(Ok(())))
            "HTTP/1.1 200 OK\r\n": Ok(None)
            "HTTP/1.1 200 OK\r\n\r\nSSH-2.0": Err(Malformed)
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n<html>": Ok(Some(Err(Unauthorized)))
            "HTTP/1.1 502 Bad Gateway\r\n\r\n": Ok(Some(Err(Status { status: 502 })))
            "SSH-2.0-OpenSSH\r\n": Err(Malformed)
            "HTTP/1.1 200 OK\r\nx: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx": Err(Malformed)
        "#]]
        .assert_eq(&rows.concat());
    }

    #[test]
    fn request_names_the_server_and_the_credentials() {
        let text =
            |proxy: &str, server: &str| request(&proxy.parse().unwrap(), &server.parse().unwrap());
        let rows = [
            text("http://proxy:3128", "https://host/rqbit/"),
            text("http://user:pass@proxy", "https://[::1]:3030/"),
        ];
        expect_test::expect![[r#"
            CONNECT host:443 HTTP/1.1
            host: host:443

            CONNECT [::1]:3030 HTTP/1.1
            host: [::1]:3030
            proxy-authorization: Basic dXNlcjpwYXNz

        "#]]
        .assert_eq(&rows.concat().replace('\r', ""));
    }
}
