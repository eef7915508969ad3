//! Errors of mounting a filesystem and of its session.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::fusermount::FusermountError;
use crate::mountpoint::MountpointError;

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
    /// fusermount3 refused for another reason.
    #[error("mount on {}: {message}", path.display())]
    Fusermount {
        /// The mount point.
        path: PathBuf,
        /// Its message.
        message: String,
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

impl MountError {
    /// Maps the refusals of fusermount3 by their text: all have the same exit code.
    pub(super) fn from_fusermount(path: PathBuf, error: FusermountError) -> Self {
        let message = match error {
            FusermountError::Missing => return Self::NoFusermount,
            FusermountError::Run(source) => return Self::Mount { path, source },
            FusermountError::Refused(message) => message,
        };
        let says = |text| message.contains(text);
        if says("user_allow_other") {
            Self::AllowOtherRefused
        } else if says("fuse device not found") || says("/dev/fuse: No such") {
            Self::NoFuseDevice
        } else if says("failed to open /dev/fuse") {
            Self::DevicePermission
        } else if says("no write access") || says("Permission denied") {
            Self::Mountpoint(MountpointError::Permission { path })
        } else {
            Self::Fusermount { path, message }
        }
    }
}

/// Why a session ended without an unmount. All later requests fail.
#[derive(Debug, Clone, thiserror::Error)]
#[error("serve the mount")]
pub struct SessionError(#[source] Arc<io::Error>);

impl SessionError {
    pub(super) fn new(error: io::Error) -> Self {
        Self(Arc::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &str, want: &str) {
        let error = FusermountError::Refused(message.to_owned());
        let error = MountError::from_fusermount(PathBuf::from("/m"), error);
        assert_eq!(error.to_string(), want);
    }

    #[test]
    fn what_fusermount_says_is_understood() {
        check(
            "option allow_other only allowed if 'user_allow_other' is set in /etc/fuse.conf",
            "mount with allow_other: /etc/fuse.conf does not have user_allow_other",
        );
        check("failed to open /dev/fuse: Permission denied", "open /dev/fuse: permission denied");
        check(
            "fuse device not found, try 'modprobe fuse' first",
            "open /dev/fuse: this system has no FUSE",
        );
        check("user has no write access to mountpoint /m", "mount on /m: permission denied");
        check(
            "mounting over filesystem type 0x01021994 is forbidden",
            "mount on /m: mounting over filesystem type 0x01021994 is forbidden",
        );
    }
}
