//! Unmounting from outside: works on any tfs mount, also after its process has exited.

mod holders;

use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::io::Errno;
use rustix::mount::UnmountFlags;
use rustix::process::geteuid;
use tfs_sys::mountinfo::{Device, MountTable, locate};
use tfs_sys::mounting::{Liveness, Unmount, UnmountError};

use crate::connection;
use crate::fusermount::{self, FusermountError};
use crate::liveness::liveness;

/// Retries and pause of an unmount that a program blocks. A program that only queries the mount,
/// such as another `tfs status`, is done in milliseconds.
const BUSY_RETRIES_MAX: u32 = 3;
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// Unmounts the mount at `path`, if it is a tfs mount or the drop folder of one. A dead mount is
/// always removed, even if it is in use.
///
/// Does not access the mount, so it does not hang. If the mount is busy, the search for its users
/// takes at most a few seconds.
///
/// # Errors
/// [`UnmountError`]; the mount then still exists.
pub fn unmount(path: &Path, how: Unmount) -> Result<(), UnmountError> {
    let path =
        locate(path).map_err(|source| UnmountError::Path { path: path.to_owned(), source })?;
    let device = device_of_tfs(&path)?;
    match how {
        Unmount::Clean => clean(&path),
        Unmount::Lazy => step(&path, UnmountAttempt::Detach),
        Unmount::Force => force(&path, device),
    }
}

/// Detaches the mount at `path`. The caller has checked that it is a tfs mount.
pub(crate) fn detach(path: &Path) -> Result<(), UnmountError> {
    step(path, UnmountAttempt::Detach)
}

fn device_of_tfs(path: &Path) -> Result<Device, UnmountError> {
    let table = MountTable::read().map_err(|source| UnmountError::Table { source })?;
    match table.at(path) {
        None => Err(UnmountError::NotMounted { path: path.to_owned() }),
        Some(entry) if entry.is_tfs() || entry.is_drop() => Ok(entry.device),
        Some(entry) => {
            Err(UnmountError::NotTfs { path: path.to_owned(), fs_type: entry.fs_type.clone() })
        }
    }
}

fn clean(path: &Path) -> Result<(), UnmountError> {
    let mut unmounted = step(path, UnmountAttempt::Plain);
    for _ in 0..BUSY_RETRIES_MAX {
        if !matches!(unmounted, Err(UnmountError::Busy { .. })) {
            break;
        }
        thread::sleep(BUSY_PAUSE);
        unmounted = step(path, UnmountAttempt::Plain);
    }
    match unmounted {
        Err(UnmountError::Busy { .. }) if liveness(path) == Liveness::Dead => {
            step(path, UnmountAttempt::Detach)
        }
        Err(UnmountError::Busy { path, .. }) => {
            let holders = holders::of(&path);
            Err(UnmountError::Busy { path, holders })
        }
        done => done,
    }
}

fn force(path: &Path, device: Device) -> Result<(), UnmountError> {
    if geteuid().is_root() {
        return step(path, UnmountAttempt::AbortAndDetach);
    }
    if let Err(error) = connection::abort(device) {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(%device, error, "this user may not abort waiting requests");
    }
    step(path, UnmountAttempt::Detach)
}

/// One unmount attempt.
#[derive(Debug, Clone, Copy)]
enum UnmountAttempt {
    Plain,
    Detach,
    /// As root only.
    AbortAndDetach,
}

fn step(path: &Path, step: UnmountAttempt) -> Result<(), UnmountError> {
    if !geteuid().is_root() {
        let is_lazy = !matches!(step, UnmountAttempt::Plain);
        return fusermount::unmount(path, is_lazy).map_err(|error| of_fusermount(path, error));
    }
    let flags = match step {
        UnmountAttempt::Plain => UnmountFlags::empty(),
        UnmountAttempt::Detach => UnmountFlags::DETACH,
        // Together: the force alone returns EBUSY although it has aborted the connection.
        UnmountAttempt::AbortAndDetach => UnmountFlags::FORCE | UnmountFlags::DETACH,
    };
    let path = path.to_owned();
    rustix::mount::unmount(&path, flags | UnmountFlags::NOFOLLOW).map_err(|errno| match errno {
        Errno::BUSY => UnmountError::Busy { path, holders: Vec::new() },
        Errno::PERM => UnmountError::NotPermitted { path },
        // The mount has just been removed by another process.
        Errno::INVAL => UnmountError::NotMounted { path },
        other => UnmountError::System { path, source: other.into() },
    })
}

fn of_fusermount(path: &Path, error: FusermountError) -> UnmountError {
    let path = path.to_owned();
    match error {
        FusermountError::Missing => UnmountError::NoFusermount { path },
        FusermountError::Run(source) => UnmountError::System { path, source },
        FusermountError::Refused(message) => {
            if message.contains("busy") {
                UnmountError::Busy { path, holders: Vec::new() }
            // fusermount3 only finds the mounts of its own user.
            } else if message.contains("not permitted") || message.contains("not found in") {
                UnmountError::NotPermitted { path }
            } else {
                UnmountError::Refused { path, message }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fusermount_says_is_understood() {
        let of =
            |text: &str| of_fusermount(Path::new("/m"), FusermountError::Refused(text.to_owned()));
        let busy = of("failed to unmount /m: Device or resource busy");
        assert!(matches!(busy, UnmountError::Busy { .. }));
        let foreign = of("entry for /m not found in /etc/mtab");
        assert!(matches!(foreign, UnmountError::NotPermitted { .. }));
        let other = of("something new");
        assert!(matches!(other, UnmountError::Refused { .. }));
    }

    #[test]
    fn only_our_mounts_are_unmounted() {
        let dir = tempfile::tempdir().unwrap();
        for how in [Unmount::Clean, Unmount::Lazy, Unmount::Force] {
            let proc = unmount(Path::new("/proc"), how);
            assert!(matches!(proc, Err(UnmountError::NotTfs { .. })), "{proc:?}");
            let nothing = unmount(dir.path(), how);
            assert!(matches!(nothing, Err(UnmountError::NotMounted { .. })), "{nothing:?}");
            let missing = unmount(&dir.path().join("a/b"), how);
            assert!(matches!(missing, Err(UnmountError::Path { .. })), "{missing:?}");
        }
    }
}
