//! A server that means harm: it behaves until it is told to, then one of its answers is meant to
//! fill the memory of whoever asked, to keep them for ever, or to lead them astray.
//!
//! It writes bytes and no HTTP, since no library would write most of it, and so has a thread for
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

/// How long a connection may be silent before its thread ends.
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// Which answer does the harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// The list of torrents with stats.
    List,
    /// The details of a torrent that was not there before.
    Details,
    /// The `.torrent` file of that torrent.
    Metadata,
    /// Which pieces there are of a torrent that is not complete.
    Haves,
    /// The bytes of a file.
    Stream,
}

/// What a client is to make of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing comes and nothing goes.
    TreeStays,
    /// The torrent that was there is; the new one is left out.
    RestShown,
    /// The new torrent is shown too.
    TorrentShown,
    /// A read of what is not here ends with an error.
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

/// An answer that does harm.
#[derive(Debug, Clone, Copy)]
pub struct Attack {
    /// What it is, for people.
    pub name: &'static str,
    /// In place of which answer.
    pub route: Route,
    /// What comes of it where all is well.
    pub effect: Effect,
    /// Writes it, until all is said or the client has gone. It is told of another server, which
    /// listens to whoever is led there.
    pub(crate) answer: fn(&mut TcpStream, SocketAddr) -> io::Result<()>,
}

/// What the threads of a server share.
#[derive(Debug)]
struct HostileShared {
    harm: &'static Attack,
    elsewhere: SocketAddr,
    has_begun: AtomicBool,
    is_over: AtomicBool,
    harm_count: AtomicUsize,
    /// Protects the heads of requests at the other server; held to add or to copy them.
    led_astray: Mutex<Vec<String>>,
}

/// A server that means harm. Dropping it ends it.
#[derive(Debug)]
pub struct HostileServer {
    address: SocketAddr,
    shared: Arc<HostileShared>,
}

impl HostileServer {
    /// Starts a server on loopback which behaves for now: it has one torrent `good`, a directory
    /// with a file `film.mkv` of which nothing is there.
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

    /// Has it do harm from now on.
    pub fn begin(&self) {
        self.shared.has_begun.store(true, Ordering::Release);
    }

    /// Returns how often it did harm, or began to.
    #[must_use]
    pub fn harm_count(&self) -> usize {
        self.shared.harm_count.load(Ordering::Acquire)
    }

    /// Returns the heads of the requests of those who were led astray.
    #[must_use]
    pub fn led_astray(&self) -> Vec<String> {
        self.shared.led_astray.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for HostileServer {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Release);
        // Wakes those who accept; that nobody does any more is as well.
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
            // Clients hang up as they like.
            thread::spawn(move || drop(serve(connection, &shared)));
        }
    });
}

/// Answers requests until the client hangs up, or harm was done.
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

/// Hears what somebody says who was led here, and says nothing.
fn listen_to(connection: TcpStream, shared: &HostileShared) -> io::Result<()> {
    connection.set_read_timeout(Some(SILENCE_MAX))?;
    let head = read_head(&mut BufReader::new(connection))?;
    shared.led_astray.lock().unwrap_or_else(PoisonError::into_inner).push(head);
    Ok(())
}

/// Reads the head of a request; nobody sends a body.
fn read_head(reader: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}
