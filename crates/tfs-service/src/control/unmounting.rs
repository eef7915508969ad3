//! Ending a mount: by its own process where that answers, and without it where it does not.

use std::path::{Path, PathBuf};

use fuse_adapter::mountinfo::{MountTable, locate};
use fuse_adapter::{Holder, Unmount, UnmountError, places, places_left, unmount};

use super::client::ControlError;
use super::find::{FoundMount, find_mount};
use super::mount::shown;
use super::presence::place_info;
use super::wire::{FailureKind, HolderInfo, PlaceInfo, UnmountMode, UnmountRequest, Unmounted};
use crate::blocking::blocking;

/// A mount that was taken out of the tree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EndedMount {
    /// Where its filesystem is still mounted; then it has not ended. By force, it is dead there.
    pub still_mounted: Vec<PlaceInfo>,
    /// The process that lives on for that, where it is known.
    pub pid: Option<u32>,
}

/// Unmounts what is mounted at `path`, if it is ours. The process behind it is asked first, and
/// has ended the mount wholly when this returns; where it does not answer, or is gone, the mount is
/// taken away from it.
///
/// # Errors
/// [`UnmountError`]; the mount is then still there.
pub async fn end_mount(path: &Path, how: Unmount) -> Result<EndedMount, UnmountError> {
    let was_asked = match ask(path, how).await {
        EndAnswer::Ended(ended) => return Ok(ended),
        EndAnswer::Busy(holders) => {
            return Err(UnmountError::Busy { path: path.to_owned(), holders });
        }
        EndAnswer::None { was_asked } => was_asked,
    };
    let path = path.to_owned();
    match blocking(move || unmount_one(&path, how)).await {
        // The process did it after all, and was only slow to say so.
        Err(UnmountError::NotMounted { .. }) if was_asked => Ok(EndedMount::default()),
        done => done,
    }
}

/// Unmounts without the process. Where the same filesystem is mounted at several places, this is
/// only said for the first of them: a bind mount goes alone, as with `umount(8)`.
fn unmount_one(path: &Path, how: Unmount) -> Result<EndedMount, UnmountError> {
    let table = MountTable::read().map_err(|source| UnmountError::Table { source })?;
    let located = locate(path);
    let entry = located.ok().and_then(|located| table.at(&located)).filter(|entry| entry.is_tfs());
    let first = entry.filter(|entry| {
        table.places_of(entry.device).next().is_some_and(|first| first.id == entry.id)
    });
    let before = first.map(|entry| (places(entry.device), entry.device));
    unmount(path, how)?;
    let places = before.map(|(before, device)| places_left(&before, device)).unwrap_or_default();
    Ok(EndedMount { still_mounted: places.into_iter().map(place_info).collect(), pid: None })
}

/// What came of asking the process behind a mount for its end.
enum EndAnswer {
    Ended(EndedMount),
    Busy(Vec<Holder>),
    /// There was none; it may have begun to end it.
    None {
        was_asked: bool,
    },
}

async fn ask(path: &Path, how: Unmount) -> EndAnswer {
    let FoundMount { client, mount, pid } = match find_mount(Some(path)).await {
        Ok(found) => found,
        Err(error) => {
            tracing::debug!(%error, "no process to ask for an end");
            return EndAnswer::None { was_asked: false };
        }
    };
    // Elsewhere the same filesystem is seen too, which is not what is to end.
    let given = path.to_owned();
    let located = blocking(move || locate(&given)).await;
    if located.is_ok_and(|located| shown(&located) != mount.mountpoint) {
        return EndAnswer::None { was_asked: false };
    }
    let mode = match how {
        Unmount::Clean => UnmountMode::Clean,
        Unmount::Lazy => UnmountMode::Lazy,
        Unmount::Force => UnmountMode::Force,
    };
    let request = UnmountRequest { mountpoint: Some(mount.mountpoint), mode };
    match client.unmount(&request).await {
        Ok(Unmounted { still_mounted }) => {
            // One that was ended by force has no process any more.
            let pid = (how != Unmount::Force && !still_mounted.is_empty()).then_some(pid);
            EndAnswer::Ended(EndedMount { still_mounted, pid })
        }
        Err(ControlError::Refused(failure)) if failure.kind == FailureKind::Busy => {
            EndAnswer::Busy(failure.holders.into_iter().map(holder).collect())
        }
        Err(error) => {
            tracing::debug!(%error, "the process does not end its mount");
            EndAnswer::None { was_asked: true }
        }
    }
}

fn holder(HolderInfo { pid, command, path }: HolderInfo) -> Holder {
    Holder { pid, command, path: PathBuf::from(path) }
}
