//! Attaches a mount: as root with `mount(2)`, as another user through fusermount3.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;

use rustix::io::Errno;
use rustix::mount::MountFlags;
use rustix::process::geteuid;
use tfs_sys::mounting::{DropMountOptions, FsName, MountError};

use super::error::of_fusermount;
use crate::options::{drop_fusermount_data, drop_kernel_data};
use crate::{MountOptions, fusermount};

/// The FUSE device.
const DEVICE: &str = "/dev/fuse";

/// Filesystem type for `mount(2)`. The mount tables append the subtype.
const FS_TYPE: &str = "fuse";

/// Where a kernel with SELinux shows it.
const SELINUX_DIR: &str = "/sys/fs/selinux";

/// Flags of all mounts: torrents are untrusted data.
const FLAGS: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV).union(MountFlags::NOEXEC);

/// Mounts a library at `path`, read-only, and returns the FUSE device of the mount.
pub(super) fn attach(path: &Path, options: &MountOptions) -> Result<OwnedFd, MountError> {
    if geteuid().is_root() {
        let flags = FLAGS.union(MountFlags::RDONLY);
        let data = |device| options.kernel_data(device, Path::new(SELINUX_DIR).is_dir());
        return attach_as_root(path, &options.fs_name, flags, data);
    }
    // fusermount3 has no such option.
    if options.context.is_some() {
        return Err(MountError::ContextRefused);
    }
    attach_as_user(path, &options.fusermount_data())
}

/// Mounts a drop folder at `path`, and returns the FUSE device of the mount.
pub(crate) fn attach_drop(path: &Path, options: &DropMountOptions) -> Result<OwnedFd, MountError> {
    if geteuid().is_root() {
        let data = |device| drop_kernel_data(options, device);
        return attach_as_root(path, &options.fs_name, FLAGS, data);
    }
    attach_as_user(path, &drop_fusermount_data(options))
}

fn attach_as_user(path: &Path, data: &str) -> Result<OwnedFd, MountError> {
    // fusermount3 opens the device itself, but its message for a missing device is unclear.
    if let Err(MountError::NoFuseDevice) = std::fs::metadata(DEVICE).map_err(device_error) {
        return Err(MountError::NoFuseDevice);
    }
    fusermount::mount(path, data).map_err(|error| of_fusermount(path.to_owned(), error))
}

/// Checks whether this user can mount, without mounting. Errors that only a mount shows, such as a
/// refusal of the kernel, are not detected.
///
/// # Errors
/// [`MountError`].
pub fn check_fuse() -> Result<(), MountError> {
    if geteuid().is_root() {
        return File::options().read(true).write(true).open(DEVICE).map(drop).map_err(device_error);
    }
    match std::fs::metadata(DEVICE).map_err(device_error) {
        Err(MountError::NoFuseDevice) => Err(MountError::NoFuseDevice),
        _ if fusermount::fusermount_path().is_none() => Err(MountError::NoFusermount),
        _ => Ok(()),
    }
}

fn attach_as_root(
    path: &Path,
    source: &FsName,
    flags: MountFlags,
    data: impl FnOnce(i32) -> String,
) -> Result<OwnedFd, MountError> {
    let failed = |source| MountError::Mount { path: path.to_owned(), source };
    let device = File::options().read(true).write(true).open(DEVICE).map_err(device_error)?;
    let data = CString::new(data(device.as_raw_fd())).map_err(|nul| failed(nul.into()))?;
    rustix::mount::mount(source.as_str(), path, FS_TYPE, flags, data.as_c_str())
        .map_err(|errno| failed(errno.into()))?;
    Ok(device.into())
}

fn device_error(error: io::Error) -> MountError {
    match Errno::from_io_error(&error) {
        Some(Errno::ACCESS | Errno::PERM) => MountError::DevicePermission,
        // The last two are a device node without a driver.
        Some(Errno::NOENT | Errno::NODEV | Errno::NXIO) => MountError::NoFuseDevice,
        _ => MountError::Mount { path: DEVICE.into(), source: error },
    }
}
