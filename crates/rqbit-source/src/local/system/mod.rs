//! The system calls behind local files. Linux has them all; elsewhere local files are not used.
//!
//! The way of Linux relies on `openat2(2)`, which lets no name lead out of a folder, and on the
//! mount table to keep a mount from reading itself.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

#[cfg(target_os = "linux")]
pub(super) use linux::{identity_of, is_of_tfs, open_below, open_folder, try_pread};
#[cfg(not(target_os = "linux"))]
pub(super) use other::{identity_of, is_of_tfs, open_below, open_folder, try_pread};

/// Whether files of a server can be read from this machine's disk.
pub const USES_LOCAL_FILES: bool = cfg!(target_os = "linux");
