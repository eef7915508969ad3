//! What can be typed. Nothing here touches the system: that comes after all of it was understood.
//!
//! Values of settings stay texts here, checked by the table of keys (`tfs_service::settings`) and
//! handed on as the highest layer. What a flag does and its default are said there too.

mod mount;
mod mounted;
mod setting;
mod torrents;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use tfs_service::settings::{Flag, ServerArg};

pub(crate) use self::mount::MountArgs;
pub(crate) use self::mounted::{
    CacheArgs, CacheCommand, ClearArgs, MountedArgs, PRELOAD_HELP, PreloadArgs, RefreshArgs,
    SearchArgs, StatusArgs,
};
use self::setting::{ServerParser, help, setting};
pub(crate) use self::torrents::{AddArgs, DeleteArgs, ListArgs, TorrentArgs};

/// Mounts the torrents of rqbit servers as ordinary files.
#[derive(Debug, Parser)]
#[command(name = "tfs", version, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// Read this configuration file too, over all others.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Say more: -v what happens, -vv each file that is opened, -vvv each read.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    #[arg(long, global = true, value_name = "FILE", help = help("logging.file"),
        value_parser = setting("logging.file"))]
    log_file: Option<String>,
    #[arg(long, global = true, value_name = "FORMAT", help = help("logging.format"),
        value_parser = setting("logging.format"))]
    log_format: Option<String>,
}

const AFTER_HELP: &str = "\
Examples:
  tfs demo                                 see it work on this machine, offline
  tfs mount /mnt/t                         mount the rqbit of this machine
  tfs mount --embedded ~/torrents /mnt/t   mount without a server
  tfs unmount /mnt/t";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Mount the torrents of a server.
    // It has many more arguments than any other.
    Mount(Box<MountArgs>),
    /// Mount all that the configuration has, until a signal ends it.
    #[command(after_help = DAEMON_HELP)]
    Daemon,
    /// Unmount, also what a crash left behind.
    #[command(visible_alias = "umount")]
    Unmount(UnmountArgs),
    /// List the torrents of a server.
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Show mounts, their servers and caches, and who reads what.
    Status(StatusArgs),
    /// Search the files of all torrents.
    Search(SearchArgs),
    /// Show or clear what a mount keeps.
    Cache(CacheArgs),
    /// Have a mount look at its server now.
    Refresh(RefreshArgs),
    /// Have the server fetch files before anybody reads them.
    #[command(after_help = PRELOAD_HELP)]
    Preload(PreloadArgs),
    /// Add torrents to a server.
    Add(AddArgs),
    /// Stop torrents.
    Pause(TorrentArgs),
    /// Start torrents that are paused or failed.
    Start(TorrentArgs),
    /// Remove torrents from a server and keep their files.
    Forget(TorrentArgs),
    /// Remove torrents and their files from a server.
    Delete(DeleteArgs),
    /// Show and make the configuration.
    Config(ConfigArgs),
    /// Check this machine, and print what helps.
    Doctor(DoctorArgs),
    /// Show the whole thing on this machine, without a network.
    #[cfg(feature = "embedded")]
    Demo(DemoArgs),
    /// Print completions for a shell.
    #[command(after_help = COMPLETIONS_HELP)]
    Completions(CompletionsArgs),
    /// Print the manual, or write a page for each command.
    Man(ManArgs),
}

const DAEMON_HELP: &str = "\
Each [[mount]] comes up, fails and is tried again by itself. Ctrl-C and SIGTERM
unmount all. SIGHUP and \"tfs config reload\" take over a changed configuration.
It stays in the foreground, where a service manager wants it.";

const COMPLETIONS_HELP: &str = "\
Examples:
  tfs completions bash > ~/.local/share/bash-completion/completions/tfs
  tfs completions fish > ~/.config/fish/completions/tfs.fish
  tfs completions zsh > DIR/_tfs           with DIR a directory in $fpath";

/// Which server, and who we are to it.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// Where the API of rqbit is, as URL or NAME=URL, or the NAME of a server of the configuration.
    /// May be given several times to mount, list, search and doctor [default: http://127.0.0.1:3030]
    #[arg(long, value_name = "URL", value_parser = ServerParser)]
    server: Vec<ServerArg>,
    #[arg(long, value_name = "NAME", help = help("server.username"),
        value_parser = setting("server.username"))]
    username: Option<String>,
    #[arg(long, value_name = "FILE", help = help("server.password_file"),
        value_parser = setting("server.password_file"))]
    password_file: Option<String>,
}

