//! Checks whether a directory can be mounted on.

use std::path::Path;

use tfs_sys::mountinfo::{MountTable, locate};
use tfs_sys::mounting::{Liveness, MountpointError, check_directory, path_error};

use crate::liveness::liveness;
use crate::unmount::detach;

/// Maximum number of stacked dead mounts that are removed. Each results from a separate crash.
const DEAD_MOUNTS_MAX: usize = 16;

/// Checks that `path` can be mounted on, and removes mounts left by a crash of tfs.
///
/// # Errors
/// [`MountpointError`].
pub fn check_mountpoint(path: &Path, allow_non_empty: bool) -> Result<(), MountpointError> {
    clean_up_dead_mounts(path)?;
    check_directory(path, allow_non_empty)
}

fn clean_up_dead_mounts(path: &Path) -> Result<(), MountpointError> {
    let failed = |source| path_error(path, source);
    let location = locate(path).map_err(failed)?;
    for _ in 0..DEAD_MOUNTS_MAX {
        let table = MountTable::read().map_err(failed)?;
        if !table.at(&location).is_some_and(|entry| entry.is_tfs() || entry.is_drop()) {
            return Ok(());
        }
        match liveness(&location) {
            Liveness::Dead => {}
            Liveness::Alive | Liveness::Silent => break,
        }
        tracing::warn!(path = %location.display(), "cleaning up a dead mount");
        detach(&location)
            .map_err(|source| MountpointError::DeadMount { path: path.to_owned(), source })?;
    }
    Err(MountpointError::AlreadyMounted { path: path.to_owned() })
}
