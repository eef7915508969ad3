//! Identity of a mount, so that no other mount is unmounted instead.

use std::io;
use std::path::{Path, PathBuf};

use tfs_sys::mountinfo::{Device, MountTable};
use tfs_sys::mounting::UnmountError;

use crate::unmount::detach;

/// The identity of a mount for as long as its session lives.
///
/// fuser 0.18 unmounts by path alone. If this mount has already been unmounted externally, it would
/// unmount the filesystem underneath.
#[derive(Debug, Clone)]
pub(crate) struct MountTarget {
    pub(crate) path: PathBuf,
    id: u64,
    pub(crate) device: Device,
}

impl MountTarget {
    /// Returns the mount of tfs at `path`, which may be a drop folder.
    pub(crate) fn find(path: &Path) -> io::Result<Self> {
        let table = MountTable::read()?;
        let entry = table.at(path).filter(|entry| entry.is_tfs() || entry.is_drop());
        let entry =
            entry.ok_or_else(|| io::Error::other("the mount is missing from the mount table"))?;
        Ok(Self { path: path.to_owned(), id: entry.id, device: entry.device })
    }

    /// Detaches the mount, unless it is already detached or covered by another.
    pub(crate) fn detach(&self) -> Result<(), UnmountError> {
        let table = MountTable::read().map_err(|source| UnmountError::Table { source })?;
        if self.is_seen_in(&table) { detach(&self.path) } else { Ok(()) }
    }

    /// Returns whether the path leads to this mount.
    pub(crate) fn is_seen_in(&self, table: &MountTable) -> bool {
        let entry = table.at(&self.path);
        entry.is_some_and(|entry| (entry.id, entry.device) == (self.id, self.device))
    }
}
