//! Checks whether a directory can be mounted on.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::io::Errno;
use rustix::process::geteuid;
use tfs_sys::mountinfo::{MountTable, locate};

use crate::liveness::{Liveness, liveness};
use crate::unmount::{UnmountError, detach};

/// Maximum number of stacked dead mounts that are removed. Each results from a separate crash.
const DEAD_MOUNTS_MAX: usize = 16;

/// Why a directory cannot be mounted on. The message fits after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum MountpointError {
    /// The path does not exist.
    #[error("mount on {}: it does not exist", path.display())]
    Missing {
        /// The given path.
        path: PathBuf,
    },
    /// The path is not a directory.
    #[error("mount on {}: it is not a directory", path.display())]
    NotDirectory {
        /// The given path.
        path: PathBuf,
    },
    /// The directory has entries, which the mount would hide.
    #[error("mount on {}: the directory is not empty", path.display())]
    NotEmpty {
        /// The given path.
        path: PathBuf,
    },
    /// A tfs mount is there and answers, or its process still exists.
    #[error("mount on {}: tfs is already mounted there", path.display())]
    AlreadyMounted {
        /// The given path.
        path: PathBuf,
    },
    /// The drop folder is inside its library, or contains it.
    #[error("mount the drop folder on {}: it must be apart from the mount point {}",
        path.display(), library.display())]
    Overlap {
        /// The given path of the folder.
        path: PathBuf,
        /// The mount point of the library.
        library: PathBuf,
    },
    /// This user may not read the directory, or not mount on it.
    #[error("mount on {}: permission denied", path.display())]
    Permission {
        /// The given path.
        path: PathBuf,
    },
    /// A dead tfs mount is there and cannot be removed.
    #[error("clean up the dead mount at {}", path.display())]
    DeadMount {
        /// The given path.
        path: PathBuf,
        /// The cause.
        source: UnmountError,
    },
    /// The directory cannot be accessed.
    #[error("examine {}", path.display())]
    System {
        /// The given path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// Checks that `path` can be mounted on, and removes mounts left by a crash of tfs.
///
/// # Errors
/// [`MountpointError`].
pub fn check_mountpoint(path: &Path, allow_non_empty: bool) -> Result<(), MountpointError> {
    clean_up_dead_mounts(path)?;
    let failed = |source| from_io(path, source);
    // Follows a symbolic link, like mount(2).
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        return Err(MountpointError::NotDirectory { path: path.to_owned() });
    }
    if !allow_non_empty && fs::read_dir(path).map_err(failed)?.next().is_some() {
        return Err(MountpointError::NotEmpty { path: path.to_owned() });
    }
    // fusermount3 requires write permission for the user. Root can mount on any directory.
    if !geteuid().is_root() && access(path, Access::WRITE_OK).is_err() {
        return Err(MountpointError::Permission { path: path.to_owned() });
    }
    Ok(())
}

fn clean_up_dead_mounts(path: &Path) -> Result<(), MountpointError> {
    let failed = |source| from_io(path, source);
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

fn from_io(path: &Path, source: io::Error) -> MountpointError {
    let path = path.to_owned();
    match Errno::from_io_error(&source) {
        Some(Errno::NOENT) => MountpointError::Missing { path },
        Some(Errno::NOTDIR) => MountpointError::NotDirectory { path },
        Some(Errno::ACCESS | Errno::PERM) => MountpointError::Permission { path },
        _ => MountpointError::System { path, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &Path, allow_non_empty: bool, want: &str) {
        let got = match check_mountpoint(path, allow_non_empty) {
            Ok(()) => "fine".to_owned(),
            Err(error) => error.to_string().replace(&path.display().to_string(), "PATH"),
        };
        assert_eq!(got, want);
    }

    #[test]
    fn what_is_wrong_with_a_mountpoint_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::create_dir_all(path("full/x")).unwrap();
        fs::create_dir(path("empty")).unwrap();
        fs::write(path("file"), "").unwrap();
        std::os::unix::fs::symlink("empty", path("link")).unwrap();

        check(&path("empty"), false, "fine");
        check(&path("link"), false, "fine");
        check(&path("missing"), false, "mount on PATH: it does not exist");
        check(&path("no/where"), false, "mount on PATH: it does not exist");
        check(&path("file"), false, "mount on PATH: it is not a directory");
        check(&path("file/x"), false, "mount on PATH: it is not a directory");
        check(&path("full"), false, "mount on PATH: the directory is not empty");
        check(&path("full"), true, "fine");
    }
}
