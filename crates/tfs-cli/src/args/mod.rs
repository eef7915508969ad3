//! Command-line arguments. Parsing has no side effects.
//!
//! Values of settings stay text here. The table of keys (`tfs_config`) checks them, describes their
//! flags and defaults, and takes them as the highest layer.

mod config;
mod examples;
mod library;
mod mount;
mod mounted;
mod serve;
mod service;
mod setting;
mod torrents;
mod views;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use tfs_config::{Flag, ServerArg};

pub(crate) use self::config::{ConfigArgs, ConfigCommand};
#[cfg(feature = "embedded")]
pub(crate) use self::library::EmbeddedArgs;
pub(crate) use self::mount::MountArgs;
pub(crate) use self::mounted::{
    CacheArgs, CacheCommand, ClearArgs, EventsArgs, HealthyArgs, MountedArgs, PreloadArgs,
    RefreshArgs, SearchArgs, StatusArgs,
};
pub(crate) use self::serve::{ServeArgs, ServeCommand, ServeTokenArgs, ServeTokenCommand};
pub(crate) use self::service::{InstallArgs, ServiceArgs, ServiceCommand};
use self::setting::{SecretParser, ServerParser, help, setting};
pub(crate) use self::torrents::{
    AddArgs, DeleteArgs, ListArgs, OnDemandArgs, TagArgs, TorrentArgs,
};
pub(crate) use self::views::{ViewsArgs, ViewsCommand, ViewsTestArgs};

/// Mounts the torrents of rqbit servers as ordinary files.
#[derive(Debug, Parser)]
#[command(name = "tfs", version, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
}

/// Arguments of all commands.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// Also read this configuration file; it overrides the others [env: TFS_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Log more: -v events, -vv each open file, -vvv each read.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Print results and errors, but no warnings.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// When to print colors; NO_COLOR turns them off too.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    #[arg(long, global = true, value_name = "LEVEL", help = help("logging.level"),
        value_parser = setting("logging.level"), conflicts_with = "quiet")]
    log_level: Option<String>,
    #[arg(long, global = true, value_name = "FILE", help = help("logging.file"),
        value_parser = setting("logging.file"))]
    log_file: Option<String>,
    #[arg(long, global = true, value_name = "FORMAT", help = help("logging.format"),
        value_parser = setting("logging.format"))]
    log_format: Option<String>,
}

/// When to print colors: with `Auto` on a terminal, unless `NO_COLOR` is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    // Comments for rustdoc would be help texts, for which clap uses two lines for every flag.
    Auto,
    Always,
    Never,
}

const AFTER_HELP: &str = "\
Examples:
  tfs demo                                 try it on this machine, offline
  tfs mount /mnt/t                         mount the rqbit on this machine
  tfs mount --embedded ~/torrents /mnt/t   run rqbit inside tfs
  tfs unmount /mnt/t";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Mount the torrents of a server.
    // It has many more arguments than any other.
    #[command(after_help = mount::MOUNT_HELP)]
    Mount(Box<MountArgs>),
    /// Serve the torrents by WebDAV, NFS or DLNA, without FUSE.
    #[command(after_help = serve::SERVE_HELP)]
    Serve(ServeArgs),
    /// Mount everything in the configuration, for service managers.
    #[command(after_help = examples::DAEMON)]
    Daemon,
    /// Unmount, or clean up after a crash.
    #[command(visible_alias = "umount", after_help = examples::UNMOUNT)]
    Unmount(UnmountArgs),
    /// List the torrents of a server.
    #[command(visible_alias = "ls", after_help = examples::LIST)]
    List(ListArgs),
    /// Show mounts, their servers and caches, and open files.
    #[command(after_help = examples::STATUS)]
    Status(StatusArgs),
    /// Print events: torrents added or finished, servers down.
    #[command(arg_required_else_help = true, after_help = examples::EVENTS)]
    Events(EventsArgs),
    /// Check mounts: the exit code is 0 if all is well.
    #[command(after_help = examples::HEALTHY)]
    Healthy(HealthyArgs),
    /// Search the files of all torrents.
    #[command(after_help = examples::SEARCH)]
    Search(SearchArgs),
    /// Show or clear the cache of a mount.
    #[command(after_help = examples::CACHE)]
    Cache(CacheArgs),
    /// Fetch the torrent list now.
    #[command(after_help = examples::REFRESH)]
    Refresh(RefreshArgs),
    /// Download files before a program reads them.
    #[command(after_help = examples::PRELOAD)]
    Preload(PreloadArgs),
    /// Add torrents to a server.
    #[command(after_help = examples::ADD)]
    Add(AddArgs),
    /// Pause torrents.
    #[command(after_help = examples::PAUSE)]
    Pause(TorrentArgs),
    /// Start paused or failed torrents.
    #[command(after_help = examples::START)]
    Start(TorrentArgs),
    /// Remove torrents from a server, but keep their files.
    #[command(after_help = examples::FORGET)]
    Forget(TorrentArgs),
    /// Remove torrents and their files from a server.
    #[command(after_help = examples::DELETE)]
    Delete(DeleteArgs),
    /// List, add or remove the tags of torrents.
    #[command(after_help = examples::TAG)]
    Tag(TagArgs),
    /// List or choose torrents of which only what is read is fetched.
    #[command(after_help = examples::ON_DEMAND)]
    OnDemand(OnDemandArgs),
    /// Show, change or create configuration files.
    #[command(after_help = examples::CONFIG)]
    Config(ConfigArgs),
    /// Test the rules of views.
    #[command(after_help = examples::VIEWS)]
    Views(ViewsArgs),
    /// Mount at every boot, as a service of systemd.
    #[command(after_help = examples::SERVICE)]
    Service(ServiceArgs),
    /// Diagnose problems and suggest fixes.
    #[command(after_help = examples::DOCTOR)]
    Doctor(DoctorArgs),
    /// Show tfs at work on this machine, without a network.
    #[cfg(feature = "embedded")]
    #[command(after_help = examples::DEMO)]
    Demo(DemoArgs),
    /// Print the completion script for a shell.
    #[command(after_help = examples::COMPLETIONS)]
    Completions(CompletionsArgs),
    /// Print the manual page, or write one for each command.
    #[command(after_help = examples::MAN)]
    Man(ManArgs),
    /// Show the versions of tfs, rqbit and the kernel.
    #[command(after_help = examples::VERSION)]
    Version(VersionArgs),
}

