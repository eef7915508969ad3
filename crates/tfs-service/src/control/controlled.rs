//! The seam between the API and what runs: whatever can be commanded over the socket.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use super::wire::{
    CacheParts, CacheStats, Cleared, EmbeddedServerInfo, FailureBody, FailureKind, MountId,
    MountStatus, PreloadEvent, PreloadRequest, RefreshRequest, Refreshed, SearchAnswer,
    SearchRequest, UnmountMode, Unmounted,
};
use crate::budget::Budgets;

/// One mount, as the API sees it. What does not return a future answers from memory.
///
/// Whoever asked may go away at any time; then the future is dropped.
pub(crate) trait ControlTarget: Send + Sync {
    /// Returns which mount it is.
    fn id(&self) -> MountId;

    /// Returns all that there is to know of it.
    fn status(&self) -> Result<MountStatus, FailureBody>;

    /// Returns how its servers are reached that run inside this process.
    fn embedded_servers(&self) -> Vec<EmbeddedServerInfo>;

    /// Looks at the server, with a look that begins after the call.
    fn refresh(&self, request: RefreshRequest) -> BoxFuture<'_, Result<Refreshed, FailureBody>>;

    /// Returns what it keeps, and how much that helped.
    fn cache_stats(&self) -> Result<CacheStats, FailureBody>;

    /// Drops what it keeps. The tree stays as it is meanwhile.
    fn clear(&self, parts: CacheParts) -> BoxFuture<'_, Result<Cleared, FailureBody>>;

    /// Ends it, and resolves when it has ended; if lazily, or if it is mounted elsewhere too, when
    /// it has left the tree. Returns where it still is.
    fn unmount(&self, mode: UnmountMode) -> BoxFuture<'_, Result<Unmounted, FailureBody>>;

    /// Searches the names of its files. May take as long as a pass over a million names.
    fn search(&self, request: &SearchRequest) -> Result<SearchAnswer, FailureBody>;

    /// Starts a preload, and returns what happens to it until it is over. It is given up when that
    /// is dropped. May take as long as a pass over a million names; called in a runtime.
    fn preload(
        &self,
        request: &PreloadRequest,
    ) -> Result<BoxStream<'static, PreloadEvent>, FailureBody>;
}

/// The mounts of this process that can be commanded. Clones are the same mounts.
#[derive(Clone, Default)]
pub struct MountRegistry {
    /// Protects the list; held to read or to change it.
    list: Arc<RwLock<Vec<Arc<dyn ControlTarget>>>>,
    /// What they share of their servers.
    budgets: Budgets,
}

/// Keeps a mount on the list for as long as it lives.
pub(crate) struct Registration {
    mounts: MountRegistry,
    mount: Arc<dyn ControlTarget>,
}

impl MountRegistry {
    /// Puts a mount on the list until the answer is dropped.
    pub(crate) fn add(&self, mount: Arc<dyn ControlTarget>) -> Registration {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        list.push(Arc::clone(&mount));
        drop(list);
        Registration { mounts: self.clone(), mount }
    }

    /// Returns the streams that they share with each other, and with other processes.
    pub(crate) fn budgets(&self) -> &Budgets {
        &self.budgets
    }

    /// Returns all of them, the oldest first.
    pub(super) fn all(&self) -> Vec<Arc<dyn ControlTarget>> {
        self.list.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the mount that a request means: the newest at its path, or the only one.
    pub(crate) fn find(
        &self,
        mountpoint: Option<&str>,
    ) -> Result<Arc<dyn ControlTarget>, FailureBody> {
        let mut all = self.all();
        if let Some(mountpoint) = mountpoint {
            let found = all.into_iter().rfind(|mount| mount.id().mountpoint == mountpoint);
            return found.ok_or_else(|| {
                let message = format!("this process has nothing mounted at {mountpoint}");
                FailureBody::new(FailureKind::UnknownMount, message)
            });
        }
        match (all.pop(), all.is_empty()) {
            (Some(only), true) => Ok(only),
            (Some(_), false) => {
                let message = "this process has several mounts, and the request names none";
                Err(FailureBody::new(FailureKind::Ambiguous, message))
            }
            (None, _) => {
                let message = "this process has nothing mounted";
                Err(FailureBody::new(FailureKind::UnknownMount, message))
            }
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut list = self.mounts.list.write().unwrap_or_else(PoisonError::into_inner);
        list.retain(|mount| !Arc::ptr_eq(mount, &self.mount));
    }
}

impl fmt::Debug for MountRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all().iter().map(|mount| mount.id())).finish()
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Listed").field(&self.mount.id()).finish()
    }
}
