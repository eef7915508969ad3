//! The arguments of `tfs mount`.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tfs_config::Flag;

#[cfg(feature = "embedded")]
use super::library::EmbeddedArgs;
use super::library::{FILES, LISTS, LibraryArgs, READS, START, is_path};
use super::setting::{help, setting};
use super::{ServerArgs, duration, set};

const DROP: &str = "Drop folder";
const FRONTS: &str = "Other programs and machines";

#[derive(Debug, Args)]
#[command(override_usage = "tfs mount [OPTIONS] [SERVER]... <MOUNTPOINT>")]
pub(crate) struct MountArgs {
    /// The mount point: an empty directory. Before it, servers as --server takes them.
    #[arg(required = true, value_name = "MOUNTPOINT")]
    places: Vec<OsString>,
    /// The last of the places.
    #[arg(skip)]
    pub(crate) mountpoint: PathBuf,
    /// Options in the form of mount(8), such as allow_other,max_streams=2. May be repeated.
    #[arg(short = 'o', value_name = "OPTIONS")]
    pub(crate) options: Vec<OsString>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[cfg(feature = "embedded")]
    #[command(flatten)]
    pub(crate) embedded: EmbeddedArgs,
    #[command(flatten)]
    pub(crate) library: LibraryArgs,
    #[arg(help_heading = FILES, long, help = help("mount.allow_other"))]
    allow_other: bool,
    #[arg(help_heading = START, long, help = help("mount.allow_non_empty"))]
    allow_non_empty: bool,
    #[arg(help_heading = FILES, long, value_name = "LABEL", help = help("mount.context"),
        value_parser = setting("mount.context"))]
    context: Option<String>,
    #[arg(help_heading = DROP, long, value_name = "DIR", help = help("mount.drop"),
        value_parser = setting("mount.drop"))]
    drop: Option<String>,
    #[arg(help_heading = DROP, long, value_name = "WHAT", help = help("mount.drop_remove"),
        value_parser = setting("mount.drop_remove"))]
    drop_remove: Option<String>,
    #[arg(help_heading = DROP, long, value_name = "ID", help = help("mount.drop_gid"),
        value_parser = setting("mount.drop_gid"))]
    drop_gid: Option<String>,
    #[arg(help_heading = DROP, long, help = help("mount.allow_urls"))]
    allow_urls: bool,
    #[arg(help_heading = FRONTS, long, value_name = "ADDRESS", help = help("mount.webdav"),
        value_parser = setting("mount.webdav"))]
    webdav: Option<String>,
    #[arg(help_heading = FRONTS, long, value_name = "ADDRESS", help = help("mount.nfs"),
        value_parser = setting("mount.nfs"))]
    nfs: Option<String>,
    #[arg(help_heading = READS, long, value_name = "MODE", help = help("mount.on_demand"),
        value_parser = setting("mount.on_demand"))]
    on_demand: Option<String>,
    #[arg(help_heading = READS, long, value_name = "ERRNO", help = help("read.missing_errno"),
        value_parser = setting("read.missing_errno"))]
    missing_errno: Option<String>,
    #[arg(help_heading = READS, long, value_name = "WHEN", help = help("read.passthrough"),
        value_parser = setting("read.passthrough"))]
    passthrough: Option<String>,
    #[arg(help_heading = LISTS, long, value_name = "TIME", help = help("metadata.attr_timeout"),
        value_parser = setting("metadata.attr_timeout"))]
    attr_timeout: Option<String>,
    #[arg(help_heading = LISTS, long, value_name = "TIME", help = help("metadata.dir_cache_time"),
        value_parser = setting("metadata.dir_cache_time"))]
    dir_cache_time: Option<String>,
    #[arg(help_heading = LISTS, long, help = help("metadata.show_control"))]
    show_control: bool,
    #[arg(help_heading = FILES, long, help = help("metadata.holes"))]
    holes: bool,
    #[arg(help_heading = FILES, long, value_name = "WHAT", help = help("metadata.disk_usage"),
        value_parser = setting("metadata.disk_usage"))]
    disk_usage: Option<String>,
    /// Stay in the foreground until Ctrl-C or an unmount.
    #[arg(help_heading = START, short, long)]
    pub(crate) foreground: bool,
    /// How long to wait for the mount to start.
    #[arg(help_heading = START, long, value_name = "TIME", default_value = "3m",
        value_parser = duration)]
    pub(crate) daemon_timeout: Duration,
}

