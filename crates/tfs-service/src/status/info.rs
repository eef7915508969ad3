//! The parts of a mount that its status is collected from.

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use tfs_api::status::DropStatus;
use tfs_api::wire::ServerAccess;
use tfs_sys::clock::now;
use tokio::runtime::Handle;

use super::downloads::DownloadLog;
use super::watch::ServerWatch;
use crate::budget::StreamShare;
use crate::fronts::FrontWatch;
use crate::intake::Intake;
use crate::mounting::{KernelSide, LibraryPlace};
use crate::preload::Preloads;

/// Constant properties of a mount, and handles to its running parts.
#[derive(Debug, Clone)]
pub(crate) struct MountInfo {
    /// The servers, in the order of their ids.
    pub(crate) servers: Vec<ServerDescription>,
    /// Where it is.
    pub(crate) place: LibraryPlace,
    /// When it was started, in seconds since 1970.
    pub(crate) started_at: i64,
    /// The same on the monotonic clock.
    pub(crate) started: Instant,
    /// The runtime of its tasks.
    pub(crate) runtime: Handle,
    pub(crate) preloads: Preloads,
    /// What the process takes in from other programs.
    pub(crate) intake: Intake,
    /// Handle to the kernel's side, set once it is mounted.
    pub(crate) kernel: Arc<OnceLock<KernelSide>>,
    /// What was downloaded for each program.
    pub(crate) downloads: DownloadLog,
    /// Source of the status of the drop folder.
    pub(crate) drop: DropWatch,
    /// Source of the status of the front ends.
    pub(crate) fronts: FrontWatch,
}

/// Source of the status of a drop folder, set once it is mounted. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct DropWatch(Arc<OnceLock<DropStatusSource>>);

type DropStatusSource = Box<dyn Fn() -> Option<DropStatus> + Send + Sync>;

impl fmt::Debug for DropWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DropWatch").finish_non_exhaustive()
    }
}

impl DropWatch {
    /// Sets the source, once. It must not block.
    pub(crate) fn set(&self, source: impl Fn() -> Option<DropStatus> + Send + Sync + 'static) {
        // The cell is empty: a mount has one drop folder.
        drop(self.0.set(Box::new(source)));
    }

    /// Returns the status, if there is a drop folder.
    pub(crate) fn status(&self) -> Option<DropStatus> {
        self.0.get()?()
    }
}

/// Constant properties of a server of a mount, and its last known state.
#[derive(Debug, Clone)]
pub(crate) struct ServerDescription {
    pub(crate) name: String,
    /// Its URL, without credentials.
    pub(crate) url: String,
    pub(crate) watch: ServerWatch,
    /// Its share of the stream budget; `Weak`, so that it keeps no share alive.
    pub(crate) budget: Weak<StreamShare>,
    /// Address and credentials for other processes of this user, if it is embedded. Not part of any
    /// status.
    pub(crate) access: Option<ServerAccess>,
}

impl MountInfo {
    /// Returns the description of a mount that starts now. Must be called in its runtime.
    pub(crate) fn starting(
        servers: Vec<ServerDescription>,
        place: LibraryPlace,
        intake: Intake,
    ) -> Self {
        Self {
            servers,
            place,
            started_at: now(),
            started: Instant::now(),
            runtime: Handle::current(),
            preloads: Preloads::default(),
            intake,
            kernel: Arc::default(),
            downloads: DownloadLog::default(),
            drop: DropWatch::default(),
            fronts: FrontWatch::default(),
        }
    }
}
