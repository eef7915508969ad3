//! The arguments of commands that go straight to a server.

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;
use tfs_service::RESOLVE_TIME_MAX;

use super::{ServerArgs, duration};

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only torrents with this in their name, in any case.
    pub(crate) pattern: Option<String>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Print JSON, for scripts.
    #[arg(long)]
    pub(crate) json: bool,
    /// Go on until Ctrl-C: every second anew, in place on a terminal.
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// A .torrent file, a magnet link or an info hash, the http address of a .torrent file, or -
    /// for a .torrent file on the standard input.
    #[arg(required = true, value_name = "FILE|MAGNET|URL")]
    pub(crate) torrents: Vec<OsString>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Use files that are where the torrent's go: what is right is kept, the rest written over.
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// How long the server may look for peers of a magnet link, or fetch an address; at most 1h.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = resolve_time)]
    pub(crate) timeout: Duration,
    /// Do not wait for magnet links: a process in the background does.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Print JSON, for scripts.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TorrentArgs {
    /// A name, a part of one, an id, or an info hash or its first digits.
    #[arg(required = true, value_name = "TORRENT")]
    pub(crate) torrents: Vec<String>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Print JSON, for scripts.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    pub(crate) torrents: TorrentArgs,
    /// Do not ask.
    #[arg(short, long)]
    pub(crate) yes: bool,
}

fn resolve_time(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        time if time > RESOLVE_TIME_MAX => Err("rqbit looks for an hour at most".to_owned()),
        time => Ok(time),
    }
}
