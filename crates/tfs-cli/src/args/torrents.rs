//! The arguments of commands that go straight to a server.

use clap::Args;

use super::ServerArgs;

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
    /// A .torrent file, a magnet link, or the http address of a .torrent file.
    #[arg(required = true, value_name = "FILE|MAGNET|URL")]
    pub(crate) torrents: Vec<String>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Use files that are where the torrent's go: what is right is kept, the rest written over.
    #[arg(long)]
    pub(crate) overwrite: bool,
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