impl MountArgs {
    /// Splits the places into servers and the mount point.
    ///
    /// # Errors
    /// A sentence that names the wrong place, without a password that it may contain.
    pub(super) fn place(&mut self) -> Result<(), String> {
        let Some(last) = self.places.pop() else { return Ok(()) };
        if last.is_empty() || self.places.iter().any(|place| place.is_empty()) {
            return Err("an argument is empty: is a variable of the shell unset?".to_owned());
        }
        if is_address(&last) {
            let form = "tfs mount http://127.0.0.1:3030 /mnt/t";
            return Err(match self.places.is_empty() {
                true => format!("the mount point is missing, as in: {form}"),
                false => format!("the mount point is the last argument, as in: {form}"),
            });
        }
        #[cfg(feature = "embedded")]
        if self.embedded.embedded.is_some() && !self.places.is_empty() {
            return Err("--embedded is the server, so no other can be given".to_owned());
        }
        if self.places.iter().any(|place| is_path(place)) {
            return Err("there are several mount points: run tfs mount for each of them, or add \
                [[mount]] sections to the configuration and run tfs daemon"
                .to_owned());
        }
        let servers = self.places.drain(..).map(|place| {
            let text = place.to_str().ok_or("a server is not UTF-8")?;
            text.parse()
                .map_err(|reason| format!("invalid server before the mount point: {reason}"))
        });
        let mut servers = servers.collect::<Result<Vec<_>, String>>()?;
        servers.append(&mut self.server.server);
        (self.server.server, self.mountpoint) = (servers, PathBuf::from(last));
        Ok(())
    }

    /// Adds the settings on the command line.
    pub(super) fn set(&self, flags: &mut Vec<Flag>) {
        let on = "true".to_owned();
        self.library.set(flags);
        set(flags, "mount.allow_other", self.allow_other.then_some(&on));
        set(flags, "mount.allow_non_empty", self.allow_non_empty.then_some(&on));
        set(flags, "mount.context", self.context.as_ref());
        set(flags, "mount.drop", self.drop.as_ref());
        set(flags, "mount.drop_remove", self.drop_remove.as_ref());
        set(flags, "mount.drop_gid", self.drop_gid.as_ref());
        set(flags, "mount.allow_urls", self.allow_urls.then_some(&on));
        set(flags, "mount.webdav", self.webdav.as_ref());
        set(flags, "mount.nfs", self.nfs.as_ref());
        set(flags, "mount.on_demand", self.on_demand.as_ref());
        set(flags, "metadata.attr_timeout", self.attr_timeout.as_ref());
        set(flags, "metadata.dir_cache_time", self.dir_cache_time.as_ref());
        set(flags, "metadata.show_control", self.show_control.then_some(&on));
        set(flags, "metadata.holes", self.holes.then_some(&on));
        set(flags, "read.missing_errno", self.missing_errno.as_ref());
        set(flags, "read.passthrough", self.passthrough.as_ref());
        set(flags, "metadata.disk_usage", self.disk_usage.as_ref());
    }
}

pub(crate) const MOUNT_HELP: &str = "\
Returns when the mount can be used. The process stays in the background, unless
--foreground is given. A configuration file can set most flags: tfs config init.

Examples:
  tfs mount /mnt/t                         the rqbit on this machine
  tfs mount http://nas:3030 /mnt/t         an rqbit elsewhere
  tfs mount home=nas:3030 http://b /mnt/t  two servers in one mount
  tfs mount --embedded ~/torrents /mnt/t   no server: rqbit runs inside tfs
  tfs mount -o allow_other,uid=1000 /mnt/t options as mount(8) has them";

/// Returns whether an argument is the address of a server, and so no mount point: a URL, or a host
/// with a port. A directory of that name can be written as `./host:3030`.
fn is_address(place: &OsStr) -> bool {
    let has_port = |text: &str| {
        let (host, port) = text.trim_end_matches('/').rsplit_once(':').unwrap_or_default();
        !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok()
    };
    place.to_str().is_some_and(|text| text.contains("://") || has_port(text))
}
