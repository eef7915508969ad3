//! Queries and cache control of a mount, separate from its session.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use fuser::Notifier;
use tokio::sync::oneshot;
use tokio::time::timeout;
use vfs_core::{HandleId, KnownNode};

use crate::Caller;
use crate::cache_clear::{ClearProgress, KernelCaches, KernelCleared};
use crate::callers::Callers;
use crate::notices::Notices;
use crate::passthrough::PassthroughFiles;
use crate::reads::Reads;
use crate::refused::{RefusedProgram, RefusedPrograms};
use crate::scans::ProgramScan;

/// Maximum time to wait for the kernel's caches to be cleared. A million files take seconds; only
/// an unanswered read that arrived in between takes longer.
const CLEAR_TIME_MAX: Duration = Duration::from_secs(20);

/// Maximum time to wait for notifications. Lookups and listings, which they wait for, are answered
/// from memory.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(2);

/// The kernel's side of a mount. Clones share it; they do not keep the mount alive.
#[derive(Clone)]
pub struct KernelHandle(KernelParts);

/// The parts of a mount that answer queries.
#[derive(Clone)]
pub(crate) struct KernelParts {
    pub(crate) reads: Reads,
    pub(crate) callers: Arc<Callers>,
    pub(crate) refused: Arc<RefusedPrograms>,
    pub(crate) passthrough: Arc<PassthroughFiles>,
    pub(crate) notices: Arc<Notices>,
    pub(crate) notifier: Notifier,
}

impl KernelHandle {
    pub(crate) fn new(parts: KernelParts) -> Self {
        Self(parts)
    }

    /// Resolves when the kernel was notified of all changes of the tree so far, so that a program
    /// sees them; after two seconds in any case: a notification waits for the kernel's requests in
    /// its directory.
    ///
    /// # Cancel safety
    /// The notifications continue.
    pub async fn settled(&self) {
        if timeout(SETTLE_TIME_MAX, self.0.notices.settled()).await.is_err() {
            tracing::debug!("the kernel was not notified of all changes in time");
        }
    }

    /// Returns the open passthrough files. Bytes read through them are not counted.
    #[must_use]
    pub fn passed_through(&self) -> HashSet<HandleId> {
        self.0.passthrough.passed()
    }

    /// Returns the processes that use open files, as far as they are known. Reads `/proc` for each.
    #[must_use]
    pub fn callers(&self) -> HashMap<HandleId, Caller> {
        self.0.callers.all()
    }

    /// Returns the programs that opened at least three files for a moment in the last minute, those
    /// with most files first. A file counts if less than 2 MiB of it were read through tfs.
    #[must_use]
    pub fn scans(&self) -> Vec<ProgramScan> {
        self.0.callers.scans()
    }

    /// Returns the program that read missing data of a file last, or else the one that opened it.
    /// The file may have been closed up to half a minute ago. May read `/proc`.
    #[must_use]
    pub fn program_of(&self, handle: HandleId) -> Option<Caller> {
        self.0.callers.program_of(handle)
    }

    /// Returns the programs whose reads of missing data were refused, in the order of their names.
    #[must_use]
    pub fn refused_programs(&self) -> Vec<RefusedProgram> {
        self.0.refused.list()
    }

    /// Returns the number of reads over pages of which only some were present.
    #[must_use]
    pub fn reads_split(&self) -> u64 {
        self.0.reads.counters().reads_split
    }

    /// Drops the kernel's caches of these nodes. Pages with reads in flight stay.
    ///
    /// # Cancel safety
    /// Dropping the future ends the thread after the current invalidation.
    pub async fn clear(&self, nodes: Vec<KnownNode>, caches: KernelCaches) -> KernelCleared {
        let has_pages = |node: &&KnownNode| caches.has_data && !node.is_directory && node.size > 0;
        let files_wanted = nodes.iter().filter(has_pages).count() as u64;
        let progress = Arc::<ClearProgress>::default();
        let _given_up = GiveUp(Arc::clone(&progress));
        let (sender, done) = oneshot::channel();
        let (clearing, reads, kernel) =
            (Arc::clone(&progress), self.0.reads.clone(), self.0.notifier.clone());
        let started = self.0.reads.start("tfs-clear", move || {
            clearing.clear(&kernel, &nodes, caches, || reads.spans());
            // The caller may have stopped waiting.
            _ = sender.send(());
        });
        match started {
            // Both a time-out and a panic of the thread show in its progress.
            Ok(()) => _ = timeout(CLEAR_TIME_MAX, done).await,
            Err(error) => tracing::warn!(%error, "the kernel keeps its caches"),
        }
        progress.so_far(files_wanted)
    }
}

impl fmt::Debug for KernelHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KernelSide").finish_non_exhaustive()
    }
}

/// Cancels the clearing thread when its caller stops waiting.
struct GiveUp(Arc<ClearProgress>);

impl Drop for GiveUp {
    fn drop(&mut self) {
        self.0.give_up();
    }
}
