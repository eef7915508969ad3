//! How a filesystem is mounted: what the kernel and fusermount3 are told.

use std::fmt::{self, Write as _};

use rustix::process::{getegid, geteuid};

use crate::AttrOptions;

/// The subtype: `/proc/mounts` shows the type `fuse.tfs`.
const SUBTYPE: &str = "tfs";

/// The longest source name in bytes. The kernel takes a page, `df` and `mount` show a line.
const FS_NAME_BYTES_MAX: usize = 255;

/// The kernel's read-ahead window in KiB. The core reads ahead of sequential readers itself, so
/// that this only has to cover the way between kernel and core; and what it adds is asked for
/// whether anybody wants it or not. With 1 MiB, somebody who reads the first MiB by 64 KiB makes
/// the kernel ask for 2.9 MiB (of a torrent: two pieces that nobody wanted, or more), with 256 KiB
/// for 1.4; and a page fault pulls the whole window.
pub const READ_AHEAD_KB_DEFAULT: u32 = 256;

/// The errno of a read whose data is missing and must not be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingErrno {
    /// `EIO`. Every program takes it for a failure.
    #[default]
    Eio,
    /// `EAGAIN`. Many programs do not expect it of a regular file: they take it for the end of the
    /// file ([cpython gh-80050](https://github.com/python/cpython/issues/80050)), or repeat the
    /// read without a pause.
    Eagain,
    /// `ENODATA`, which tells missing data from a failure of the server.
    Enodata,
}

/// How a filesystem is mounted. Any value of the public fields is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MountOptions {
    /// What `df` and `/proc/mounts` show as the source.
    pub fs_name: FsName,
    /// Whether other users than the one who mounts get in.
    pub allow_other: bool,
    /// Whether a directory with something in it may be mounted over.
    pub allow_non_empty: bool,
    /// What files look like, and how long the kernel may remember it.
    pub appearance: AttrOptions,
    /// Whether the kernel may read files itself that are complete and on this machine's disk. It
    /// needs CAP_SYS_ADMIN; without it nothing changes.
    pub may_pass_through: bool,
    /// The errno of a read whose data cannot come or must not be waited for.
    pub missing_errno: MissingErrno,
    /// The kernel's read-ahead window in KiB. Only root can set it; else the kernel's own is used.
    pub read_ahead_kb: u32,
}

impl MountOptions {
    /// Returns the options that suit most: files belong to the user who mounts, may be read by
    /// all, and only that user gets in.
    #[must_use]
    pub fn new(fs_name: FsName) -> Self {
        Self {
            fs_name,
            allow_other: false,
            allow_non_empty: false,
            appearance: AttrOptions::default(),
            may_pass_through: true,
            missing_errno: MissingErrno::default(),
            read_ahead_kb: READ_AHEAD_KB_DEFAULT,
        }
    }

    /// Returns the data for `mount(2)`, for the device that is open as `device_fd`.
    pub(crate) fn kernel_data(&self, device_fd: i32) -> String {
        // S_IFDIR in octal, which is all that the kernel looks at.
        let mut data = format!(
            "fd={device_fd},rootmode=40000,user_id={},group_id={},default_permissions",
            geteuid().as_raw(),
            getegid().as_raw(),
        );
        if self.allow_other {
            data.push_str(",allow_other");
        }
        data.push_str(",subtype=");
        data.push_str(SUBTYPE);
        data
    }

    /// Returns the value of `fusermount3 -o`.
    pub(crate) fn fusermount_data(&self) -> String {
        let allow_other = if self.allow_other { ",allow_other" } else { "" };
        format!(
            "ro,nosuid,nodev,noexec,default_permissions{allow_other},fsname={},subtype={SUBTYPE}",
            self.fs_name,
        )
    }
}

/// The name of a mount's source, such as a server's URL, without anything that could end an option
/// or a field of a mount table.
///
/// Such characters become `%` and two hexadecimal digits a byte, as in a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FsName(String);

impl FsName {
    /// Returns the name for a text, cut after 255 bytes. The empty text becomes `tfs`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut name = String::new();
        for character in text.chars() {
            let piece = escape(character);
            if name.len() + piece.len() > FS_NAME_BYTES_MAX {
                break;
            }
            name.push_str(&piece);
        }
        if name.is_empty() { Self::default() } else { Self(name) }
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for FsName {
    fn default() -> Self {
        Self(SUBTYPE.to_owned())
    }
}

impl fmt::Display for FsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A comma ends an option, a backslash escapes in fusermount3, white space ends a field of a mount
/// table, and `#` begins a comment there.
fn escape(character: char) -> String {
    let must_escape = matches!(character, ',' | '\\' | '#')
        || character.is_whitespace()
        || character.is_control();
    let mut piece = String::with_capacity(character.len_utf8());
    if !must_escape {
        piece.push(character);
        return piece;
    }
    for byte in character.encode_utf8(&mut [0; 4]).bytes() {
        // Writing to a string cannot fail.
        _ = write!(piece, "%{byte:02X}");
    }
    piece
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_name(text: &str, want: &str) {
        assert_eq!(FsName::new(text).as_str(), want);
    }

    #[test]
    fn names_cannot_smuggle_options_or_fields() {
        check_name("http://127.0.0.1:3030", "http://127.0.0.1:3030");
        check_name("a,allow_other", "a%2Callow_other");
        check_name("a b\tc\nd", "a%20b%09c%0Ad");
        check_name("back\\slash#hash\0", "back%5Cslash%23hash%00");
        check_name("späti\u{2003}x", "späti%E2%80%83x");
        check_name("", "tfs");
        check_name(&"x".repeat(1000), &"x".repeat(255));
        check_name(&"ä".repeat(1000), &"ä".repeat(127));
        check_name(&format!("{},", "x".repeat(254)), &"x".repeat(254));
    }

    #[test]
    fn the_kernel_and_fusermount_are_told_the_same() {
        let mut options = MountOptions::new(FsName::new("http://h:1/"));
        let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
        let ids = format!("rootmode=40000,user_id={uid},group_id={gid}");
        assert_eq!(options.kernel_data(7), format!("fd=7,{ids},default_permissions,subtype=tfs"));
        assert_eq!(
            options.fusermount_data(),
            "ro,nosuid,nodev,noexec,default_permissions,fsname=http://h:1/,subtype=tfs"
        );
        options.allow_other = true;
        assert_eq!(
            options.kernel_data(7),
            format!("fd=7,{ids},default_permissions,allow_other,subtype=tfs")
        );
        assert_eq!(
            options.fusermount_data(),
            "ro,nosuid,nodev,noexec,default_permissions,allow_other,fsname=http://h:1/,subtype=tfs"
        );
    }
}
