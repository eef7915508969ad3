//! The arguments of `tfs service`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::MountArgs;

#[derive(Debug, Args)]
pub(crate) struct ServiceArgs {
    #[command(subcommand)]
    pub(crate) command: ServiceCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ServiceCommand {
    /// Mount now and at every boot. Takes the options of "tfs mount".
    // It has many more arguments than the others.
    Install(Box<InstallArgs>),
    /// Stop a service, and remove its unit. Downloaded files stay.
    Uninstall {
        /// The mount point [default: that of the only service].
        mountpoint: Option<PathBuf>,
        /// That of this user, also for root.
        #[arg(long)]
        user: bool,
    },
    /// Show the services.
    Status {
        /// Those of this user, also for root.
        #[arg(long)]
        user: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
#[command(
    override_usage = "tfs service install [OPTIONS] [SERVER]... <MOUNTPOINT>",
    after_help = INSTALL_HELP
)]
pub(crate) struct InstallArgs {
    #[command(flatten)]
    pub(crate) mount: MountArgs,
    /// Install a service of this user, which is the default except for root.
    #[arg(long)]
    pub(crate) user: bool,
    /// Print the unit, and change nothing.
    #[arg(long)]
    pub(crate) print: bool,
}

const INSTALL_HELP: &str = "\
Examples:
  sudo tfs service install http://nas:3030 /mnt/t
  sudo tfs service install --embedded /srv/torrents /mnt/t
  tfs service install --embedded ~/torrents ~/t
  tfs service status
  sudo tfs service uninstall /mnt/t";
