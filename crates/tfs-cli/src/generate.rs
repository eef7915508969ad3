//! Output generated from the arguments: completions and manual pages.

use std::path::Path;
use std::{fs, io};

use clap::CommandFactory as _;
use clap_mangen::Man;
use eyre::WrapErr as _;

use crate::args::{Cli, CompletionsArgs, ManArgs};
use crate::{completion, exit, output};

/// The start of each page. It turns off justification and hyphenation, so that an example can be
/// typed as printed.
const AS_TYPED: &[u8] = b".ad l\n.nh\n";

/// Prints completions for a shell.
pub(crate) fn completions(args: &CompletionsArgs) -> eyre::Result<u8> {
    output::bytes(&completion::registration(args.shell)?)?;
    Ok(exit::SUCCESS)
}

/// Prints the manual, or writes a page for each command.
pub(crate) fn man(args: &ManArgs) -> eyre::Result<u8> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    match &args.dir {
        None => output::bytes(&page(command)?)?,
        Some(dir) => {
            let written = fs::create_dir_all(dir).and_then(|()| write_pages(dir, &command));
            written.wrap_err_with(|| format!("cannot write the pages to {}", dir.display()))?;
        }
    }
    Ok(exit::SUCCESS)
}

/// Writes the page of a command, and those of its subcommands.
fn write_pages(dir: &Path, command: &clap::Command) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    fs::write(dir.join(format!("{name}.1")), page(command.clone())?)?;
    command.get_subcommands().try_for_each(|command| write_pages(dir, command))
}

/// Returns the manual page of a command.
fn page(command: clap::Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::from(AS_TYPED);
    Man::new(command).render(&mut page)?;
    Ok(page)
}
