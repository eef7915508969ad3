//! How a library becomes visible to the programs of this machine: by FUSE, or not at all if it is
//! only served on the network.
//!
//! # Invariants
//! Only this module and `doctor/fuse.rs` use `fuse-adapter`. The rest of the crate sees
//! [`Mounting`], [`KernelSide`] and the names that are exported here.

mod fuse;
mod kernel;
mod place;
mod served;

use std::io;
use std::path::Path;

pub use fuse_adapter::{
    AttrOptions, DiskUsage, Holder, KernelFuse, MissingErrno, MountError, MountpointError,
    READ_AHEAD_KB_DEFAULT, SecurityContext, SessionError, Unmount, UnmountError, check_mountpoint,
    probe_kernel_fuse, unmount,
};
pub(crate) use fuse_adapter::{
    DropClock, DropMount, DropMountOptions, FsName, Liveness, liveness, mount_drop,
};
use fuse_adapter::{FuseMount, wait_for_answer};
use tfs_sys::mountinfo::Device;

pub(crate) use self::fuse::{MountingOptions, WantedPlaces, check_places, mount};
pub(crate) use self::kernel::{KernelSide, Program};
pub use self::place::LibraryPlace;
pub(crate) use self::served::ServedLibrary;

/// The front end of a library on this machine. Dropping it ends the library.
#[derive(Debug)]
pub(crate) enum Mounting {
    /// A FUSE mount.
    Fuse(Box<FuseMount>),
    /// No mount.
    Served(ServedLibrary),
}

impl Mounting {
    /// Returns the mount point, an absolute path without symbolic links.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Fuse(mount) => Some(mount.mountpoint()),
            Self::Served(_) => None,
        }
    }

    /// Returns the device number, as in the mount table.
    pub(crate) fn device(&self) -> Option<Device> {
        match self {
            Self::Fuse(mount) => Some(mount.device()),
            Self::Served(_) => None,
        }
    }

    /// Returns the handle of the kernel's part.
    pub(crate) fn kernel_side(&self) -> KernelSide {
        match self {
            Self::Fuse(mount) => KernelSide::Fuse(mount.kernel_side()),
            Self::Served(_) => KernelSide::None,
        }
    }

    /// Returns whether the mount point leads to this mount. A library without a mount is not seen.
    ///
    /// # Errors
    /// If the mount table cannot be read.
    pub(crate) fn is_seen(&self) -> io::Result<bool> {
        match self {
            Self::Fuse(mount) => mount.is_seen(),
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
            Self::Fuse(mount) => mount.wait().await,
            Self::Served(_) => std::future::pending().await,
        }
    }

    /// Ends all reads and the mount within seconds, also while programs use it.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub(crate) async fn unmount(self) -> Result<(), SessionError> {
        match self {
            Self::Fuse(mount) => mount.unmount().await,
            Self::Served(library) => {
                drop(library);
                Ok(())
            }
        }
    }
}
