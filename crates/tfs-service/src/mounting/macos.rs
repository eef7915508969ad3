//! The seam on macOS: mounts by NFS, and what is refused because only FUSE has it.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tfs_drop::SharedFolder;
use tfs_sys::blocking;
use tfs_sys::clock::DropClock;
use tfs_sys::mountinfo::{MountTable, locate};
use tfs_sys::mounting::{
    DropMountOptions, KernelFuse, MissingErrno, MountError, MountpointError, SessionError, Unmount,
    UnmountError, check_directory, path_error,
};
use tfs_sys::places::{MountProcess, process_of};
use tokio::runtime::Handle;
use vfs_core::{TorrentSource, Vfs};

pub(crate) use super::nfs::liveness;
use super::nfs::{self, NfsAppearance, NfsMounting, NfsPrograms};
use super::{Mounting, MountingOptions, WantedMountPoints};

/// Checks the mount point, before anything is started. Returns it without symbolic links.
///
/// # Errors
/// [`MountError`], also for a drop folder, which needs FUSE.
pub(crate) async fn check_places(places: WantedMountPoints) -> Result<PathBuf, MountError> {
    if places.drop.is_some() {
        return Err(MountError::NeedsFuse { what: "drop.path" });
    }
    blocking(move || {
        check_mountpoint(&places.mountpoint, places.allow_non_empty)?;
        Ok(locate(&places.mountpoint).unwrap_or(places.mountpoint))
    })
    .await
}

/// Checks that `path` can be mounted on, and removes a mount left by a crash of tfs.
///
/// # Errors
/// [`MountpointError`].
pub fn check_mountpoint(path: &Path, allow_non_empty: bool) -> Result<(), MountpointError> {
    let failed = |source| path_error(path, source);
    let location = locate(path).map_err(failed)?;
    let table = MountTable::read().map_err(failed)?;
    if let Some(entry) = table.at(&location).filter(|entry| entry.is_tfs()) {
        if process_of(entry) != MountProcess::Gone {
            return Err(MountpointError::AlreadyMounted { path: path.to_owned() });
        }
        tracing::warn!(path = %location.display(), "cleaning up a dead mount");
        unmount(&location, Unmount::Force)
            .map_err(|source| MountpointError::DeadMount { path: path.to_owned(), source })?;
    }
    check_directory(path, allow_non_empty)
}

/// Mounts a library.
///
/// # Errors
/// [`MountError`]; no mount remains.
pub(crate) async fn mount<S: TorrentSource>(
    vfs: Arc<Vfs<S>>,
    mountpoint: &Path,
    options: MountingOptions,
) -> Result<Mounting, MountError> {
    // The others of `options` change how fast FUSE is, and nothing that programs see.
    if options.context.is_some() {
        return Err(MountError::NeedsFuse { what: "context" });
    }
    if options.missing_errno != MissingErrno::Eio {
        return Err(MountError::NeedsFuse { what: "missing_error" });
    }
    let appearance =
        NfsAppearance { attributes: options.appearance, allow_other: options.allow_other };
    let path = mountpoint.to_owned();
    let mount = NfsMounting::start(vfs, path, appearance, NfsPrograms::of_macos()).await?;
    Ok(Mounting::Nfs(Box::new(mount)))
}

/// Unmounts the mount at `path`, if it is a tfs mount. A dead mount is always removed.
///
/// # Errors
/// [`UnmountError`]; the mount then still exists.
pub fn unmount(path: &Path, how: Unmount) -> Result<(), UnmountError> {
    nfs::unmount(path, how, &NfsPrograms::of_macos())
}

/// Returns what the kernel's FUSE can do.
///
/// # Errors
/// Always: tfs does not use FUSE on macOS.
pub fn probe_kernel_fuse() -> io::Result<KernelFuse> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A mounted drop folder: there is none on macOS.
#[derive(Debug)]
pub(crate) struct NoDropMount(Infallible);

pub(crate) use NoDropMount as DropMount;

impl NoDropMount {
    pub(crate) fn mountpoint(&self) -> &Path {
        match self.0 {}
    }

    pub(crate) fn is_seen(&self) -> io::Result<bool> {
        match self.0 {}
    }

    pub(crate) async fn unmount(self) -> Result<(), SessionError> {
        match self.0 {}
    }
}

/// Refuses to mount a drop folder.
///
/// # Errors
/// Always [`MountError::NeedsFuse`].
pub(crate) fn mount_drop(
    _folder: Arc<SharedFolder>,
    _clock: DropClock,
    _runtime: Handle,
    _path: &Path,
    _options: &DropMountOptions,
) -> Result<DropMount, MountError> {
    Err(MountError::NeedsFuse { what: "drop.path" })
}
