//! Inline client: reads short ranges on the calling thread, without a task or a thread switch.
//!
//! On an idle machine, waking the threads that a request passes through costs several times the
//! server's own time. Here one thread writes the request, waits for the answer, and has the bytes.
//!
//! It connects only to an address that the server's name had recently: see [`address`]. Its
//! requests carry credentials, which no other host may receive.
//!
//! It accepts one answer: status 206 with exactly the range and its length. Any other answer is an
//! error without details; [`Client::stream`](crate::Client::stream) then repeats the request and
//! classifies the failure.

mod address;
mod answer;
mod connection;

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::address::ServerAddress;
use self::connection::{InlineConnection, InlineError};
use crate::RequestedRange;

/// Maximum number of idle connections: as many as threads that may read inline.
const IDLE_MAX: usize = 8;

/// Same as for the connections of all other calls.
const IDLE_AGE_MAX: Duration = Duration::from_secs(30);

/// Why an inline read failed.
#[derive(Debug, thiserror::Error)]
pub enum DirectError {
    /// No request was sent: the server uses TLS, was never reached, or its address may be outdated.
    #[error("no direct way to the server")]
    NoWay,
    /// The answer did not arrive in time.
    #[error("the server took too long")]
    Late,
    /// The connection failed.
    #[error("the connection failed")]
    Broken(#[source] io::Error),
    /// The answer was not the expected range.
    #[error("the answer was not a range of known length")]
    Unexpected,
}

/// Inline client of one server.
#[derive(Debug)]
pub(crate) struct InlineClient {
    /// Address of the server. Held for one access.
    address: Mutex<ServerAddress>,
    /// Idle connections, the most recent last; at most [`IDLE_MAX`]. Held for one access.
    idle: Mutex<Vec<IdleInline>>,
    /// Headers of every request, between the path and the range.
    headers: String,
}

#[derive(Debug)]
struct IdleInline {
    connection: InlineConnection,
    /// Remote address.
    address: SocketAddr,
    since: Instant,
}

/// A position in a file of known length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePosition {
    /// The offset of the first requested byte.
    pub start: u64,
    /// The length of the file in bytes.
    pub file_len: u64,
}

impl InlineClient {
    /// Creates a client whose requests have these headers, each terminated by a line end.
    /// `is_named` is true if the server has a name, whose address may change.
    pub(crate) fn new(headers: String, is_named: bool) -> Self {
        let address = Mutex::new(ServerAddress::new(is_named));
        Self { address, idle: Mutex::default(), headers }
    }

    /// Records the address at which a server was reached, right after its name was resolved.
    pub(crate) fn on_reached(&self, address: SocketAddr) {
        lock(&self.address).on_reached(address, Instant::now());
    }

    /// Records the current addresses of the server's name. Returns whether the server has moved:
    /// its old address then gets no more requests.
    pub(crate) fn on_resolved(&self, addresses: &[SocketAddr]) -> bool {
        let has_moved = lock(&self.address).on_resolved(addresses, Instant::now());
        if has_moved {
            self.close_idle();
        }
        has_moved
    }

    /// Returns whether the name of the server is to be resolved now, for later reads.
    pub(crate) fn wants_resolving(&self) -> bool {
        lock(&self.address).wants_resolving(Instant::now())
    }

    /// Returns whether the address is currently known.
    pub(crate) fn is_known(&self) -> bool {
        lock(&self.address).usable(Instant::now()).is_some()
    }

    /// Closes the idle connections.
    pub(crate) fn close_idle(&self) {
        drop(std::mem::take(&mut *lock(&self.idle)));
    }