/// The heading of flags about servers.
const SERVERS: &str = "Servers";

/// The server and the credentials.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// The rqbit server: the URL of its HTTP API, NAME=URL, or the NAME of a configured server. May
    /// be repeated for mount, serve, list, search and doctor [env: TFS_SERVER] [default:
    /// http://127.0.0.1:3030]
    #[arg(long, help_heading = SERVERS, value_name = "URL", value_parser = ServerParser)]
    server: Vec<ServerArg>,
    #[arg(long, help_heading = SERVERS, value_name = "NAME", help = help("server.username"),
        value_parser = setting("server.username"))]
    username: Option<String>,
    #[arg(long, help_heading = SERVERS, value_name = "FILE", help = help("server.password_file"),
        value_parser = setting("server.password_file"))]
    password_file: Option<String>,
    #[arg(long, help_heading = SERVERS, value_name = "FILE", help = help("server.ca_file"),
        value_parser = setting("server.ca_file"))]
    ca_file: Option<String>,
    #[arg(long, help_heading = SERVERS, value_name = "FILE", help = help("server.client_cert"),
        value_parser = setting("server.client_cert"))]
    client_cert: Option<String>,
    #[arg(long, help_heading = SERVERS, value_name = "FILE", help = help("server.client_key"),
        value_parser = setting("server.client_key"))]
    client_key: Option<String>,
    #[arg(long = "header", help_heading = SERVERS, value_name = "NAME: VALUE",
        help = help("server.headers"), value_parser = SecretParser("server.headers"))]
    headers: Vec<String>,
    #[arg(long, help_heading = SERVERS, value_name = "URL", help = help("server.proxy"),
        value_parser = SecretParser("server.proxy"))]
    proxy: Option<String>,
}

impl ServerArgs {
    /// Adds the settings on the command line.
    fn set(&self, flags: &mut Vec<Flag>) {
        set(flags, "server.username", self.username.as_ref());
        set(flags, "server.password_file", self.password_file.as_ref());
        set(flags, "server.ca_file", self.ca_file.as_ref());
        set(flags, "server.client_cert", self.client_cert.as_ref());
        set(flags, "server.client_key", self.client_key.as_ref());
        for header in &self.headers {
            set(flags, "server.headers", Some(header));
        }
        set(flags, "server.proxy", self.proxy.as_ref());
    }

    /// Returns whether a server was named.
    pub(crate) fn is_named(&self) -> bool {
        !self.server.is_empty()
    }
}

#[derive(Debug, Args)]
pub(crate) struct UnmountArgs {
    /// The mount points.
    #[arg(required_unless_present = "all", value_name = "MOUNTPOINT")]
    pub(crate) mountpoints: Vec<PathBuf>,
    /// Unmount all mounts of this user.
    #[arg(short, long, conflicts_with = "mountpoints")]
    pub(crate) all: bool,
    /// Unmount even if in use: programs that use the mount get errors at once.
    #[arg(short, long, conflicts_with = "lazy")]
    pub(crate) force: bool,
    /// Detach the mount now, and end it when no program uses it any more.
    #[arg(short, long)]
    pub(crate) lazy: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// A mount point, or a directory to mount at.
    pub(crate) mountpoint: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[arg(long, help_heading = SERVERS, value_name = "N", help = help("server.max_streams"),
        value_parser = setting("server.max_streams"))]
    max_streams: Option<String>,
    /// Print JSON.
    #[arg(long, conflicts_with = "systemd")]
    pub(crate) json: bool,
    /// Print a systemd unit for this machine, and check nothing. As root: a system unit.
    #[arg(long)]
    pub(crate) systemd: bool,
}

