//! What a mount is started with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tfs_config::NextMode;
use tfs_views::ViewRules;
use vfs_core::{ReadPolicy, RootContents, RootLayout, TorrentTime};

use super::MountServer;
use crate::drop::DropSettings;
use crate::{
    AttrOptions, FrontSettings, MissingErrno, PollIntervals, PreloadSettings, ProgramPatterns,
    SecurityContext,
};

/// Settings of a mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountSettings {
    /// The mount point; `None` for a library that is only served by its `fronts`.
    pub mountpoint: Option<PathBuf>,
    /// The front ends on the network. Those of a library without a mount point have to work, at
    /// least one; others are reported as trouble if they fail.
    pub fronts: Vec<FrontSettings>,
    /// The servers, at least one.
    pub servers: Vec<MountServer>,
    /// How the torrents of several servers are arranged.
    pub layout: RootLayout,
    /// The views, if there are any.
    pub views: Option<Arc<ViewRules>>,
    /// What the root shows.
    pub root: RootContents,
    /// Whether other users may access the mount.
    pub allow_other: bool,
    /// Whether the mount point may be a directory that is not empty.
    pub allow_non_empty: bool,
    /// The SELinux label of all files. Only root can set it.
    pub context: Option<SecurityContext>,
    /// Deadlines and limits of reads.
    pub read: ReadPolicy,
    /// Whether `.tfs` is listed in the root.
    pub show_control: bool,
    /// Whether inode numbers are below 2^32.
    pub inode32: bool,
    /// Which time the files of a torrent show.
    pub times: TorrentTime,
    /// Intervals at which each server is polled for its torrents.
    pub poll_intervals: PollIntervals,
    /// How long the server's report of a torrent's folder is cached.
    pub torrent_ttl: Duration,
    /// How long torrents stay listed that a restarted server no longer lists.
    pub removal_delay: Duration,
    /// How long the start waits for the first poll of the servers. A server whose torrents are not
    /// known by then is one of [`servers_down`](super::RunningMount::servers_down).
    pub first_look_max: Duration,
    /// Whether a server that is down prevents the start.
    pub requires_servers: bool,
    /// The kernel's read-ahead window in KiB. Only root can set it; otherwise the kernel's default
    /// applies.
    pub read_ahead_kb: u32,
    /// Whether the kernel may read complete local files itself (passthrough).
    pub may_pass_through: bool,
    /// The errno of a read whose data is unavailable or must not be waited for.
    pub missing_errno: MissingErrno,
    /// Programs whose reads of missing data fail at once. Only FUSE shows which program reads.
    pub refused_programs: ProgramPatterns,
    /// Attributes of files.
    pub appearance: AttrOptions,
    /// Directory for the last known tree, an absolute path. `None` for the user's default,
    /// `$XDG_STATE_HOME/tfs`.
    pub state_dir: Option<PathBuf>,
    /// Files to preload when their torrent appears.
    pub preload: PreloadSettings,
    /// What is preloaded of the file that follows one that is played.
    pub next: NextMode,
    /// The drop folder, if there is to be one.
    pub drop: Option<DropSettings>,
}
