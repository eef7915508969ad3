//! Attaches a mount: as root with `mount(2)`, as another user through fusermount3.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;

use rustix::io::Errno;
use rustix::mount::MountFlags;
use rustix::process::geteuid;

use super::MountError;
use crate::{MountOptions, fusermount};

/// The FUSE device.
const DEVICE: &str = "/dev/fuse";

/// Filesystem type for `mount(2)`. The mount tables append the subtype.
const FS_TYPE: &str = "fuse";

/// Where a kernel with SELinux shows it.
const SELINUX_DIR: &str = "/sys/fs/selinux";

/// Flags of all mounts: torrents are untrusted data, and the mount is read-only.
const FLAGS: MountFlags =
    MountFlags::RDONLY.union(MountFlags::NOSUID).union(MountFlags::NODEV).union(MountFlags::NOEXEC);

/// Mounts at `path`, and returns the FUSE device of the mount.
pub(super) fn attach(path: &Path, options: &MountOptions) -> Result<OwnedFd, MountError> {
    if geteuid().is_root() {
        return attach_as_root(path, options);
    }
    // fusermount3 has no such option.
    if options.context.is_some() {
        return Err(MountError::ContextRefused);
    }
    // fusermount3 opens the device itself, but its message for a missing device is unclear.
    if let Err(MountError::NoFuseDevice) = std::fs::metadata(DEVICE).map_err(device_error) {
        return Err(MountError::NoFuseDevice);
    }
    fusermount::mount(path, &options.fusermount_data())
        .map_err(|error| MountError::from_fusermount(path.to_owned(), error))
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

fn attach_as_root(path: &Path, options: &MountOptions) -> Result<OwnedFd, MountError> {
    let failed = |source| MountError::Mount { path: path.to_owned(), source };
    let device = File::options().read(true).write(true).open(DEVICE).map_err(device_error)?;
    let data = options.kernel_data(device.as_raw_fd(), Path::new(SELINUX_DIR).is_dir());
    let data = CString::new(data).map_err(|nul| failed(nul.into()))?;
    let source = options.fs_name.as_str();
    rustix::mount::mount(source, path, FS_TYPE, FLAGS, data.as_c_str())
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
