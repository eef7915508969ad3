//! What is being preloaded in a mount and how far it is, whoever wants it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use vfs_core::{FileId, PreloadProgress, TorrentFile};

use crate::control::wire::PreloadReason;

/// All preloads of a mount. Clones are of the same mount.
#[derive(Debug, Clone, Default)]
pub(crate) struct Preloads {
    /// Protects what is known of the preloads; held for one look or one note.
    batches: Arc<Mutex<Batches>>,
}

#[derive(Debug, Default)]
struct Batches {
    last_id: u64,
    by_id: BTreeMap<u64, Files>,
}

/// The files of one batch that are not there yet.
#[derive(Debug, Default)]
struct Files {
    waiting: u64,
    waiting_bytes: u64,
    /// A few, see [`PreloadBatch`](super::batch::PreloadBatch).
    running: HashMap<FileId, PreloadStatus>,
}

/// How much is still being preloaded in a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PreloadTotals {
    /// Files that are under way.
    pub running: u64,
    /// Files whose turn comes later.
    pub waiting: u64,
    /// Bytes that are wanted of all of them.
    pub total_bytes: u64,
    /// Bytes of these that are known to be on the server.
    pub there_bytes: u64,
}

/// A file that is being preloaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreloadStatus {
    /// From the root of the mount, without a slash before it.
    pub path: String,
    /// How many bytes of it are wanted.
    pub total_bytes: u64,
    /// How many of these are known to be on the server.
    pub there_bytes: u64,
    /// What it waits for; absent while data comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<PreloadReason>,
}

/// Takes note of how one batch of files is getting on. Dropping it ends that.
#[derive(Debug)]
pub(super) struct Noted {
    preloads: Preloads,
    id: u64,
}

impl Preloads {
    /// Begins to take note of a batch, which has no files yet.
    pub(super) fn begin(&self) -> Noted {
        let mut batches = self.batches();
        batches.last_id += 1;
        let id = batches.last_id;
        batches.by_id.insert(id, Files::default());
        Noted { preloads: self.clone(), id }
    }

    /// Returns how much there still is to do.
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

    /// Returns the files that are under way, by path.
    pub(crate) fn running(&self) -> Vec<PreloadStatus> {
        let batches = self.batches();
        let running = batches.by_id.values().flat_map(|files| files.running.values());
        let mut running: Vec<_> = running.cloned().collect();
        running.sort_by(|a, b| a.path.cmp(&b.path));
        running
    }

    fn batches(&self) -> MutexGuard<'_, Batches> {
        // A panic in one request is a bug that it reports itself; figures are not worth another.
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Noted {
    /// A file waits for its turn; `bytes` of it are wanted.
    pub(super) fn on_wait(&self, bytes: u64) {
        self.note(|files| {
            files.waiting += 1;
            files.waiting_bytes = files.waiting_bytes.saturating_add(bytes);
        });
    }

    /// It is the turn of a file that waited.
    pub(super) fn on_start(&self, file: &TorrentFile, bytes: u64) {
        let path = file.path.clone();
        let status = PreloadStatus { path, total_bytes: bytes, there_bytes: 0, waits_for: None };
        self.note(|files| {
            files.waiting = files.waiting.saturating_sub(1);
            files.waiting_bytes = files.waiting_bytes.saturating_sub(bytes);
            files.running.insert(file.id, status);
        });
    }

    /// A file that is under way is so far.
    pub(super) fn on_progress(&self, file: FileId, progress: PreloadProgress) {
        self.note(|files| {
            if let Some(status) = files.running.get_mut(&file) {
                status.there_bytes = progress.bytes_there;
                status.waits_for = progress.wait.map(PreloadReason::from);
            }
        });
    }

    /// A file is not under way any more, however it ended.
    pub(super) fn on_end(&self, file: FileId) {
        self.note(|files| drop(files.running.remove(&file)));
    }

    fn note(&self, change: impl FnOnce(&mut Files)) {
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
