//! Kernel side of a FUSE connection: read-ahead size and abort.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use rustix::fs::{Mode, OFlags, openat};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};
use tfs_sys::mountinfo::Device;

/// Mount point of the FUSE control filesystem, on machines that mount it.
const CONTROL_DIR: &str = "/sys/fs/fuse/connections";

/// Aborts the connection of a filesystem: every pending and later request fails. Needs root or the
/// user who mounted it.
///
/// # Errors
/// `NotFound` for a user where the control filesystem is not mounted; otherwise the kernel's error.
pub(crate) fn abort(device: Device) -> io::Result<()> {
    let file = format!("{}/abort", device.minor);
    let public = File::options().write(true).open(Path::new(CONTROL_DIR).join(&file));
    let mut abort = match public {
        Ok(abort) => abort,
        Err(error) if error.kind() == io::ErrorKind::NotFound => open_in_private(&file)?,
        Err(error) => return Err(error),
    };
    abort.write_all(b"1")
}

/// Opens a file of a private instance of the control filesystem. Needs root.
fn open_in_private(file: &str) -> io::Result<File> {
    let context = fsopen("fusectl", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(&context)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let root = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
    let file = openat(&root, file, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    Ok(File::from(file))
}

/// Sets the read-ahead window of files opened from now on, in KiB. Needs root.
pub(crate) fn set_read_ahead(device: Device, kb: u32) -> io::Result<()> {
    fs::write(format!("/sys/class/bdi/{device}/read_ahead_kb"), kb.to_string())
}
