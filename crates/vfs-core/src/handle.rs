//! Open files: what a handle stands for, from open to release.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use crate::tree::FileRef;
use crate::{HandleId, VfsError};

/// All open files. A handle keeps its file's identity, not its inode, so that it outlives the
/// torrent's place in the tree.
#[derive(Debug, Default)]
pub(crate) struct Handles {
    last: AtomicU64,
    /// Protects the table; held for one access.
    open: RwLock<HashMap<HandleId, FileRef>>,
}

impl Handles {
    pub(crate) fn open(&self, file: FileRef) -> HandleId {
        let handle = HandleId(self.last.fetch_add(1, Ordering::Relaxed) + 1);
        self.open.write().unwrap_or_else(PoisonError::into_inner).insert(handle, file);
        handle
    }

    pub(crate) fn get(&self, handle: HandleId) -> Result<FileRef, VfsError> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.get(&handle).copied().ok_or(VfsError::BadHandle)
    }

    pub(crate) fn release(&self, handle: HandleId) {
        self.open.write().unwrap_or_else(PoisonError::into_inner).remove(&handle);
    }

    pub(crate) fn count(&self) -> usize {
        self.open.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}
