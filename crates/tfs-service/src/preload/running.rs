//! The active preloads of a mount and their progress.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tfs_api::status::PreloadTotals;
use tfs_api::wire::{PreloadReason, PreloadStatus};
use vfs_core::{FileId, PreloadProgress, PreloadWait, TorrentFile};

/// All preloads of a mount. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Preloads {
    /// Protects the batches; held for one read or update.
    batches: Arc<Mutex<Batches>>,
}

#[derive(Debug, Default)]
struct Batches {
    last_id: u64,
    by_id: BTreeMap<u64, Files>,
}

/// The unfinished files of one batch.
#[derive(Debug, Default)]
struct Files {
    waiting: u64,
    waiting_bytes: u64,
    /// A few, see [`PreloadBatch`](super::batch::PreloadBatch).
    running: HashMap<FileId, PreloadStatus>,
}

/// Records the progress of one batch. Dropping it removes the batch.
#[derive(Debug)]
pub(super) struct Noted {
    preloads: Preloads,
    id: u64,
}

impl Preloads {
    /// Adds an empty batch.
    pub(super) fn begin(&self) -> Noted {
        let mut batches = self.batches();
        batches.last_id += 1;
        let id = batches.last_id;
        batches.by_id.insert(id, Files::default());
        Noted { preloads: self.clone(), id }
    }

    /// Returns the totals.
    pub(crate) fn totals(&self) -> PreloadTotals {
        let mut totals = PreloadTotals::default();
        for Files { waiting, waiting_bytes, running } in self.batches().by_id.values() {
            totals.waiting += waiting;
            totals.running += running.len() as u64;
            totals.total_bytes = totals.total_bytes.saturating_add(*waiting_bytes);
            for file in running.values() {
                totals.total_bytes = totals.total_bytes.saturating_add(file.total_bytes);
                totals.there_bytes = totals.there_bytes.saturating_add(file.there_bytes);
            }
        }
        totals
    }

    /// Returns the files that are being preloaded, ordered by path.
    pub(crate) fn running(&self) -> Vec<PreloadStatus> {
        let batches = self.batches();
        let running = batches.by_id.values().flat_map(|files| files.running.values());
        let mut running: Vec<_> = running.cloned().collect();
        running.sort_by(|a, b| a.path.cmp(&b.path));
        running
    }

    fn batches(&self) -> MutexGuard<'_, Batches> {
        // A panic while the lock was held is reported elsewhere; the status stays available.
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Noted {
    /// Records a queued file with this number of requested bytes.
    pub(super) fn on_wait(&self, bytes: u64) {
        self.update(|files| {
            files.waiting += 1;
            files.waiting_bytes = files.waiting_bytes.saturating_add(bytes);
        });
    }

    /// Records the start of a queued file.
    pub(super) fn on_start(&self, file: &TorrentFile, bytes: u64) {
        let status = started(file, bytes, None);
        self.update(|files| {
            files.waiting = files.waiting.saturating_sub(1);
            files.waiting_bytes = files.waiting_bytes.saturating_sub(bytes);
            files.running.insert(file.id, status);
        });
    }

    /// Records the start of a file that was not queued, and that follows one that is played.
    pub(super) fn on_start_next(&self, file: &TorrentFile, bytes: u64, follows: &str) {
        let status = started(file, bytes, Some(follows.to_owned()));
        self.update(|files| drop(files.running.insert(file.id, status)));
    }

    /// Records the progress of a file.
    pub(super) fn on_progress(&self, file: FileId, progress: PreloadProgress) {
        self.update(|files| {
            if let Some(status) = files.running.get_mut(&file) {
                status.there_bytes = progress.bytes_there;
                status.waits_for = progress.wait.map(reason);
            }
        });
    }

    /// Records the end of a file, with any result.
    pub(super) fn on_end(&self, file: FileId) {
        self.update(|files| drop(files.running.remove(&file)));
    }

    fn update(&self, change: impl FnOnce(&mut Files)) {
        if let Some(files) = self.preloads.batches().by_id.get_mut(&self.id) {
            change(files);
        }
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.preloads.batches().by_id.remove(&self.id);
    }
}

fn started(file: &TorrentFile, bytes: u64, follows: Option<String>) -> PreloadStatus {
    let path = file.path.clone();
    PreloadStatus { path, total_bytes: bytes, there_bytes: 0, waits_for: None, follows }
}

/// Returns the reason for waiting, as the control API has it.
pub(super) fn reason(wait: PreloadWait) -> PreloadReason {
    match wait {
        PreloadWait::Server => PreloadReason::Server,
        PreloadWait::Check => PreloadReason::Check,
        PreloadWait::Bitfield => PreloadReason::Bitfield,
        PreloadWait::Readers => PreloadReason::Readers,
        PreloadWait::Stream => PreloadReason::Stream,
        PreloadWait::Turn => PreloadReason::Turn,
        PreloadWait::Piece => PreloadReason::Piece,
        PreloadWait::Peers => PreloadReason::Peers,
    }
}
