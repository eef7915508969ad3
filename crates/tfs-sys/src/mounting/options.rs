//! Options of a mount that are values only.

use super::FsName;

/// Maximum length of a label in bytes. Labels of policies are far shorter.
const CONTEXT_BYTES_MAX: usize = 255;

/// Kernel read-ahead window in KiB. The core reads ahead for sequential readers itself, so this
/// window only covers the path between kernel and core. What it adds is requested even if no
/// program needs it. With 1 MiB, reading the first MiB in steps of 64 KiB makes the kernel request
/// 2.9 MiB (for a torrent, two or more unneeded pieces), with 256 KiB 1.4 MiB; and a page fault
/// requests the whole window.
pub const READ_AHEAD_KB_DEFAULT: u32 = 256;

/// The errno of a read whose data is missing and must not be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingErrno {
    /// `EIO`. Every program treats it as a failure.
    #[default]
    Eio,
    /// `EAGAIN`. Many programs do not expect it for a regular file: they treat it as the end of the
    /// file ([cpython gh-80050](https://github.com/python/cpython/issues/80050)), or repeat the
    /// read without a pause.
    Eagain,
    /// `ENODATA`, which distinguishes missing data from a failure of the server.
    Enodata,
}

/// A label of SELinux, such as `system_u:object_r:fusefs_t:s0`: 1 to 255 printable ASCII characters
/// without quotes, backslashes and spaces, so that it cannot end an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityContext(String);

impl SecurityContext {
    /// Returns the label, or `None` for a text that cannot be one. Whether the policy of the system
    /// has it shows when mounting.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let is_allowed =
            |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
        let is_label =
            (1..=CONTEXT_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_allowed);
        is_label.then(|| Self(text.to_owned()))
    }

    /// Returns the label.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_cannot_end_its_option() {
        assert!(SecurityContext::new("a:b_c:d-0:c0.c1023").is_some());
        for text in ["", "a b", "a\"", "a'", "a\\", "a\n", "a\0", "\u{e9}", &"a".repeat(256)] {
            assert_eq!(SecurityContext::new(text), None, "{text}");
        }
    }
}
