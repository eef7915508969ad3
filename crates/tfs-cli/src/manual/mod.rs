//! Manual pages: tfs(1), a page for each command, and tfs.toml(5).
//!
//! All texts have one source: options and examples are those of `--help`, exit codes those of
//! [`exit`](crate::exit), variables and keys those of `tfs_config`.

mod command;
mod environment;
mod roff;
mod settings;

use std::path::Path;
use std::{fs, io};

use clap::{Command, CommandFactory as _};

use crate::args::Cli;

/// The date of the pages: that of the release. A test compares it with CHANGELOG.md.
const DATE: &str = "2026-11-30";

/// The source that the bottom of each page names.
const SOURCE: &str = concat!("tfs ", env!("CARGO_PKG_VERSION"));

/// The end of the name of a directory for pages of commands, and that of its sibling for pages of
/// files.
const SECTION_DIRS: (&str, &str) = ("man1", "man5");

/// Returns the page of tfs itself.
pub(crate) fn main_page() -> Vec<u8> {
    command::page(&root(), None)
}

/// Writes all pages to a directory, which is created. The page of a file goes to the sibling `man5`
/// of a directory `man1`, where man(1) looks for it.
///
/// # Errors
/// If a file cannot be written.
pub(crate) fn write_pages(dir: &Path) -> io::Result<()> {
    let (commands, files) = SECTION_DIRS;
    let files_dir =
        if dir.ends_with(commands) { dir.with_file_name(files) } else { dir.to_owned() };
    for dir in [dir, files_dir.as_path()] {
        fs::create_dir_all(dir)?;
    }
    fs::write(files_dir.join("tfs.toml.5"), settings::page())?;
    write_command(dir, &root(), None)
}

/// Writes the page of a command, and those of its subcommands.
fn write_command(dir: &Path, command: &Command, parent: Option<&Command>) -> io::Result<()> {
    let name = command::page_name(command);
    fs::write(dir.join(format!("{name}.1")), command::page(command, parent))?;
    let mut subcommands = command.get_subcommands();
    subcommands.try_for_each(|subcommand| write_command(dir, subcommand, Some(command)))
}

fn root() -> Command {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_that_of_the_newest_release() {
        let log = include_str!("../../../../CHANGELOG.md");
        let headings = log.lines().filter_map(|line| line.strip_prefix("## "));
        let newest = headings.filter(|heading| *heading != "Unreleased").find_map(|heading| {
            let (_, date) = heading.rsplit_once(' ')?;
            Some(date.trim_matches(['(', ')']))
        });
        // Before the first release there is none.
        assert!(newest.is_none_or(|newest| newest == DATE), "{newest:?}");
    }
}
