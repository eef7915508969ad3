//! The command `tfs`: reads what was typed, calls `tfs-service`, and says what came of it.
//!
//! # What it never does
//! It holds no logic of the filesystem and names no type of FUSE or HTTP. Nothing but
//! [`output`] prints.

mod args;
mod background;
#[cfg(feature = "embedded")]
mod demo;
mod doctor;
mod exit;
mod list;
mod logging;
mod mount;
mod mount_helper;
mod output;
mod report;
mod server;
#[cfg(test)]
mod troubleshooting;
mod unmount;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Command};

fn main() -> ExitCode {
    let command_line: Vec<_> = env::args_os().collect();
    if mount_helper::is_called(&command_line) {
        return ExitCode::from(mount_helper::exit_code(run_as_mount_helper(&command_line)));
    }
    // clap ends the process by itself: 0 for help and version, 2 for what it cannot parse.
    ExitCode::from(run_and_report(&Cli::parse()))
}

fn run_as_mount_helper(command_line: &[OsString]) -> u8 {
    let call = match mount_helper::understand(command_line) {
        Ok(call) => call,
        Err(error) => return report::report(&error.into()),
    };
    match Cli::try_parse_from(&call.arguments) {
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
    logging::start(cli.verbose, cli.log_file.as_deref())?;
    match &cli.command {
        Command::Mount(args) => mount::run(args),
        Command::Unmount(args) => unmount::run(args),
        Command::List(args) => list::run(args),
        Command::Doctor(args) => doctor::run(args),
        #[cfg(feature = "embedded")]
        Command::Demo(args) => demo::run(args),
    }
}

/// Returns the runtime of one command. Two workers are enough: they move bytes between sockets
/// and the kernel, and waiting costs nothing.
fn runtime() -> eyre::Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("tfs-worker")
        .enable_all()
        .build()?;
    Ok(runtime)
}
