//! A client that sends any bytes.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A test fails after this time.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct PageAnswer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl PageAnswer {
    /// Returns a header, or an empty text.
    pub(crate) fn header(&self, name: &str) -> &str {
        let prefix = format!("{name}: ");
        let mut lines = self.head.lines();
        lines.find_map(|line| line.strip_prefix(prefix.as_str())).unwrap_or("")
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn of(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap_or(0);
        Self { status, head, body: bytes.get(end + 4..).unwrap_or_default().to_vec() }
    }
}

/// Connects and sends bytes.
pub(crate) async fn open(address: SocketAddr, request: &[u8]) -> TcpStream {
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(request).await.unwrap();
    connection
}

/// Sends bytes, and returns all that comes until the connection is closed.
pub(crate) async fn exchange(address: SocketAddr, request: &[u8]) -> PageAnswer {
    let mut connection = TcpStream::connect(address).await.unwrap();
    // A refused request may be closed before all of it is sent.
    let _sent = connection.write_all(request).await;
    let mut bytes = Vec::new();
    let _read = timeout(LIMIT, connection.read_to_end(&mut bytes)).await.unwrap();
    PageAnswer::of(&bytes)
}

/// Returns a request with header lines. The host is that of the address.
pub(crate) fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    lines: &[&str],
    body: &[u8],
) -> Vec<u8> {
    let mut all = vec![format!("{method} {path} HTTP/1.1"), "connection: close".to_owned()];
    if !lines.iter().any(|line| line.starts_with("host:")) {
        all.push(format!("host: {address}"));
    }
    all.extend(lines.iter().map(|&line| line.to_owned()));
    if !body.is_empty() {
        all.push(format!("content-length: {}", body.len()));
    }
    let head = all.join("\r\n") + "\r\n";
    [head.as_bytes(), b"\r\n", body].concat()
}
