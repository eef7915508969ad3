//! Ending a mount: by its own process where that answers, and without it where it does not.

use std::path::{Path, PathBuf};

use fuse_adapter::{Holder, Unmount, UnmountError, unmount};

use super::client::ControlError;
use super::find::{FoundMount, find_mount};
use super::mount::shown;
use super::wire::{FailureKind, HolderInfo, UnmountMode, UnmountRequest};
use crate::blocking::blocking;
use fuse_adapter::mountinfo::locate;

/// Unmounts what is mounted at `path`, if it is ours. The process behind it is asked first, and
/// has ended the mount wholly when this returns; where it does not answer, or is gone, the mount is
/// taken away from it.
///
/// # Errors
/// [`UnmountError`]; the mount is then still there.
pub async fn end_mount(path: &Path, how: Unmount) -> Result<(), UnmountError> {
    let was_asked = match ask(path, how).await {
        Asked::Done => return Ok(()),
        Asked::Busy(holders) => {
            return Err(UnmountError::Busy { path: path.to_owned(), holders });
        }
        Asked::NoAnswer(was_asked) => was_asked,
    };
    let path = path.to_owned();
    match blocking(move || unmount(&path, how)).await {
        // The process did it after all, and was only slow to say so.
        Err(UnmountError::NotMounted { .. }) if was_asked => Ok(()),
        done => done,
    }
}

enum Asked {
    Done,
    Busy(Vec<Holder>),
    /// Whether it may have begun.
    NoAnswer(bool),
}

async fn ask(path: &Path, how: Unmount) -> Asked {
    let FoundMount { client, mount } = match find_mount(Some(path)).await {
        Ok(found) => found,
        Err(error) => {
            tracing::debug!(%error, "nobody to ask for an end");
            return Asked::NoAnswer(false);
        }
    };
    // Elsewhere the same filesystem is seen too, which is not what is to end.
    let given = path.to_owned();
    let located = blocking(move || locate(&given)).await;
    if located.is_ok_and(|located| shown(&located) != mount.mountpoint) {
        return Asked::NoAnswer(false);
    }
    let mode = match how {
        Unmount::Clean => UnmountMode::Clean,
        Unmount::Lazy => UnmountMode::Lazy,
        Unmount::Force => UnmountMode::Force,
    };
    let request = UnmountRequest { mountpoint: Some(mount.mountpoint), mode };
    match client.unmount(&request).await {
        Ok(()) => Asked::Done,
        Err(ControlError::Refused(failure)) if failure.kind == FailureKind::Busy => {
            Asked::Busy(failure.holders.into_iter().map(holder).collect())
        }
        Err(error) => {
            tracing::debug!(%error, "the process does not end its mount");
            Asked::NoAnswer(true)
        }
    }
}

fn holder(HolderInfo { pid, command, path }: HolderInfo) -> Holder {
    Holder { pid, command, path: PathBuf::from(path) }
}
