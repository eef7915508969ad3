//! A model of rqbit's permits, whose downloads the test triggers.
//!
//! rqbit has a few permits (`--max-blocking-threads`, 8 by default). Each open stream holds one for
//! its whole life, and a received piece needs one to be written. If streams that wait for pieces
//! hold all of them, nothing is ever written again, and another stream does not even get its
//! headers. This model does the same, but without time: a piece arrives only by
//! [`PermitServer::step`]. So a test that ends shows that no reader is stuck.
//!
//! It is stricter than rqbit. It accepts only requests that a client should send, and records
//! others as [violations](PermitServer::violations). It fetches one piece at a time, for the stream
//! that has waited longest.

mod answer;
mod state;
mod stream;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use vfs_core::InfoHash;

use self::state::PermitState;
pub use self::state::{Census, PermitStep};
use crate::connections::serve_all;
use crate::content::Content;

/// The body of an answer.
type Body = BoxBody<Bytes, Infallible>;

/// A torrent that is not downloaded at first: a folder of generated files.
#[derive(Debug, Clone)]
pub struct PermitTorrent {
    /// Its info hash.
    pub info_hash: InfoHash,
    /// The name of the folder.
    pub name: String,
    /// The length of all pieces except the last, in bytes.
    pub piece_len: NonZeroU32,
    /// Names and contents of the files.
    pub files: Vec<(String, Content)>,
}

impl PermitTorrent {
    /// Returns the `nth` torrent of a server: a folder with one file.
    ///
    /// # Panics
    /// If the piece length is 0.
    #[must_use]
    pub fn of_file(nth: u8, folder: &str, file: &str, piece_bytes: u32, content: Content) -> Self {
        Self {
            info_hash: InfoHash::from_bytes([nth; InfoHash::BYTES]),
            name: folder.to_owned(),
            piece_len: NonZeroU32::new(piece_bytes).expect("a piece has bytes"),
            files: vec![(file.to_owned(), content)],
        }
    }
}

/// A server on a free port of the loopback address. Stopped on drop.
#[derive(Debug)]
pub struct PermitServer {
    address: SocketAddr,
    shared: Arc<PermitShared>,
    task: JoinHandle<()>,
}

/// State shared by the connections.
#[derive(Debug)]
struct PermitShared {
    /// Everything except the permits; a change wakes all waiting tasks.
    state: watch::Sender<PermitState>,
    /// In FIFO order, like rqbit's.
    permits: Arc<Semaphore>,
    started: Instant,
}

impl PermitServer {
    /// Starts a server with this many permits.
    ///
    /// # Errors
    /// If there is no free port.
    pub async fn start(permits: usize, torrents: Vec<PermitTorrent>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let state = watch::Sender::new(PermitState::new(torrents));
        let shared = Arc::new(PermitShared {
            state,
            permits: Arc::new(Semaphore::new(permits)),
            started: Instant::now(),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, task })
    }

    /// Returns the address as a URL without a path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Fetches and writes one piece, if a permit is free: the piece at the position of the stream
    /// that has waited longest, or the first missing piece if no stream waits.
    pub fn step(&self) -> PermitStep {
        let Ok(_permit) = self.shared.permits.try_acquire() else { return PermitStep::Frozen };
        let mut step = PermitStep::Complete;
        self.shared.state.send_modify(|state| step = state.write_next());
        step
    }

    /// Returns the current streams.
    #[must_use]
    pub fn census(&self) -> Census {
        self.shared.state.borrow().census()
    }

    /// Waits until `is_so` returns true for the census.
    ///
    /// # Cancel safety
    /// Nothing is lost; any number of callers may wait.
    pub async fn wait_until(&self, mut is_so: impl FnMut(Census) -> bool) {
        let mut states = self.shared.state.subscribe();
        // The sender lives as long as this server.
        drop(states.wait_for(|state| is_so(state.census())).await);
    }

    /// Returns the forbidden requests so far.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.shared.state.borrow().violations.clone()
    }
}

impl Drop for PermitServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<PermitShared>) {
    serve_all(listener, |socket| {
        let shared = Arc::clone(&shared);
        async move {
            let service = service_fn(|request| {
                let shared = Arc::clone(&shared);
                async move { Ok::<_, Infallible>(answer::answer(&shared, &request).await) }
            });
            // A client that closes the connection early is not an error.
            http1::Builder::new().serve_connection(TokioIo::new(socket), service).await
        }
    })
    .await;
}
