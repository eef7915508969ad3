//! Which torrents are on demand: of each server those whose files are not selected for download.
//!
//! ```text
//! tfs-on-demand 1
//! 11b1b5ec9167678979a0e6e703210380431292a8 file settled - http://127.0.0.1:3030/
//! ```
//!
//! The fields of a line: info hash, mode, whether the server has been made to deselect all files
//! (`settled`, else `pending`), the files that tfs itself has selected at present (`-` for none),
//! and the server. A selected file is written as its index, a colon, and the holders of the file.
//!
//! It is a file of its own, and not part of the log of a server: commands change it without a
//! mount. A change replaces the file under a lock. Lines that are not understood stay in the file.

mod holding;
mod record;
mod table;

use std::io;
use std::path::{Path, PathBuf};

use vfs_core::InfoHash;

pub use self::holding::{HolderLock, SelectionLock};
pub use self::record::{OnDemandHolder, OnDemandRecord};
pub use self::table::OnDemandTable;

use super::file::{lock, make_private_below, read_text, replace};

/// The name of the file in the state directory.
const FILE_NAME: &str = "on-demand";

/// The on-demand torrents of a state directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnDemandStore {
    state_dir: PathBuf,
}

/// A change of the record of a torrent of a server. Applied twice, it changes nothing more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnDemandChange {
    /// The server, by the key of its records.
    pub server: String,
    /// The torrent.
    pub torrent: InfoHash,
    /// What changes.
    pub edit: OnDemandEdit,
}

/// What changes in a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnDemandEdit {
    /// The torrent is on demand in this mode. The server still has to deselect its files.
    Set(tfs_types::OnDemandMode),
    /// As `Set` for a torrent that is on demand already: only the mode changes.
    Mode(tfs_types::OnDemandMode),
    /// The server has deselected all files.
    Settled,
    /// A mount selects a file, and holds it.
    Hold(u32, OnDemandHolder),
    /// A mount no longer holds a file. The file stays in the record until it is deselected.
    Unhold(u32, OnDemandHolder),
    /// A file that no mount holds is no longer selected by tfs.
    Release(u32),
    /// The user has selected this file, so tfs no longer deselects it.
    Disown(u32),
    /// The torrent is not on demand.
    Remove,
}

/// Why records were not read or changed. The message fits after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum OnDemandError {
    /// The file cannot be read.
    #[error("read the on-demand torrents in {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("write the on-demand torrents to {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A later version of tfs wrote the file.
    #[error("read the on-demand torrents in {}: a later version of tfs wrote it", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
    },
    /// Too many torrents would be on demand.
    #[error("record more on-demand torrents: at most {} are possible", table::RECORDS_MAX)]
    TooManyRecords,
}

impl OnDemandStore {
    /// Returns the on-demand torrents of a state directory, which need not exist.
    #[must_use]
    pub fn in_dir(state_dir: &Path) -> Self {
        Self { state_dir: state_dir.to_owned() }
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.state_dir.join(FILE_NAME)
    }

    /// Reads all records. Blocks on the disk.
    ///
    /// # Errors
    /// [`OnDemandError::Read`] and [`OnDemandError::Newer`].
    pub fn load(&self) -> Result<OnDemandTable, OnDemandError> {
        let path = self.path();
        let bytes = read_text(&path)
            .map_err(|source| OnDemandError::Read { path: path.clone(), source })?;
        OnDemandTable::parse(&bytes).ok_or(OnDemandError::Newer { path })
    }

    /// Changes records. Blocks on the disk, and on other processes that change them, for ten
    /// seconds at most. Returns all records.
    ///
    /// # Errors
    /// [`OnDemandError`]. Then the records are unchanged.
    pub fn change(&self, changes: &[OnDemandChange]) -> Result<OnDemandTable, OnDemandError> {
        let path = self.path();
        let failed = |source| OnDemandError::Write { path: path.clone(), source };
        make_private_below(&self.state_dir, &self.state_dir).map_err(failed)?;
        let _lock = lock(&path.with_extension("lock")).map_err(failed)?;
        let mut table = self.load()?;
        let mut is_changed = false;
        for change in changes {
            is_changed |= table.change(change)?;
        }
        if is_changed {
            replace(&path, &table.to_bytes()).map_err(failed)?;
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests;
