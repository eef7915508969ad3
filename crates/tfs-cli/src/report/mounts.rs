//! Errors of mounting and unmounting.

use std::fs;
use std::path::{Path, PathBuf};

use tfs_api::served_name;
use tfs_service::{MountError, MountpointError, UnmountError};
use tfs_sys::mountinfo::MountTable;
use tfs_sys::shell::quoted;

use super::{ErrorReport, hinted};
use crate::exit;

pub(super) fn mountpoint(error: &MountpointError) -> ErrorReport {
    const PREFIX: &str = "cannot ";
    match error {
        MountpointError::Missing { path } => {
            hinted(exit::MOUNTPOINT_MISSING, PREFIX, creation(path))
        }
        MountpointError::NotDirectory { path } if let Some(mount) = inside(path) => {
            hinted(exit::MOUNTPOINT_NOT_DIRECTORY, PREFIX, outside_of(&mount))
        }
        MountpointError::NotDirectory { .. } => {
            hinted(exit::MOUNTPOINT_NOT_DIRECTORY, PREFIX, "use an empty directory")
        }
        MountpointError::NotEmpty { path } if let Some(mount) = inside(path) => {
            hinted(exit::MOUNTPOINT_NOT_EMPTY, PREFIX, outside_of(&mount))
        }
        // `--allow-non-empty` would hide the system, or all of /home.
        MountpointError::NotEmpty { path } if is_of_system(path) => {
            hinted(exit::MOUNTPOINT_NOT_EMPTY, PREFIX, "use an empty directory, such as /mnt/t")
        }
        MountpointError::NotEmpty { .. } => hinted(
            exit::MOUNTPOINT_NOT_EMPTY,
            PREFIX,
            "use an empty directory, or hide the contents of this one with --allow-non-empty",
        ),
        MountpointError::AlreadyMounted { path } => hinted(
            exit::MOUNTPOINT_IN_USE,
            PREFIX,
            format!("unmount it with: tfs unmount {}", quoted(path)),
        ),
        MountpointError::Permission { .. } => hinted(
            exit::MOUNTPOINT_DENIED,
            PREFIX,
            "use a directory that you own, or run tfs as its owner",
        ),
        MountpointError::DeadMount { path, .. } => hinted(
            exit::MOUNTPOINT_DEAD,
            PREFIX,
            format!("clean it up as root: tfs unmount --force {}", quoted(path)),
        ),
        MountpointError::Overlap { .. } => hinted(
            exit::MOUNTPOINT_IN_USE,
            PREFIX,
            "use a directory for --drop that is neither in the mount nor above it",
        ),
        MountpointError::System { .. } => {
            ErrorReport { code: exit::MOUNT_FAILED, prefix: PREFIX, hint: None }
        }
    }
}

/// Returns what to do about a mount point that does not exist.
fn creation(path: &Path) -> String {
    if let Some(mount) = inside(path) {
        return outside_of(&mount);
    }
    // mkdir(1) does not follow a symbolic link.
    let target =
        fs::read_link(path).map(|to| path.parent().map_or(to.clone(), |dir| dir.join(&to)));
    match target {
        Ok(to) => format!(
            "it is a symbolic link to a directory that does not exist; create that with: mkdir -p {}",
            quoted(&to)
        ),
        Err(_no_link) => format!("create it with: mkdir -p {}", quoted(path)),
    }
}

fn outside_of(mount: &Path) -> String {
    format!("it is inside the mount {}; use a directory outside of that", quoted(mount))
}

/// Returns the mount of tfs that has this path inside.
pub(super) fn inside(path: &Path) -> Option<PathBuf> {
    let location = MountTable::read().ok()?.locate(path).ok()?;
    location.inside.is_some_and(|names| !names.is_empty()).then_some(location.path)
}

/// Returns whether a directory is one of the system, which no mount should hide.
fn is_of_system(path: &Path) -> bool {
    const FOR_MOUNTS: [&str; 3] = ["/mnt", "/media", "/srv"];
    let is_top = path.parent().is_none_or(|parent| parent.parent().is_none());
    is_top && !FOR_MOUNTS.iter().any(|dir| path == Path::new(dir))
}