impl ServerArgs {
    /// Returns whether a server was named.
    pub(crate) fn is_named(&self) -> bool {
        !self.server.is_empty()
    }
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
pub(crate) struct DoctorArgs {
    /// Where tfs is to be mounted, or is.
    pub(crate) mountpoint: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[arg(long, value_name = "N", help = help("server.max_streams"),
        value_parser = setting("server.max_streams"))]
    max_streams: Option<String>,
    /// Print JSON, for scripts.
    #[arg(long, conflicts_with = "systemd")]
    pub(crate) json: bool,
    /// Check nothing: print a unit of systemd for this machine, for the system as root.
    #[arg(long)]
    pub(crate) systemd: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print what holds, and where each value came from.
    Show {
        /// Print JSON, for scripts.
        #[arg(long)]
        json: bool,
    },
    /// Print which files are looked for, and which are there.
    Path {
        /// Print JSON, for scripts.
        #[arg(long)]
        json: bool,
    },
    /// Have the daemon take over a changed configuration, and say what came of it.
    Reload {
        /// Print JSON, for scripts.
        #[arg(long)]
        json: bool,
    },
    /// Write a file with every key, each in a comment that explains it.
    Init {
        /// Where to [default: the file of this user].
        #[arg(conflicts_with = "print")]
        file: Option<PathBuf>,
        /// Print it.
        #[arg(long)]
        print: bool,
    },
}

#[cfg(feature = "embedded")]
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Leave the mount up until Ctrl-C, to try things.
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Which shell.
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write the pages to this directory, tfs.1, tfs-mount.1 and so on.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

impl Cli {
    /// Returns the servers and the keys of the configuration that were typed.
    pub(crate) fn settings(&self) -> (Vec<ServerArg>, Vec<Flag>) {
        let GlobalArgs { log_file, log_format, .. } = &self.global;
        let mut flags = Vec::new();
        set(&mut flags, "logging.file", log_file.as_ref());
        set(&mut flags, "logging.format", log_format.as_ref());
        if let Command::Mount(args) = &self.command {
            args.set(&mut flags);
        }
        if let Command::Doctor(args) = &self.command {
            set(&mut flags, "server.max_streams", args.max_streams.as_ref());
        }
        let Some(server) = self.server() else { return (Vec::new(), flags) };
        set(&mut flags, "server.username", server.username.as_ref());
        set(&mut flags, "server.password_file", server.password_file.as_ref());
        (server.server.clone(), flags)
    }

    /// Returns whether the command can do nothing without right settings: it goes to a server, or
    /// the settings are what it is about.
    pub(crate) fn needs_settings(&self) -> bool {
        let show = |args: &ConfigArgs| matches!(args.command, ConfigCommand::Show { .. });
        let is_about_them = matches!(&self.command, Command::Daemon)
            || matches!(&self.command, Command::Config(args) if show(args));
        is_about_them || self.server().is_some()
    }

    /// Returns the arguments that name a server, if the command has any.
    fn server(&self) -> Option<&ServerArgs> {
        match &self.command {
            Command::Mount(args) => Some(&args.server),
            Command::List(args) => Some(&args.server),
            Command::Search(args) => Some(&args.server),
            Command::Add(args) => Some(&args.server),
            Command::Pause(args) | Command::Start(args) | Command::Forget(args) => {
                Some(&args.server)
            }
            Command::Delete(args) => Some(&args.torrents.server),
            Command::Doctor(args) => Some(&args.server),
            Command::Daemon
            | Command::Unmount(_)
            | Command::Status(_)
            | Command::Cache(_)
            | Command::Refresh(_)
            | Command::Preload(_)
            | Command::Config(_)
            | Command::Completions(_)
            | Command::Man(_) => None,
            #[cfg(feature = "embedded")]
            Command::Demo(_) => None,
        }
    }
}

/// Adds a key that was typed.
fn set(flags: &mut Vec<Flag>, key: &'static str, value: Option<&String>) {
    flags.extend(value.map(|value| Flag { key, value: value.clone() }));
}

/// Parses a time that is more than nothing.
fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("it must be more than nothing".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!("{error}, such as 90s or 2m")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use tfs_service::settings::keys::keys;

    use super::*;

    #[test]
    fn every_flag_of_a_key_is_there_and_the_arguments_make_sense() {
        let command = Cli::command();
        command.clone().debug_assert();
        for flag in keys().filter_map(|key| key.flag) {
            let name = flag.trim_start_matches("--");
            let has = |command: &clap::Command| {
                command.get_arguments().any(|arg| arg.get_long() == Some(name))
            };
            assert!(has(&command) || command.get_subcommands().any(has), "{flag}");
        }
    }
}
