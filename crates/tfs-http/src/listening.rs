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
use super::serve::{HEAD_TIME_MAX, serve};

/// Maximum number of concurrent connections. A further one takes the place of the one that has
/// waited for a request for the longest time; if all are busy, it waits. Each `tfs` command uses
/// one, so this serves 64 users, with no more memory than one read of a file.
pub const CONNECTIONS_MAX: usize = 64;

/// How long pending responses may take at the end.
const GRACE: Duration = Duration::from_secs(1);

/// Pause after a failed accept, which happens when too many files are open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Limits of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenLimits {
    /// Maximum number of concurrent connections, at least one.
    pub connections_max: usize,
    /// How long a connection may wait for the head of its next request, from the first byte or
    /// from the last answer on. A new connection ends that wait earlier if all places are taken.
    pub head_time_max: Duration,
}

impl Default for ListenLimits {
    fn default() -> Self {
        Self { connections_max: CONNECTIONS_MAX, head_time_max: HEAD_TIME_MAX }
    }
}

/// The tasks that accept and serve connections. They are cancelled when it is dropped.
#[derive(Debug)]
pub struct Listening {
    tasks: TaskTracker,
    connections: Arc<Connections>,
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
        Self::start_with(listener, ListenLimits::default(), answer)
    }

    /// As [`start`](Self::start), with other limits.
    pub fn start_with<F>(
        listener: impl Accept,
        limits: ListenLimits,
        answer: impl Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Response<ResponseBody>> + Send + 'static,
    {
        let (tasks, end) = (TaskTracker::new(), CancellationToken::new());
        let connections = Arc::<Connections>::default();
        let taking = Taking {
            limits,
            tasks: tasks.clone(),
            connections: Arc::clone(&connections),
            end: end.clone(),
        };
        // Detached: the task ends with the token.
        let _detached = tasks.spawn(taking.take(Box::new(listener), answer));
        Self { tasks, connections, end: end.drop_guard() }
    }

    /// Returns the number of open connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.count()
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

/// What the task that accepts connections has.
struct Taking {
    limits: ListenLimits,
    tasks: TaskTracker,
    connections: Arc<Connections>,
    end: CancellationToken,
}

impl Taking {
    /// Accepts connections and serves each in a task of its own, until `end` is cancelled.
    async fn take<F>(
        self,
        mut listener: Box<dyn Accept>,
        answer: impl Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    ) where
        F: Future<Output = Response<ResponseBody>> + Send + 'static,
    {
        let places = Arc::new(Semaphore::new(self.limits.connections_max.max(1)));
        loop {
            let next = async {
                let Some(connection) = listener.accept().await? else { return Ok(None) };
                let place = find_place(&places, &self.connections).await;
                Ok::<_, io::Error>(Some((place.map_err(io::Error::other)?, connection)))
            };
            let (place, connection) = match self.end.run_until_cancelled(next).await {
                None => break,
                Some(Ok(Some((place, connection)))) => (place, connection),
                Some(Ok(None)) => continue,
                Some(Err(error)) => {
                    tracing::warn!(%error, "cannot accept connections for now");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let (answer, end, entry) = (answer.clone(), self.end.clone(), self.connections.add());
            let head_time_max = self.limits.head_time_max;
            // Detached: the task ends with the connection, every step of which has a timeout, or
            // with the token.
            let _detached = self.tasks.spawn(async move {
                serve(connection, entry, head_time_max, answer, end).await;
                drop(place);
            });
        }
        listener.close().await;
    }
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
