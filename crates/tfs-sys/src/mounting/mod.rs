//! What mounts have in common, however they are made: options, errors, and the check of a
//! directory.
//!
//! These are values: `fuse-adapter` mounts on Linux, and tfs-service by NFS on macOS.

mod attributes;
mod directory;
mod error;
mod fs_name;
mod kernel_fuse;
mod options;
mod programs;
mod unmount;

pub use self::attributes::{AttrOptions, DiskUsage};
pub use self::directory::{check_directory, path_error};
pub use self::error::{MountError, MountpointError, SessionError};
pub use self::fs_name::FsName;
pub use self::kernel_fuse::KernelFuse;
pub use self::options::{DropMountOptions, MissingErrno, READ_AHEAD_KB_DEFAULT, SecurityContext};
pub use self::programs::ProgramPatterns;
pub use self::unmount::{Holder, Liveness, Unmount, UnmountError};
