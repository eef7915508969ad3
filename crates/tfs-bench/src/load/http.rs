//! A blocking HTTP client with nothing that costs time: the upper limit of reads over HTTP.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

/// Longer than any head of rqbit.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// A kept connection, with one request at a time. Its buffers are allocated once.
#[derive(Debug)]
pub(crate) struct RangeConnection {
    stream: TcpStream,
    request: Vec<u8>,
    /// The head of the last response, and what came with it.
    buffer: Vec<u8>,
    /// The bytes of the body that are in the buffer.
    begun: std::ops::Range<usize>,
    /// The bytes of the body that were not read yet, those in the buffer included.
    left: u64,
}

impl RangeConnection {
    pub(crate) fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let buffer = vec![0; HEAD_BYTES_MAX];
        Ok(Self { stream, request: Vec::new(), buffer, begun: 0..0, left: 0 })
    }

    /// Gets the range that fills a block.
    pub(crate) fn get(&mut self, path: &str, offset: u64, block: &mut [u8]) -> io::Result<()> {
        self.begin(path, offset, offset + block.len() as u64)?;
        let mut filled = 0;
        while filled < block.len() {
            match self.read(&mut block[filled..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                len => filled += len,
            }
        }
        Ok(())
    }

    /// Requests a range, and reads the head of the response. The body of the last response must
    /// have been read.
    pub(crate) fn begin(&mut self, path: &str, offset: u64, end: u64) -> io::Result<()> {
        assert_eq!(self.left, 0, "the last body was not read");
        self.request.clear();
        write!(
            self.request,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nRange: bytes={offset}-{last}\r\n\r\n",
            last = end - 1
        )?;
        self.stream.write_all(&self.request)?;
        let mut filled = 0;
        let head_len = loop {
            let len = self.stream.read(&mut self.buffer[filled..])?;
            if len == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += len;
            let head = self.buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(at) = head {
                break at + 4;
            }
        };
        let head = &self.buffer[..head_len];
        // rqbit tells the length of a range, which is that of the request.
        assert!(head.starts_with(b"HTTP/1.1 206"), "{}", String::from_utf8_lossy(head));
        (self.begun, self.left) = (head_len..filled, end - offset);
        Ok(())
    }

    /// Reads bytes of the body, and returns their number, 0 at the end.
    pub(crate) fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let max = block.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if max == 0 {
            // A read of no bytes waits on an idle connection.
            return Ok(0);
        }
        let len = if self.begun.is_empty() {
            self.stream.read(&mut block[..max])?
        } else {
            let len = max.min(self.begun.len());
            let end = self.begun.start + len;
            block[..len].copy_from_slice(&self.buffer[self.begun.start..end]);
            self.begun.start = end;
            len
        };
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= len as u64;
        Ok(len)
    }
}
