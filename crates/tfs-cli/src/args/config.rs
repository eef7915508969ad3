//! The arguments of `tfs config`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the settings in effect, and the source of each that is not a default.
    Show {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print one setting in effect.
    #[command(after_help = GET_HELP)]
    Get {
        /// The key, such as read.timeout or server.NAME.url.
        #[arg(value_name = "KEY")]
        key: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Change settings in the configuration file, and keep its comments.
    #[command(after_help = SET_HELP,
        override_usage = "tfs config set [OPTIONS] <KEY> <VALUE>...\n       \
            tfs config set [OPTIONS] --unset <KEY>...")]
    Set {
        /// A key and its value; several of both are set together.
        #[arg(required = true, value_name = "KEY VALUE", allow_negative_numbers = true)]
        words: Vec<String>,
        /// Remove the keys, or whole entries such as server.NAME.
        #[arg(long)]
        unset: bool,
    },
    /// Open the configuration file in an editor, and check it before it is replaced.
    #[command(after_help = EDIT_HELP)]
    Edit,
    /// Print the paths of the configuration files, and which exist.
    Path {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Have the daemon apply a changed configuration, and print the result.
    Reload {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write a configuration file with every key, commented out and explained.
    Init {
        /// The file to write [default: the configuration file of this user].
        #[arg(conflicts_with = "print")]
        file: Option<PathBuf>,
        /// Print the file to standard output.
        #[arg(long)]
        print: bool,
    },
}

const GET_HELP: &str = "\
A key of one of several servers or mounts has its name or path before the key.
Exits with 1 if the key is not set.

Examples:
  tfs config get read.timeout
  tfs config get server.home.url
  tfs config get mount./mnt/t.allow_other";

const SET_HELP: &str = "\
The file is that of --config or TFS_CONFIG, else that of this user. It is created
if it is missing. A server or mount that is not there yet is added.

Examples:
  tfs config set read.timeout 30s
  tfs config set server.home.url http://nas:3030 server.home.max_streams 2
  tfs config set mount./mnt/t.servers home
  tfs config set --unset read.timeout server.home";

const EDIT_HELP: &str = "\
The editor is that of VISUAL or EDITOR, else vi. The file is that of --config or
TFS_CONFIG, else that of this user. An edit with errors is kept next to the file.";
