//! Taking connections and serving each of them, until the end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::http::{self, ResponseBody};
use super::kept_socket::KeptSocket;
use super::runtime_dir::is_authorized_uid;

/// How many connections are served at a time; any more wait in the kernel. Each request of `tfs`
/// is one, so this is as many people, and no more memory than a read of one of them.
pub(super) const CONNECTIONS_MAX: usize = 64;

/// How long answers that are being written may take when it all ends.
const GRACE: Duration = Duration::from_secs(1);

/// How long taking connections pauses after it failed, as it does when there are too many open
/// files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where connections come from.
#[derive(Debug)]
pub(super) enum Listener {
    /// From this machine. Strangers are not answered.
    Unix(Box<KeptSocket>),
    /// From anybody who can reach the address.
    Tcp(TcpListener),
}

/// Somebody who asks.
trait Peer: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Peer for T {}

impl Listener {
    /// Returns the next connection, or `None` for one that is not answered.
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

    /// Stops listening, and removes what others would find.
    async fn close(self) {
        if let Self::Unix(socket) = self {
            socket.close().await;
        }
    }
}

/// The tasks that take and serve connections. They end when it is dropped.
#[derive(Debug)]
pub(super) struct Listening {
    tasks: TaskTracker,
    end: DropGuard,
}

impl Listening {
    /// Answers requests by `answer` from now on.
    pub(super) fn start<F>(
        listener: Listener,
        answer: impl Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Response<ResponseBody>> + Send + 'static,
    {
        let (tasks, end) = (TaskTracker::new(), CancellationToken::new());
        // It ends by the token.
        drop(tasks.spawn(take(listener, answer, tasks.clone(), end.clone())));
        Self { tasks, end: end.drop_guard() }
    }

    /// Ends it: answers that are being written are finished if that does not take long.
    pub(super) async fn end(self) {
        drop(self.end);
        self.tasks.close();
        if timeout(GRACE, self.tasks.wait()).await.is_err() {
            tracing::debug!("somebody is still being answered");
        }
    }
}

/// Takes connections and serves each by a task of its own, until `end`.
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
                tracing::warn!(%error, "no connections are taken for now");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (answer, end) = (answer.clone(), end.clone());
        // It ends with the connection, whose every step has a time limit, or by the token.
        drop(tasks.spawn(async move {
            http::serve(connection, answer, end).await;
            drop(place);
        }));
    }
    listener.close().await;
}

/// Returns whether a peer may command us. Others cannot reach the socket at all, unless somebody
/// opens the directory to them or passes a connection on.
fn is_authorized_peer(connection: &UnixStream) -> bool {
    match connection.peer_cred() {
        Ok(peer) if is_authorized_uid(peer.uid()) => true,
        Ok(peer) => {
            tracing::warn!(uid = peer.uid(), pid = peer.pid(), "a stranger is not answered");
            false
        }
        Err(error) => {
            tracing::warn!(%error, "a peer that cannot be told is not answered");
            false
        }
    }
}
