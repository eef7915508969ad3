//! What can be typed. Nothing here touches the system: that comes after all of it was understood.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Args, Parser, Subcommand, ValueEnum};
use tfs_service::{BaseUrl, BaseUrlError};

/// Mounts the torrents of rqbit servers as ordinary files.
#[derive(Debug, Parser)]
#[command(name = "tfs", version, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Say more: -v what happens, -vv each file that is opened, -vvv each read.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Write the log to a file. A mount in the background has no other.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) log_file: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Examples:
  tfs demo                                 see it work on this machine, without a network
  tfs mount /mnt/t                         mount the rqbit server at http://127.0.0.1:3030
  tfs mount --embedded ~/torrents /mnt/t   mount without a server
  tfs unmount /mnt/t";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Mount the torrents of a server.
    Mount(MountArgs),
    /// Unmount, also what a crash left behind.
    #[command(visible_alias = "umount")]
    Unmount(UnmountArgs),
    /// List the torrents of a server.
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Check this machine, and print what helps.
    Doctor(DoctorArgs),
    /// Show the whole thing on this machine, without a network.
    #[cfg(feature = "embedded")]
    Demo(DemoArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// Where the API of rqbit is.
    #[arg(long, value_name = "URL", env = "TFS_SERVER", default_value = "http://127.0.0.1:3030",
        value_parser = server_url)]
    pub(crate) server: BaseUrl,
    /// The user name, if the server asks for one.
    #[arg(long, value_name = "NAME", env = "TFS_USERNAME", requires = "password_file")]
    pub(crate) username: Option<String>,
    /// A file with the password in its first line.
    #[arg(long, value_name = "FILE", env = "TFS_PASSWORD_FILE", requires = "username")]
    pub(crate) password_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct MountArgs {
    /// An empty directory.
    pub(crate) mountpoint: PathBuf,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[cfg(feature = "embedded")]
    #[command(flatten)]
    pub(crate) embedded: EmbeddedArgs,
    /// Let other users in, such as the one that a media server runs as.
    #[arg(long)]
    pub(crate) allow_other: bool,
    /// Mount over a directory with something in it, which is hidden meanwhile.
    #[arg(long)]
    pub(crate) allow_non_empty: bool,
    /// List the directory `.tfs` in the root; it is there in any case.
    #[arg(long)]
    pub(crate) show_control: bool,
    /// How many streams may be open on the server at a time. rqbit stops at eight.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = streams_max)]
    pub(crate) max_streams: usize,
    /// How long a read waits for data before it fails.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(crate) read_timeout: Duration,
    /// What a read does whose data is not downloaded yet.
    #[arg(long, value_enum, default_value_t = Missing::Wait)]
    pub(crate) missing: Missing,
    /// How much memory buffers and the cache may take together.
    #[arg(long, value_name = "SIZE", default_value = "128MiB", value_parser = memory)]
    pub(crate) memory: usize,
    /// How often the server is asked for new torrents.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub(crate) poll_interval: Duration,
    /// Stay in the foreground until Ctrl-C or an unmount.
    #[arg(short, long)]
    pub(crate) foreground: bool,
    /// How long to wait for the mount to answer before giving up.
    #[arg(long, value_name = "TIME", default_value = "3m", value_parser = duration)]
    pub(crate) daemon_timeout: Duration,
}

/// What a read does whose data is not downloaded yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Missing {
    /// Wait until it comes, or until the read timeout.
    Wait,
    /// Fail at once with EAGAIN.
    Fail,
}

#[cfg(feature = "embedded")]
#[derive(Debug, Args)]
pub(crate) struct EmbeddedArgs {
    /// Use no server: run rqbit inside tfs, and download to this directory.
    // Not in conflict with --server, which may come from the environment.
    #[arg(long, value_name = "DIR")]
    pub(crate) embedded: Option<PathBuf>,
    /// A .torrent file, a magnet link or an URL to add. May be given several times.
    #[arg(long, value_name = "FILE|MAGNET|URL", requires = "embedded")]
    pub(crate) add: Vec<String>,
    /// Look for no peers: no DHT, no trackers, no port forwarding.
    #[arg(long, requires = "embedded")]
    pub(crate) offline: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UnmountArgs {
    /// Where tfs is mounted.
    pub(crate) mountpoint: PathBuf,
    /// Unmount although it is in use: its users get errors at once.
    #[arg(long, conflicts_with = "lazy")]
    pub(crate) force: bool,
    /// Take it out of the tree now, and end it when its last user is done.
    #[arg(long)]
    pub(crate) lazy: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only torrents with this in their name, in any case.
    pub(crate) pattern: Option<String>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Print JSON, for scripts.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Where tfs is to be mounted, or is.
    pub(crate) mountpoint: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// How many streams tfs is to open on the server at a time.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = streams_max)]
    pub(crate) max_streams: usize,
    /// Print JSON, for scripts.
    #[arg(long, conflicts_with = "systemd")]
    pub(crate) json: bool,
    /// Check nothing: print a unit of systemd for this machine, for the system as root.
    #[arg(long)]
    pub(crate) systemd: bool,
}

#[cfg(feature = "embedded")]
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Leave the mount up until Ctrl-C, to try things.
    #[arg(long)]
    pub(crate) keep: bool,
}

fn server_url(text: &str) -> Result<BaseUrl, String> {
    text.parse().map_err(|error| match error {
        BaseUrlError::UserInfo => {
            "a user name goes to --username, and a password to a file for --password-file"
                .to_owned()
        }
        BaseUrlError::Syntax(_)
        | BaseUrlError::Scheme
        | BaseUrlError::NoHost
        | BaseUrlError::Query
        | BaseUrlError::Fragment => {
            format!("{error}; it is to look like http://127.0.0.1:3030 or https://host/path")
        }
    })
}

fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("must be more than nothing".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!("{error}, such as 90s or 2m")),
    }
}

fn memory(text: &str) -> Result<usize, String> {
    let size: ByteSize = text.parse().map_err(|error| format!("{error}, such as 64MiB or 1GB"))?;
    usize::try_from(size.as_u64()).map_err(|_too_large| "more than this machine has".to_owned())
}

fn streams_max(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1 is needed to read anything".to_owned()),
        Ok(streams) => Ok(streams),
        Err(error) => Err(error.to_string()),
    }
}
