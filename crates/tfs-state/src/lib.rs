//! The state directory: what a mount knows about a server when it starts, also while that is down.
//!
//! ```text
//! Discovery --> StateRecorder --> PendingWrites (changes that are not on disk yet)
//!                                   |
//!                      ServerState: one task, which writes them on a blocking thread
//!                                   `--> StateStore: the log of one server
//! ```
//!
//! Only the end of a mount waits for writes. A failed write causes a warning.
//! `docs/reference/state.md` documents the files.
//!
//! # Invariants
//! The crate writes below the state directory and nowhere else. It sees no mount, no FUSE and no
//! network, and prints nothing.

mod absences;
mod batch;
mod contents;
mod envelope;
mod file;
mod index;
mod known;
mod lines;
mod log;
mod log_file;
mod on_demand;
mod place;
mod places;
mod proofs;
mod record;
mod selection;
mod store;
mod tags;
#[cfg(test)]
mod tests;
mod version1;
mod wire;

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rqbit_source::{VerificationStore, VerifiedFileRecord};
use tfs_sys::clock::now;
use tfs_sys::memory;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;
use vfs_core::{Changes, FileId, InfoHash, TorrentDetails, TorrentSummary};

use self::batch::WriteBatch;
use self::index::TorrentEvent;
use self::proofs::ProofEvent;
use self::store::StateStore;

pub use self::file::make_private_below;
pub use self::known::KnownTree;
pub use self::on_demand::{
    HolderLock, OnDemandChange, OnDemandEdit, OnDemandError, OnDemandHolder, OnDemandRecord,
    OnDemandStore, OnDemandTable, SelectionLock,
};
pub use self::place::{ServerIdentity, drops_dir, user_state_dir};
pub use self::selection::KeptSelection;
pub use self::tags::{TAGS_MAX, TORRENTS_MAX, TagChange, TagError, TagStore, TagTable};
pub use absences::Absences;

/// How long a change waits for further ones before it is written: a feed adds torrents by the
/// dozen. After a crash within this time, their details are requested again.
const COALESCE_TIME: Duration = Duration::from_millis(200);

/// Interval of retries after a failed write, if there are no other changes.
const RETRY_INTERVAL: Duration = Duration::from_secs(300);

/// How long the end of a mount waits for the last write.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(10);

/// Returns what the state directory has of a server; `None` if it has nothing.
///
/// # Errors
/// As for [`ServerState::open`].
pub async fn read_known(
    state_dir: &Path,
    identity: ServerIdentity,
) -> io::Result<Option<KnownTree>> {
    if !place::server_dir(state_dir, &identity).is_dir() {
        return Ok(None);
    }
    let state_dir = state_dir.to_owned();
    let read = spawn_blocking(move || StateStore::open(&state_dir, identity)?.load(now()));
    read.await.map_err(io::Error::other)?.map(Some)
}

/// The state of one server, and the task that writes it. Dropping it discards pending changes.
#[derive(Debug)]
pub struct ServerState {
    shared: Arc<StateShared>,
    writer: JoinHandle<()>,
}

/// Times of a change, in seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct WriteTimes {
    /// The time of the additions and removals.
    pub at: i64,
    /// The new modification time of the root directory.
    pub changed_at: i64,
}

/// Records changes for the task to write. Never waits for the disk.
#[derive(Debug, Clone)]
pub struct StateRecorder {
    shared: Arc<StateShared>,
}

#[derive(Debug)]
struct StateShared {
    store: StateStore,
    /// Changes that are not written yet; held for moments.
    pending: Mutex<PendingWrites>,
    /// Wakes the task.
    wake: Notify,
    /// Ends the wait of the task for further changes.
    closing: Notify,
}

#[derive(Debug, Default)]
struct PendingWrites {
    /// After a failed write, at most one event for each torrent and one for each file.
    batch: WriteBatch,
    /// Torrents whose last summary differs from the recorded one.
    unrecorded: HashSet<InfoHash>,
    is_closing: bool,
}

