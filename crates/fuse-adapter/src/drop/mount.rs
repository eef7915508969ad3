//! Mounting and unmounting a drop folder.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use fuser::{Config, Session, SessionACL};
use tfs_drop::SharedFolder;
use tfs_sys::clock::DropClock;
use tfs_sys::mountinfo::MountTable;
use tfs_sys::mounting::{DropMountOptions, MountError, SessionError};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::filesystem::DropFs;
use super::reply::DropOwnership;
use super::waits::DropWaits;
use crate::mount::{
    ABORT_TIME_MAX, GRACE, MountTarget, SessionEnd, attach_drop, serve, wait_for_end,
};
use crate::{check_mountpoint, connection, unmount};

/// Number of threads that take requests. All are answered from memory, or leave a task that waits.
const THREADS: usize = 2;

/// Mounts a drop folder at `mountpoint`, after [`check_mountpoint`]. Waits run on `runtime`.
///
/// As [`mount`](crate::mount()), it blocks for a few system calls.
///
/// # Errors
/// [`MountError`]; no mount remains.
pub fn mount_drop(
    folder: Arc<SharedFolder>,
    clock: DropClock,
    runtime: Handle,
    mountpoint: &Path,
    options: &DropMountOptions,
) -> Result<DropMount, MountError> {
    check_mountpoint(mountpoint, options.allow_non_empty)?;
    let path = mountpoint
        .canonicalize()
        .map_err(|source| MountError::Mount { path: mountpoint.to_owned(), source })?;
    let ending = CancellationToken::new();
    let waits = DropWaits { folder: Arc::clone(&folder), runtime, ending: ending.clone() };
    let ownership = DropOwnership::new(options.gid);
    let filesystem = DropFs { folder, clock, ownership, waits, faults: Arc::default() };
    let device = attach_drop(&path, options)?;
    let started = MountTarget::find(&path).and_then(|target| {
        let mut config = Config::default();
        config.n_threads = Some(THREADS);
        let session = Session::from_fd(filesystem, device, SessionACL::All, config)?;
        let at_end = ending.clone();
        let ended = serve(session, move || at_end.cancel())?;
        Ok(DropMount { target, ended, ending })
    });
    started.map_err(|source| {
        if let Err(error) = unmount::detach(&path) {
            tracing::warn!(path = %path.display(), %error, "cannot remove a dead mount");
        }
        MountError::Session { path, source }
    })
}

/// A mounted drop folder. Dropping it detaches the mount.
pub struct DropMount {
    target: MountTarget,
    ended: watch::Receiver<SessionEnd>,
    /// Ends the waits of programs.
    ending: CancellationToken,
}

impl fmt::Debug for DropMount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DropMount").field("target", &self.target).finish_non_exhaustive()
    }
}

impl DropMount {
    /// Returns the mount point: the absolute path without symbolic links.
    #[must_use]
    pub fn mountpoint(&self) -> &Path {
        &self.target.path
    }

    /// Returns whether its session runs and its mount point leads to it.
    ///
    /// # Errors
    /// If `/proc` is not mounted.
    pub fn is_seen(&self) -> io::Result<bool> {
        Ok(self.may_be_in_the_tree() && self.target.is_seen_in(&MountTable::read()?))
    }

    /// Ends the mount within seconds, even if it is in use.
    ///
    /// # Errors
    /// If the session ended with an error.
    ///
    /// # Cancel safety
    /// Dropping the future has the effect of dropping the mount.
    pub async fn unmount(self) -> Result<(), SessionError> {
        if self.may_be_in_the_tree() {
            let target = self.target.clone();
            let detached = tokio::task::spawn_blocking(move || target.detach()).await;
            if let Ok(Err(error)) = detached {
                tracing::warn!(%error, "cannot remove the drop folder");
            }
        }
        if timeout(GRACE, wait_for_end(self.ended.clone())).await.is_err() {
            let device = self.target.device;
            let aborted = tokio::task::spawn_blocking(move || connection::abort(device)).await;
            tracing::debug!(?aborted, "the drop folder was in use");
        }
        self.ending.cancel();
        let ended = timeout(ABORT_TIME_MAX, wait_for_end(self.ended.clone())).await;
        ended.unwrap_or(Ok(()))
    }

    /// Returns false after an unmount: another mount may then have its device number.
    fn may_be_in_the_tree(&self) -> bool {
        !matches!(&*self.ended.borrow(), Some(Ok(())))
    }
}

impl Drop for DropMount {
    fn drop(&mut self) {
        self.ending.cancel();
        if self.may_be_in_the_tree()
            && let Err(error) = self.target.detach()
        {
            tracing::warn!(%error, "cannot remove the drop folder");
        }
    }
}
