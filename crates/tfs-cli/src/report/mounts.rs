//! Errors of mounting and unmounting.

use tfs_service::{MountError, MountpointError, UnmountError};
use tfs_sys::shell::quoted;

use super::{ErrorReport, hinted};
use crate::exit;

pub(super) fn mountpoint(error: &MountpointError) -> ErrorReport {
    const PREFIX: &str = "cannot ";
    match error {
        MountpointError::Missing { path } => hinted(
            exit::MOUNTPOINT_MISSING,
            PREFIX,
            format!("create it with: mkdir -p {}", quoted(path)),
        ),
        MountpointError::NotDirectory { .. } => {
            hinted(exit::MOUNTPOINT_NOT_DIRECTORY, PREFIX, "use an empty directory")
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
        MountpointError::System { .. } => {
            ErrorReport { code: exit::MOUNT_FAILED, prefix: PREFIX, hint: None }
        }
    }
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
        MountError::Fusermount { .. } | MountError::Mount { .. } | MountError::Session { .. } => {
            hinted(exit::MOUNT_FAILED, PREFIX, "see more with -f -vv")
        }
    }
}

pub(super) fn unmount(error: &UnmountError) -> ErrorReport {
    const PREFIX: &str = "cannot ";
    match error {
        UnmountError::NotMounted { .. } => {
            hinted(exit::NOT_MOUNTED, PREFIX, "see what is mounted with: findmnt -t fuse.tfs")
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
             stopped, continue it: kill -CONT <PID>. Or use --force to end it now, or --lazy",
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
        UnmountError::Table { .. }
        | UnmountError::Fusermount { .. }
        | UnmountError::System { .. } => {
            ErrorReport { code: exit::UNMOUNT_FAILED, prefix: PREFIX, hint: None }
        }
    }
}