pub(super) fn mount(error: &MountError) -> ErrorReport {
    const PREFIX: &str = "cannot ";
    match error {
        MountError::Mountpoint(error) => mountpoint(error),
        MountError::NoFuseDevice => hinted(
            exit::NO_FUSE_DEVICE,
            PREFIX,
            "load it with: modprobe fuse; in a container, pass --device /dev/fuse",
        ),
        MountError::DevicePermission => hinted(
            exit::FUSE_DENIED,
            PREFIX,
            "give all users access: chmod 666 /dev/fuse as root; \
             in a container, also pass --cap-add SYS_ADMIN",
        ),
        MountError::NoFusermount => hinted(
            exit::NO_FUSERMOUNT,
            PREFIX,
            "install it (Debian, Fedora: package fuse3), or run tfs as root",
        ),
        MountError::AllowOtherRefused => hinted(
            exit::ALLOW_OTHER_DENIED,
            PREFIX,
            "as root, add the line user_allow_other to /etc/fuse.conf, or omit --allow-other",
        ),
        MountError::ContextRefused => {
            hinted(exit::MOUNT_FAILED, PREFIX, "run tfs as root, or leave out context")
        }
        MountError::NeedsFuse { .. } => hinted(
            exit::MOUNT_FAILED,
            PREFIX,
            "leave it out; docs/guide/macos.md lists such options",
        ),
        MountError::Refused { .. } | MountError::Mount { .. } | MountError::Session { .. } => {
            hinted(exit::MOUNT_FAILED, PREFIX, "see more with -f -vv")
        }
    }
}

pub(super) fn unmount(error: &UnmountError) -> ErrorReport {
    const PREFIX: &str = "cannot ";
    match error {
        UnmountError::NotMounted { path } if served_name(path).is_some() => {
            hinted(exit::NOT_MOUNTED, PREFIX, "see what is served with: tfs status")
        }
        UnmountError::Served { .. } => hinted(
            exit::MOUNT_BUSY,
            PREFIX,
            "see who reads with: tfs status; a library without a mount ends at once with --force",
        ),
        UnmountError::NotMounted { path } => {
            let hint = inside(path).map_or_else(
                || "see what is mounted with: findmnt -t fuse.tfs".to_owned(),
                |mount| {
                    let mount = quoted(&mount);
                    format!("it is inside the mount {mount}; to unmount that: tfs unmount {mount}")
                },
            );
            hinted(exit::NOT_MOUNTED, PREFIX, hint)
        }
        UnmountError::NotTfs { path, .. } => {
            hinted(exit::NOT_MOUNTED, PREFIX, format!("use: umount {}", quoted(path)))
        }
        UnmountError::Path { .. } => {
            ErrorReport { code: exit::NOT_MOUNTED, prefix: PREFIX, hint: None }
        }
        // The shell that runs this command has its directory in the mount.
        UnmountError::Busy { holders, .. }
            if holders.iter().any(|holder| holder.pid == std::process::id()) =>
        {
            hinted(exit::MOUNT_BUSY, PREFIX, "change to another directory first: cd /")
        }
        UnmountError::Busy { holders, .. } if holders.is_empty() => hinted(
            exit::MOUNT_BUSY,
            PREFIX,
            "no program was found that uses it. If tfs status says that its own process is \
             stopped, continue it as shown there. Or use --force to end it now, or --lazy",
        ),
        UnmountError::Busy { .. } => hinted(
            exit::MOUNT_BUSY,
            PREFIX,
            "end them, or use --force to fail their reads, or --lazy to let them finish",
        ),
        UnmountError::NotPermitted { .. } => {
            hinted(exit::UNMOUNT_FAILED, PREFIX, "run it as the user who mounted, or as root")
        }
        UnmountError::NoFusermount { .. } => hinted(
            exit::NO_FUSERMOUNT,
            PREFIX,
            "install it (Debian, Fedora: package fuse3), or run tfs as root",
        ),
        UnmountError::Table { .. } | UnmountError::Refused { .. } | UnmountError::System { .. } => {
            ErrorReport { code: exit::UNMOUNT_FAILED, prefix: PREFIX, hint: None }
        }
    }
}
