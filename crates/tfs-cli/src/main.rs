//! The command `tfs`: parses the arguments, calls `tfs-service`, and reports the result.
//!
//! # What it never does
//! This crate has no filesystem logic, and names no type of FUSE or HTTP. Only [`output`] prints.

mod add;
mod add_hint;
mod args;
mod background;
mod cache;
mod completion;
mod config;
mod daemon;
#[cfg(feature = "embedded")]
mod demo;
mod doctor;
#[cfg(test)]
mod documentation;
mod drop_lines;
mod events;
mod exit;
mod failed;
mod figures;
mod front_lines;
mod generate;
mod healthy;
mod hidden_arguments;
mod list;
mod logging;
mod manual;
mod mount;
mod mount_helper;
mod mount_options;
mod named;
mod on_demand;
mod output;
mod preload;
mod refresh;
mod reload;
mod report;
mod rows;
mod screen;
mod search;
mod serve;
mod service;
mod signals;
mod status;
mod status_lines;
mod status_programs;
mod status_recent;
mod status_tables;
mod tag;
mod tips;
mod torrents;
#[cfg(test)]
mod troubleshooting;
mod typed;
mod unmount;
mod version;
mod views;
mod watch;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use tfs_config::{Loaded, Problem, Sources};

use tfs_service::TorrentAction;

use crate::args::{Cli, Color, Command, ConfigCommand};
use crate::output::OutputStyle;

fn main() -> ExitCode {
    // The command can run with an allocator that keeps too much memory.
    _ = tfs_sys::memory::bound_free_memory();
    let command_line: Vec<_> = env::args_os().collect();
    if let Some(shell) = completion::asking_shell() {
        completion::run(&shell, &command_line);
        return ExitCode::from(exit::SUCCESS);
    }
    if mount_helper::is_called(&command_line) {
        return ExitCode::from(mount_helper::exit_code(run_as_mount_helper(&command_line)));
    }
    // clap ends the process by itself: 0 for help and version, 2 for what it cannot parse.
    match typed::parse(&command_line) {
        Ok(cli) => ExitCode::from(run_and_report(&cli)),
        Err(error) => error.exit(),
    }
}

fn run_as_mount_helper(command_line: &[OsString]) -> u8 {
    let call = match mount_helper::understand(command_line) {
        Ok(call) => call,
        Err(error) => return report::report(&error.into()),
    };
    match typed::parse(&call.arguments) {
        Ok(_) if call.is_fake => exit::SUCCESS,
        Ok(cli) => run_and_report(&cli),
        Err(error) => {
            report::report(&mount_helper::refusal(&error).into());
            exit::USAGE
        }
    }
}

fn run_and_report(cli: &Cli) -> u8 {
    match run(cli) {
        Ok(code) => code,
        Err(error) => report::report(&error),
    }
}

fn run(cli: &Cli) -> eyre::Result<u8> {
    output::set_style(OutputStyle {
        has_warnings: !cli.global.quiet,
        has_colors: match cli.global.color {
            Color::Auto => None,
            Color::Always => Some(true),
            Color::Never => Some(false),
        },
    });
    let sources = sources(cli);
    let (loaded, problems) = load(cli, &sources)?;
    let verbose = cli.global.verbose;
    let more = if matches!(cli.command, Command::Daemon) {
        daemon::verbosity(verbose, &loaded)
    } else {
        verbose
    };
    let level = logging::start(more, &loaded.settings.logging, is_service(&cli.command))?;
    // The parent process has reported them already.
    if background::role() == background::ProcessRole::Child {
        background::set_process_name();
    } else {
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
    }
    match &cli.command {
        Command::Mount(args) => mount::run(args, &loaded, &level),
        Command::Serve(args) => serve::run(args, &loaded, &level),
        Command::Daemon => daemon::run(sources, loaded, verbose, level),
        Command::Unmount(args) => unmount::run(args),
        Command::List(args) => list::run(args, &loaded),
        Command::Status(args) => status::run(args, &loaded),
        Command::Events(args) => events::run(args),
        Command::Healthy(args) => healthy::run(args),
        Command::Search(args) => search::run(args, &loaded),
        Command::Cache(args) => cache::run(args),
        Command::Refresh(args) => refresh::run(args),
        Command::Preload(args) => preload::run(args),
        Command::Add(args) => add::run(args, &loaded),
        Command::Pause(args) => torrents::run(TorrentAction::Pause, args, &loaded),
        Command::Start(args) => torrents::run(TorrentAction::Start, args, &loaded),
        Command::Forget(args) => torrents::run(TorrentAction::Forget, args, &loaded),
        Command::Delete(args) => torrents::run_delete(args, &loaded),
        Command::Tag(args) => tag::run(args, &loaded),
        Command::OnDemand(args) => on_demand::run(args, &loaded),
        Command::Config(args) => match &args.command {
            ConfigCommand::Show { json } => config::show(&loaded, *json),
            ConfigCommand::Get { key, json } => config::get(&loaded, key, *json),
            ConfigCommand::Set { words, unset } => config::set(&sources, words, *unset),
            ConfigCommand::Edit => config::edit(&sources),
            ConfigCommand::Path { json } => config::path(&sources, *json),
            ConfigCommand::Reload { json } => reload::run(*json),
            ConfigCommand::Init { file, print } => config::init(&sources, file.as_deref(), *print),
        },
        Command::Views(args) => views::run(args, &loaded),
        Command::Service(args) => {
            let Sources { named_file, servers, flags, .. } = &sources;
            let line = service::CommandLine { config: named_file.as_deref(), servers, flags };
            service::run(args, &line, &loaded)
        }
        Command::Doctor(args) => {
            let Sources { named_file, servers, flags, .. } = &sources;
            let line = service::CommandLine { config: named_file.as_deref(), servers, flags };
            doctor::run(args, &line, &loaded, &problems)
        }
        #[cfg(feature = "embedded")]
        Command::Demo(args) => demo::run(args),
        Command::Completions(args) => generate::completions(args),
        Command::Man(args) => generate::man(args),
        Command::Version(args) => version::run(args),
    }
}

