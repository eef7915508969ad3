//! Arguments of commands for a running mount.

use std::path::PathBuf;

use bytesize::ByteSize;
use clap::{Args, Subcommand};

use super::ServerArgs;

/// The mount, and the form of the output.
#[derive(Debug, Args)]
pub(crate) struct MountedArgs {
    /// The mount point; optional if there is only one mount.
    pub(crate) mountpoint: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RefreshArgs {
    /// The mount point [default: all mounts of this user].
    pub(crate) mountpoint: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Also remove the torrents that a restarted server no longer lists, even all of them.
    #[arg(long)]
    pub(crate) accept_removals: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Show only this mount.
    pub(crate) mountpoint: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Refresh every second until Ctrl-C.
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// Print the events of all mounts of this user as they happen, until Ctrl-C.
    #[arg(long, required = true)]
    pub(crate) follow: bool,
    /// Print a line of JSON for each event.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct HealthyArgs {
    /// The mount point [default: all mounts of this user].
    pub(crate) mountpoint: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CacheArgs {
    #[command(subcommand)]
    pub(crate) command: CacheCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Show what a mount caches, and the hit rates.
    Stats(MountedArgs),
    /// Drop cached data and metadata of a mount, and in the kernel.
    Clear(ClearArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ClearArgs {
    #[command(flatten)]
    pub(crate) mounted: MountedArgs,
    /// Drop only metadata: names, attributes and torrent details.
    #[arg(long)]
    pub(crate) metadata: bool,
    /// Drop only file content.
    #[arg(long)]
    pub(crate) data: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PreloadArgs {
    /// Files in a mount, or directories, with all files below them.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Preload only this much from the beginning of each file, such as 8MiB.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) head: Option<ByteSize>,
    /// Preload only this much from the end of each file, such as 1MiB; with --head, both.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) tail: Option<ByteSize>,
    /// Print a line of JSON for each event.
    #[arg(long)]
    pub(crate) json: bool,
}

fn size(text: &str) -> Result<ByteSize, String> {
    match tfs_config::parse_size(text)? {
        0 => Err("it must be more than zero".to_owned()),
        bytes => Ok(ByteSize(bytes)),
    }
}

fn limit(text: &str) -> Result<u64, &'static str> {
    match text.parse() {
        Ok(0) => Err("it must be more than zero"),
        Ok(limit) => Ok(limit),
        Err(_no_number) => Err("it must be a number, such as 1000"),
    }
}

#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// Words that all occur in the path, in any case.
    #[arg(required_unless_present_any = ["glob", "regex"])]
    pub(crate) words: Vec<String>,
    /// Match the name against a glob, or the path if the glob has a slash.
    #[arg(long, value_name = "GLOB", conflicts_with = "words")]
    pub(crate) glob: Option<String>,
    /// Match the path against a regular expression.
    #[arg(long, value_name = "REGEX", conflicts_with_all = ["words", "glob"])]
    pub(crate) regex: Option<String>,
    /// Maximum number of results.
    #[arg(long, value_name = "N", default_value_t = 1000,
        value_parser = limit)]
    pub(crate) limit: u64,
    /// The mount to search [default: the first by path].
    #[arg(long, value_name = "MOUNTPOINT", conflicts_with = "server")]
    pub(crate) mount: Option<PathBuf>,
    /// Print paths from the root of the mount.
    #[arg(long)]
    pub(crate) relative: bool,
    /// Print only paths, each with a zero byte behind it, as for xargs -0.
    #[arg(short = '0', long, conflicts_with = "json")]
    pub(crate) null: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::args::Cli;

    #[test]
    fn a_search_finds_at_least_one_file() {
        let parse = |limit: &str| Cli::try_parse_from(["tfs", "search", "film", "--limit", limit]);
        assert!(parse("1").is_ok());
        for (limit, why) in [("0", "it must be more than zero"), ("x", "it must be a number")] {
            let error = parse(limit).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
