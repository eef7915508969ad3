//! A hostile server: it behaves correctly until the attack begins. Then one of its responses tries
//! to fill the client's memory, to keep it waiting, or to redirect it.
//!
//! It writes raw bytes, since no HTTP library would write most of them, and so uses a thread for
//! each connection.

mod answers;
mod harms;

use std::fmt;
use std::io::{self, BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

pub use self::harms::HARMS;

/// How long a connection may be idle before its thread ends.
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// The response that an attack replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// The list of torrents with stats.
    List,
    /// The details of a new torrent.
    Details,
    /// The `.torrent` file of that torrent.
    Metadata,
    /// The bitfield of an incomplete torrent.
    Haves,
    /// The data of a file.
    Stream,
}

/// The expected effect on a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// No entry appears or disappears.
    TreeStays,
    /// The existing torrent is shown; the new one is left out.
    RestShown,
    /// The new torrent is shown as well.
    TorrentShown,
    /// A read of missing data fails.
    ReadFails,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TreeStays => "the tree stays",
            Self::RestShown => "the rest is shown",
            Self::TorrentShown => "the torrent is shown",
            Self::ReadFails => "a read fails",
        })
    }
}

/// An attack by a response.
#[derive(Debug, Clone, Copy)]
pub struct Attack {
    /// Its name for people.
    pub name: &'static str,
    /// The replaced response.
    pub route: Route,
    /// The effect on a correct client.
    pub effect: Effect,
    /// Writes the response, until it is complete or the client has closed the connection. The
    /// address is that of the other server, the target of redirects.
    pub(crate) answer: fn(&mut TcpStream, SocketAddr) -> io::Result<()>,
}

/// State shared by the threads of a server.
#[derive(Debug)]
struct HostileShared {
    harm: &'static Attack,
    elsewhere: SocketAddr,
    has_begun: AtomicBool,
    is_over: AtomicBool,
    harm_count: AtomicUsize,
    /// The heads of requests at the other server. The lock is held to add or to copy them.
    led_astray: Mutex<Vec<String>>,
}

/// A hostile server. Stopped on drop.
#[derive(Debug)]
pub struct HostileServer {
    address: SocketAddr,
    shared: Arc<HostileShared>,
}

impl HostileServer {
    /// Starts a server on loopback that behaves correctly at first. It has one torrent `good`, a
    /// directory with a file `film.mkv` without data.
    ///
    /// # Errors
    /// If there is no port.
    pub fn start(harm: &'static Attack) -> io::Result<Self> {
        let [here, there] = [(); 2].map(|()| TcpListener::bind(("127.0.0.1", 0)));
        let (here, there) = (here?, there?);
        let shared = Arc::new(HostileShared {
            harm,
            elsewhere: there.local_addr()?,
            has_begun: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            harm_count: AtomicUsize::new(0),
            led_astray: Mutex::default(),
        });
        let address = here.local_addr()?;
        accept(here, Arc::clone(&shared), serve);
        accept(there, Arc::clone(&shared), listen_to);
        Ok(Self { address, shared })
    }

    /// Returns its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Starts the attack.
    pub fn begin(&self) {
        self.shared.has_begun.store(true, Ordering::Release);
    }

    /// Returns how many attack responses were started.
    #[must_use]
    pub fn harm_count(&self) -> usize {
        self.shared.harm_count.load(Ordering::Acquire)
    }

    /// Returns the heads of the requests that followed a redirect.
    #[must_use]
    pub fn led_astray(&self) -> Vec<String> {
        self.shared.led_astray.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for HostileServer {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Release);
        // Wakes the accepting threads. It does not matter if they have ended.
        for address in [self.address, self.shared.elsewhere] {
            drop(TcpStream::connect(address));
        }
    }
}

fn accept(
    listener: TcpListener,
    shared: Arc<HostileShared>,
    serve: fn(TcpStream, &HostileShared) -> io::Result<()>,
) {
    thread::spawn(move || {
        for connection in listener.incoming() {
            if shared.is_over.load(Ordering::Acquire) {
                return;
            }
            let Ok(connection) = connection else { continue };
            let shared = Arc::clone(&shared);
            // Clients may close the connection at any time.
            thread::spawn(move || drop(serve(connection, &shared)));
        }
    });
}

/// Answers requests until the client closes the connection, or after an attack.
fn serve(mut connection: TcpStream, shared: &HostileShared) -> io::Result<()> {
    connection.set_read_timeout(Some(SILENCE_MAX))?;
    connection.set_write_timeout(Some(SILENCE_MAX))?;
    let mut reader = BufReader::new(connection.try_clone()?);
    loop {
        let head = read_head(&mut reader)?;
        let Some(path) = head.split(' ').nth(1) else { return Ok(()) };
        let has_begun = shared.has_begun.load(Ordering::Acquire);
        let harm = shared.harm;
        if has_begun && answers::route(path) == Some(harm.route) {
            shared.harm_count.fetch_add(1, Ordering::AcqRel);
            return (harm.answer)(&mut connection, shared.elsewhere);
        }
        let has_new = has_begun && matches!(harm.route, Route::Details | Route::Metadata);
        answers::good(&mut connection, path, has_new)?;
    }
}

/// Records the request of a redirected client, and sends no response.
fn listen_to(connection: TcpStream, shared: &HostileShared) -> io::Result<()> {
    connection.set_read_timeout(Some(SILENCE_MAX))?;
    let head = read_head(&mut BufReader::new(connection))?;
    shared.led_astray.lock().unwrap_or_else(PoisonError::into_inner).push(head);
    Ok(())
}

/// Reads the head of a request; no client sends a body.
fn read_head(reader: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}
