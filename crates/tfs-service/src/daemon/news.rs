//! Result of the last configuration for each mount, for users and for the log.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tfs_api::wire::{MountOutcome, ReloadedMount};

/// The last result of each mount.
#[derive(Debug, Default)]
pub(super) struct ReloadReport {
    of_mounts: BTreeMap<PathBuf, (MountOutcome, Option<String>)>,
}

/// Numbers of mounts of the configuration.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlannedCounts {
    /// Mounts that answer.
    pub(super) up: usize,
    pub(super) all: usize,
}

impl ReloadReport {
    pub(super) fn clear(&mut self) {
        self.of_mounts.clear();
    }

    /// Sets the result of a mount, and logs it.
    pub(super) fn record(&mut self, path: &Path, outcome: MountOutcome, why: Option<String>) {
        let mount = path.display();
        match outcome {
            MountOutcome::Failed => {
                tracing::error!(%mount, why, "the mount failed; retrying");
            }
            MountOutcome::Kept => {
                tracing::warn!(%mount, why, "the mount is in use; its settings stay");
            }
            MountOutcome::Unmounted => {
                tracing::warn!(%mount, "unmounted; a reload mounts it again");
            }
            MountOutcome::Mounted
            | MountOutcome::Remounted
            | MountOutcome::Removed
            | MountOutcome::Unchanged
            | MountOutcome::Pending
            | MountOutcome::Unknown => tracing::info!(%mount, ?outcome, "the mount is up to date"),
        }
        self.of_mounts.insert(path.to_owned(), (outcome, why));
    }

    /// Sets the expected result of a mount, without logging it. The actual one follows.
    pub(super) fn expect(&mut self, path: &Path, outcome: MountOutcome) {
        self.of_mounts.insert(path.to_owned(), (outcome, None));
    }

    /// Returns why a mount failed, if its last result is a failure.
    pub(super) fn failure(&self, path: &Path) -> Option<&str> {
        match self.of_mounts.get(path)? {
            (MountOutcome::Failed, why) => Some(why.as_deref().unwrap_or("it failed")),
            _ => None,
        }
    }

    pub(super) fn of(&self, path: &Path) -> Option<MountOutcome> {
        self.of_mounts.get(path).map(|(outcome, _)| *outcome)
    }

    /// Returns all results.
    pub(super) fn mounts(&self) -> Vec<ReloadedMount> {
        let mounts = self.of_mounts.iter().map(|(path, (outcome, why))| ReloadedMount {
            mountpoint: path.to_string_lossy().into_owned(),
            outcome: *outcome,
            why: why.clone(),
        });
        mounts.collect()
    }

    /// Returns a line for `systemctl status`: the number of mounts that answer, and the first
    /// failure.
    pub(super) fn status(&self, counts: PlannedCounts) -> String {
        let PlannedCounts { up, all } = counts;
        let trouble = self.of_mounts.iter().find_map(|(path, (outcome, why))| match outcome {
            MountOutcome::Failed => Some((path, why.as_deref().unwrap_or("it failed"))),
            MountOutcome::Unmounted => Some((path, "unmounted")),
            MountOutcome::Mounted
            | MountOutcome::Remounted
            | MountOutcome::Removed
            | MountOutcome::Unchanged
            | MountOutcome::Kept
            | MountOutcome::Pending
            | MountOutcome::Unknown => None,
        });
        match trouble {
            Some((path, why)) => format!("{up} of {all} mounts answer; {}: {why}", path.display()),
            None => format!("{up} of {all} mounts answer"),
        }
    }
}
