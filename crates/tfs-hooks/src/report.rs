//! The state of the hooks of a process, for its status.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tfs_api::status::{HookFailure, HookStatus};
use tfs_sys::clock::now;

/// The state of all hooks. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct HookReports {
    /// The list, in the order of the configuration. Held for one read or replacement.
    reports: Arc<Mutex<Vec<HookReport>>>,
}

/// The state of a hook. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct HookReport {
    /// Held for one read or change.
    status: Arc<Mutex<HookStatus>>,
}

impl HookReports {
    /// Returns the state of each hook.
    #[must_use]
    pub fn statuses(&self) -> Vec<HookStatus> {
        lock(&self.reports).iter().map(|report| lock(&report.status).clone()).collect()
    }

    pub(crate) fn set(&self, reports: Vec<HookReport>) {
        *lock(&self.reports) = reports;
    }
}

impl HookReport {
    pub(crate) fn new(name: String, target: String) -> Self {
        let status = HookStatus { name, target, ..HookStatus::default() };
        Self { status: Arc::new(Mutex::new(status)) }
    }

    /// Records that no call can succeed.
    pub(crate) fn on_unusable(&self, why: String) {
        let mut status = lock(&self.status);
        status.failing = true;
        status.last_failure = Some(HookFailure { at: now(), why });
    }

    /// Records the start of a call. `unnamed` events came too fast for it.
    pub(crate) fn on_start(&self, unnamed: u64) {
        let mut status = lock(&self.status);
        status.running = true;
        status.events_lost = status.events_lost.saturating_add(unnamed);
    }

    /// Records the end of a call. A failure has the reason and the number of its events.
    pub(crate) fn on_end(&self, failure: Option<(String, u64)>) {
        let mut status = lock(&self.status);
        status.running = false;
        status.calls = status.calls.saturating_add(1);
        status.failing = failure.is_some();
        if let Some((why, events)) = failure {
            status.failures = status.failures.saturating_add(1);
            status.events_lost = status.events_lost.saturating_add(events);
            status.last_failure = Some(HookFailure { at: now(), why });
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
