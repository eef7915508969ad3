//! Files on this machine's disk, in front of the plan: which are known, and what of them is there.
//!
//! ```text
//! Unknown --look--> Looking --proven--> Here --changed, lost, server checks a part--> Unknown
//!                      `--no--> Unknown, not looked for again for a while
//! ```
//!
//! # Invariants
//! 1. Bytes are read from a file only where the source had their pieces before the read began.
//! 2. Of a torrent that the source checks, or that failed, only whole files are here that were
//!    verified before, and whose identity is still the same: nobody says which pieces are there.
//! 3. A file whose progress shrinks, that changes or that cannot be read is not used again before
//!    it was proven again.
//! 4. No read waits for a proof; until it is over, the source is read. A file that was proven
//!    before is only opened, and that a read waits for.

mod probe;
mod read;
mod table;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

use self::table::LocalFileTable;
use crate::engine::Timestamp;
use crate::tree::FileState;
use crate::{ByteRange, FileId, Geometry, LocalError, LocalFile, LocalPieces, TorrentState};

/// How many reads may wait for disks at a time, each on a thread of its own. A disk that hangs has
/// that many threads, and all else goes to the source.
const DISK_READS_MAX: usize = 32;

/// How long a read waits for a disk before it goes to the source: longer than a disk needs to wake
/// up would cost a film, shorter would give up disks that are only busy.
const DISK_TIME_MAX: Duration = Duration::from_secs(5);

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadWay {
    /// From the source.
    Source,
    /// From this machine's disk, what is there of it.
    Local,
}

/// A file that can be read here.
#[derive(Debug)]
pub(super) struct OpenLocal {
    pub(super) file: Arc<dyn LocalFile>,
    /// What the source had of it before it was proven.
    pub(super) pieces: LocalPieces,
    /// How many bytes of it that is.
    pub(super) have_bytes: u64,
}

impl OpenLocal {
    /// Returns whether all of `range` is there.
    pub(super) fn covers(&self, geometry: Option<Geometry>, range: ByteRange) -> bool {
        match (&self.pieces, geometry) {
            (LocalPieces::All, _) => true,
            (pieces, Some(geometry)) => pieces.have_until(geometry, range) == range.end(),
            (LocalPieces::Some(_), None) => false,
        }
    }
}

/// The files of a source that are on this machine's disk.
#[derive(Debug)]
pub(super) struct LocalFileCache {
    /// Protects what is known of files; held for one access.
    table: Mutex<LocalFileTable>,
    /// The looks that are under way. They end with the engine.
    looks: Mutex<JoinSet<()>>,
    /// Wakes those who wait for the end of a look.
    looked: Notify,
    disk_reads: Arc<Semaphore>,
    /// Whether there are no files of this source on any disk, or nobody wants them.
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
    /// Returns a file that can be read here.
    pub(super) fn here(&self, now: Timestamp, file: FileId) -> Option<Arc<OpenLocal>> {
        if self.is_disabled() { None } else { self.table().here(now, file) }
    }

    /// Takes note that bytes of a file came from the source.
    pub(super) fn on_source(&self, now: Timestamp, file: FileId, bytes: u64) {
        if !self.is_disabled() {
            self.table().on_source(now, file, bytes);
        }
    }

    /// Gives up a file that turned out to be another, or not readable.
    pub(super) fn invalidate(
        &self,
        now: Timestamp,
        file: FileId,
        here: &Arc<OpenLocal>,
        fault: &LocalError,
    ) {
        tracing::info!(
            torrent = %file.torrent, file = file.index.0, error = %fault,
            "not read from this machine's disk any more"
        );
        self.table().invalidate(now, file, here, fault);
    }

    /// Takes over what a listing says of the files that are known. Returns whether pieces of some
    /// may be gone that were there.
    pub(super) fn update(
        &self,
        now: Timestamp,
        state: impl Fn(FileId) -> Option<FileState>,
    ) -> bool {
        // Before the lock: whoever is asked may have one of its own.
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

    /// Forgets all files, so that each is looked for anew.
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
        // A panic under the lock is a bug that one request reports; the others go on.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_looks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns whether pieces of a torrent in this state may be believed to be there.
fn is_settled(state: TorrentState) -> bool {
    match state {
        TorrentState::Live | TorrentState::Paused => true,
        TorrentState::Initializing | TorrentState::Failed => false,
    }
}
