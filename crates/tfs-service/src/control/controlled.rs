//! The trait between the control API and the objects that it controls.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tfs_api::wire::{
    CacheParts, CacheStats, Cleared, EmbeddedServerInfo, FailureBody, FailureKind, MissingMount,
    MountId, MountStatus, PreloadEvent, PreloadRequest, RefreshRequest, Refreshed, Reloaded,
    SearchAnswer, SearchRequest, ServerAccess, UnmountMode, Unmounted,
};

use tfs_hooks::{EventHub, HookSettings, Hooks};
use tfs_state::TagChange;

use crate::budget::Budgets;
use crate::history::{CounterReading, MountHistory};
use crate::intake::Intake;
use crate::page_files::MountFiles;
use crate::server::NamedServer;

/// A mount, as the API uses it. Methods that return no future answer from memory.
///
/// A client may disconnect at any time; then the future is dropped.
pub(crate) trait ControlTarget: Send + Sync {
    /// Returns the mount's identity.
    fn id(&self) -> MountId;

    /// Records that a command wants to see the current state of the servers: they are polled soon.
    fn note_command(&self);

    /// Returns the mount's counters; `None` if it has ended.
    fn counters(&self) -> Option<CounterReading>;

    /// Returns the mount's status, without rates and recent failures, which
    /// [`MountRegistry::statuses`] adds. Reads `/proc`.
    fn status(&self) -> Result<MountStatus, FailureBody>;

    /// Returns the addresses and credentials of its embedded servers.
    fn embedded_servers(&self) -> Vec<EmbeddedServerInfo>;

    /// Returns clients of its servers.
    fn servers(&self) -> Vec<NamedServer>;

    /// Returns its files.
    fn files(&self) -> Arc<dyn MountFiles>;

    /// Polls the servers. The poll begins after the call.
    fn refresh(&self, request: RefreshRequest) -> BoxFuture<'_, Result<Refreshed, FailureBody>>;

    /// Returns cache statistics.
    fn cache_stats(&self) -> Result<CacheStats, FailureBody>;

    /// Clears caches. The tree stays visible meanwhile.
    fn clear(&self, parts: CacheParts) -> BoxFuture<'_, Result<Cleared, FailureBody>>;

    /// Unmounts, and resolves when the mount has ended. A lazy unmount, or one of a mount that is
    /// mounted elsewhere too, resolves when it has left the tree. Returns where it is still
    /// mounted.
    fn unmount(&self, mode: UnmountMode) -> BoxFuture<'_, Result<Unmounted, FailureBody>>;

    /// Changes tags in the state directory of the mount, and in what it shows. Blocks on the disk.
    fn tag(&self, change: &TagChange) -> Result<(), FailureBody>;

    /// Searches file names. May take as long as a pass over a million names.
    fn search(&self, request: &SearchRequest) -> Result<SearchAnswer, FailureBody>;

    /// Starts a preload, and returns a stream of its events. Dropping the stream cancels the
    /// preload. May take as long as a pass over a million names. Must be called in a runtime.
    fn preload(
        &self,
        request: &PreloadRequest,
    ) -> Result<BoxStream<'static, PreloadEvent>, FailureBody>;
}

/// A daemon, as the API uses it.
pub(crate) trait ReloadTarget: Send + Sync + fmt::Debug {
    /// Returns the configured mounts that do not exist at the moment, without waiting for the
    /// daemon.
    fn missing(&self) -> Vec<MissingMount>;

    /// Applies the current configuration files, and returns the result.
    fn reload(&self) -> BoxFuture<'_, Result<Reloaded, FailureBody>>;
}

/// Registry of the mounts of this process that accept commands. Clones share the registry.
#[derive(Clone, Default)]
pub struct MountRegistry {
    /// Protects the list; held for one read or change.
    list: Arc<RwLock<Vec<Arc<dyn ControlTarget>>>>,
    /// Stream budgets that the mounts share, by server.
    budgets: Budgets,
    /// What the process takes in from other programs.
    intake: Intake,
    /// The events of all mounts.
    events: EventHub,
    /// The recent past of the mounts.
    history: MountHistory,
}

/// Keeps a mount registered until it is dropped.
pub(crate) struct Registration {
    mounts: MountRegistry,
    mount: Arc<dyn ControlTarget>,
}

impl MountRegistry {
    /// Registers a mount until the return value is dropped.
    pub(crate) fn add(&self, mount: Arc<dyn ControlTarget>) -> Registration {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        list.push(Arc::clone(&mount));
        drop(list);
        Registration { mounts: self.clone(), mount }
    }

    /// Returns the stream budgets that the mounts share with each other and with other processes.
    pub(crate) fn budgets(&self) -> &Budgets {
        &self.budgets
    }

    /// Returns what the process takes in from other programs.
    pub(crate) fn intake(&self) -> &Intake {
        &self.intake
    }

    /// Returns where events go.
    pub(crate) fn events(&self) -> &EventHub {
        &self.events
    }

    /// Has exactly these hooks from now on. Returns whether that changes anything. Must be called
    /// in a runtime.
    pub fn set_hooks(&self, hooks: &mut Hooks, wanted: Vec<HookSettings>) -> bool {
        hooks.set(wanted, &self.events, self.intake.hooks())
    }

    /// Ends the hooks, after what they still have to do for some seconds, and the streams of
    /// events.
    pub async fn end_hooks(&self, hooks: Hooks) {
        self.events.close();
        hooks.end().await;
    }

    /// Returns the recent past of the mounts.
    pub(crate) fn history(&self) -> &MountHistory {
        &self.history
    }

    /// Records that the current state of the servers is wanted, in all mounts.
    pub(crate) fn note_command(&self) {
        self.all().iter().for_each(|mount| mount.note_command());
    }

    /// Returns the counters of all mounts.
    pub(crate) fn counters(&self) -> Vec<(MountId, CounterReading)> {
        let mounts = self.all().into_iter();
        mounts.filter_map(|mount| Some((mount.id(), mount.counters()?))).collect()
    }

    /// Returns the status of all mounts, the oldest first. Skips those that have just ended. Reads
    /// `/proc`.
    pub(crate) fn statuses(&self) -> Vec<MountStatus> {
        let mounts = self.all().into_iter();
        let statuses = mounts.filter_map(|mount| {
            let mut status = mount.status().ok()?;
            self.history.fill(&mut status);
            Some(status)
        });
        statuses.collect()
    }

    /// Returns addresses and credentials of the embedded servers, each once.
    pub(crate) fn embedded_servers(&self) -> Vec<ServerAccess> {
        let servers = self.all().into_iter().flat_map(|mount| mount.embedded_servers());
        servers.map(|server| server.access).collect()
    }

    /// Returns all mounts, the oldest first.
    pub(super) fn all(&self) -> Vec<Arc<dyn ControlTarget>> {
        self.list.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the mount that a request names: the newest at its path, or the only one.
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