    /// Fills `buffer` with the bytes of a file from its position, within `time_max`.
    pub(crate) fn read(
        &self,
        path: &str,
        FilePosition { start, file_len }: FilePosition,
        buffer: &mut [u8],
        time_max: Duration,
    ) -> Result<(), DirectError> {
        let address = lock(&self.address).usable(Instant::now()).ok_or(DirectError::NoWay)?;
        let deadline = Instant::now() + time_max;
        let end = start.saturating_add(buffer.len() as u64);
        let asked = RequestedRange::new(start, end);
        let range = asked.header().ok_or(DirectError::Unexpected)?;
        let mut request = String::with_capacity(path.len() + self.headers.len() + 64);
        // Writing to a string cannot fail.
        _ = write!(request, "GET {path} HTTP/1.1\r\n{}range: {range}\r\n\r\n", self.headers);
        let request = request.as_bytes();
        if let Some(mut connection) = self.take_idle(address) {
            match connection.get(request, (asked, file_len), buffer, deadline) {
                // The server has closed the connection; others of the same age are dead too.
                Err(InlineError::Stale) => self.close_idle(),
                result => return self.end((connection, address), result),
            }
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let mut connection = InlineConnection::open(address, left)?;
        let result = connection.get(request, (asked, file_len), buffer, deadline);
        self.end((connection, address), result)
    }

    /// Keeps a connection that can be used again, and closes any other.
    fn end(
        &self,
        (connection, address): (InlineConnection, SocketAddr),
        result: Result<bool, InlineError>,
    ) -> Result<(), DirectError> {
        let may_keep = match result {
            Ok(may_keep) => may_keep,
            Err(InlineError::Stale) => return Err(closed().into()),
            Err(InlineError::Other(error)) => return Err(error),
        };
        if may_keep {
            let mut idle = lock(&self.idle);
            if idle.len() < IDLE_MAX {
                idle.push(IdleInline { connection, address, since: Instant::now() });
            }
        }
        Ok(())
    }

    /// Takes the most recently used connection to an address, if it is young enough.
    fn take_idle(&self, address: SocketAddr) -> Option<InlineConnection> {
        let mut idle = lock(&self.idle);
        // A read in flight when the server moved may have returned its connection since.
        idle.retain(|it| it.address == address && it.since.elapsed() <= IDLE_AGE_MAX);
        idle.pop().map(|it| it.connection)
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

/// Nothing panics under these locks, and the protected state is consistent after each step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::thread::{self, JoinHandle};

    use super::*;

    /// Longer than any test takes.
    const LONG: Duration = Duration::from_secs(60);

    /// A server that answers each request on its only connection with one byte. Returns the number
    /// of requests.
    fn serve(listener: TcpListener, byte: u8) -> JoinHandle<usize> {
        thread::spawn(move || {
            let (mut tcp, _) = listener.accept().unwrap();
            drop(listener);
            (0..).take_while(|_| answer(&mut tcp, byte)).count()
        })
    }

    fn answer(tcp: &mut TcpStream, byte: u8) -> bool {
        let mut request = [0; 1024];
        if tcp.read(&mut request).unwrap() == 0 {
            return false;
        }
        let head = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 3-3/10\r\n";
        write!(tcp, "{head}Content-Length: 1\r\n\r\n{}", char::from(byte)).unwrap();
        true
    }

    fn listen() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    fn read(way: &InlineClient) -> Result<u8, DirectError> {
        let mut buffer = [0];
        way.read("/file", FilePosition { start: 3, file_len: 10 }, &mut buffer, LONG)
            .map(|()| buffer[0])
    }

    /// Before, credentials were sent to the old address until the process ended.
    #[test]
    fn nothing_is_sent_to_an_address_that_the_name_has_no_more() {
        let ((old_listener, old), (new_listener, new)) = (listen(), listen());
        let old_server = serve(old_listener, b'o');
        let way = InlineClient::new("authorization: secret\r\n".to_owned(), true);
        assert!(!way.is_known());
        way.on_reached(old);
        assert_eq!((read(&way).unwrap(), read(&way).unwrap()), (b'o', b'o'));

        // An additional address changes nothing.
        assert!(!way.on_resolved(&[new, old]));
        assert_eq!(read(&way).unwrap(), b'o');
        assert!(way.on_resolved(&[new]));
        assert!(!way.is_known());
        assert!(matches!(read(&way), Err(DirectError::NoWay)));
        // The client has closed its connection, and opened no other.
        assert_eq!(old_server.join().unwrap(), 3);

        let new_server = serve(new_listener, b'n');
        way.on_reached(new);
        assert_eq!(read(&way).unwrap(), b'n');
        drop(way);
        assert_eq!(new_server.join().unwrap(), 1);
    }

    #[test]
    fn a_connection_of_a_read_that_the_move_has_overtaken_is_not_kept() {
        let ((old_listener, old), (_new_listener, new)) = (listen(), listen());
        let way = InlineClient::new(String::new(), true);
        way.on_reached(old);
        let connection = InlineConnection::open(old, LONG).unwrap();
        let (mut accepted, _) = old_listener.accept().unwrap();
        assert!(way.on_resolved(&[new]));
        way.end((connection, old), Ok(true)).unwrap();
        way.on_reached(new);
        assert!(way.take_idle(new).is_none());
        assert_eq!(accepted.read(&mut [0]).unwrap(), 0);
    }
}
