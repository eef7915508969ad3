//! What tfs is measured by: the real binary, a real mount, and figures.
//!
//! The servers are real rqbits, or one that has more torrents than any.
//!
//! `cargo xtask scenario` runs them, `cargo xtask bench` the comparisons with other ways to the
//! same bytes, and `cargo xtask soak` the longest of all. A figure depends on the machine and is no
//! test: without arguments, as `cargo test` runs it, this program says so and ends well.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "this is how a scenario fails and speaks"
)]

mod caches;
mod compare;
mod failover;
mod figures;
mod hostile;
mod memory;
mod meter;
mod middle;
mod mount;
mod process;
mod readers;
mod restart;
mod rqbits;
mod runner;
mod scale;
mod scan;
mod search;
mod server;
mod shared;
mod soak;
mod stuck;
mod timing;
mod trap;

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    if tfs_testkit::swarm::serve_if_asked() {
        return ExitCode::SUCCESS;
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.split_first() {
        Some((first, _)) if first == soak::READER_MARK => {
            soak::read();
            ExitCode::SUCCESS
        }
        Some((first, arguments)) if first == soak::MARK => soak::run(arguments),
        Some((first, names)) if first == runner::MARK => runner::run(names),
        Some((first, arguments)) if first == server::MARK => server::run(arguments),
        Some((first, arguments)) if first == compare::MARK => compare::run(arguments),
        _ => {
            println!("scenarios: not run here, `cargo xtask scenario` runs them");
            ExitCode::SUCCESS
        }
    }
}
