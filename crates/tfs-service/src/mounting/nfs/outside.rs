//! Mounts by NFS of any process, dead ones too: whether they answer, and their end.

use std::io;
use std::path::Path;
use std::time::Duration;

use tfs_sys::mountinfo::{MountEntry, MountTable, locate};
use tfs_sys::mounting::{Liveness, Unmount, UnmountError};
use tfs_sys::places::{MountProcess, process_of};
use tfs_sys::run_detached;

use super::NfsPrograms;

/// Maximum time for a mount to answer, as on Linux.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);

/// Returns whether a process still serves the mount at `mount_point`, a path as in the mount table.
///
/// Does not access a mount whose process is gone: that could take as long as `deadtimeout`. If the
/// mount is silent, a thread remains until the call of the kernel fails.
pub(crate) fn liveness(mount_point: &Path) -> Liveness {
    let table = MountTable::read().unwrap_or_default();
    if table.at(mount_point).is_some_and(|entry| process_of(entry) == MountProcess::Gone) {
        return Liveness::Dead;
    }
    let path = mount_point.to_owned();
    match run_detached("tfs-probe", ANSWER_TIME_MAX, move || wait_for_answer(&path)) {
        None => Liveness::Silent,
        Some(true) => Liveness::Alive,
        Some(false) => Liveness::Dead,
    }
}

/// Like [`liveness`], but without a time limit: blocks until the call of the kernel ends.
/// Returns whether a process serves the mount.
pub(crate) fn wait_for_answer(mount_point: &Path) -> bool {
    match std::fs::metadata(mount_point) {
        // Permissions are those of a server that answers.
        Ok(_) => true,
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    }
}

/// Unmounts the mount at `path`, if it is a mount of tfs. A dead mount is always removed.
///
/// # Errors
/// [`UnmountError`]; the mount then still exists.
pub(crate) fn unmount(
    path: &Path,
    how: Unmount,
    programs: &NfsPrograms,
) -> Result<(), UnmountError> {
    let path =
        locate(path).map_err(|source| UnmountError::Path { path: path.to_owned(), source })?;
    let table = (programs.table)().map_err(|source| UnmountError::Table { source })?;
    let entry = table.at(&path).ok_or_else(|| UnmountError::NotMounted { path: path.clone() })?;
    if !entry.is_tfs_nfs() {
        return Err(UnmountError::NotTfs { path, fs_type: entry.fs_type.clone() });
    }
    if how == Unmount::Force || is_dead(entry) {
        return programs.run_forced_unmount(&path);
    }
    match programs.run_unmount(&path) {
        // Linux detaches a mount that is in use; macOS cannot.
        Err(UnmountError::Busy { path, .. }) if how == Unmount::Lazy => {
            let message = "it is in use, and macOS has no lazy unmount";
            Err(UnmountError::Refused { path, message: message.to_owned() })
        }
        done => done,
    }
}

fn is_dead(entry: &MountEntry) -> bool {
    process_of(entry) == MountProcess::Gone
}
