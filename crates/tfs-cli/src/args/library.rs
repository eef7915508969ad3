//! The arguments of commands that show torrents as files: `tfs mount` and `tfs serve`.

use std::ffi::OsStr;
#[cfg(feature = "embedded")]
use std::ffi::OsString;
#[cfg(feature = "embedded")]
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tfs_config::Flag;

use super::setting::{help, setting};
use super::{SERVERS, duration, set};

#[cfg(feature = "embedded")]
const EMBEDDED: &str = "Embedded rqbit";
pub(super) const READS: &str = "Reads";
pub(super) const FILES: &str = "Files and their owner";
pub(super) const LISTS: &str = "Torrent lists and caches";
pub(super) const START: &str = "Start";

#[derive(Debug, Args)]
pub(crate) struct LibraryArgs {
    #[arg(help_heading = FILES, long, value_name = "HOW", help = help("mount.layout"),
        value_parser = setting("mount.layout"))]
    layout: Option<String>,
    #[arg(help_heading = FILES, long, value_name = "WHAT", help = help("mount.root"),
        value_parser = setting("mount.root"))]
    root: Option<String>,
    #[arg(help_heading = FILES, long, value_name = "ID", help = help("mount.uid"),
        value_parser = setting("mount.uid"))]
    uid: Option<String>,
    #[arg(help_heading = FILES, long, value_name = "ID", help = help("mount.gid"),
        value_parser = setting("mount.gid"))]
    gid: Option<String>,
    #[arg(help_heading = FILES, long, value_name = "MASK", help = help("mount.umask"),
        value_parser = setting("mount.umask"))]
    umask: Option<String>,
    /// Accepted for compatibility; all files are always read-only.
    #[arg(help_heading = FILES, long)]
    read_only: bool,
    #[arg(help_heading = SERVERS, long, value_name = "N", help = help("server.max_streams"),
        value_parser = setting("server.max_streams"))]
    max_streams: Option<String>,
    #[arg(help_heading = SERVERS, long, value_name = "WHERE", help = help("server.local_paths"),
        value_parser = setting("server.local_paths"))]
    local_paths: Option<String>,
    #[arg(help_heading = READS, long, value_name = "TIME", help = help("read.timeout"),
        value_parser = setting("read.timeout"))]
    read_timeout: Option<String>,
    #[arg(help_heading = READS, long, value_name = "MAX", help = help("read.timeout_max"),
        value_parser = setting("read.timeout_max"))]
    read_timeout_max: Option<String>,
    #[arg(help_heading = READS, long, value_name = "WHAT", help = help("read.missing"),
        value_parser = setting("read.missing"))]
    missing: Option<String>,
    #[arg(help_heading = READS, long, value_name = "SIZE", help = help("read.memory"),
        value_parser = setting("read.memory"))]
    memory: Option<String>,
    #[arg(help_heading = READS, long, value_name = "RATE", help = help("read.bandwidth"),
        value_parser = setting("read.bandwidth"))]
    bwlimit: Option<String>,
    #[arg(help_heading = READS, long, value_name = "WHAT", help = help("read.next"),
        value_parser = setting("read.next"))]
    next: Option<String>,
    #[arg(help_heading = LISTS, long, value_name = "TIME", help = help("metadata.poll_interval"),
        value_parser = setting("metadata.poll_interval"))]
    poll_interval: Option<String>,
    #[arg(help_heading = FILES, long, help = help("metadata.inode32"))]
    inode32: bool,
    #[arg(help_heading = FILES, long, value_name = "WHEN", help = help("metadata.times"),
        value_parser = setting("metadata.times"))]
    times: Option<String>,
    /// How long to wait for a server's first list of torrents; then tfs starts without it.
    #[arg(help_heading = START, long, value_name = "TIME", default_value = "10s",
        value_parser = duration)]
    pub(crate) connect_timeout: Duration,
    /// Fail if a server cannot be reached. By default tfs starts, and connects later.
    #[arg(help_heading = START, long)]
    pub(crate) require_server: bool,
}

#[cfg(feature = "embedded")]
#[derive(Debug, Args)]
pub(crate) struct EmbeddedArgs {
    /// Run rqbit inside tfs, and download to this directory.
    #[arg(long, help_heading = EMBEDDED, value_name = "DIR", conflicts_with = "server")]
    pub(crate) embedded: Option<PathBuf>,
    /// Add a torrent: a .torrent file (- for standard input), a magnet link or a URL. May be
    /// repeated.
    #[arg(long, help_heading = EMBEDDED, value_name = "FILE|MAGNET|URL", requires = "embedded")]
    pub(crate) add: Vec<OsString>,
    /// Connect to no peers: no DHT, no trackers, no port forwarding.
    #[arg(long, help_heading = EMBEDDED, requires = "embedded")]
    pub(crate) offline: bool,
}

impl LibraryArgs {
    /// Adds the settings on the command line.
    pub(super) fn set(&self, flags: &mut Vec<Flag>) {
        // Files are read-only with or without it.
        let Self { read_only: _, .. } = self;
        let on = "true".to_owned();
        set(flags, "mount.layout", self.layout.as_ref());
        set(flags, "mount.root", self.root.as_ref());
        set(flags, "mount.uid", self.uid.as_ref());
        set(flags, "mount.gid", self.gid.as_ref());
        set(flags, "mount.umask", self.umask.as_ref());
        set(flags, "server.max_streams", self.max_streams.as_ref());
        set(flags, "server.local_paths", self.local_paths.as_ref());
        set(flags, "read.timeout", self.read_timeout.as_ref());
        set(flags, "read.timeout_max", self.read_timeout_max.as_ref());
        set(flags, "read.missing", self.missing.as_ref());
        set(flags, "read.memory", self.memory.as_ref());
        set(flags, "read.bandwidth", self.bwlimit.as_ref());
        set(flags, "read.next", self.next.as_ref());
        set(flags, "metadata.poll_interval", self.poll_interval.as_ref());
        set(flags, "metadata.inode32", self.inode32.then_some(&on));
        set(flags, "metadata.times", self.times.as_ref());
    }
}

/// Returns whether an argument is a path, and so no server.
pub(super) fn is_path(place: &OsStr) -> bool {
    ["/", "./", "../", "~/"]
        .iter()
        .any(|begin| place.as_encoded_bytes().starts_with(begin.as_bytes()))
}
