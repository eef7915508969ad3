//! Checks before mounts are started: of the configuration, and of what dead mounts left.

use std::collections::BTreeSet;
use std::path::PathBuf;

use tfs_config::{Loaded, Problem, SettingsError};
use tfs_sys::blocking;

use crate::mounting::check_mountpoint;

/// Unmounts dead mounts that were lost, if they are still in the tree.
pub(super) async fn clean_up(paths: BTreeSet<PathBuf>) {
    for path in paths {
        let checked = blocking(move || check_mountpoint(&path, true)).await;
        if let Err(error) = checked {
            tracing::debug!(%error, "cannot clean up a dead mount");
        }
    }
}

/// Refuses a configuration without mounts and served libraries. Otherwise removing all mounts from
/// the file by mistake would unmount them all.
pub(super) fn check(loaded: &Loaded) -> Result<(), SettingsError> {
    if !loaded.settings.mounts.is_empty() || loaded.own_serves().next().is_some() {
        return Ok(());
    }
    let message = "the configuration has no [[mount]] and no [[serve]]".to_owned();
    let hint =
        "add a [[mount]] with a `path`, or a [[serve]] with a `kind`; `tfs config path` lists the \
                files"
            .to_owned();
    Err(Problem { place: None, message, hint: Some(hint) }.into())
}
