//! A blocking connection, used by one thread at a time.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::answer::{HEAD_BYTES_MAX, RangeHead};
use super::{DirectError, closed};
use crate::RequestedRange;

/// An idle connection.
#[derive(Debug)]
pub(super) struct InlineConnection {
    tcp: TcpStream,
    /// Buffer for the head of an answer and the body bytes that arrive with it.
    head: Box<[u8; HEAD_BYTES_MAX]>,
}

/// Failure of a request.
#[derive(Debug)]
pub(super) enum InlineError {
    /// The connection was closed before the first byte of the answer: it may have been dead for
    /// long.
    Stale,
    Other(DirectError),
}

impl<T: Into<DirectError>> From<T> for InlineError {
    fn from(error: T) -> Self {
        Self::Other(error.into())
    }
}

impl InlineConnection {
    /// Connects within `time_max`.
    pub(super) fn open(address: SocketAddr, time_max: Duration) -> Result<Self, DirectError> {
        if time_max.is_zero() {
            return Err(DirectError::Late);
        }
        let tcp = TcpStream::connect_timeout(&address, time_max)?;
        // Requests are single small writes; waiting for more data only delays them.
        tcp.set_nodelay(true)?;
        tcp.set_nonblocking(true)?;
        Ok(Self { tcp, head: Box::new([0; HEAD_BYTES_MAX]) })
    }

    /// Sends a request for a range of a file of known length and fills `body` with the answer.
    /// Returns whether the connection can be used again; after an error it cannot.
    pub(super) fn get(
        &mut self,
        request: &[u8],
        (asked, file_len): (RequestedRange, u64),
        body: &mut [u8],
        deadline: Instant,
    ) -> Result<bool, InlineError> {
        // A request always fits into the empty send buffer of the socket.
        match self.tcp.write(request) {
            Ok(written) if written == request.len() => {}
            Ok(_) => return Err(DirectError::Unexpected.into()),
            Err(error) => return Err(broken(error)),
        }
        let mut received = 0;
        let answer = loop {
            self.wait(deadline)?;
            let room = self.head.get_mut(received..).unwrap_or_default();
            match self.tcp.read(room) {
                // The buffer has room as long as the head is not too large.
                Ok(0) if received == 0 => return Err(InlineError::Stale),
                Ok(0) => return Err(closed().into()),
                Ok(len) => received += len,
                Err(error) if is_early(&error) => continue,
                Err(error) if received == 0 => return Err(broken(error)),
                Err(error) => return Err(error.into()),
            }
            let head = self.head.get(..received).unwrap_or_default();
            if let Some(answer) = RangeHead::parse(head, asked, file_len)? {
                break answer;
            }
        };
        let first = self.head.get(answer.head_bytes..received).unwrap_or_default();
        let Some((begin, rest)) = body.split_at_mut_checked(first.len()) else {
            // The body continues after the range.
            return Err(DirectError::Unexpected.into());
        };
        begin.copy_from_slice(first);
        self.fill(rest, deadline)?;
        Ok(answer.may_keep)
    }

    /// Fills a buffer from the socket.
    fn fill(&mut self, mut buffer: &mut [u8], deadline: Instant) -> Result<(), DirectError> {
        while !buffer.is_empty() {
            match self.tcp.read(buffer) {
                Ok(0) => return Err(closed().into()),
                Ok(len) => buffer = buffer.get_mut(len..).unwrap_or_default(),
                Err(error) if is_early(&error) => self.wait(deadline)?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Waits until the socket is readable.
    fn wait(&self, deadline: Instant) -> Result<(), DirectError> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(DirectError::Late);
            }
            // Not a time-out of the socket, which is rounded up to ticks of 4 ms.
            let left = Timespec::try_from(left).map_err(|_too_long| DirectError::Late)?;
            match poll(&mut [PollFd::new(&self.tcp, PollFlags::IN)], Some(&left)) {
                Ok(0) => return Err(DirectError::Late),
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(DirectError::Broken(error.into())),
            }
        }
    }
}

/// Returns whether the read has to be repeated.
fn is_early(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Classifies the failure of a request before the first byte of an answer.
fn broken(error: io::Error) -> InlineError {
    let is_stale = matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    );
    if is_stale { InlineError::Stale } else { error.into() }
}
