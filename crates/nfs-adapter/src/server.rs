//! The listener and its connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vfs_core::{Export, TorrentSource};

use crate::counts::NfsCounters;
use crate::{NfsCounts, NfsError, NfsSettings};

/// Maximum number of connections that wait in the kernel to be accepted.
const BACKLOG: u32 = 256;

/// Size of the send buffer of each connection in bytes: one READ. The system's own grow to several
/// megabytes of data that its client may never take.
const SEND_BUFFER_BYTES: u32 = 1 << 20;

/// A running NFS server. Dropping it ends it too, without waiting.
#[derive(Debug)]
pub struct NfsServer {
    address: SocketAddr,
    counters: Arc<NfsCounters>,
    tasks: TaskTracker,
    /// Cancelled when this is dropped.
    end: tokio_util::sync::DropGuard,
}

impl NfsServer {
    /// Listens at the address of the settings, and serves until the result is dropped. Needs the
    /// context of a runtime.
    ///
    /// # Errors
    /// [`NfsError::Path`], and [`NfsError::Listen`] if the address is in use, for example.
    pub async fn start<S: TorrentSource>(
        export: Export<S>,
        settings: NfsSettings,
    ) -> Result<Self, NfsError> {
        let address = settings.listen;
        let listener = bind(address).map_err(|source| NfsError::Listen { address, source })?;
        Self::start_on(export, listener, settings)
    }

    /// As [`start`](Self::start) with a listener that is bound already; the address of the settings
    /// is not used.
    ///
    /// # Errors
    /// [`NfsError::Path`], and [`NfsError::Listen`] if the listener has no address.
    pub fn start_on<S: TorrentSource>(
        export: Export<S>,
        listener: TcpListener,
        settings: NfsSettings,
    ) -> Result<Self, NfsError> {
        settings.check()?;
        let address = settings.listen;
        let address =
            listener.local_addr().map_err(|source| NfsError::Listen { address, source })?;
        drop(export);
        let end = CancellationToken::new();
        Ok(Self {
            address,
            counters: Arc::default(),
            tasks: TaskTracker::new(),
            end: end.drop_guard(),
        })
    }

    /// Returns the address at which it listens, with the port that was chosen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns its counters.
    #[must_use]
    pub fn counts(&self) -> NfsCounts {
        self.counters.get()
    }

    /// Ends all connections and their reads, and waits for that. Clients connect again and repeat
    /// their requests when a server with the same key is at the address.
    pub async fn end(self) {
        drop(self.end);
        self.tasks.close();
        self.tasks.wait().await;
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    // Connections inherit it.
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
