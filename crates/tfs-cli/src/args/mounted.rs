//! The arguments of commands that concern a mount which runs.

use std::path::PathBuf;

use bytesize::ByteSize;
use clap::{Args, Subcommand};

use super::ServerArgs;

/// Which mount, and for whom the answer is.
#[derive(Debug, Args)]
pub(crate) struct MountedArgs {
    /// Where tfs is mounted; not needed where that is one place.
    pub(crate) mountpoint: Option<PathBuf>,
    /// Print JSON, for scripts.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RefreshArgs {
    #[command(flatten)]
    pub(crate) mounted: MountedArgs,
    /// Also remove torrents that a restarted server does not list any more, even all of them.
    #[arg(long)]
    pub(crate) accept_removals: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Only this mount.
    pub(crate) mountpoint: Option<PathBuf>,
    /// Print JSON, for scripts.
    #[arg(long)]
    pub(crate) json: bool,
    /// Go on until Ctrl-C: every second anew, in place on a terminal.
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CacheArgs {
    #[command(subcommand)]
    pub(crate) command: CacheCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Show what a mount keeps, and how much that helped.
    Stats(MountedArgs),
    /// Have a mount and the kernel drop what they keep.
    Clear(ClearArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ClearArgs {
    #[command(flatten)]
    pub(crate) mounted: MountedArgs,
    /// Only names, attributes, and what is known of torrents.
    #[arg(long)]
    pub(crate) metadata: bool,
    /// Only bytes of files.
    #[arg(long)]
    pub(crate) data: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PreloadArgs {
    /// Files in a mount, or directories with all files below them.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Only so much from the beginning of each file, such as 8MiB.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) head: Option<ByteSize>,
    /// Only so much from the end of each file, such as 1MiB; with --head, both.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) tail: Option<ByteSize>,
    /// Print a line of JSON for each event, for scripts.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) const PRELOAD_HELP: &str = "\
Programs that read come first: while one waits, nothing is preloaded.
Ctrl-C stops it; the same command goes on from there, and skips what is there.

Examples:
  tfs preload /mnt/t/Film                   all files of a torrent
  tfs preload --head 8MiB --tail 1MiB FILE  what players look at first";

fn size(text: &str) -> Result<ByteSize, &'static str> {
    match text.parse() {
        Ok(ByteSize(0)) => Err("it must be more than nothing"),
        Ok(size) => Ok(size),
        Err(_no_size) => Err("it must be a size, such as 8MiB"),
    }
}

fn limit(text: &str) -> Result<u64, &'static str> {
    match text.parse() {
        Ok(0) => Err("it must be more than nothing"),
        Ok(limit) => Ok(limit),
        Err(_no_number) => Err("it must be a number, such as 1000"),
    }
}

#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// Words, each of which occurs in the path, in whatever case.
    #[arg(required_unless_present_any = ["glob", "regex"])]
    pub(crate) words: Vec<String>,
    /// Search by a glob: for the name, or with a slash in it for the path.
    #[arg(long, value_name = "GLOB", conflicts_with = "words")]
    pub(crate) glob: Option<String>,
    /// Search by a regular expression: for the path.
    #[arg(long, value_name = "REGEX", conflicts_with_all = ["words", "glob"])]
    pub(crate) regex: Option<String>,
    /// How many files to find at most.
    #[arg(long, value_name = "N", default_value_t = 1000,
        value_parser = limit)]
    pub(crate) limit: u64,
    /// Ask this mount, where there are several.
    #[arg(long, value_name = "MOUNTPOINT", conflicts_with = "server")]
    pub(crate) mount: Option<PathBuf>,
    /// Print JSON, for scripts.
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
        for (limit, why) in [("0", "it must be more than nothing"), ("x", "it must be a number")] {
            let error = parse(limit).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
