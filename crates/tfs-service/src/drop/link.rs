//! The session behind a drop folder: takes its requests, and runs a task for each.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use rqbit_client::{ErrorKind, TorrentRef};
use tfs_drop::{DropAnswer, DropFault, DropTicket, SharedFolder};
use tfs_sys::blocking;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use vfs_core::InfoHash;

use super::server::DropServer;
use super::spool;
use crate::mounting::DropClock;

/// Maximum time for a forget or for metadata, which programs wait for.
const CALL_TIME_MAX: Duration = Duration::from_secs(10);

/// The session: clones share it.
#[derive(Clone)]
pub(super) struct DropLink(Arc<DropLinkState>);

pub(super) struct DropLinkState {
    pub(super) servers: Vec<DropServer>,
    pub(super) may_fetch: bool,
    pub(super) clock: DropClock,
    folder: OnceLock<Weak<SharedFolder>>,
    runtime: Handle,
    tasks: TaskTracker,
    /// Running additions; held for one access.
    jobs: Mutex<HashMap<DropTicket, RunningJob>>,
    /// Torrents that were forgotten, for the next poll of the mount; held for one access.
    removed: Mutex<Vec<InfoHash>>,
    /// Notified when the torrents of a server have changed.
    pub(super) moved: Notify,
}

/// A running addition.
#[derive(Debug, Default)]
struct RunningJob {
    task: Option<tokio::task::AbortHandle>,
    /// Its file in the spool.
    path: Option<PathBuf>,
}

impl fmt::Debug for DropLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DropLink").finish_non_exhaustive()
    }
}

impl DropLink {
    /// Must be called in the runtime of its tasks.
    pub(super) fn new(servers: Vec<DropServer>, may_fetch: bool, clock: DropClock) -> Self {
        Self(Arc::new(DropLinkState {
            servers,
            may_fetch,
            clock,
            folder: OnceLock::new(),
            runtime: Handle::current(),
            tasks: TaskTracker::new(),
            jobs: Mutex::default(),
            removed: Mutex::default(),
            moved: Notify::new(),
        }))
    }

    pub(super) fn state(&self) -> &DropLinkState {
        &self.0
    }

    /// Sets the folder, once.
    pub(super) fn join(&self, folder: &Arc<SharedFolder>) {
        // The cell is empty: there is one folder.
        drop(self.0.folder.set(Arc::downgrade(folder)));
    }

    pub(super) fn folder(&self) -> Option<Arc<SharedFolder>> {
        self.0.folder.get()?.upgrade()
    }

    pub(super) fn answer(&self, ticket: DropTicket, answer: DropAnswer) {
        if let Some(folder) = self.folder() {
            folder.answer(ticket, answer, self.0.clock.now());
        }
    }

    /// Runs an addition. `path` is its file in the spool.
    pub(super) fn start(
        &self,
        ticket: DropTicket,
        path: Option<PathBuf>,
        addition: impl Future<Output = ()> + Send + 'static,
    ) {
        // Before the task, which may end at once.
        self.jobs().insert(ticket, RunningJob { task: None, path });
        let link = self.clone();
        let task = self.0.tasks.spawn_on(
            async move {
                addition.await;
                link.on_end(ticket);
            },
            &self.0.runtime,
        );
        if let Some(running) = self.jobs().get_mut(&ticket) {
            running.task = Some(task.abort_handle());
        }
    }

    /// Drops the entry of an addition that has ended, unless the spool still has its file: one that
    /// was refused after it had been kept stays until it is cancelled.
    fn on_end(&self, ticket: DropTicket) {
        let mut jobs = self.jobs();
        if jobs.get(&ticket).is_some_and(|running| running.path.is_none()) {
            jobs.remove(&ticket);
        }
    }

    /// Records the file of an addition in the spool.
    pub(super) fn set_path(&self, ticket: DropTicket, path: PathBuf) {
        if let Some(running) = self.jobs().get_mut(&ticket) {
            running.path = Some(path);
        }
    }

    /// Takes the file of an addition, which is over.
    pub(super) fn take_path(&self, ticket: DropTicket) -> Option<PathBuf> {
        self.jobs().get_mut(&ticket)?.path.take()
    }

    /// Ends an addition, and drops what the spool has of it.
    pub(super) fn cancel(&self, ticket: DropTicket) {
        let Some(RunningJob { task, path }) = self.jobs().remove(&ticket) else { return };
        if let Some(task) = task {
            task.abort();
        }
        if let Some(path) = path {
            self.spawn(async move { blocking(move || spool::remove(&path)).await });
        }
    }

    /// Ends all tasks. What is in the spool stays there.
    pub(super) fn end(&self) {
        let jobs = std::mem::take(&mut *self.jobs());
        jobs.into_values().filter_map(|job| job.task).for_each(|task| task.abort());
    }

    /// Takes the torrents that were forgotten.
    pub(super) fn take_removed(&self) -> Vec<InfoHash> {
        std::mem::take(&mut *self.0.removed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn jobs(&self) -> MutexGuard<'_, HashMap<DropTicket, RunningJob>> {
        self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.tasks.spawn_on(task, &self.0.runtime);
    }

    pub(super) async fn forget(&self, server: usize, info_hash: InfoHash) -> DropAnswer {
        let Some(server) = self.0.servers.get(server) else { return DropAnswer::Forgotten };
        let torrent = TorrentRef::InfoHash(info_hash);
        match timeout(CALL_TIME_MAX, server.server.client().forget(torrent)).await {
            Err(_elapsed) => failed(DropFault::TimedOut),
            Ok(Ok(())) => {
                let mut removed = self.0.removed.lock().unwrap_or_else(PoisonError::into_inner);
                removed.push(info_hash);
                DropAnswer::Forgotten
            }
            Ok(Err(error)) if matches!(error.kind(), ErrorKind::NotFound { .. }) => {
                DropAnswer::Forgotten
            }
            Ok(Err(error)) => {
                tracing::warn!(%info_hash, %error, "the server did not forget a torrent");
                failed(DropFault::Io)
            }
        }
    }

    pub(super) async fn load(&self, server: usize, info_hash: InfoHash) -> DropAnswer {
        let Some(server) = self.0.servers.get(server) else { return failed(DropFault::Io) };
        let torrent = TorrentRef::InfoHash(info_hash);
        match timeout(CALL_TIME_MAX, server.server.client().torrent_metadata(torrent)).await {
            Err(_elapsed) => failed(DropFault::TimedOut),
            Ok(Ok(bytes)) => DropAnswer::Loaded(bytes),
            Ok(Err(error)) => {
                tracing::debug!(%info_hash, %error, "no metadata for the drop folder");
                failed(DropFault::Io)
            }
        }
    }
}

fn failed(fault: DropFault) -> DropAnswer {
    DropAnswer::Failed { fault, reason: fault.to_string() }
}

/// Requests the metadata of a torrent for its size.
pub(super) async fn size_of(server: &DropServer, info_hash: InfoHash) -> Option<usize> {
    let torrent = TorrentRef::InfoHash(info_hash);
    let bytes: Bytes = server.server.client().torrent_metadata(torrent).await.ok()?;
    Some(bytes.len())
}
