//! A server of rqbit's HTTP API with a library of thousands of torrents, which counts requests.
//!
//! All torrents are complete and only the list is kept in memory, so that the client dominates a
//! measurement. Use real rqbits for the behaviour of rqbit, and this server for large numbers.

mod answers;
mod serve;
mod shape;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use tokio::sync::oneshot;

pub use self::shape::{LibraryFile, LibraryShape, LibraryTorrent};

/// The number of answered requests of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Requests {
    /// `GET /torrents`.
    pub list: usize,
    /// `GET /torrents/{hash}`.
    pub details: usize,
    /// `GET /torrents/{hash}/metadata`.
    pub metadata: usize,
    /// `GET /torrents/{hash}/haves`.
    pub haves: usize,
    /// `GET /torrents/{hash}/stats/v1`.
    pub stats: usize,
    /// `GET /torrents/{hash}/stream/{file}`.
    pub stream: usize,
    /// Everything else.
    pub other: usize,
}

/// A library behind an HTTP server on a loopback port. Stopped on drop.
#[derive(Debug)]
pub struct LargeServer {
    address: SocketAddr,
    shared: Arc<LibraryShared>,
    /// Dropping it stops the server.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct LibraryShared {
    shape: LibraryShape,
    counts: Counts,
    /// The list with stats, created once for all clients. Held only to clone a reference.
    list: Mutex<Bytes>,
}

#[derive(Debug, Default)]
struct Counts {
    list: AtomicUsize,
    details: AtomicUsize,
    metadata: AtomicUsize,
    haves: AtomicUsize,
    stats: AtomicUsize,
    stream: AtomicUsize,
    other: AtomicUsize,
}

impl LargeServer {
    /// Starts a server for a library, with a thread of its own.
    ///
    /// # Errors
    /// Those of opening a port and of starting a thread.
    pub fn start(shape: LibraryShape) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let list = Mutex::new(answers::list(shape, true, 0).into());
        let shared = Arc::new(LibraryShared { shape, counts: Counts::default(), list });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("library".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || runtime.block_on(serve::serve(listener, shared, stopped))
        })?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Returns the address for a client.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the shape of the library.
    #[must_use]
    pub fn shape(&self) -> LibraryShape {
        self.shared.shape
    }

    /// Returns how many requests were answered so far.
    #[must_use]
    pub fn requests(&self) -> Requests {
        let Counts { list, details, metadata, haves, stats, stream, other } = &self.shared.counts;
        let [list, details, metadata, haves, stats, stream, other] =
            [list, details, metadata, haves, stats, stream, other]
                .map(|count| count.load(Ordering::Relaxed));
        Requests { list, details, metadata, haves, stats, stream, other }
    }

    /// Sets the upload of every torrent, so that the list changes.
    pub fn set_uploaded_bytes(&self, uploaded_bytes: u64) {
        let list = answers::list(self.shared.shape, true, uploaded_bytes);
        *self.shared.list.lock().unwrap_or_else(PoisonError::into_inner) = list.into();
    }
}

impl Drop for LargeServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the server shows in the results of its clients.
            drop(thread.join());
        }
    }
}
