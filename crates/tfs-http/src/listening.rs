//! Accepts connections and serves each in a task of its own, until the end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::accept::Accept;
use super::activity::Connections;
use super::http::ResponseBody;
use super::serve::serve;

/// Maximum number of concurrent connections. A further one takes the place of the one that has
/// waited for a request for the longest time; if all are busy, it waits. Each `tfs` command uses
/// one, so this serves 64 users, with no more memory than one read of a file.
pub const CONNECTIONS_MAX: usize = 64;

/// How long pending responses may take at the end.
const GRACE: Duration = Duration::from_secs(1);

/// Pause after a failed accept, which happens when too many files are open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The tasks that accept and serve connections. They are cancelled when it is dropped.
#[derive(Debug)]
pub struct Listening {
    tasks: TaskTracker,
    end: DropGuard,
}

impl Listening {
    /// Starts to answer requests with `answer`.
    pub fn start<F>(
        listener: impl Accept,
        answer: impl Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Response<ResponseBody>> + Send + 'static,
    {
        let (tasks, end) = (TaskTracker::new(), CancellationToken::new());
        // Detached: the task ends with the token.
        let _detached = tasks.spawn(take(Box::new(listener), answer, tasks.clone(), end.clone()));
        Self { tasks, end: end.drop_guard() }
    }

    /// Ends it. Pending responses are completed if that takes at most [`GRACE`].
    pub async fn end(self) {
        drop(self.end);
        self.tasks.close();
        if timeout(GRACE, self.tasks.wait()).await.is_err() {
            tracing::debug!("a request is still running");
        }
    }
}

/// Accepts connections and serves each in a task of its own, until `end` is cancelled.
async fn take<F>(
    mut listener: Box<dyn Accept>,
    answer: impl Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    tasks: TaskTracker,
    end: CancellationToken,
) where
    F: Future<Output = Response<ResponseBody>> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let connections = Arc::<Connections>::default();
    loop {
        let next = async {
            let Some(connection) = listener.accept().await? else { return Ok(None) };
            let place = find_place(&places, &connections).await;
            Ok::<_, io::Error>(Some((place.map_err(io::Error::other)?, connection)))
        };
        let (place, connection) = match end.run_until_cancelled(next).await {
            None => break,
            Some(Ok(Some((place, connection)))) => (place, connection),
            Some(Ok(None)) => continue,
            Some(Err(error)) => {
                tracing::warn!(%error, "cannot accept connections for now");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (answer, end, entry) = (answer.clone(), end.clone(), connections.add());
        // Detached: the task ends with the connection, every step of which has a timeout, or with
        // the token.
        let _detached = tasks.spawn(async move {
            serve(connection, entry, answer, end).await;
            drop(place);
        });
    }
    listener.close().await;
}

/// Waits for a place. A connection that waits for a request gives way.
async fn find_place(
    places: &Arc<Semaphore>,
    connections: &Connections,
) -> Result<OwnedSemaphorePermit, AcquireError> {
    let acquiring = Arc::clone(places).acquire_owned();
    let mut acquiring = std::pin::pin!(acquiring);
    loop {
        if places.available_permits() == 0 {
            connections.evict_idle();
        }
        tokio::select! {
            biased;
            place = &mut acquiring => return place,
            () = connections.idle() => {}
        }
    }
}