impl ServerState {
    /// Opens the state of a server, and returns its content.
    ///
    /// # Errors
    /// If the directory cannot be created or read, and [`io::ErrorKind::Unsupported`] if a later
    /// version wrote the state.
    pub async fn open(state_dir: &Path, identity: ServerIdentity) -> io::Result<(Self, KnownTree)> {
        let state_dir = state_dir.to_owned();
        let opened = spawn_blocking(move || {
            let store = StateStore::open(&state_dir, identity)?;
            let known = store.load(now())?;
            io::Result::Ok((store, known))
        });
        let (store, known) = opened.await.map_err(io::Error::other)??;
        let (wake, closing) = (Notify::const_new(), Notify::const_new());
        let shared = Arc::new(StateShared { store, pending: Mutex::default(), wake, closing });
        let writer = tokio::spawn(write_on(Arc::clone(&shared)));
        Ok((Self { shared, writer }, known))
    }

    /// Returns a recorder for it.
    pub fn recorder(&self) -> StateRecorder {
        StateRecorder { shared: Arc::clone(&self.shared) }
    }

    /// Writes all pending changes. Takes ten seconds at most.
    pub async fn close(mut self) {
        self.shared.pending().is_closing = true;
        self.shared.closing.notify_one();
        self.shared.wake.notify_one();
        if timeout(CLOSE_TIME_MAX, &mut self.writer).await.is_err() {
            // The process cannot exit before its blocking threads have ended.
            self.shared.store.give_up();
            tracing::warn!(dir = %self.shared.store.dir().display(), "the state is not written");
        }
    }
}

impl Drop for ServerState {
    fn drop(&mut self) {
        self.shared.store.give_up();
        self.writer.abort();
    }
}

impl StateRecorder {
    /// Records a change of the set of torrents, with the details of new ones.
    pub fn record(&self, changes: &Changes, details: Vec<TorrentDetails>, times: WriteTimes) {
        let WriteTimes { at, changed_at } = times;
        let event = |info_hash: InfoHash, at, name: Option<&String>| TorrentEvent {
            info_hash,
            at,
            name: name.cloned(),
        };
        let Changes { added, removed, joined, left, numbers, progress: _ } = changes;
        let came = added.iter().map(|(info_hash, name)| event(*info_hash, at, Some(name)));
        // Joined from another server: the time when it was first seen there applies.
        let finished = joined.iter().filter_map(|it| Some((it.info_hash, it.finished_at?)));
        let finished: Vec<_> = finished.collect();
        let joined = joined.iter().map(|it| event(it.info_hash, it.first_seen, Some(&it.name)));
        let gone = removed.iter().chain(left).map(|(info_hash, _)| event(*info_hash, at, None));
        // Removals first, so that a torrent that is in both lists is present.
        let events = gone.chain(came).chain(joined);
        let mut pending = self.shared.pending();
        let batch = &mut pending.batch;
        batch.events.extend(events);
        batch.changed_at = Some(changed_at);
        batch.numbers.extend(numbers.iter().copied());
        batch.finished.extend(finished);
        batch.details.extend(details);
        drop(pending);
        self.shared.wake.notify_one();
    }

    /// Persists the details of torrents, also before the tree shows them. They replace older
    /// details of the same torrent, unless they lack the piece length that is already known.
    ///
    /// Never waits for the disk. If a write fails, the details are dropped and the failure is
    /// logged: the server has them too.
    pub fn record_details(&self, details: Vec<TorrentDetails>) {
        self.shared.pending().batch.details.extend(details);
        self.shared.wake.notify_one();
    }

    /// Records when torrents were first seen complete, in seconds since 1970. Never waits for the
    /// disk.
    pub fn record_finished(&self, finished: Vec<(InfoHash, i64)>) {
        self.shared.pending().batch.finished.extend(finished);
        self.shared.wake.notify_one();
    }

    /// Replaces the persisted selection of a torrent; `None` stands for all files. Never waits for
    /// the disk.
    pub fn record_selection(&self, torrent: InfoHash, selection: Option<KeptSelection>) {
        self.shared.pending().batch.selections.insert(torrent, selection);
        self.shared.wake.notify_one();
    }

    /// Replaces the persisted set of missing torrents. Never waits for the disk.
    pub fn record_absences(&self, absences: Absences) {
        self.shared.pending().batch.absences = Some(absences);
        self.shared.wake.notify_one();
    }

    /// Records the last summaries of torrents.
    pub fn record_progress(&self, progress: Vec<TorrentSummary>) {
        self.shared.pending().batch.progress.extend(progress);
        self.shared.wake.notify_one();
    }

    /// Notes torrents whose summaries are to be recorded later: progress changes often.
    pub fn note_progress(&self, torrents: impl IntoIterator<Item = InfoHash>) {
        self.shared.pending().unrecorded.extend(torrents);
    }

