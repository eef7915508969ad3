//! Measures the command `tfs` with real mounts, and prints figures.
//!
//! The servers are real rqbits, or a model with a very large library.
//!
//! `cargo xtask scenario` runs scenarios, `cargo xtask bench` comparisons with other filesystems,
//! and `cargo xtask soak` random reads with faults. Each of them builds this program and `tfs`, and
//! passes the path of `tfs`. A figure depends on the machine and is no test: `cargo test` does not
//! build this program.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "this is how a scenario fails and speaks"
)]

mod arranged;
mod binary;
mod cable;
mod caches;
mod clients;
mod compare;
mod failover;
mod figures;
mod fronts;
mod hostile;
mod line;
mod load;
mod memory;
mod meter;
mod middle;
mod mount;
mod ondemand;
mod opens;
mod process;
mod readers;
mod restart;
mod rqbits;
mod runner;
mod scale;
mod scan;
mod search;
mod seeders;
mod server;
mod shared;
mod soak;
mod start;
mod stuck;
mod timing;
mod trap;

use std::env;
use std::process::ExitCode;

/// The usage message.
const USAGE: &str = "run this program with `cargo xtask scenario`, `cargo xtask bench` or \
    `cargo xtask soak`";

/// The exit code for an invalid command line, as in `tfs` and xtask.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    if tfs_testkit::swarm::serve_if_asked() {
        return ExitCode::SUCCESS;
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    let Some((command, arguments)) = arguments.split_first() else { return refuse(USAGE) };
    match command.as_str() {
        soak::READER_MARK => {
            soak::read();
            return ExitCode::SUCCESS;
        }
        server::MARK => return server::run(arguments),
        load::MARK => return load::run(arguments),
        line::MARK => return line::run(arguments),
        compare::CEILING_MARK => return compare::run_ceiling(arguments),
        _ => {}
    }
    // All other modes mount.
    if let Err(reason) = binary::find() {
        return refuse(&reason);
    }
    match command.as_str() {
        soak::MARK => soak::run(arguments),
        runner::MARK => runner::run(arguments),
        compare::MARK => compare::run(arguments),
        _ => refuse(USAGE),
    }
}

/// Prints the reason of a refusal.
fn refuse(reason: &str) -> ExitCode {
    eprintln!("error: {reason}");
    ExitCode::from(EXIT_USAGE)
}
