//! The command lines that mount and unmount by NFS on macOS, and what the programs say.
//!
//! The options are those that other filesystems on loopback use; `mount_nfs(8)` has them.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use tfs_sys::mounting::{MountError, MountpointError, UnmountError};

/// Maximum time for which macOS may keep attributes and names, in seconds. The kernel is not told
/// of changes over NFS, so this is how long a new torrent may stay unseen.
const ATTR_SECS_MAX: u64 = 5;

/// Size of a READ in bytes: the largest that the server answers.
const READ_BYTES: u32 = 1 << 20;

/// Time in seconds without any answer after which macOS unmounts: the process is gone then.
const DEAD_SECS: u32 = 10;

/// Returns the value of `mount_nfs -o` for a server on this port of loopback.
///
/// - `soft`, `intr` and `deadtimeout`: calls to a server that is gone fail after a time.
/// - `mutejukebox`: a READ that waits for a download opens no "server not responding" window.
/// - `locallocks`: `flock` works; with `nolocks` it fails.
/// - `nonegnamecache`: a name that was missing is asked for again.
pub(super) fn options(port: u16, attr_ttl: Duration) -> String {
    let attr_secs = attr_ttl.as_secs().min(ATTR_SECS_MAX);
    format!(
        "rdonly,nosuid,nodev,noexec,vers=3,tcp,soft,intr,mutejukebox,deadtimeout={DEAD_SECS},\
         locallocks,rsize={READ_BYTES},actimeo={attr_secs},nonegnamecache,port={port},\
         mountport={port}"
    )
}

/// Returns the arguments of `mount_nfs`.
pub(super) fn mount_arguments(options: String, source: &str, path: &Path) -> [OsString; 4] {
    ["-o".into(), options.into(), source.into(), path.into()]
}

/// Returns the error for what `mount_nfs` has printed.
pub(super) fn mount_refusal(path: &Path, output: &[u8]) -> MountError {
    let message = last_line(output);
    let path = path.to_owned();
    let is_denied = |text: &str| text.contains("Operation not permitted");
    if is_denied(&message) || message.contains("Permission denied") {
        return MountpointError::Permission { path }.into();
    }
    let message = match message.is_empty() {
        true => "mount_nfs failed without a message".to_owned(),
        false => message,
    };
    MountError::Refused { path, message }
}

/// Returns the error for what `umount` or `diskutil` has printed.
pub(super) fn unmount_refusal(path: &Path, output: &[u8]) -> UnmountError {
    let message = last_line(output);
    let path = path.to_owned();
    let says = |text| message.contains(text);
    if says("busy") {
        UnmountError::Busy { path, holders: Vec::new() }
    } else if says("not permitted") || says("Permission denied") {
        UnmountError::NotPermitted { path }
    } else if says("not currently mounted") {
        UnmountError::NotMounted { path }
    } else {
        UnmountError::Refused { path, message }
    }
}

/// Returns the last line with text, on which programs give their reason.
fn last_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty());
    line.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_of_a_mount() {
        let arguments = mount_arguments(
            options(51_234, Duration::from_secs(3600)),
            "127.0.0.1:/k/tfs-7-00ff",
            Path::new("/Volumes/my films"),
        );
        let arguments = arguments.map(|argument| argument.into_string().unwrap());
        assert_eq!(
            arguments,
            [
                "-o",
                "rdonly,nosuid,nodev,noexec,vers=3,tcp,soft,intr,mutejukebox,deadtimeout=10,\
                 locallocks,rsize=1048576,actimeo=5,nonegnamecache,port=51234,mountport=51234",
                "127.0.0.1:/k/tfs-7-00ff",
                "/Volumes/my films",
            ]
        );
    }

    #[test]
    fn attributes_are_kept_no_longer_than_the_settings_say() {
        for (secs, want) in [(0, "actimeo=0,"), (2, "actimeo=2,"), (31_536_000, "actimeo=5,")] {
            let options = options(1, Duration::from_secs(secs));
            assert!(options.contains(want), "{options}");
        }
    }

    #[test]
    fn what_mount_nfs_says_is_passed_on() {
        let say = |text: &str| mount_refusal(Path::new("/m"), text.as_bytes()).to_string();
        assert_eq!(
            say("mount_nfs: can't mount / from 127.0.0.1 onto /m: Operation not permitted\n"),
            "mount on /m: permission denied"
        );
        assert_eq!(
            say("warning\nmount_nfs: can't mount: Connection refused\n\n"),
            "mount on /m: mount_nfs: can't mount: Connection refused"
        );
        assert_eq!(say(""), "mount on /m: mount_nfs failed without a message");
        assert_eq!(say("\u{FFFD}"), "mount on /m: \u{FFFD}");
    }

    #[test]
    fn what_umount_says_is_understood() {
        let say = |text: &str| unmount_refusal(Path::new("/m"), text.as_bytes()).to_string();
        assert_eq!(
            say("umount(/m): Resource busy -- try 'diskutil unmount'\n"),
            "unmount /m: it is in use"
        );
        assert_eq!(
            say("umount: /m: not currently mounted"),
            "unmount /m: nothing is mounted there"
        );
        assert_eq!(
            say("umount(/m): Operation not permitted"),
            "unmount /m: it belongs to another user"
        );
        assert_eq!(say("Unmount failed for /m"), "unmount /m: Unmount failed for /m");
    }
}
