//! Arguments of commands that connect to a server.

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;
use tfs_service::{RESOLVE_TIME_MAX, Tag};
use tfs_types::OnDemandMode;

use super::setting::OnDemandModeParser;
use super::{ServerArgs, duration};
use crate::rows::{Column, Filter, NamePattern, SortKey};

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// List only torrents whose name contains this text or matches this glob, in any case.
    pub(crate) pattern: Option<NamePattern>,
    /// List only torrents with this property: state=downloading,paused, state!=seeding,
    /// server=NAME, name=GLOB, tag=TAG, on-demand=pieces,file. May be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) filter: Vec<Filter>,
    /// The order: the largest first, names from A to Z.
    #[arg(long, value_name = "KEY", default_value = "added")]
    pub(crate) sort: SortKey,
    /// Reverse the order.
    #[arg(short, long)]
    pub(crate) reverse: bool,
    /// The columns of the table, with commas between them. By default as many as fit.
    #[arg(long, value_name = "NAME", value_delimiter = ',', conflicts_with = "json")]
    pub(crate) columns: Vec<Column>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Refresh every second until Ctrl-C.
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// A .torrent file (- for standard input), a magnet link, an info hash, or the URL of a
    /// .torrent file.
    #[arg(required = true, value_name = "FILE|MAGNET|URL")]
    pub(crate) torrents: Vec<OsString>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Reuse existing files; parts that do not match are overwritten.
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Download nothing but what programs read: pieces, or with =file also the whole of a file that
    /// is read in order. Without a mode: pieces.
    #[arg(long, value_name = "MODE", num_args = 0..=1, require_equals = true,
        default_missing_value = "pieces", value_parser = OnDemandModeParser)]
    pub(crate) on_demand: Option<OnDemandMode>,
    /// Download everything, whatever the configuration has.
    #[arg(long, conflicts_with = "on_demand")]
    pub(crate) no_on_demand: bool,
    /// How long the server may take to resolve a magnet link or fetch a URL; at most 1h.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = resolve_time)]
    pub(crate) timeout: Duration,
    /// Resolve magnet links in a background process.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TorrentArgs {
    /// A name or a part of it, an id, or an info hash or its first digits.
    #[arg(required = true, value_name = "TORRENT")]
    pub(crate) torrents: Vec<String>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    pub(crate) torrents: TorrentArgs,
    /// Do not ask for confirmation.
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Show which files would be deleted, and delete nothing.
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TagArgs {
    /// A name or a part of it, a glob that may match several, an id, or an info hash or its first
    /// digits. For a whole info hash no server is asked. Without a torrent, all tags are listed.
    #[arg(value_name = "TORRENT")]
    pub(crate) torrent: Option<String>,
    /// Tags to add: words in any case, without commas. Without any, the tags are listed.
    #[arg(value_name = "TAG")]
    pub(crate) tags: Vec<Tag>,
    /// Remove the tags; without tags, all of them.
    #[arg(long, requires = "torrent")]
    pub(crate) remove: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(override_usage = "tfs on-demand [OPTIONS] [TORRENT]... [on|off]")]
pub(crate) struct OnDemandArgs {
    /// Names or parts of them, globs that may match several, ids, or info hashes or their first
    /// digits; then on or off. Without on or off, the modes are shown; without a torrent, all
    /// on-demand torrents.
    #[arg(value_name = "TORRENT")]
    pub(crate) words: Vec<String>,
    /// What to download: pieces that programs read, or file: also the whole of a file that is read
    /// in order. Without it: the present mode, else that of the server in the configuration, else
    /// pieces.
    #[arg(long, value_name = "MODE", value_parser = OnDemandModeParser)]
    pub(crate) mode: Option<OnDemandMode>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

fn resolve_time(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        time if time > RESOLVE_TIME_MAX => {
            Err("it must be at most 1h, the limit of rqbit".to_owned())
        }
        time => Ok(time),
    }
}
