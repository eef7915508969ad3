//! Options of a mount that are values only.

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
