//! Mount options for the kernel and fusermount3.

use std::fmt::{self, Write as _};

use rustix::process::{getegid, geteuid};

use tfs_sys::mounting::{AttrOptions, MissingErrno, READ_AHEAD_KB_DEFAULT, SecurityContext};

/// Subtype: `/proc/mounts` shows the type `fuse.tfs`.
const SUBTYPE: &str = "tfs";

/// Subtype of drop folders, so that nothing takes one for a library: `fuse.tfs-drop`.
const DROP_SUBTYPE: &str = "tfs-drop";

/// Maximum length of a source name in bytes. The kernel accepts a page; `df` and `mount` show one
/// line.
const FS_NAME_BYTES_MAX: usize = 255;

/// Options of a mount. All values of the public fields are valid.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MountOptions {
    /// Source that `df` and `/proc/mounts` show.
    pub fs_name: FsName,
    /// Whether other users than the owner of the mount have access.
    pub allow_other: bool,
    /// Whether a non-empty directory may be mounted over.
    pub allow_non_empty: bool,
    /// Attributes of files, and how long the kernel may cache them.
    pub appearance: AttrOptions,
    /// Whether the kernel may read complete local files itself (passthrough). Needs CAP_SYS_ADMIN;
    /// without it the option has no effect.
    pub may_pass_through: bool,
    /// Whether the filesystem must learn of each look at a directory of torrents: the kernel then
    /// sends every open of a directory, and asks again after a second for a name that is not there.
    pub forwards_looks: bool,
    /// The errno of a read whose data is unavailable or must not be waited for.
    pub missing_errno: MissingErrno,
    /// SELinux label of all files, as of `mount -o context=`. Only root can set it. Without SELinux
    /// in the kernel it is left out, as `mount(8)` does.
    pub context: Option<SecurityContext>,
    /// Kernel read-ahead window in KiB. Only root can set it; otherwise the kernel's default is
    /// used.
    pub read_ahead_kb: u32,
}

impl MountOptions {
    /// Returns the default options: files belong to the user who mounts and are readable by all,
    /// and only that user has access.
    #[must_use]
    pub fn new(fs_name: FsName) -> Self {
        Self {
            fs_name,
            allow_other: false,
            allow_non_empty: false,
            appearance: AttrOptions::default(),
            may_pass_through: true,
            forwards_looks: false,
            missing_errno: MissingErrno::default(),
            context: None,
            read_ahead_kb: READ_AHEAD_KB_DEFAULT,
        }
    }

    /// Returns the data for `mount(2)`, for the device open as `device_fd`. `has_labels` is whether
    /// the kernel knows labels; else it refuses the option.
    pub(crate) fn kernel_data(&self, device_fd: i32, has_labels: bool) -> String {
        // S_IFDIR in octal. The kernel checks only the file type.
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
        if let Some(context) = self.context.as_ref().filter(|_| has_labels) {
            // In quotes, since categories of a label are separated by commas.
            data.push_str(&[",context=\"", context.as_str(), "\""].concat());
        }
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

/// Options of the mount of a drop folder. All values are valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropMountOptions {
    /// Source that `df` and `/proc/mounts` show: the mount point of the library.
    pub fs_name: FsName,
    /// A group whose members may use the folder besides the user who mounts.
    pub gid: Option<u32>,
    /// Whether a non-empty directory may be mounted over.
    pub allow_non_empty: bool,
}

impl DropMountOptions {
    /// Returns the data for `mount(2)`, for the device open as `device_fd`.
    pub(crate) fn kernel_data(&self, device_fd: i32) -> String {
        let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
        let allow_other = self.allow_other();
        // S_IFDIR in octal. The kernel checks only the file type.
        format!(
            "fd={device_fd},rootmode=40000,user_id={uid},group_id={gid},\
             default_permissions{allow_other},subtype={DROP_SUBTYPE}"
        )
    }

    /// Returns the value of `fusermount3 -o`.
    pub(crate) fn fusermount_data(&self) -> String {
        let allow_other = self.allow_other();
        format!(
            "rw,nosuid,nodev,noexec,default_permissions{allow_other},fsname={},\
             subtype={DROP_SUBTYPE}",
            self.fs_name,
        )
    }

    /// A group has access only if the kernel lets others in. The mode then keeps all others out.
    fn allow_other(&self) -> &'static str {
        if self.gid.is_some() { ",allow_other" } else { "" }
    }
}

/// Source name of a mount, such as a server's URL, without characters that end an option or a field
/// of a mount table.
///
/// Such characters become `%` and two hexadecimal digits for each byte, as in a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FsName(String);

impl FsName {
    /// Returns the name for a text, truncated to 255 bytes. The empty text becomes `tfs`.
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

/// Escapes a character if necessary. A comma ends an option, a backslash is fusermount3's escape,
/// white space ends a field of a mount table, and `#` starts a comment there.
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
        assert_eq!(
            options.kernel_data(7, false),
            format!("fd=7,{ids},default_permissions,subtype=tfs")
        );
        assert_eq!(
            options.fusermount_data(),
            "ro,nosuid,nodev,noexec,default_permissions,fsname=http://h:1/,subtype=tfs"
        );
        options.allow_other = true;
        assert_eq!(
            options.kernel_data(7, false),
            format!("fd=7,{ids},default_permissions,allow_other,subtype=tfs")
        );
        assert_eq!(
            options.fusermount_data(),
            "ro,nosuid,nodev,noexec,default_permissions,allow_other,fsname=http://h:1/,subtype=tfs"
        );
        options.context = SecurityContext::new("system_u:object_r:fusefs_t:s0:c1,c2");
        assert_eq!(
            options.kernel_data(7, true),
            format!(
                "fd=7,{ids},default_permissions,allow_other,subtype=tfs,\
                 context=\"system_u:object_r:fusefs_t:s0:c1,c2\""
            )
        );
        assert!(!options.kernel_data(7, false).contains("context"));
    }

    #[test]
    fn a_drop_folder_is_writable_and_open_to_a_group_only() {
        let mut options =
            DropMountOptions { fs_name: FsName::new("/mnt/t"), gid: None, allow_non_empty: false };
        let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
        let ids = format!("rootmode=40000,user_id={uid},group_id={gid}");
        let data = format!("fd=7,{ids},default_permissions,subtype=tfs-drop");
        assert_eq!(options.kernel_data(7), data);
        options.gid = Some(5);
        let data = format!("fd=7,{ids},default_permissions,allow_other,subtype=tfs-drop");
        assert_eq!(options.kernel_data(7), data);
        let data = "rw,nosuid,nodev,noexec,default_permissions,allow_other,fsname=/mnt/t,\
            subtype=tfs-drop";
        assert_eq!(options.fusermount_data(), data);
    }

    #[test]
    fn a_label_cannot_end_its_option() {
        assert!(SecurityContext::new("a:b_c:d-0:c0.c1023").is_some());
        for text in ["", "a b", "a\"", "a'", "a\\", "a\n", "a\0", "\u{e9}", &"a".repeat(256)] {
            assert_eq!(SecurityContext::new(text), None, "{text}");
        }
    }
}
