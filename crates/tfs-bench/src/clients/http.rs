//! HTTP with a kept connection.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::time::Duration;

/// Longer than any head of an answer.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// A connection, with one request at a time.
#[derive(Debug)]
pub(crate) struct HttpClient {
    stream: TcpStream,
    host: SocketAddr,
}

/// The answer to a request. Its body must be read, or its connection dropped.
#[derive(Debug)]
pub(crate) struct HttpBody {
    pub(crate) status: u16,
    pub(crate) head: String,
    /// The length of the body, if the head tells it.
    left: Option<u64>,
    /// Bytes that came with the head.
    begun: Vec<u8>,
}

impl HttpClient {
    /// Connects. A read fails after `read_max`.
    pub(crate) fn open(address: SocketAddr, read_max: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(read_max))?;
        Ok(Self { stream, host: address })
    }

    /// Requests a file or a part of it, and reads the head of the answer. `path` is encoded.
    pub(crate) fn get(&mut self, path: &str, range: Option<Range<u64>>) -> io::Result<HttpBody> {
        let range =
            range.map(|range| format!("Range: bytes={}-{}\r\n", range.start, range.end - 1));
        self.send("GET", path, &range.unwrap_or_default(), "")?;
        self.receive()
    }

    /// Sends a request. Each header ends with a line break.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> io::Result<()> {
        let (host, len) = (self.host, body.len());
        let headers = format!("Host: {host}\r\nContent-Length: {len}\r\n{headers}");
        write!(self.stream, "{method} {path} HTTP/1.1\r\n{headers}\r\n{body}")
    }

    /// Reads the head of an answer.
    pub(crate) fn receive(&mut self) -> io::Result<HttpBody> {
        let (mut head, mut block) = (Vec::new(), [0; 4096]);
        let end = loop {
            let len = self.stream.read(&mut block)?;
            if len == 0 || head.len() > HEAD_BYTES_MAX {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            head.extend_from_slice(&block[..len]);
            if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let begun = head.split_off(end);
        let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
        let status = head.get(9..12).and_then(|status| status.parse().ok());
        let status = status.ok_or(io::ErrorKind::InvalidData)?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let left = length.and_then(|length| length.parse().ok());
        Ok(HttpBody { status, head, left, begun })
    }

    /// Reads bytes of the body, and returns their number, 0 at the end. Without a length in the
    /// head it is the end of the connection.
    pub(crate) fn read(&mut self, body: &mut HttpBody, block: &mut [u8]) -> io::Result<usize> {
        let left = body.left.map_or(usize::MAX, |left| usize::try_from(left).unwrap());
        let max = block.len().min(left);
        if max == 0 {
            return Ok(0);
        }
        let len = if body.begun.is_empty() {
            self.stream.read(&mut block[..max])?
        } else {
            let len = max.min(body.begun.len());
            block[..len].copy_from_slice(&body.begun[..len]);
            body.begun.drain(..len);
            len
        };
        match &mut body.left {
            Some(_) if len == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some(left) => *left -= u64::try_from(len).unwrap(),
            None => {}
        }
        Ok(len)
    }

    /// Reads the rest of a body.
    pub(crate) fn drain(&mut self, body: &mut HttpBody) -> io::Result<u64> {
        let (mut total, mut block) = (0, vec![0; 256 << 10]);
        loop {
            match self.read(body, &mut block)? {
                0 => return Ok(total),
                len => total += u64::try_from(len).unwrap(),
            }
        }
    }
}

/// Returns a path in a URL, with all characters encoded that could mean something.
pub(crate) fn encoded_path(path: &str) -> String {
    let mut encoded = String::new();
    for byte in path.bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => {
                encoded.push(char::from(byte));
            }
            byte => write!(encoded, "%{byte:02X}").unwrap(),
        }
    }
    encoded
}
