//! The head of an HTTP/1.1 request or response, which can be changed.

use std::fmt;
use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

/// The longest head that is read: those of rqbit and of the tests are below 1 KiB.
const HEAD_BYTES_MAX: u64 = 64 * 1024;

/// A first line, and headers in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) first_line: String,
    headers: Vec<(String, String)>,
}

impl Head {
    /// Returns a response without headers.
    pub(super) fn response(status: u16) -> Self {
        let reason = match status {
            200 => "OK",
            206 => "Partial Content",
            _ => "Made Up",
        };
        Self { first_line: format!("HTTP/1.1 {status} {reason}"), headers: Vec::new() }
    }

    /// Reads a head, or returns `None` if the other side has closed the connection.
    ///
    /// # Errors
    /// Those of reading, and for an invalid head.
    ///
    /// # Cancel safety
    /// Bytes that were read are lost with the future, so the connection cannot be used any more.
    pub(super) async fn read(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Self>> {
        let mut lines = Vec::new();
        let mut from = from.take(HEAD_BYTES_MAX);
        loop {
            let mut line = String::new();
            if from.read_line(&mut line).await? == 0 {
                let is_over = lines.is_empty();
                return if is_over { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let mut lines = lines.into_iter();
        let first_line = lines.next().ok_or(io::ErrorKind::InvalidData)?;
        let headers = lines.filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        });
        Ok(Some(Self { first_line, headers: headers.collect() }))
    }

    /// Returns the method of a request.
    pub(super) fn method(&self) -> &str {
        self.first_line.split(' ').next().unwrap_or_default()
    }

    /// Returns the path and query of a request.
    pub(super) fn path(&self) -> &str {
        self.first_line.split(' ').nth(1).unwrap_or_default()
    }

    /// Returns the length of the body, if the head has it.
    pub(super) fn body_bytes(&self) -> Option<u64> {
        self.get("content-length")?.parse().ok()
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.headers.retain(|(known, _)| known != name);
    }

    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.remove(name);
        self.headers.push((name.to_owned(), value.into()));
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\r\n", self.first_line)?;
        self.headers.iter().try_for_each(|(name, value)| write!(f, "{name}: {value}\r\n"))?;
        f.write_str("\r\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_head_is_read_and_written() {
        let text = b"GET /a?b HTTP/1.1\r\nHost: x\r\nContent-Length:  12 \r\n\r\nbody";
        let mut from = text.as_slice();
        let head = Head::read(&mut from).await.unwrap().unwrap();
        assert_eq!((head.path(), head.body_bytes()), ("/a?b", Some(12)));
        assert_eq!(from, b"body");
        let written = head.to_string();
        assert_eq!(written, "GET /a?b HTTP/1.1\r\nhost: x\r\ncontent-length: 12\r\n\r\n");
        assert_eq!(Head::read(&mut b"".as_slice()).await.unwrap(), None);
        assert!(Head::read(&mut b"GET / HTTP/1.1\r\n".as_slice()).await.is_err());
    }
}
