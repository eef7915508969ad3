//! Mounts below a directory, by the kernel's mount table, and their removal.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use rustix::mount::{UnmountFlags, unmount};

use super::expect;

/// Aborts and unmounts everything below `dir`, and returns the mount points.
pub(super) fn unmount_below(dir: &Path) -> Vec<PathBuf> {
    let mounts = mounts_below(dir);
    // Later mounts may be on top of earlier ones.
    for mount in mounts.iter().rev() {
        let flags = UnmountFlags::FORCE | UnmountFlags::DETACH | UnmountFlags::NOFOLLOW;
        // A mount that stays is in the message of the failure.
        _ = unmount(mount, flags);
    }
    mounts
}

/// Returns the mount points below `dir`, in the order of mounting.
pub(super) fn mounts_below(dir: &Path) -> Vec<PathBuf> {
    let table = expect("read the mount table", fs::read("/proc/self/mountinfo"));
    let fields = table.split(|byte| *byte == b'\n').filter_map(|line| {
        // The fifth field. Special characters in it, such as a space, are escaped as three octal
        // digits.
        line.split(|byte| *byte == b' ').nth(4).map(unescape)
    });
    fields.filter(|path| path.starts_with(dir)).collect()
}

fn unescape(mut field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    while let [first, rest @ ..] = field {
        let (byte, rest) = match (first, rest) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', rest @ ..]) => {
                ((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'), rest)
            }
            _ => (*first, rest),
        };
        bytes.push(byte);
        field = rest;
    }
    PathBuf::from(OsString::from_vec(bytes))
}
