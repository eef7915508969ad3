//! Mounts below a directory, by the kernel's mount table, and their removal.

use std::path::{Path, PathBuf};

use rustix::mount::{UnmountFlags, unmount};
use tfs_sys::mountinfo::MountTable;

use super::expect;

/// Aborts and unmounts everything below `dir`, and returns the mount points.
pub(super) fn unmount_below(dir: &Path) -> Vec<PathBuf> {
    let mounts = mounts_below(dir);
    // Later mounts may be on top of earlier ones.
    for mount in mounts.iter().rev() {
        let flags = UnmountFlags::FORCE | UnmountFlags::DETACH | UnmountFlags::NOFOLLOW;
        // A mount that stays is in the message of the failure.
        _ = unmount(mount, flags);
    }
    mounts
}

/// Returns the mount points below `dir`, in the order of mounting.
pub(super) fn mounts_below(dir: &Path) -> Vec<PathBuf> {
    let table = expect("read the mount table", MountTable::read());
    let places = table.iter().map(|entry| entry.mount_point.clone());
    places.filter(|path| path.starts_with(dir)).collect()
}
