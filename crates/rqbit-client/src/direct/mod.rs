//! Short ranges read on the thread that asks: no task, no change of threads, and little time.
//!
//! On a machine that has little to do, waking the threads that a request passes through costs
//! several times what the server takes for it. Here there is one: it writes the request, waits for
//! the answer, and has the bytes.
//!
//! It knows one answer: status 206 with the very range and its length. Of all others it says that
//! it has nothing; [`Client::stream`](crate::Client::stream) then asks again, and knows them and
//! what is wrong with them.

mod answer;
mod connection;

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::connection::{Connection, Fault};
use crate::ByteRange;

/// As many as there are threads that may be reading so.
const IDLE_MAX: usize = 8;

/// As the connections for all other calls, which are kept for as long.
const IDLE_AGE_MAX: Duration = Duration::from_secs(30);

/// Why there are no bytes.
#[derive(Debug, thiserror::Error)]
pub enum DirectError {
    /// Nothing was asked: the server is reached over TLS, or was never reached yet.
    #[error("no direct way to the server")]
    NoWay,
    /// The answer did not come in time.
    #[error("the server took too long")]
    Late,
    /// The connection could not be made, or broke.
    #[error("the connection failed")]
    Broken(#[source] io::Error),
    /// The answer was another one.
    #[error("the answer was not a range of known length")]
    Unexpected,
}

/// The way to a server for short ranges.
#[derive(Debug, Default)]
pub(crate) struct DirectWay {
    /// Where the last connection of the other calls went: names are not resolved here. Held for
    /// one access.
    address: Mutex<Option<SocketAddr>>,
    /// The connections that wait for another request, the youngest last; at most [`IDLE_MAX`].
    /// Held for one access.
    idle: Mutex<Vec<Idle>>,
    /// What follows the path in every request, up to the range.
    headers: String,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

impl DirectWay {
    /// Returns a way whose requests have these headers, each line with its end.
    pub(crate) fn new(headers: String) -> Self {
        Self { headers, ..Self::default() }
    }

    /// Takes note of where a server was reached.
    pub(crate) fn on_reached(&self, address: SocketAddr) {
        *lock(&self.address) = Some(address);
    }

    /// Returns whether it leads anywhere.
    pub(crate) fn is_known(&self) -> bool {
        lock(&self.address).is_some()
    }

    /// Closes the connections that wait for another request.
    pub(crate) fn close_idle(&self) {
        drop(std::mem::take(&mut *lock(&self.idle)));
    }

    /// Fills `buffer` with the bytes of a file from `start` on, within `time_max`.
    pub(crate) fn read(
        &self,
        path: &str,
        (start, file_len): (u64, u64),
        buffer: &mut [u8],
        time_max: Duration,
    ) -> Result<(), DirectError> {
        let address = lock(&self.address).ok_or(DirectError::NoWay)?;
        let deadline = Instant::now() + time_max;
        let end = start.saturating_add(buffer.len() as u64);
        let asked = ByteRange::new(start, end);
        let range = asked.header().ok_or(DirectError::Unexpected)?;
        let mut request = String::with_capacity(path.len() + self.headers.len() + 64);
        // A string takes all that is written to it.
        _ = write!(request, "GET {path} HTTP/1.1\r\n{}range: {range}\r\n\r\n", self.headers);
        let request = request.as_bytes();
        if let Some(mut connection) = self.take_idle() {
            match connection.get(request, (asked, file_len), buffer, deadline) {
                // The server has closed it since; the others of its age are as dead.
                Err(Fault::Stale) => self.close_idle(),
                result => return self.end(connection, result),
            }
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let mut connection = Connection::open(address, left)?;
        let result = connection.get(request, (asked, file_len), buffer, deadline);
        self.end(connection, result)
    }

    /// Keeps a connection that can be used again, and closes any other.
    fn end(&self, connection: Connection, result: Result<bool, Fault>) -> Result<(), DirectError> {
        let may_keep = match result {
            Ok(may_keep) => may_keep,
            Err(Fault::Stale) => return Err(closed().into()),
            Err(Fault::Other(error)) => return Err(error),
        };
        if may_keep {
            let mut idle = lock(&self.idle);
            if idle.len() < IDLE_MAX {
                idle.push(Idle { connection, since: Instant::now() });
            }
        }
        Ok(())
    }

    fn take_idle(&self) -> Option<Connection> {
        let Idle { connection, since } = lock(&self.idle).pop()?;
        if since.elapsed() <= IDLE_AGE_MAX {
            return Some(connection);
        }
        // All that are left are older.
        self.close_idle();
        None
    }
}

impl From<io::Error> for DirectError {
    fn from(error: io::Error) -> Self {
        if matches!(error.kind(), io::ErrorKind::TimedOut) {
            Self::Late
        } else {
            Self::Broken(error)
        }
    }
}

fn closed() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}

/// Nothing panics under these locks, and what they protect is whole after each step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
