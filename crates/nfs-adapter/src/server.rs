//! The listener and its connections.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use vfs_core::{Export, TorrentSource};

use crate::counts::NfsCounters;
use crate::service::NfsService;
use crate::tree::NfsMountGate;
use crate::{NfsCounts, NfsError, NfsSettings, connection};

/// Maximum number of connections that wait in the kernel to be accepted.
const BACKLOG: u32 = 256;

/// Size of the send buffer of each connection in bytes: one READ. The system's own grow to several
/// megabytes of data that its client may never take.
const SEND_BUFFER_BYTES: u32 = 1 << 20;

/// Pause after a failure to accept a connection, as when too many files are open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// How often idle files are closed.
const CLOSE_INTERVAL: Duration = Duration::from_secs(1);

/// A connection.
trait NfsPeer: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> NfsPeer for T {}

/// Serves a connection in a task.
struct NfsConnect(Arc<dyn Fn(Box<dyn NfsPeer>, String) + Send + Sync>);

/// A running NFS server. Dropping it ends it too, without waiting.
///
/// # Limits
/// 128 connections, of which idle ones make room for new ones; 1,024 waiting reads and 32 unsent
/// replies of each; 64 KiB and 64 fragments for a call; 1 MiB for a READ; 256 KiB for a listing;
/// 34 MiB of data for a connection, and 128 MiB for all besides two READs of each; 30 seconds for
/// a call to arrive, a minute without a byte of a reply taken, or 5 seconds if others need its
/// memory; 15 minutes without a call.
#[derive(Debug)]
pub struct NfsServer {
    address: SocketAddr,
    counters: Arc<NfsCounters>,
    tasks: TaskTracker,
    connect: NfsConnect,
    mounts: Arc<NfsMountGate>,
    /// Cancelled when this is dropped.
    end: DropGuard,
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
        let service = Arc::new(NfsService::new(export, settings));
        let counters = Arc::clone(&service.counters);
        let mounts = service.tree.mounts();
        let (tasks, end) = (TaskTracker::new(), CancellationToken::new());
        let connect = {
            let (tasks, end) = (tasks.clone(), end.clone());
            let service = Arc::clone(&service);
            Arc::new(move |connection, peer| {
                let serving = serve(Arc::clone(&service), connection, peer);
                tasks.spawn(end.clone().run_until_cancelled_owned(serving));
            })
        };
        let accepting = accept(listener, Arc::clone(&connect));
        tasks.spawn(end.clone().run_until_cancelled_owned(accepting));
        tasks.spawn(end.clone().run_until_cancelled_owned(close_idle_files(service)));
        let (connect, end) = (NfsConnect(connect), end.drop_guard());
        Ok(Self { address, counters, tasks, connect, mounts, end })
    }

    /// Serves a connection that was accepted elsewhere, or is in memory. `peer` is the name of its
    /// client in [`ReaderOrigin`](vfs_core::ReaderOrigin). Needs the context of a runtime.
    pub fn serve<I>(&self, connection: I, peer: &str)
    where
        I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        (self.connect.0)(Box::new(connection), peer.to_owned());
    }

    /// Returns the address at which it listens, with the port that was chosen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Refuses all further MOUNT calls with `MNT3ERR_ACCES`; file handles stay valid. Returns how
    /// many calls were answered before.
    ///
    /// For a mount by the kernel of this machine: other users see the exported path in the mount
    /// table, and it opens nothing afterwards.
    pub fn refuse_mounts(&self) -> u32 {
        self.mounts.close()
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

/// Accepts connections without an end.
async fn accept(listener: TcpListener, connect: Arc<impl Fn(Box<dyn NfsPeer>, String)>) {
    loop {
        match listener.accept().await {
            Ok((connection, address)) => {
                // A small reply must not wait for the confirmation of the last one.
                if let Err(error) = connection.set_nodelay(true) {
                    tracing::debug!(%error, "a connection is already gone");
                }
                connect(Box::new(connection), address.ip().to_canonical().to_string());
            }
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection for NFS");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve<S: TorrentSource>(
    service: Arc<NfsService<S>>,
    connection: Box<dyn NfsPeer>,
    peer: String,
) {
    let Some(place) = service.places.take(&peer) else {
        tracing::warn!(peer, "closed a connection: as many as are allowed are in use");
        service.counters.on_refused();
        return;
    };
    connection::serve(Arc::clone(&service), connection, &peer, &place).await;
}

async fn close_idle_files<S: TorrentSource>(service: Arc<NfsService<S>>) {
    loop {
        sleep(CLOSE_INTERVAL).await;
        service.pool.close_idle();
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

impl fmt::Debug for NfsConnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NfsConnect")
    }
}
