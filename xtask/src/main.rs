//! The commands for developers of tfs, as `cargo xtask COMMAND`.
//!
//! It runs cargo, reads the files of the checkout and prints its findings. It depends on no crate
//! of the workspace, so that it works while they do not compile. Only `acceptance` installs
//! programs. In the checkout it writes only the page named by `bench --markdown`, and
//! the picture of `pictures`.
//!
//! Exit codes: 0 success, 1 a check or a test failed, 2 invalid command line.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is its job")]

mod acceptance;
mod args;
mod bench;
mod ci;
mod demo;
mod dist;
mod docs;
mod embed;
mod help;
mod mac_check;
mod notes;
mod page;
mod pictures;
mod program;
mod prose;
mod readability;
mod scenario;
mod semver;
mod skips;
mod soak;
mod structure;
mod test;
mod tidy;
mod workspace;

use std::{env, process::ExitCode};

use args::Task;

/// An error that ends the command. Its text is for people; no code matches on it.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The exit code for an invalid command line.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let action = match Task::parse(env::args_os().skip(1).collect()) {
        Ok(action) => action,
        Err(usage) => {
            eprintln!("error: {usage}\n\n{}", help::GENERAL);
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let done = match action {
        Task::Help(text) => {
            println!("{text}");
            Ok(true)
        }
        Task::Test(extra) => test::run(&extra),
        Task::Tidy => tidy::run(),
        Task::Ci => ci::run(),
        Task::Embed => embed::run(),
        Task::Examples => embed::run_programs(),
        Task::Semver => semver::run(),
        Task::MacCheck => mac_check::run(),
        Task::Acceptance(selection) => acceptance::run(&selection),
        Task::Demo(extra) => demo::run(&extra),
        Task::Page(trial) => page::run(&trial),
        Task::Pictures(pictures) => pictures::run(&pictures),
        Task::Dist(dist) => dist::run(&dist),
        Task::Notes(tag) => notes::run(tag.as_deref()),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Scenario(scenarios) => scenario::run(&scenarios),
        Task::Soak(soak) => soak::run(&soak),
        Task::Structure(dirs) => structure::run(&dirs),
        Task::Docs => docs::run(),
        Task::Readability(seed) => readability::run(seed),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