    /// Takes the [noted](Self::note_progress) torrents.
    pub fn take_noted(&self) -> Vec<InfoHash> {
        std::mem::take(&mut self.shared.pending().unrecorded).into_iter().collect()
    }

    /// Returns the details of those torrents that are on disk.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn details(&self, torrents: Vec<InfoHash>) -> Vec<TorrentDetails> {
        let shared = Arc::clone(&self.shared);
        let read = spawn_blocking(move || {
            torrents.into_iter().filter_map(|torrent| shared.store.details(torrent)).collect()
        });
        // The closure does not panic, and the runtime outlives its callers. Without a result the
        // server is asked for the details.
        read.await.unwrap_or_default()
    }
}

impl VerificationStore for StateRecorder {
    fn keep(&self, file: FileId, proof: &VerifiedFileRecord) {
        self.record_proof(file, ProofEvent::Kept(proof.clone()));
    }

    fn discard(&self, file: FileId, proof: &VerifiedFileRecord) {
        self.record_proof(file, ProofEvent::Discarded(proof.clone()));
    }
}

impl StateRecorder {
    fn record_proof(&self, file: FileId, event: ProofEvent) {
        self.shared.pending().batch.proofs.insert(file, event);
        self.shared.wake.notify_one();
    }
}

impl StateShared {
    fn pending(&self) -> MutexGuard<'_, PendingWrites> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes pending changes until the state is closed.
async fn write_on(shared: Arc<StateShared>) {
    // Detached: pending changes can be written meanwhile, and closing the state ends it.
    let _detached = spawn_blocking({
        let shared = Arc::clone(&shared);
        move || shared.store.remove_old_files()
    });
    let mut has_failed = false;
    loop {
        if has_failed {
            _ = timeout(RETRY_INTERVAL, shared.wake.notified()).await;
        } else {
            shared.wake.notified().await;
        }
        _ = timeout(COALESCE_TIME, shared.closing.notified()).await;
        let (batch, is_closing) = {
            let mut pending = shared.pending();
            (std::mem::take(&mut pending.batch), pending.is_closing)
        };
        let write = spawn_blocking({
            let shared = Arc::clone(&shared);
            move || {
                let written = shared.store.write(&batch, now());
                (written, batch)
            }
        });
        let (written, batch) = match write.await {
            Ok((written, batch)) => (written, batch),
            Err(error) => (Err(io::Error::other(error)), WriteBatch::default()),
        };
        match written {
            Ok(()) => {
                has_failed = false;
                let is_large = batch.events.len().max(batch.progress.len()) >= memory::TORRENTS_MIN;
                drop(batch);
                if is_large {
                    memory::give_back();
                }
            }
            Err(error) => {
                // A full disk causes one line in the log, however long it lasts.
                if !has_failed {
                    let dir = shared.store.dir().display();
                    tracing::warn!(%dir, %error, "the state cannot be written; going on without");
                }
                has_failed = true;
                shared.pending().take_back(batch);
            }
        }
        if is_closing {
            return;
        }
    }
}

impl PendingWrites {
    /// Keeps the last event of each torrent and of each file for the next attempt. Drops details,
    /// since they can be large and the server has them too.
    fn take_back(&mut self, failed: WriteBatch) {
        let newer = std::mem::take(&mut self.batch.events);
        let mut events = failed.events;
        events.extend(newer);
        let mut seen = HashSet::new();
        events.reverse();
        events.retain(|event| seen.insert(event.info_hash));
        events.reverse();
        self.batch.events = events;
        self.batch.changed_at = self.batch.changed_at.or(failed.changed_at);
        let newer = std::mem::replace(&mut self.batch.progress, failed.progress);
        self.batch.progress.extend(newer);
        let newer = std::mem::replace(&mut self.batch.numbers, failed.numbers);
        self.batch.numbers.extend(newer);
        let newer = std::mem::replace(&mut self.batch.finished, failed.finished);
        self.batch.finished.extend(newer);
        let newer = std::mem::replace(&mut self.batch.selections, failed.selections);
        self.batch.selections.extend(newer);
        let newer = self.batch.absences.take();
        self.batch.absences = newer.or(failed.absences);
        let newer = std::mem::replace(&mut self.batch.proofs, failed.proofs);
        self.batch.proofs.extend(newer);
    }
}
