//! Unmounts a mount: through its process if that answers, otherwise without it.

use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use tfs_api::wire::{
    FailureKind, HolderInfo, PlaceInfo, UnmountMode, UnmountRequest, Unmounted, shown,
};
use tfs_api::{ControlError, FindError, FoundMount, find_mount, served_name};
use tfs_sys::blocking;
use tfs_sys::mountinfo::{MountTable, locate};
use tfs_sys::places::{places, places_left};
use tfs_sys::process::is_stopped;

use crate::control::place_info;
use crate::drop::unmount_drops_of;
use crate::mounting::{Holder, Unmount, UnmountError, unmount};

/// Result of an unmount.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EndedMount {
    /// Where the filesystem is still mounted; then the mount has not ended. After a forced unmount,
    /// these places are dead.
    pub still_mounted: Vec<PlaceInfo>,
    /// The process that continues for these places, if it is known.
    pub pid: Option<u32>,
}

/// Unmounts the mount of tfs at `path`, or ends the library of that [name](served_name). Its
/// process is asked first; then the mount has ended completely on return. If the process does not
/// answer or is gone, the mount is detached without it.
///
/// # Errors
/// [`UnmountError`]; the mount still exists.
pub async fn end_mount(path: &Path, how: Unmount) -> Result<EndedMount, UnmountError> {
    let (was_asked, unmounted) = match ask(path, how).await {
        EndAnswer::Ended(ended) => return Ok(ended),
        EndAnswer::Served(why) => return Err(UnmountError::Served { why }),
        EndAnswer::Busy(holders) => {
            return Err(UnmountError::Busy { path: path.to_owned(), holders });
        }
        EndAnswer::None { .. } if served_name(path).is_some() => {
            return Err(UnmountError::NotMounted { path: path.to_owned() });
        }
        EndAnswer::None { was_asked, silent } => {
            let path = path.to_owned();
            let unmounted = blocking(move || {
                let ended = unmount_one(&path, how)?;
                if how == Unmount::Force
                    && let Some(pid) = silent
                {
                    resume(pid);
                }
                Ok(ended)
            });
            (was_asked, unmounted.await)
        }
    };
    match unmounted {
        // The process did unmount, but answered too late.
        Err(UnmountError::NotMounted { .. }) if was_asked => Ok(EndedMount::default()),
        done => done,
    }
}

/// Unmounts without the process. If the filesystem is mounted at several places, `still_mounted` is
/// set only for the first of them: a bind mount is unmounted alone, as with `umount(8)`.
fn unmount_one(path: &Path, how: Unmount) -> Result<EndedMount, UnmountError> {
    let table = MountTable::read().map_err(|source| UnmountError::Table { source })?;
    let located = locate(path);
    let entry = located.ok().and_then(|located| table.at(&located)).filter(|entry| entry.is_tfs());
    let first = entry.filter(|entry| {
        table.places_of(entry.device).next().is_some_and(|first| first.id == entry.id)
    });
    let before = first.map(|entry| (places(entry.device), entry.device));
    if let Some(first) = first {
        unmount_drops_of(&first.mount_point, how)?;
    }
    unmount(path, how)?;
    let places = before.map(|(before, device)| places_left(&before, device)).unwrap_or_default();
    Ok(EndedMount { still_mounted: places.into_iter().map(place_info).collect(), pid: None })
}

/// Result of asking the process to unmount.
enum EndAnswer {
    Ended(EndedMount),
    Busy(Vec<Holder>),
    /// It is not ended, for this reason: clients read it, or it belongs to a mount.
    Served(String),
    /// No answer; the process may have started to unmount.
    None {
        was_asked: bool,
        /// The process behind the mount that did not answer, if it is known.
        silent: Option<u32>,
    },
}

/// Continues a process that a signal has stopped. It sees then that its mount is gone, and ends, or
/// serves its other mounts.
fn resume(pid: u32) {
    if !is_stopped(pid) {
        return;
    }
    let id = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let continued = id.map(|id| kill_process(id, Signal::CONT));
    tracing::debug!(pid, ?continued, "continued the process of a mount that was ended by force");
}

async fn ask(path: &Path, how: Unmount) -> EndAnswer {
    let FoundMount { client, mount, pid } = match find_mount(Some(path)).await {
        Ok(found) => found,
        Err(error) => {
            tracing::debug!(%error, "no process to end");
            let silent = if let FindError::Unanswered { pid, .. } = error { pid } else { None };
            return EndAnswer::None { was_asked: false, silent };
        }
    };
    let is_library = served_name(Path::new(&mount.mountpoint)).is_some();
    // The address of a front end of a mount does not stand for the mount.
    if served_name(path).is_some() && !is_library {
        let (path, mountpoint) = (path.display(), &mount.mountpoint);
        return EndAnswer::Served(format!("end {path} alone: it serves the mount {mountpoint}"));
    }
    // The filesystem may also be visible elsewhere; only this path is to be unmounted.
    let given = path.to_owned();
    let located = blocking(move || locate(&given)).await;
    if !is_library && located.is_ok_and(|located| shown(&located) != mount.mountpoint) {
        return EndAnswer::None { was_asked: false, silent: None };
    }
    let mode = match how {
        Unmount::Clean => UnmountMode::Clean,
        Unmount::Lazy => UnmountMode::Lazy,
        Unmount::Force => UnmountMode::Force,
    };
    let request = UnmountRequest { mountpoint: Some(mount.mountpoint), mode };
    match client.unmount(&request).await {
        Ok(Unmounted { still_mounted }) => {
            // After a forced unmount there is no process.
            let pid = (how != Unmount::Force && !still_mounted.is_empty()).then_some(pid);
            EndAnswer::Ended(EndedMount { still_mounted, pid })
        }
        Err(ControlError::Refused(failure)) if failure.kind == FailureKind::Busy && is_library => {
            let why = failure.message.strip_prefix("failed to ").unwrap_or(&failure.message);
            EndAnswer::Served(why.to_owned())
        }
        Err(ControlError::Refused(failure)) if failure.kind == FailureKind::Busy => {
            EndAnswer::Busy(failure.holders.into_iter().map(holder).collect())
        }
        Err(error) => {
            tracing::debug!(%error, "the process does not end its mount");
            EndAnswer::None { was_asked: true, silent: Some(pid) }
        }
    }
}

fn holder(HolderInfo { pid, command, path }: HolderInfo) -> Holder {
    Holder { pid, command, path: PathBuf::from(path) }
}
