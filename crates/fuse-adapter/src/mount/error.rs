//! Why a filesystem was not mounted, or its session ended badly.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::fusermount::FusermountError;
use crate::mountpoint::MountpointError;

/// Why a filesystem was not mounted; nothing is left behind. The message fits after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// The mount point does not do.
    #[error(transparent)]
    Mountpoint(#[from] MountpointError),
    /// `/dev/fuse` is missing: the kernel has no FUSE, or the container does not get it.
    #[error("open /dev/fuse: this system has no FUSE")]
    NoFuseDevice,
    /// `/dev/fuse` may not be opened.
    #[error("open /dev/fuse: permission denied")]
    DevicePermission,
    /// fusermount3, which a user who is not root needs, is not installed.
    #[error("mount: fusermount3 is not installed")]
    NoFusermount,
    /// `allow_other` is not allowed for users who are not root.
    #[error("mount with allow_other: /etc/fuse.conf does not have user_allow_other")]
    AllowOtherRefused,
    /// fusermount3 refused for a reason of its own.
    #[error("mount on {}: {message}", path.display())]
    Fusermount {
        /// Where.
        path: PathBuf,
        /// What it said.
        message: String,
    },
    /// The kernel refused to mount.
    #[error("mount on {}", path.display())]
    Mount {
        /// Where.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// It was mounted, but kernel and filesystem did not come to terms.
    #[error("start the FUSE session at {}", path.display())]
    Session {
        /// Where.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

impl MountError {
    /// Tells the refusals of fusermount3 apart by their text, since all end with the same code.
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

/// Why a session ended other than by an unmount. Requests since then have got errors.
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
