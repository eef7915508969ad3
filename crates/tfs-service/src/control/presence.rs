//! Where a running mount is visible, and problems with that.

use std::path::Path;

use tfs_api::wire::{PlaceInfo, shown};
use tfs_sys::mountinfo::{Device, MountTable};
use tfs_sys::places::{MountPlace, Witness, places, places_here};

/// Places where a mount is visible.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct MountPresence {
    /// The problem, if it is not visible at its mount point.
    pub(super) trouble: Option<&'static str>,
    /// Other places where it is mounted.
    pub(super) also_mounted: Vec<PlaceInfo>,
}

impl MountPresence {
    /// Looks up a mount of this process. Other mount namespaces are searched only if it is not
    /// visible at its own mount point, since that reads the files of every process.
    pub(super) fn of(path: &Path, device: Device) -> Self {
        let table = MountTable::read().unwrap_or_default();
        let is_seen = table.at(path).is_some_and(|entry| entry.device == device);
        let places = if is_seen { places_here(device) } else { places(device) };
        Self::classify(path, is_seen, places)
    }

    fn classify(path: &Path, is_seen: bool, places: Vec<MountPlace>) -> Self {
        let is_own = |place: &MountPlace| place.seen_by.is_none() && place.mount_point == path;
        let is_covered = !is_seen && places.iter().any(is_own);
        let also_mounted: Vec<_> =
            places.into_iter().filter(|place| !is_own(place)).map(place_info).collect();
        let trouble = match (is_seen, is_covered, also_mounted.is_empty()) {
            (true, _, _) => None,
            (false, true, _) => Some("another mount covers it"),
            (false, false, false) => Some("unmounted here, still mounted elsewhere"),
            (false, false, true) => Some("unmounted; it ends when its last open file is closed"),
        };
        Self { trouble, also_mounted }
    }
}

/// Converts a place to its wire type.
pub(crate) fn place_info(MountPlace { mount_point, seen_by, .. }: MountPlace) -> PlaceInfo {
    let (pid, command) = seen_by.map(|Witness { pid, command }| (pid, command)).unzip();
    PlaceInfo { mountpoint: shown(&mount_point), pid, command }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str, pid: Option<u32>) -> MountPlace {
        let seen_by = pid.map(|pid| Witness { pid, command: "sh".to_owned() });
        MountPlace { id: 1, mount_point: path.into(), seen_by }
    }

    #[track_caller]
    fn check(is_seen: bool, places: Vec<MountPlace>, trouble: Option<&str>, also: &[&str]) {
        let found = MountPresence::classify(Path::new("/m"), is_seen, places);
        assert_eq!(found.trouble, trouble);
        let paths: Vec<_> = found.also_mounted.iter().map(|place| &place.mountpoint).collect();
        assert_eq!(paths, also);
    }

    #[test]
    fn a_mount_that_is_not_seen_is_not_well() {
        check(true, vec![place("/m", None)], None, &[]);
        check(true, vec![place("/m", None), place("/x", None)], None, &["/x"]);
        check(false, vec![place("/m", None)], Some("another mount covers it"), &[]);
        let elsewhere = Some("unmounted here, still mounted elsewhere");
        check(false, vec![place("/x", None)], elsewhere, &["/x"]);
        // The same path in a container.
        check(false, vec![place("/m", Some(7))], elsewhere, &["/m"]);
        let lazy = Some("unmounted; it ends when its last open file is closed");
        check(false, vec![], lazy, &[]);
    }
}
