//! What became of each mount since the last configuration, for people and for the log.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::control::wire::{MountOutcome, ReloadedMount};

/// The last that is known of each mount.
#[derive(Debug, Default)]
pub(super) struct ReloadReport {
    of_mounts: BTreeMap<PathBuf, (MountOutcome, Option<String>)>,
}

impl ReloadReport {
    pub(super) fn clear(&mut self) {
        self.of_mounts.clear();
    }

    /// Replaces what is known of a mount, and logs it.
    pub(super) fn tell(&mut self, path: &Path, outcome: MountOutcome, why: Option<String>) {
        let mount = path.display();
        match outcome {
            MountOutcome::Failed => {
                tracing::error!(%mount, why, "the mount failed, and is tried again");
            }
            MountOutcome::Kept => {
                tracing::warn!(%mount, why, "the mount is in use, and stays as it was");
            }
            MountOutcome::Unmounted => {
                tracing::warn!(%mount, "somebody unmounted it, so it stays away until a reload");
            }
            MountOutcome::Mounted
            | MountOutcome::Remounted
            | MountOutcome::Removed
            | MountOutcome::Unchanged
            | MountOutcome::Pending
            | MountOutcome::Unknown => tracing::info!(%mount, ?outcome, "the mount is settled"),
        }
        self.of_mounts.insert(path.to_owned(), (outcome, why));
    }

    /// Notes what a mount is about to become. What came of it is told later.
    pub(super) fn expect(&mut self, path: &Path, outcome: MountOutcome) {
        self.of_mounts.insert(path.to_owned(), (outcome, None));
    }

    /// Returns why a mount failed, if that is the last that is known of it.
    pub(super) fn failure(&self, path: &Path) -> Option<&str> {
        match self.of_mounts.get(path)? {
            (MountOutcome::Failed, why) => Some(why.as_deref().unwrap_or("it failed")),
            _ => None,
        }
    }

    pub(super) fn of(&self, path: &Path) -> Option<MountOutcome> {
        self.of_mounts.get(path).map(|(outcome, _)| *outcome)
    }

    /// Returns all that is known.
    pub(super) fn mounts(&self) -> Vec<ReloadedMount> {
        let mounts = self.of_mounts.iter().map(|(path, (outcome, why))| ReloadedMount {
            mountpoint: path.to_string_lossy().into_owned(),
            outcome: *outcome,
            why: why.clone(),
        });
        mounts.collect()
    }

    /// Returns a line for `systemctl status`: how many mounts answer, and why the first does not.
    pub(super) fn status(&self, (up, all): (usize, usize)) -> String {
        let trouble = self.of_mounts.iter().find_map(|(path, (outcome, why))| match outcome {
            MountOutcome::Failed => Some((path, why.as_deref().unwrap_or("it failed"))),
            MountOutcome::Unmounted => Some((path, "unmounted by somebody")),
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
