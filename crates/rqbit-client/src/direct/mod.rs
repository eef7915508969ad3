//! Short ranges read on the thread that asks: no task, no change of threads, and little time.
//!
//! On a machine that has little to do, waking the threads that a request passes through costs
//! several times what the server takes for it. Here there is one: it writes the request, waits for
//! the answer, and has the bytes.
//!
//! It goes only to an address that the name of the server had a moment ago: see [`address`]. Its
//! requests bear credentials, which are for nobody else.
//!
//! It knows one answer: status 206 with the very range and its length. Of all others it says that
//! it has nothing; [`Client::stream`](crate::Client::stream) then asks again, and knows them and
//! what is wrong with them.

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
use crate::ByteRange;

/// As many as there are threads that may be reading so.
const IDLE_MAX: usize = 8;

/// As the connections for all other calls, which are kept for as long.
const IDLE_AGE_MAX: Duration = Duration::from_secs(30);

/// Why there are no bytes.
#[derive(Debug, thiserror::Error)]
pub enum DirectError {
    /// Nothing was asked: the server is reached over TLS, was never reached yet, or nobody knows
    /// whether its name still has the address where it was.
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
#[derive(Debug)]
pub(crate) struct InlineClient {
    /// Where the server is. Held for one access.
    address: Mutex<ServerAddress>,
    /// The connections that wait for another request, the youngest last; at most [`IDLE_MAX`].
    /// Held for one access.
    idle: Mutex<Vec<IdleInline>>,
    /// What follows the path in every request, up to the range.
    headers: String,
}

#[derive(Debug)]
struct IdleInline {
    connection: InlineConnection,
    /// Where it leads.
    address: SocketAddr,
    since: Instant,
}

impl InlineClient {
    /// Returns a way whose requests have these headers, each line with its end. `is_named` says
    /// whether the server has a name, which may get another address, and not an address.
    pub(crate) fn new(headers: String, is_named: bool) -> Self {
        let address = Mutex::new(ServerAddress::new(is_named));
        Self { address, idle: Mutex::default(), headers }
    }

    /// Takes note of where a server was reached, right after its name was resolved.
    pub(crate) fn on_reached(&self, address: SocketAddr) {
        lock(&self.address).on_reached(address, Instant::now());
    }

    /// Takes over which addresses the name of the server has now. Returns whether the server has
    /// moved: then nothing is sent to where it was before.
    pub(crate) fn on_resolved(&self, addresses: &[SocketAddr]) -> bool {
        let has_moved = lock(&self.address).on_resolved(addresses, Instant::now());
        if has_moved {
            self.close_idle();
        }
        has_moved
    }

    /// Returns whether the name of the server is to be resolved now, for the reads to come.
    pub(crate) fn wants_resolving(&self) -> bool {
        lock(&self.address).wants_resolving(Instant::now())
    }

    /// Returns whether it leads anywhere at the moment.
    pub(crate) fn is_known(&self) -> bool {
        lock(&self.address).usable(Instant::now()).is_some()
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
        let address = lock(&self.address).usable(Instant::now()).ok_or(DirectError::NoWay)?;
        let deadline = Instant::now() + time_max;
        let end = start.saturating_add(buffer.len() as u64);
        let asked = ByteRange::new(start, end);
        let range = asked.header().ok_or(DirectError::Unexpected)?;
        let mut request = String::with_capacity(path.len() + self.headers.len() + 64);
        // A string takes all that is written to it.
        _ = write!(request, "GET {path} HTTP/1.1\r\n{}range: {range}\r\n\r\n", self.headers);
        let request = request.as_bytes();
        if let Some(mut connection) = self.take_idle(address) {
            match connection.get(request, (asked, file_len), buffer, deadline) {
                // The server has closed it since; the others of its age are as dead.
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

    /// Takes the connection to an address that was used last, if it is young.
    fn take_idle(&self, address: SocketAddr) -> Option<InlineConnection> {
        let mut idle = lock(&self.idle);
        // A read that was under way when the server moved may have kept its connection since.
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

/// Nothing panics under these locks, and what they protect is whole after each step.
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

    /// A server that answers each request on its only connection with one byte. Returns how many
    /// requests came.
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
        way.read("/file", (3, 10), &mut buffer, LONG).map(|()| buffer[0])
    }

    /// The credentials went to the old address until the process ended.
    #[test]
    fn nothing_is_sent_to_an_address_that_the_name_has_no_more() {
        let ((old_listener, old), (new_listener, new)) = (listen(), listen());
        let old_server = serve(old_listener, b'o');
        let way = InlineClient::new("authorization: secret\r\n".to_owned(), true);
        assert!(!way.is_known());
        way.on_reached(old);
        assert_eq!((read(&way).unwrap(), read(&way).unwrap()), (b'o', b'o'));

        // One address more changes nothing.
        assert!(!way.on_resolved(&[new, old]));
        assert_eq!(read(&way).unwrap(), b'o');
        assert!(way.on_resolved(&[new]));
        assert!(!way.is_known());
        assert!(matches!(read(&way), Err(DirectError::NoWay)));
        // It has closed its connection, and made no other.
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
