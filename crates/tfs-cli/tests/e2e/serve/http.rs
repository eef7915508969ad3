//! A client of the WebDAV server: one connection for each request.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than a busy machine needs for any answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

/// An answer.
#[derive(Debug)]
pub(super) struct DavReply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl DavReply {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends a request with more header lines, each with its line end.
pub(super) fn send(address: SocketAddr, line: &str, more: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(ANSWER_TIME_MAX)).unwrap();
    let head = format!("{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{more}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// Sends a request, and returns the whole answer.
pub(super) fn request(address: SocketAddr, line: &str, more: &str) -> DavReply {
    let mut bytes = Vec::new();
    match send(address, line, more).read_to_end(&mut bytes) {
        Ok(_) => {}
        // A refused body may still be on its way.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{line}: {error}"),
    }
    let end = bytes.windows(4).position(|it| it == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap_or(0);
    let body = bytes.get(end + 4..).unwrap_or_default();
    let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if is_chunked { unchunked(body) } else { body.to_vec() };
    DavReply { status, head, body }
}

pub(super) fn get(address: SocketAddr, path: &str) -> DavReply {
    request(address, &format!("GET {path}"), "")
}

/// Returns a range of a file.
pub(super) fn range(address: SocketAddr, path: &str, first: u64, last: u64) -> DavReply {
    request(address, &format!("GET {path}"), &format!("Range: bytes={first}-{last}\r\n"))
}

/// Returns a body without the lengths of its chunks (RFC 9112, section 7.1).
fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|it| it == b"\r\n") {
        let len = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if len == 0 {
            break;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + len]);
        rest = &rest[end + 2 + len + 2..];
    }
    body
}
