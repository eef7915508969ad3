//! The state of what this process takes in from other programs, for status and metrics.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tfs_api::status::{ArrStatus, IntakeStatus, WatchFolderStatus, WebStatus};
use tfs_hooks::HookReports;

/// What a process takes in. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Intake {
    /// Protects the lists; held for one read or change.
    parts: Arc<Mutex<IntakeParts>>,
    /// The state of the hooks.
    hooks: HookReports,
}

#[derive(Debug, Default)]
struct IntakeParts {
    folders: Vec<Arc<Mutex<WatchFolderStatus>>>,
    arr: Option<ArrStatus>,
    web: Option<WebStatus>,
}

/// The status of a watch folder. It is listed until this is dropped.
#[derive(Debug)]
pub(crate) struct WatchReport {
    intake: Intake,
    status: Arc<Mutex<WatchFolderStatus>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Intake {
    /// Lists a watch folder until the return value is dropped.
    pub(crate) fn add_folder(&self, status: WatchFolderStatus) -> WatchReport {
        let status = Arc::new(Mutex::new(status));
        lock(&self.parts).folders.push(Arc::clone(&status));
        WatchReport { intake: self.clone(), status }
    }

    /// Returns where the hooks report their state.
    pub(crate) fn hooks(&self) -> &HookReports {
        &self.hooks
    }

    /// Sets the state of the listener for Sonarr and Radarr.
    pub(crate) fn set_arr(&self, arr: Option<ArrStatus>) {
        lock(&self.parts).arr = arr;
    }

    /// Sets the state of the page.
    pub(crate) fn set_web(&self, web: Option<WebStatus>) {
        lock(&self.parts).web = web;
    }

    /// Returns the current state.
    pub(crate) fn status(&self) -> IntakeStatus {
        let parts = lock(&self.parts);
        let mut watch_folders: Vec<_> =
            parts.folders.iter().map(|folder| lock(folder).clone()).collect();
        watch_folders.sort_by(|a, b| a.dir.cmp(&b.dir));
        let hooks = self.hooks.statuses();
        IntakeStatus { watch_folders, arr: parts.arr.clone(), web: parts.web.clone(), hooks }
    }
}

impl WatchReport {
    /// Changes the status.
    pub(crate) fn change(&self, change: impl FnOnce(&mut WatchFolderStatus)) {
        change(&mut lock(&self.status));
    }
}

impl Drop for WatchReport {
    fn drop(&mut self) {
        lock(&self.intake.parts).folders.retain(|folder| !Arc::ptr_eq(folder, &self.status));
    }
}