/// Returns whether a command has a log of its own for long. A mount in the background writes to
/// standard error only until it is ready.
fn is_service(command: &Command) -> bool {
    if let Command::Serve(args) = command {
        return args.tree().is_some();
    }
    matches!(command, Command::Daemon) || matches!(command, Command::Mount(args) if args.foreground)
}

fn sources(cli: &Cli) -> Sources {
    let (servers, flags) = cli.settings();
    let named_file = cli.global.config.clone();
    Sources { named_file, servers, flags, ..Sources::of_this_process() }
}

/// Loads the settings. If they are invalid, commands that do not need them still run: unmounting
/// and diagnosis must work with any configuration file.
///
/// Also returns the errors of settings that were ignored, for the doctor.
fn load(cli: &Cli, sources: &Sources) -> eyre::Result<(Loaded, Vec<Problem>)> {
    let error = match sources.clone().load() {
        Ok(loaded) => return Ok((loaded, Vec::new())),
        Err(error) => error,
    };
    if cli.needs_settings() {
        return Err(error.into());
    }
    let loaded = if matches!(cli.command, Command::Doctor(_)) {
        without_files(sources).or_else(|_invalid| command_line(sources))?
    } else {
        flags_only(sources)?
    };
    Ok((loaded, error.problems))
}

/// Loads the settings of the environment and the command line.
fn without_files(sources: &Sources) -> eyre::Result<Loaded> {
    let mut variables = sources.variables.clone();
    variables.retain(|(name, _)| name != "TFS_CONFIG");
    let Sources { servers, flags, .. } = sources.clone();
    Ok(Sources { variables, servers, flags, ..Sources::default() }.load()?)
}

/// Loads the settings of the command line.
fn command_line(sources: &Sources) -> eyre::Result<Loaded> {
    let Sources { servers, flags, .. } = sources.clone();
    Ok(Sources { servers, flags, ..Sources::default() }.load()?)
}

fn flags_only(sources: &Sources) -> eyre::Result<Loaded> {
    Ok(Sources { flags: sources.flags.clone(), ..Sources::default() }.load()?)
}

/// Returns the runtime of one command. It has two workers. One would be faster: two wake each other
/// for every message of a random read, which costs a third more context switches and a fifth more
/// CPU time. But then any task that keeps the worker busy, such as parsing a list of ten thousand
/// torrents, would delay all reads over the network, and signals.
fn runtime() -> eyre::Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("tfs-worker")
        .enable_all()
        .build()?;
    Ok(runtime)
}

/// How long a process that served mounts waits at exit for blocking disk calls. A hanging one may
/// never return.
const END_TIME_MAX: Duration = Duration::from_secs(1);

/// Runs a service of mounts to its end.
fn run_service<T>(service: impl Future<Output = eyre::Result<T>>) -> eyre::Result<T> {
    let runtime = runtime()?;
    let result = runtime.block_on(service);
    runtime.shutdown_timeout(END_TIME_MAX);
    result
}
