//! The runtime of a server, and its shutdown.

use std::num::NonZero;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// Maximum number of worker threads of one server. Disk and hashing limit its speed, not these
/// threads: librqbit leaves the worker whenever it blocks.
const WORKER_THREADS_MAX: usize = 4;

/// Poll interval of [`ServerRuntime::wait_idle`]. Tokio has no event for the end of the last task.
const IDLE_POLL_INTERVAL: Duration = Duration::from_millis(5);

/// A runtime whose tasks end when it is dropped, also inside another runtime.
#[derive(Debug)]
pub(crate) struct ServerRuntime {
    /// `None` only during `drop` and `shutdown`.
    runtime: Option<Runtime>,
}

impl ServerRuntime {
    pub(crate) fn new() -> std::io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let runtime = Builder::new_multi_thread()
            .worker_threads(cores.min(WORKER_THREADS_MAX))
            .thread_name("rqbit")
            .enable_all()
            .build()?;
        Ok(Self { runtime: Some(runtime) })
    }

    /// Spawns a task on this runtime. It ends with the runtime at the latest.
    pub(crate) fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.get().spawn(future)
    }

    /// Returns a handle that does not keep the runtime.
    pub(crate) fn handle(&self) -> tokio::runtime::Handle {
        self.get().handle().clone()
    }

    /// Waits until no task is left, at most `timeout`. Returns whether none is left.
    pub(crate) async fn wait_idle(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let metrics = self.get().metrics();
        while metrics.num_alive_tasks() > 0 {
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(IDLE_POLL_INTERVAL).await;
        }
        true
    }

    /// Ends every task and waits, at most `timeout`, until the threads have dropped them.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing: the runtime ends on a thread of its own.
    pub(crate) async fn shutdown(mut self, timeout: Duration) {
        let Some(runtime) = self.runtime.take() else {
            return;
        };
        let ended = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(timeout));
        if let Err(error) = ended.await {
            tracing::error!(%error, "the runtime of the embedded rqbit did not shut down");
        }
    }

    fn get(&self) -> &Runtime {
        self.runtime.as_ref().expect("taken only by drop and shutdown, which own it")
    }
}

impl Drop for ServerRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A plain drop of a runtime blocks, and panics inside another runtime.
            runtime.shutdown_background();
        }
    }
}
