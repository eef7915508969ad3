//! Why a directory cannot be mounted on, a filesystem was not mounted, and a session ended.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::UnmountError;

/// Why a directory cannot be mounted on. The message fits after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum MountpointError {
    /// The path does not exist.
    #[error("mount on {}: it does not exist", path.display())]
    Missing {
        /// The given path.
        path: PathBuf,
    },
    /// The path is not a directory.
    #[error("mount on {}: it is not a directory", path.display())]
    NotDirectory {
        /// The given path.
        path: PathBuf,
    },
    /// The directory has entries, which the mount would hide.
    #[error("mount on {}: the directory is not empty", path.display())]
    NotEmpty {
        /// The given path.
        path: PathBuf,
    },
    /// A tfs mount is there and answers, or its process still exists.
    #[error("mount on {}: tfs is already mounted there", path.display())]
    AlreadyMounted {
        /// The given path.
        path: PathBuf,
    },
    /// The drop folder is inside its library, or contains it.
    #[error("mount the drop folder on {}: it must be apart from the mount point {}",
        path.display(), library.display())]
    Overlap {
        /// The given path of the folder.
        path: PathBuf,
        /// The mount point of the library.
        library: PathBuf,
    },
    /// This user may not read the directory, or not mount on it.
    #[error("mount on {}: permission denied", path.display())]
    Permission {
        /// The given path.
        path: PathBuf,
    },
    /// A dead tfs mount is there and cannot be removed.
    #[error("clean up the dead mount at {}", path.display())]
    DeadMount {
        /// The given path.
        path: PathBuf,
        /// The cause.
        source: UnmountError,
    },
    /// The directory cannot be accessed.
    #[error("examine {}", path.display())]
    System {
        /// The given path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// Why a filesystem was not mounted; no mount remains. The message fits after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// The mount point is not usable.
    #[error(transparent)]
    Mountpoint(#[from] MountpointError),
    /// `/dev/fuse` is missing: the kernel has no FUSE, or the container has no access to it.
    #[error("open /dev/fuse: this system has no FUSE")]
    NoFuseDevice,
    /// Opening `/dev/fuse` is not permitted.
    #[error("open /dev/fuse: permission denied")]
    DevicePermission,
    /// fusermount3 is not installed. Users other than root need it.
    #[error("mount: fusermount3 is not installed")]
    NoFusermount,
    /// `allow_other` is not permitted for users other than root.
    #[error("mount with allow_other: /etc/fuse.conf does not have user_allow_other")]
    AllowOtherRefused,
    /// A security label is not permitted for users other than root.
    #[error("mount with a security context: only root can set it")]
    ContextRefused,
    /// fusermount3, or mount_nfs on macOS, refused for another reason.
    #[error("mount on {}: {message}", path.display())]
    Refused {
        /// The mount point.
        path: PathBuf,
        /// Its message.
        message: String,
    },
    /// Something that only FUSE has, on a system where tfs mounts without it.
    #[error("mount with {what}: it needs FUSE, which tfs does not use on macOS")]
    NeedsFuse {
        /// The name of the option or feature.
        what: &'static str,
    },
    /// The kernel refused to mount.
    #[error("mount on {}", path.display())]
    Mount {
        /// The mount point.
        path: PathBuf,
        /// The kernel's error.
        source: io::Error,
    },
    /// The mount was attached, but the FUSE session did not start.
    #[error("start the FUSE session at {}", path.display())]
    Session {
        /// The mount point.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// Why a session ended without an unmount. All later requests fail.
#[derive(Debug, Clone, thiserror::Error)]
#[error("serve the mount")]
pub struct SessionError(#[source] Arc<io::Error>);

impl SessionError {
    /// Wraps the error of the session.
    #[must_use]
    pub fn new(error: io::Error) -> Self {
        Self(Arc::new(error))
    }
}
