//! Directories of a server: created, tested for write access, and locked.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use crate::error::{EmbeddedError, EmbeddedErrorKind};

/// Name of the lock file inside a session directory.
const LOCK_NAME: &str = "lock";

/// Locks a session directory against other servers until it is dropped.
#[derive(Debug)]
pub(crate) struct SessionLock {
    /// The kernel holds the lock as long as this is open.
    _file: File,
}

/// Creates `dir` if it is missing and returns its absolute path.
///
/// A file is created in it and removed again, to detect missing permissions, read-only mounts and
/// full disks now instead of at the first piece.
///
/// # Errors
/// [`EmbeddedErrorKind::CreateDir`] or [`EmbeddedErrorKind::WriteDir`].
pub(crate) fn prepare(dir: &Path) -> Result<PathBuf, EmbeddedError> {
    let fail = |e: io::Error| EmbeddedError::new(EmbeddedErrorKind::CreateDir, dir.display(), e);
    fs::create_dir_all(dir).map_err(fail)?;
    let absolute = fs::canonicalize(dir).map_err(fail)?;
    if absolute.to_str().is_none() {
        return Err(fail(io::Error::new(io::ErrorKind::InvalidFilename, "name is not UTF-8")));
    }
    probe(&absolute)
        .map_err(|e| EmbeddedError::new(EmbeddedErrorKind::WriteDir, dir.display(), e))?;
    Ok(absolute)
}

/// Takes the lock of the session directory `dir`, which must exist.
///
/// # Errors
/// [`EmbeddedErrorKind::SessionInUse`] or [`EmbeddedErrorKind::WriteDir`].
pub(crate) fn lock_session(dir: &Path) -> Result<SessionLock, EmbeddedError> {
    let fail = |e: io::Error| EmbeddedError::new(EmbeddedErrorKind::WriteDir, dir.display(), e);
    let file = File::create(dir.join(LOCK_NAME)).map_err(fail)?;
    match file.try_lock() {
        Ok(()) => Ok(SessionLock { _file: file }),
        Err(TryLockError::WouldBlock) => {
            Err(EmbeddedError::bare(EmbeddedErrorKind::SessionInUse, dir.display()))
        }
        Err(TryLockError::Error(e)) => Err(fail(e)),
    }
}

fn probe(dir: &Path) -> io::Result<()> {
    // The process id distinguishes processes. Two servers of one process that start at once on one
    // directory may share the file, so a missing file is not an error on removal.
    let path = dir.join(format!(".tfs-probe-{}", process::id()));
    File::create(&path)?;
    match fs::remove_file(&path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        Ok(()) | Err(_) => Ok(()),
    }
}