#[cfg(feature = "embedded")]
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Keep the mount until Ctrl-C, to try things.
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write tfs.1, tfs-mount.1 and so on to this directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct VersionArgs {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Cli {
    /// Splits the places of a mount into servers and the mount point.
    ///
    /// # Errors
    /// A sentence that names the wrong place.
    pub(crate) fn place(&mut self) -> Result<(), String> {
        if let Command::Mount(args) = &mut self.command {
            return args.place();
        }
        if let Command::Serve(args) = &mut self.command {
            return args.place();
        }
        let Command::Service(ServiceArgs { command: ServiceCommand::Install(args) }) =
            &mut self.command
        else {
            return Ok(());
        };
        args.mount.place()
    }

    /// Returns the arguments of the mount that the command starts or installs.
    pub(crate) fn mount_args(&self) -> Option<&MountArgs> {
        if let Command::Mount(args) = &self.command {
            return Some(args);
        }
        let Command::Service(ServiceArgs { command: ServiceCommand::Install(args) }) =
            &self.command
        else {
            return None;
        };
        Some(&args.mount)
    }

    /// Returns the servers and the settings on the command line.
    pub(crate) fn settings(&self) -> (Vec<ServerArg>, Vec<Flag>) {
        let GlobalArgs { log_file, log_format, log_level, quiet, .. } = &self.global;
        let mut flags = Vec::new();
        let error = "error".to_owned();
        set(&mut flags, "logging.level", log_level.as_ref().or(quiet.then_some(&error)));
        set(&mut flags, "logging.file", log_file.as_ref());
        set(&mut flags, "logging.format", log_format.as_ref());
        if let Some(args) = self.mount_args() {
            args.set(&mut flags);
        }
        if let Command::Serve(args) = &self.command {
            args.set(&mut flags);
        }
        if let Command::Doctor(args) = &self.command {
            set(&mut flags, "server.max_streams", args.max_streams.as_ref());
        }
        let Some(server) = self.server() else { return (Vec::new(), flags) };
        server.set(&mut flags);
        (server.server.clone(), flags)
    }

    /// Returns whether the command needs valid settings: it connects to a server, or shows or
    /// mounts the configuration. The doctor reports invalid ones.
    pub(crate) fn needs_settings(&self) -> bool {
        if let Command::Doctor(args) = &self.command {
            return args.systemd;
        }
        let show = |args: &ConfigArgs| {
            matches!(args.command, ConfigCommand::Show { .. } | ConfigCommand::Get { .. })
        };
        let is_about_them = matches!(&self.command, Command::Daemon)
            || matches!(&self.command, Command::Config(args) if show(args));
        is_about_them || self.server().is_some()
    }

    /// Returns the server arguments of the command, if it has any.
    fn server(&self) -> Option<&ServerArgs> {
        match &self.command {
            Command::Mount(_) | Command::Service(_) => self.mount_args().map(|args| &args.server),
            Command::Serve(args) => args.tree().map(|(_, tree)| &tree.server),
            Command::List(args) => Some(&args.server),
            Command::Search(args) => Some(&args.server),
            Command::Add(args) => Some(&args.server),
            Command::Pause(args) | Command::Start(args) | Command::Forget(args) => {
                Some(&args.server)
            }
            Command::Delete(args) => Some(&args.torrents.server),
            Command::Tag(args) => Some(&args.server),
            Command::OnDemand(args) => Some(&args.server),
            Command::Doctor(args) => Some(&args.server),
            Command::Views(ViewsArgs { command: ViewsCommand::Test(args) }) => Some(&args.server),
            Command::Daemon
            | Command::Unmount(_)
            | Command::Status(_)
            | Command::Events(_)
            | Command::Healthy(_)
            | Command::Cache(_)
            | Command::Refresh(_)
            | Command::Preload(_)
            | Command::Config(_)
            | Command::Completions(_)
            | Command::Man(_)
            | Command::Version(_) => None,
            #[cfg(feature = "embedded")]
            Command::Demo(_) => None,
        }
    }
}

/// Adds a setting from the command line.
fn set(flags: &mut Vec<Flag>, key: &'static str, value: Option<&String>) {
    flags.extend(value.map(|value| Flag { key, value: value.clone() }));
}

/// Parses a time greater than zero.
fn duration(text: &str) -> Result<Duration, String> {
    match tfs_config::parse_time(text)? {
        Duration::ZERO => Err("it must be more than zero".to_owned()),
        time => Ok(time),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use tfs_config::keys::keys;

    use super::*;

    #[test]
    fn every_flag_of_a_key_is_there_and_the_arguments_make_sense() {
        let command = Cli::command();
        command.clone().debug_assert();
        for flag in keys().filter_map(|key| key.flag) {
            let name = flag.trim_start_matches("--");
            assert!(has(&command, name), "{flag}");
        }
    }

    /// Returns whether a command or one below it has a flag.
    fn has(command: &clap::Command, name: &str) -> bool {
        command.get_arguments().any(|arg| arg.get_long() == Some(name))
            || command.get_subcommands().any(|command| has(command, name))
    }
}
