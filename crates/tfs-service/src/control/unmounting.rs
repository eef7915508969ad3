//! Ends a mount or a served library on request of a client.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tfs_api::wire::{FailureBody, FailureKind, HolderInfo, UnmountMode, Unmounted, shown};
use tfs_sys::blocking;
use tfs_sys::mountinfo::{Device, MountTable};
use tfs_sys::places::{MountPlace, places, places_left};
use tokio::time::timeout;

use super::ending::Ending;
use super::presence::place_info;
use crate::drop::DropService;
use crate::mounting::{Holder, LibraryPlace, Unmount, UnmountError, unmount};

/// How long a mount namespace may have a transient copy of a mount. A container's namespace is
/// created and cleaned up within milliseconds.
const COPY_TIME_MAX: Duration = Duration::from_secs(1);

/// What the end of a mount needs.
pub(super) struct MountEnd<'a> {
    pub(super) place: &'a LibraryPlace,
    pub(super) device: Option<Device>,
    pub(super) drop: Option<Arc<DropService>>,
    pub(super) ending: &'a Ending,
}

impl MountEnd<'_> {
    /// Ends the mount. A library without a mount ends in each mode.
    pub(super) async fn unmount(&self, mode: UnmountMode) -> Result<Unmounted, FailureBody> {
        let (Some(path), Some(device)) = (self.place.path(), self.device) else {
            self.end_by_force().await;
            return Ok(Unmounted::default());
        };
        let before = blocking(move || places(device)).await;
        match mode {
            UnmountMode::Clean => {
                self.unmount_by_path(path, device, Unmount::Clean).await?;
                let places = self.places_that_stay(device, &before).await;
                // A filesystem that is mounted elsewhere does not end.
                if !places.is_empty() {
                    return Ok(unmounted(places));
                }
                self.ending.over().await;
                Ok(Unmounted::default())
            }
            UnmountMode::Lazy => {
                self.unmount_by_path(path, device, Unmount::Lazy).await?;
                Ok(unmounted(self.places_that_stay(device, &before).await))
            }
            UnmountMode::Force => {
                self.end_by_force().await;
                Ok(unmounted(blocking(move || places_left(&before, device)).await))
            }
        }
    }

    /// Has the owner of the mount end it.
    async fn end_by_force(&self) {
        self.ending.ask();
        self.ending.over().await;
    }

    /// Returns the places where it is still mounted after an unmount. A new mount namespace has a
    /// transient copy, which its creator usually unmounts. So such a place is checked twice.
    async fn places_that_stay(&self, device: Device, before: &[MountPlace]) -> Vec<MountPlace> {
        let left = |before: Vec<MountPlace>| blocking(move || places_left(&before, device));
        let places = left(before.to_vec()).await;
        if places.iter().any(|place| place.seen_by.is_none()) || places.is_empty() {
            return places;
        }
        match timeout(COPY_TIME_MAX, self.ending.over()).await {
            Ok(()) => Vec::new(),
            Err(_elapsed) => left(places).await,
        }
    }

    /// Unmounts the drop folder and then the mount. If the mount stays, so does the folder.
    async fn unmount_by_path(
        &self,
        path: &Path,
        device: Device,
        how: Unmount,
    ) -> Result<(), FailureBody> {
        check_is_on_top(path, device)?;
        if let Some(folder) = &self.drop {
            folder.unmount(how).await.map_err(unmount_failure)?;
        }
        let path = path.to_owned();
        let unmounted = blocking(move || unmount(&path, how)).await;
        if let (Err(_), Some(folder)) = (&unmounted, &self.drop) {
            folder.mount_again().await;
        }
        unmounted.map_err(unmount_failure)
    }
}

/// Checks that the mount visible at the path is this one, and not one on top of it.
fn check_is_on_top(path: &Path, device: Device) -> Result<(), FailureBody> {
    let table = MountTable::read()
        .map_err(|error| FailureBody::new(FailureKind::Failed, error.to_string()))?;
    let top = table.at(path).map(|entry| entry.device);
    if top == Some(device) { Ok(()) } else { Err(ended()) }
}

fn unmounted(places: Vec<MountPlace>) -> Unmounted {
    Unmounted { still_mounted: places.into_iter().map(place_info).collect() }
}

pub(super) fn ended() -> FailureBody {
    FailureBody::new(FailureKind::UnknownMount, "the mount has ended")
}

fn unmount_failure(error: UnmountError) -> FailureBody {
    let message = format!("failed to {error}");
    match error {
        UnmountError::Busy { holders, .. } => FailureBody {
            holders: holders.into_iter().map(holder_info).collect(),
            ..FailureBody::new(FailureKind::Busy, message)
        },
        UnmountError::NotMounted { .. } | UnmountError::NotTfs { .. } => ended(),
        UnmountError::NotPermitted { .. } => FailureBody::new(FailureKind::NotPermitted, message),
        UnmountError::Path { .. }
        | UnmountError::Table { .. }
        | UnmountError::Served { .. }
        | UnmountError::NoFusermount { .. }
        | UnmountError::Refused { .. }
        | UnmountError::System { .. } => FailureBody::new(FailureKind::Failed, message),
    }
}

fn holder_info(Holder { pid, command, path }: Holder) -> HolderInfo {
    HolderInfo { pid, command, path: shown(&path) }
}
