//! The stream budget of one server, shared by all mounts of this user.
//!
//! ```text
//! RqbitSource --> StreamShare (one for each mount) --> PermitPool (one for each server, process)
//!                                                       |- BudgetMember   the policy, in vfs-core
//!                                                       `- SlotDir        locks in the runtime
//!                                                                         directory, for processes
//! ```
//!
//! A slot is a file that its holder has locked with `flock`, so the kernel releases it when the
//! process dies. Each process has a record: a file with the slots and demands of its mounts. The
//! record is locked while the process lives. A stopped process (SIGSTOP) keeps its locks, as its
//! streams stay open on the server; slots are not reserved for it.
//!
//! Mounts of other users, in other containers, or without a usable runtime directory do not share
//! the budget. The mount table shows some of them ([`unshared`]).
//!
//! Refused alternatives: `docs/dev/adr/0016-budget-by-locked-files.md`.

mod key;
mod pool;
mod record;
mod slot_dir;
mod status;
mod unshared;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tfs_api::status::BudgetStatus;
use tfs_sys::blocking;
use tfs_sys::clock::since_boot;
use tfs_sys::runtime_dir;
use tokio::time::timeout;
use vfs_core::{BudgetListener, StreamBudget, StreamDemand, StreamPermits, Timestamp};

pub(crate) use self::key::ServerKey;
use self::pool::PermitPool;
pub(crate) use self::status::holders_of;
pub use self::unshared::BudgetWarning;
pub(crate) use self::unshared::unshared_mounts;

/// The directory with the slot directories of all servers, below the runtime directory.
const DIR_NAME: &str = "streams";

/// The stream budgets of this process, by server. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Budgets {
    /// Protects the map; held to look up or add a pool, never across an await.
    pools: Arc<Mutex<HashMap<ServerKey, Weak<PermitPool>>>>,
    /// Overrides the runtime directory of the user.
    dir: Option<PathBuf>,
}

/// The share of one mount in the stream budget of a server. Dropping it releases its slots.
pub(crate) struct StreamShare {
    pool: Arc<PermitPool>,
    id: u64,
}

impl Budgets {
    /// Joins the budget of a server. At most `streams_max` streams of all mounts together may be
    /// open on the server. Must be called in a runtime.
    ///
    /// # Cancel safety
    /// If the future is dropped, everything is undone.
    pub(crate) async fn join(
        &self,
        key: ServerKey,
        streams_max: usize,
        mountpoint: String,
    ) -> Arc<StreamShare> {
        let dir = self.dir.clone().unwrap_or_else(runtime_dir::path).join(DIR_NAME);
        let budgets = self.clone();
        // Blocking: it creates files.
        let (pool, is_new) = blocking(move || budgets.pool(key, dir)).await;
        if is_new {
            let _detached = tokio::spawn(watch(Arc::downgrade(&pool)));
        }
        let id = pool.join(streams_max, mountpoint);
        Arc::new(StreamShare { pool, id })
    }

    fn pool(&self, key: ServerKey, dir: PathBuf) -> (Arc<PermitPool>, bool) {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|_, pool| pool.strong_count() > 0);
        if let Some(pool) = pools.get(&key).and_then(Weak::upgrade) {
            return (pool, false);
        }
        let pool = Arc::new(PermitPool::open(key.clone(), dir));
        pools.insert(key, Arc::downgrade(&pool));
        (pool, true)
    }
}

/// Notifies members of changes by other processes, until the pool is dropped.
async fn watch(pool: Weak<PermitPool>) {
    loop {
        let Some((pause, wake)) = pool.upgrade().map(|pool| (pool.pause(), pool.wake())) else {
            return;
        };
        // A timeout leads to a check just as a notification does.
        drop(timeout(pause, wake.notified()).await);
        let Some(listeners) = pool.upgrade().map(|pool| pool.tick()) else { return };
        for listener in listeners.iter().filter_map(Weak::upgrade) {
            listener.on_budget_changed();
        }
    }
}

impl StreamShare {
    /// Returns the holders of the server's streams.
    pub(crate) fn status(&self) -> BudgetStatus {
        self.pool.status()
    }
}

impl StreamBudget for StreamShare {
    fn update(&self, demand: StreamDemand) -> StreamPermits {
        self.pool.update(self.id, demand)
    }

    fn set_listener(&self, listener: Weak<dyn BudgetListener>) {
        self.pool.set_listener(self.id, listener);
    }
}

impl Drop for StreamShare {
    fn drop(&mut self) {
        self.pool.leave(self.id);
    }
}

impl fmt::Debug for StreamShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamShare").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Budgets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budgets").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

/// Returns the time since boot: one clock for all processes, independent of the wall clock.
fn now() -> Timestamp {
    Timestamp::from_start(since_boot())
}
