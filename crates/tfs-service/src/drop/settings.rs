//! Settings of a drop folder.

use std::path::PathBuf;

use tfs_drop::RemovalPolicy;

/// Settings of the drop folder of a mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropSettings {
    /// The mount point, an absolute path.
    pub path: PathBuf,
    /// Whether the mount ends if the folder cannot be mounted. Otherwise its status says why.
    pub is_required: bool,
    /// Whether the mount point may be a directory that is not empty.
    pub allow_non_empty: bool,
    /// What an unlink of a torrent's file does.
    pub removal: RemovalPolicy,
    /// A group whose members may use the folder besides the user who mounts.
    pub gid: Option<u32>,
    /// Whether a file may name an address that the server fetches.
    pub may_fetch: bool,
}
