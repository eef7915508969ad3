//! The arguments of `tfs views`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ServerArgs;
use crate::rows::NamePattern;

#[derive(Debug, Args)]
pub(crate) struct ViewsArgs {
    #[command(subcommand)]
    pub(crate) command: ViewsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ViewsCommand {
    /// Show where each torrent would be, and why; no mount is needed or changed.
    #[command(after_help = super::examples::VIEWS_TEST)]
    Test(Box<ViewsTestArgs>),
}

#[derive(Debug, Args)]
pub(crate) struct ViewsTestArgs {
    /// Show only torrents whose name contains this text or matches this glob, in any case.
    pub(crate) pattern: Option<NamePattern>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Use the servers and settings of the mount at DIR.
    #[arg(long, value_name = "DIR", conflicts_with = "server")]
    pub(crate) mount: Option<PathBuf>,
    /// Test names from a file, one on each line, instead of the torrents of servers; - for standard
    /// input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["server", "mount"])]
    pub(crate) names: Option<PathBuf>,
    /// Test the recommended views instead of the configured ones.
    #[arg(long)]
    pub(crate) recommended: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
