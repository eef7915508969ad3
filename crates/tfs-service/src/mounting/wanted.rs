//! Where and how a library is to be mounted.

use std::path::PathBuf;

use tfs_sys::mounting::{AttrOptions, MissingErrno, ProgramPatterns, SecurityContext};

/// The mount points of a library.
#[derive(Debug)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "FUSE has more to check"))]
pub(crate) struct WantedMountPoints {
    /// That of the library.
    pub(crate) mountpoint: PathBuf,
    /// That of its drop folder, and whether the library is to have one in any case.
    pub(crate) drop: Option<(PathBuf, bool)>,
    pub(crate) allow_non_empty: bool,
    /// Whether to check that this user can mount at all.
    pub(crate) checks_fuse: bool,
}

/// Options of a mount.
#[derive(Debug)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "FUSE has more options"))]
pub(crate) struct MountingOptions {
    /// What the mount table shows as its source: the URLs of the servers.
    pub(crate) source: String,
    pub(crate) allow_other: bool,
    pub(crate) allow_non_empty: bool,
    pub(crate) context: Option<SecurityContext>,
    pub(crate) read_ahead_kb: u32,
    pub(crate) may_pass_through: bool,
    pub(crate) missing_errno: MissingErrno,
    /// Programs whose reads of missing data fail at once.
    pub(crate) refused_programs: ProgramPatterns,
    pub(crate) appearance: AttrOptions,
    /// Whether the filesystem hears of each look at a name.
    pub(crate) forwards_looks: bool,
}
