//! Mounts by FUSE.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fuse_adapter::{MountOptions, check_mountpoint};
use tfs_sys::blocking;
use tfs_sys::mountinfo::locate;
use tfs_sys::mounting::{FsName, MountError, MountpointError};
use vfs_core::{TorrentSource, Vfs};

use super::{Mounting, MountingOptions, WantedMountPoints};

/// Checks the mount points, before anything is started. Returns that of the library, without
/// symbolic links.
///
/// # Errors
/// [`MountError`].
pub(crate) async fn check_places(places: WantedMountPoints) -> Result<PathBuf, MountError> {
    let WantedMountPoints { mountpoint, drop, allow_non_empty, checks_fuse } = places;
    blocking(move || {
        check_mountpoint(&mountpoint, allow_non_empty)?;
        let library = locate(&mountpoint).unwrap_or(mountpoint);
        if let Some((folder, is_required)) = drop {
            // Otherwise the start of the drop folder reports it.
            check_mountpoint(&folder, allow_non_empty).or_else(|error| match is_required {
                true => Err(error),
                false => Ok(()),
            })?;
            let path = locate(&folder).unwrap_or(folder);
            if path.starts_with(&library) || library.starts_with(&path) {
                return Err(MountpointError::Overlap { path, library }.into());
            }
        }
        if checks_fuse {
            fuse_adapter::check_fuse()?;
        }
        Ok(library)
    })
    .await
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
    let mut wanted = MountOptions::new(FsName::new(&options.source));
    wanted.allow_other = options.allow_other;
    wanted.allow_non_empty = options.allow_non_empty;
    wanted.context = options.context;
    wanted.read_ahead_kb = options.read_ahead_kb;
    wanted.may_pass_through = options.may_pass_through;
    wanted.missing_errno = options.missing_errno;
    wanted.refused_programs = options.refused_programs;
    wanted.appearance = options.appearance;
    wanted.forwards_looks = options.forwards_looks;
    let mountpoint = mountpoint.to_owned();
    let runtime = tokio::runtime::Handle::current();
    let mount = blocking(move || fuse_adapter::mount(vfs, runtime, &mountpoint, &wanted)).await?;
    Ok(Mounting::Fuse(Box::new(mount)))
}
