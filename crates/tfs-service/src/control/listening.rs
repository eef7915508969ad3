//! Accepts connections and serves each in a task of its own, until the end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, Response};
use tfs_sys::runtime_dir::is_authorized_uid;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::http::{self, ResponseBody};
use super::kept_socket::KeptSocket;

/// Maximum number of concurrent connections; further ones wait in the kernel's queue. Each `tfs`
/// command uses one, so this serves 64 users, with no more memory than one read of a file.
pub(super) const CONNECTIONS_MAX: usize = 64;

/// How long pending responses may take at the end.
const GRACE: Duration = Duration::from_secs(1);

/// Pause after a failed accept, which happens when too many files are open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Source of connections.
#[derive(Debug)]
pub(super) enum Listener {
    /// A Unix socket. Unauthorized peers are rejected.
    Unix(Box<KeptSocket>),
    /// A TCP socket, for all peers that can reach the address.
    Tcp(TcpListener),
}

/// A connected client.
trait Peer: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Peer for T {}

impl Listener {
    /// Returns the next connection, or `None` for a rejected one.
    async fn accept(&mut self) -> io::Result<Option<Box<dyn Peer>>> {
        match self {
            Self::Unix(socket) => {
                let connection = socket.accept().await?;
                Ok(is_authorized_peer(&connection).then(|| Box::new(connection) as _))
            }
            Self::Tcp(listener) => {
                let (connection, _address) = listener.accept().await?;
                Ok(Some(Box::new(connection)))
            }
        }
    }

    /// Stops listening, and removes the socket file.
    async fn close(self) {
        if let Self::Unix(socket) = self {
            socket.close().await;
        }
    }
}

/// The tasks that accept and serve connections. They are cancelled when it is dropped.
#[derive(Debug)]
pub(crate) struct Listening {
    tasks: TaskTracker,
    end: DropGuard,
}

impl Listening {
    /// Starts to answer requests of all peers that can reach a TCP address.
    pub(crate) fn start_tcp<F>(
        listener: TcpListener,
        answer: impl Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Response<ResponseBody>> + Send + 'static,
    {
        Self::start(Listener::Tcp(listener), answer)
    }

    /// Starts to answer requests with `answer`.
    pub(super) fn start<F>(
        listener: Listener,
        answer: impl Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Response<ResponseBody>> + Send + 'static,
    {
        let (tasks, end) = (TaskTracker::new(), CancellationToken::new());
        // Detached: the task ends with the token.
        let _detached = tasks.spawn(take(listener, answer, tasks.clone(), end.clone()));
        Self { tasks, end: end.drop_guard() }
    }

    /// Ends it. Pending responses are completed if that takes at most [`GRACE`].
    pub(crate) async fn end(self) {
        drop(self.end);
        self.tasks.close();
        if timeout(GRACE, self.tasks.wait()).await.is_err() {
            tracing::debug!("a request is still running");
        }
    }
}

/// Accepts connections and serves each in a task of its own, until `end` is cancelled.
async fn take<F>(
    mut listener: Listener,
    answer: impl Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    tasks: TaskTracker,
    end: CancellationToken,
) where
    F: Future<Output = Response<ResponseBody>> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>((place, listener.accept().await?))
        };
        let (place, connection) = match end.run_until_cancelled(next).await {
            None => break,
            Some(Ok((place, Some(connection)))) => (place, connection),
            Some(Ok((_, None))) => continue,
            Some(Err(error)) => {
                tracing::warn!(%error, "cannot accept connections for now");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (answer, end) = (answer.clone(), end.clone());
        // Detached: the task ends with the connection, every step of which has a timeout, or with
        // the token.
        let _detached = tasks.spawn(async move {
            http::serve(connection, answer, end).await;
            drop(place);
        });
    }
    listener.close().await;
}

/// Returns whether a peer may send commands. Other users can reach the socket only if the directory
/// was opened to them or a connection was passed on.
fn is_authorized_peer(connection: &UnixStream) -> bool {
    match connection.peer_cred() {
        Ok(peer) if is_authorized_uid(peer.uid()) => true,
        Ok(peer) => {
            tracing::warn!(
                uid = peer.uid(),
                pid = peer.pid(),
                "refused a connection of another user"
            );
            false
        }
        Err(error) => {
            tracing::warn!(%error, "refused a connection of an unknown user");
            false
        }
    }
}
