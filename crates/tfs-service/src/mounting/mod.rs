//! How a library becomes visible to the programs of this machine: by FUSE on Linux, by NFS over
//! loopback on macOS, or not at all if it is only served on the network.
//!
//! # Invariants
//! Only this module and `doctor/fuse.rs` use `fuse-adapter`, on Linux only. The rest of the crate
//! sees [`Mounting`], [`KernelSide`] and the names that are exported here.

#[cfg(target_os = "linux")]
mod fuse;
mod kernel;
#[cfg(not(target_os = "linux"))]
mod macos;
#[cfg(any(not(target_os = "linux"), test))]
mod nfs;
mod place;
mod served;
mod wanted;

use std::io;
use std::path::Path;

#[cfg(target_os = "linux")]
pub(crate) use fuse_adapter::{DropMount, liveness, mount_drop};
#[cfg(target_os = "linux")]
use fuse_adapter::{FuseMount, wait_for_answer};
#[cfg(target_os = "linux")]
pub use fuse_adapter::{check_mountpoint, probe_kernel_fuse, unmount};
pub(crate) use tfs_sys::clock::DropClock;
use tfs_sys::mountinfo::Device;
pub use tfs_sys::mounting::{
    AttrOptions, DiskUsage, Holder, KernelFuse, MissingErrno, MountError, MountpointError,
    ProgramPatterns, READ_AHEAD_KB_DEFAULT, SecurityContext, SessionError, Unmount, UnmountError,
};
pub(crate) use tfs_sys::mounting::{DropMountOptions, FsName, Liveness};

#[cfg(target_os = "linux")]
pub(crate) use self::fuse::{check_places, mount};
pub(crate) use self::kernel::{KernelSide, ReadingProgram};
#[cfg(not(target_os = "linux"))]
pub(crate) use self::macos::{DropMount, check_places, liveness, mount, mount_drop};
#[cfg(not(target_os = "linux"))]
pub use self::macos::{check_mountpoint, probe_kernel_fuse, unmount};
#[cfg(not(target_os = "linux"))]
use self::nfs::{NfsMounting, wait_for_answer};
pub use self::place::LibraryPlace;
pub(crate) use self::served::ServedLibrary;
pub(crate) use self::wanted::{MountingOptions, WantedMountPoints};

/// The front end of a library on this machine. Dropping it ends the library.
#[derive(Debug)]
pub(crate) enum Mounting {
    /// A FUSE mount.
    #[cfg(target_os = "linux")]
    Fuse(Box<FuseMount>),
    /// A mount by NFS from this process.
    #[cfg(not(target_os = "linux"))]
    Nfs(Box<NfsMounting>),
    /// No mount.
    Served(ServedLibrary),
}

impl Mounting {
    /// Returns the mount point, an absolute path without symbolic links.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Fuse(mount) => Some(mount.mountpoint()),
            #[cfg(not(target_os = "linux"))]
            Self::Nfs(mount) => Some(mount.path()),
            Self::Served(_) => None,
        }
    }

    /// Returns the device number, as in the mount table.
    pub(crate) fn device(&self) -> Option<Device> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Fuse(mount) => Some(mount.device()),
            #[cfg(not(target_os = "linux"))]
            Self::Nfs(mount) => Some(mount.device()),
            Self::Served(_) => None,
        }
    }

    /// Returns the handle of the kernel's part.
    pub(crate) fn kernel_side(&self) -> KernelSide {
        match self {
            #[cfg(target_os = "linux")]
            Self::Fuse(mount) => KernelSide::Fuse(mount.kernel_side()),
            // Over NFS, tfs cannot tell the kernel anything, nor ask it.
            #[cfg(not(target_os = "linux"))]
            Self::Nfs(_) => KernelSide::None,
            Self::Served(_) => KernelSide::None,
        }
    }

    /// Returns whether the mount point leads to this mount. A library without a mount is not seen.
    ///
    /// # Errors
    /// If the mount table cannot be read.
    pub(crate) fn is_seen(&self) -> io::Result<bool> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Fuse(mount) => mount.is_seen(),
            #[cfg(not(target_os = "linux"))]
            Self::Nfs(mount) => mount.is_seen(),
            Self::Served(_) => Ok(false),
        }
    }

    /// Returns a question to the kernel whether the mount answers. It blocks until the answer, and
    /// maybe forever; `None` without a mount.
    pub(crate) fn question(&self) -> Option<impl FnOnce() -> bool + Send + use<>> {
        let path = self.path()?.to_owned();
        Some(move || wait_for_answer(&path))
    }

    /// Resolves when the mount has ended, by any unmount; never without a mount.
    ///
    /// # Errors
    /// If it ended for another reason.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(crate) async fn wait(&self) -> Result<(), SessionError> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Fuse(mount) => mount.wait().await,
            #[cfg(not(target_os = "linux"))]
            Self::Nfs(mount) => mount.wait().await,
            Self::Served(_) => std::future::pending().await,
        }
    }

    /// Ends all reads and the mount within seconds, also while programs use it.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub(crate) async fn unmount(self) -> Result<(), SessionError> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Fuse(mount) => mount.unmount().await,
            #[cfg(not(target_os = "linux"))]
            Self::Nfs(mount) => mount.unmount().await,
            Self::Served(library) => {
                drop(library);
                Ok(())
            }
        }
    }
}
