//! Locks of mounts that keep files selected.
//!
//! ```text
//! on-demand.lock      held while the records are changed
//! on-demand.select    held while a selection on a server is read, changed and recorded
//! on-demand.d/ID      held by a mount for as long as it lives
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::{OnDemandHolder, OnDemandStore};
use crate::file::{lock, make_private_below};

/// Attempts to create the file of a holder. Each one fails only if another process takes it for
/// that of a mount that has ended, and removes it.
const ATTEMPTS_MAX: u32 = 10;

/// The lock of a mount. While it exists, the files that the mount holds stay selected.
#[derive(Debug)]
pub struct HolderLock {
    holder: OnDemandHolder,
    path: PathBuf,
    _file: File,
}

/// While it exists, no other process changes the selection of a torrent.
#[derive(Debug)]
pub struct SelectionLock {
    _file: File,
}

impl OnDemandStore {
    /// Takes the lock of a mount. Blocks on the disk.
    ///
    /// # Errors
    /// Those of the system.
    pub fn lock_holder(&self, holder: OnDemandHolder) -> io::Result<HolderLock> {
        let dir = self.holders_dir();
        make_private_below(&self.state_dir, &dir)?;
        let path = dir.join(holder.to_string());
        for _ in 0..ATTEMPTS_MAX {
            let file = open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(error)) => return Err(error),
            }
            let is_there =
                |found: fs::Metadata| file.metadata().is_ok_and(|own| own.ino() == found.ino());
            if fs::metadata(&path).is_ok_and(is_there) {
                return Ok(HolderLock { holder, path, _file: file });
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Returns whether the mount of a holder lives. Removes the file of one that has ended. Blocks
    /// on the disk.
    #[must_use]
    pub fn is_held(&self, holder: OnDemandHolder) -> bool {
        let path = self.holders_dir().join(holder.to_string());
        // A file that cannot be opened has no process of this user.
        let Ok(file) = File::open(&path) else { return false };
        match file.try_lock() {
            Ok(()) => {
                // It may be gone.
                drop(fs::remove_file(&path));
                false
            }
            Err(_) => true,
        }
    }

    /// Takes the lock for a change of a selection. Blocks on other processes for ten seconds at
    /// most.
    ///
    /// # Errors
    /// Those of the system, and [`io::ErrorKind::WouldBlock`] if another process keeps the lock.
    pub fn lock_selections(&self) -> io::Result<SelectionLock> {
        make_private_below(&self.state_dir, &self.state_dir)?;
        let file = lock(&self.path().with_extension("select"))?;
        Ok(SelectionLock { _file: file })
    }

    fn holders_dir(&self) -> PathBuf {
        self.path().with_extension("d")
    }
}

impl HolderLock {
    /// Returns the holder.
    #[must_use]
    pub fn holder(&self) -> OnDemandHolder {
        self.holder
    }
}

impl Drop for HolderLock {
    fn drop(&mut self) {
        // Others remove it if this fails.
        drop(fs::remove_file(&self.path));
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_lives_as_long_as_its_lock() {
        let dir = tempfile::tempdir().unwrap();
        let store = OnDemandStore::in_dir(&dir.path().join("tfs"));
        let (a, b) = (OnDemandHolder(1), OnDemandHolder(2));
        assert!(!store.is_held(a));
        let first = store.lock_holder(a).unwrap();
        let second = store.lock_holder(b).unwrap();
        assert_eq!([store.is_held(a), store.is_held(b)], [true, true]);
        drop(first);
        assert_eq!([store.is_held(a), store.is_held(b)], [false, true]);
        assert_eq!(second.holder(), b);
        // A process that was killed leaves its file.
        let path = second.path.clone();
        drop(second);
        File::create(&path).unwrap();
        assert!(!store.is_held(b));
        assert!(!path.exists());
        drop(store.lock_selections().unwrap());
        drop(store.lock_selections().unwrap());
    }
}
