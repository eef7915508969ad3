//! The command `tfs`: reads what was typed, calls `tfs-service`, and says what came of it.
//!
//! # What it never does
//! It holds no logic of the filesystem and names no type of FUSE or HTTP. Nothing but
//! [`output`] prints.

mod args;
mod background;
#[cfg(feature = "embedded")]
mod demo;
mod exit;
mod list;
mod logging;
mod mount;
mod output;
mod report;
mod server;
mod unmount;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Command};

fn main() -> ExitCode {
    // clap ends the process by itself: 0 for help and version, 2 for what it cannot parse.
    let cli = Cli::parse();
    match run(&cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => ExitCode::from(report::report(&error)),
    }
}

fn run(cli: &Cli) -> eyre::Result<u8> {
    logging::start(cli.verbose, cli.log_file.as_deref())?;
    match &cli.command {
        Command::Mount(args) => mount::run(args),
        Command::Unmount(args) => unmount::run(args),
        Command::List(args) => list::run(args),
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
