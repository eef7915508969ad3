//! What all connections share.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use vfs_core::{Export, FilePool, TorrentSource};

use crate::counts::NfsCounters;
use crate::memory::{MemoryLimits, ReplyMemory};
use crate::places::NfsPlaces;
use crate::tree::NfsTree;
use crate::{NfsSettings, NfsWaits};

/// How long a file stays open without reads. NFS has no close; a file that is opened anew needs a
/// new stream.
const FILE_IDLE_MAX: Duration = Duration::from_secs(5);

/// Maximum number of open files that no read uses.
const FILES_MAX: usize = 256;

/// What all connections of a server share.
#[derive(Debug)]
pub(crate) struct NfsService<S: TorrentSource> {
    pub(crate) tree: NfsTree<S>,
    pub(crate) pool: FilePool<S>,
    pub(crate) memory: ReplyMemory,
    pub(crate) waits: NfsWaits,
    pub(crate) counters: Arc<NfsCounters>,
    pub(crate) places: NfsPlaces,
}

impl<S: TorrentSource> NfsService<S> {
    pub(crate) fn new(export: Export<S>, settings: NfsSettings) -> Self {
        let waits = settings.waits;
        // Random, and not a secret.
        let cookie_verifier = RandomState::new().hash_one(()).max(1).to_be_bytes();
        Self {
            pool: FilePool::new(export.clone(), FILE_IDLE_MAX, FILES_MAX),
            tree: NfsTree::new(export, settings, cookie_verifier),
            memory: ReplyMemory::new(&MemoryLimits::OF_SERVER),
            waits,
            counters: Arc::default(),
            places: NfsPlaces::default(),
        }
    }
}
