//! Files on the local disk, which take precedence over the plan: known files and their present
//! pieces.
//!
//! ```text
//! Unknown --probe--> Probing --verified--> Open --changed, lost, server checks a part--> Unknown
//!                       `--failed--> Unknown, not probed again for a while
//! ```
//!
//! # Invariants
//! 1. Bytes are read from a file only where the source had their pieces before the read began.
//! 2. If the source checks a torrent, or the torrent has failed, only complete files are open. They
//!    were verified before and still have the same identity. The source reports no bitfield then.
//! 3. A file that loses progress, changes, or cannot be read is not used again before it was
//!    verified again.
//! 4. No read waits for a verification; meanwhile it is answered by the source. A file that was
//!    verified before is only opened, and a read waits for that.

mod probe;
mod read;
mod table;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

use self::table::LocalFileTable;
use crate::tree::FileState;
use crate::{
    ByteRange, FileId, Geometry, LocalError, LocalFile, LocalPieces, Timestamp, TorrentState,
};

/// The maximum number of concurrent disk reads, each on its own thread. A disk that hangs blocks at
/// most that many threads; all other reads go to the source.
const DISK_READS_MAX: usize = 32;

/// How long a read waits for a disk before it goes to the source. Shorter would abandon disks that
/// are only busy; longer than a disk needs to spin up would interrupt a film.
const DISK_TIME_MAX: Duration = Duration::from_secs(5);

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadWay {
    /// From the source.
    Source,
    /// From the local disk, where its pieces are present.
    Local,
}

/// A verified local file.
#[derive(Debug)]
pub(super) struct OpenLocal {
    pub(super) file: Arc<dyn LocalFile>,
    /// The pieces that the source had before the verification.
    pub(super) pieces: LocalPieces,
    /// The number of bytes in these pieces.
    pub(super) have_bytes: u64,
}

impl OpenLocal {
    /// Returns whether all of `range` is present.
    pub(super) fn covers(&self, geometry: Option<Geometry>, range: ByteRange) -> bool {
        match (&self.pieces, geometry) {
            (LocalPieces::All, _) => true,
            (pieces, Some(geometry)) => pieces.have_until(geometry, range) == range.end(),
            (LocalPieces::Some(_), None) => false,
        }
    }
}

/// The local files of a source.
#[derive(Debug)]
pub(super) struct LocalFileCache {
    /// Protects the table of files; held for one access.
    table: Mutex<LocalFileTable>,
    /// The running probes. They end with the engine.
    looks: Mutex<JoinSet<()>>,
    /// Wakes callers that wait for the end of a probe.
    looked: Notify,
    disk_reads: Arc<Semaphore>,
    /// Whether local files are switched off, or the source has none.
    is_disabled: AtomicBool,
    is_shut_down: AtomicBool,
}

impl Default for LocalFileCache {
    fn default() -> Self {
        Self {
            table: Mutex::default(),
            looks: Mutex::default(),
            looked: Notify::new(),
            disk_reads: Arc::new(Semaphore::new(DISK_READS_MAX)),
            is_disabled: AtomicBool::new(false),
            is_shut_down: AtomicBool::new(false),
        }
    }
}

impl LocalFileCache {
    /// Returns a verified local file.
    pub(super) fn here(&self, now: Timestamp, file: FileId) -> Option<Arc<OpenLocal>> {
        if self.is_disabled() { None } else { self.table().here(now, file) }
    }

    /// Returns a verified local file, without counting as use of it: an unread file is closed.
    pub(super) fn peek(&self, file: FileId) -> Option<Arc<OpenLocal>> {
        self.table().peek(file)
    }

    /// Records that bytes of a file were read from the source.
    pub(super) fn on_source(&self, now: Timestamp, file: FileId, bytes: u64) {
        if !self.is_disabled() {
            self.table().on_source(now, file, bytes);
        }
    }

    /// Closes a file that has changed or cannot be read.
    pub(super) fn invalidate(
        &self,
        now: Timestamp,
        file: FileId,
        here: &Arc<OpenLocal>,
        fault: &LocalError,
    ) {
        tracing::info!(
            torrent = %file.torrent, file = file.index.0, error = %fault,
            "no longer read from this machine's disk"
        );
        self.table().invalidate(now, file, here, fault);
    }

    /// Updates the states of the known files from a listing. Returns whether pieces may have been
    /// lost.
    pub(super) fn update(
        &self,
        now: Timestamp,
        state: impl Fn(FileId) -> Option<FileState>,
    ) -> bool {
        // Before the lock: `state` may take a lock of its own.
        let known = self.table().files();
        let states: Vec<_> = known.into_iter().map(|file| (file, state(file))).collect();
        let mut table = self.table();
        let mut is_lost = false;
        for (file, state) in states {
            is_lost |= table.on_state(now, file, state);
        }
        table.drop_idle(now);
        is_lost
    }

    /// Forgets all files, so that each is probed again.
    pub(super) fn clear(&self) {
        self.table().clear();
    }

    pub(super) fn shut_down(&self) {
        self.is_shut_down.store(true, Ordering::Release);
        self.lock_looks().abort_all();
        self.clear();
    }

    pub(super) fn is_shut_down(&self) -> bool {
        self.is_shut_down.load(Ordering::Acquire)
    }

    fn is_disabled(&self) -> bool {
        self.is_disabled.load(Ordering::Relaxed)
    }

    fn table(&self) -> MutexGuard<'_, LocalFileTable> {
        // A panic under the lock is a bug of one request; other requests continue.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_looks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns whether the bitfield of a torrent in this state is reliable.
fn is_settled(state: TorrentState) -> bool {
    match state {
        TorrentState::Live | TorrentState::Paused => true,
        TorrentState::Initializing | TorrentState::Failed => false,
    }
}
