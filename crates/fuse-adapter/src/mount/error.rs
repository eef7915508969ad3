//! The refusals of fusermount3 as errors.

use std::path::PathBuf;

use tfs_sys::mounting::{MountError, MountpointError};

use crate::fusermount::FusermountError;

/// Maps the refusals of fusermount3 by their text: all have the same exit code.
pub(super) fn of_fusermount(path: PathBuf, error: FusermountError) -> MountError {
    let message = match error {
        FusermountError::Missing => return MountError::NoFusermount,
        FusermountError::Run(source) => return MountError::Mount { path, source },
        FusermountError::Refused(message) => message,
    };
    let says = |text| message.contains(text);
    if says("user_allow_other") {
        MountError::AllowOtherRefused
    } else if says("fuse device not found") || says("/dev/fuse: No such") {
        MountError::NoFuseDevice
    } else if says("failed to open /dev/fuse") {
        MountError::DevicePermission
    } else if says("no write access") || says("Permission denied") {
        MountError::Mountpoint(MountpointError::Permission { path })
    } else {
        MountError::Refused { path, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &str, want: &str) {
        let error = FusermountError::Refused(message.to_owned());
        let error = of_fusermount(PathBuf::from("/m"), error);
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
