//! A client that sends what a test says, and reads one answer.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The status line and headers.
    head: String,
    /// Without the marks of chunks.
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// Takes all bytes of a connection.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|part| part == b"\r\n\r\n").expect("a whole head") + 4;
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut reply = Self { status, head, body: bytes[end..].to_vec() };
        if reply.header("transfer-encoding") == Some("chunked") {
            reply.body = without_chunks(&reply.body);
        }
        reply
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }
}

fn without_chunks(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|part| part == b"\r\n") {
        let len = usize::from_str_radix(str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        body.extend(&rest[end + 2..][..len]);
        rest = &rest[end + 2 + len + 2..];
        if len == 0 {
            break;
        }
    }
    body
}

/// Sends a request of these lines, and a body if it is not empty. Returns the answer.
pub(crate) async fn send(address: SocketAddr, request: &str, body: &[u8]) -> Reply {
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(&request_bytes(request, body)).await.unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    Reply::parse(&answer)
}

/// Returns the bytes of a request whose connection ends after the answer. Lines are separated by
/// line feeds; the first lacks the version.
pub(crate) fn request_bytes(request: &str, body: &[u8]) -> Vec<u8> {
    let (line, headers) = request.split_once('\n').unwrap_or((request, ""));
    let mut bytes = format!("{line} HTTP/1.1\r\nconnection: close\r\n").into_bytes();
    if !headers.to_ascii_lowercase().contains("host:") {
        bytes.extend(b"host: 127.0.0.1\r\n");
    }
    for header in headers.lines() {
        bytes.extend(header.as_bytes());
        bytes.extend(b"\r\n");
    }
    if !body.is_empty() {
        bytes.extend(format!("content-length: {}\r\n", body.len()).into_bytes());
    }
    bytes.extend(b"\r\n");
    bytes.extend(body);
    bytes
}
