//! What can be learned of a mount and done to it beside its session.

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
use crate::passthrough::PassthroughFiles;
use crate::reads::Reads;

/// How long whoever has the kernel's caches cleared waits for it. A million files take seconds;
/// only a read that came in between and is not answered takes longer.
const CLEAR_TIME_MAX: Duration = Duration::from_secs(20);

/// The kernel's side of a mount. Clones are the same; they do not keep the mount alive.
#[derive(Clone)]
pub struct KernelHandle {
    reads: Reads,
    callers: Arc<Callers>,
    passthrough: Arc<PassthroughFiles>,
    notifier: Notifier,
}

impl KernelHandle {
    pub(crate) fn new(
        reads: Reads,
        callers: Arc<Callers>,
        passthrough: Arc<PassthroughFiles>,
        notifier: Notifier,
    ) -> Self {
        Self { reads, callers, passthrough, notifier }
    }

    /// Returns the open files that the kernel reads itself. What they are given is not counted.
    #[must_use]
    pub fn passed_through(&self) -> HashSet<HandleId> {
        self.passthrough.passed()
    }

    /// Returns the processes behind the open files, as far as they can be told. Looks at `/proc`
    /// for each.
    #[must_use]
    pub fn callers(&self) -> HashMap<HandleId, Caller> {
        self.callers.all()
    }

    /// Returns how many reads were over pages of which some were there and others missing.
    #[must_use]
    pub fn reads_split(&self) -> u64 {
        self.reads.counters().reads_split
    }

    /// Has the kernel drop what it caches of these nodes. Pages that reads are under way for stay.
    ///
    /// # Cancel safety
    /// Dropping the future ends it after the notice that is under way.
    pub async fn clear(&self, nodes: Vec<KnownNode>, caches: KernelCaches) -> KernelCleared {
        let has_pages = |node: &&KnownNode| caches.has_data && !node.is_directory && node.size > 0;
        let files_wanted = nodes.iter().filter(has_pages).count() as u64;
        let progress = Arc::<ClearProgress>::default();
        let _given_up = GiveUp(Arc::clone(&progress));
        let (sender, done) = oneshot::channel();
        let (clearing, reads, kernel) =
            (Arc::clone(&progress), self.reads.clone(), self.notifier.clone());
        let started = self.reads.start("tfs-clear", move || {
            clearing.clear(&kernel, &nodes, caches, || reads.spans());
            // Whoever asked may have gone.
            _ = sender.send(());
        });
        match started {
            // That the time is over, or the thread panicked, shows in what it has done.
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

/// Lets the thread that clears caches end when nobody waits for it any more.
struct GiveUp(Arc<ClearProgress>);

impl Drop for GiveUp {
    fn drop(&mut self) {
        self.0.give_up();
    }
}
