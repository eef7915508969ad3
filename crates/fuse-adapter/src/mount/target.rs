//! Which mount is ours, so that no other is ever unmounted in its place.

use std::io;
use std::path::{Path, PathBuf};

use crate::mountinfo::{Device, MountTable};
use crate::unmount::{UnmountError, detach};

/// The identity of a mount for as long as its session lives.
///
/// fuser 0.18 unmounts by path alone, and so takes the filesystem underneath if somebody else has
/// unmounted ours before.
#[derive(Debug, Clone)]
pub(super) struct MountTarget {
    pub(super) path: PathBuf,
    id: u64,
    pub(super) device: Device,
}

impl MountTarget {
    /// Returns the mount of ours that stands at `path`.
    pub(super) fn find(path: &Path) -> io::Result<Self> {
        let table = MountTable::read()?;
        let entry = table.at(path).filter(|entry| entry.is_tfs());
        let entry = entry.ok_or_else(|| io::Error::other("the mount is not in the table"))?;
        Ok(Self { path: path.to_owned(), id: entry.id, device: entry.device })
    }

    /// Takes the mount out of the tree, if it is still there and not covered by another.
    pub(super) fn detach(&self) -> Result<(), UnmountError> {
        let table = MountTable::read().map_err(|source| UnmountError::Table { source })?;
        if self.is_seen_in(&table) { detach(&self.path) } else { Ok(()) }
    }

    /// Returns whether who goes to the path meets this mount.
    pub(super) fn is_seen_in(&self, table: &MountTable) -> bool {
        let entry = table.at(&self.path);
        entry.is_some_and(|entry| (entry.id, entry.device) == (self.id, self.device))
    }
}
