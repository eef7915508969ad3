//! Output generated from the arguments: completions and manual pages.

use eyre::WrapErr as _;

use crate::args::{CompletionsArgs, ManArgs};
use crate::{completion, exit, manual, output};

/// Prints completions for a shell.
pub(crate) fn completions(args: &CompletionsArgs) -> eyre::Result<u8> {
    output::bytes(&completion::registration(args.shell)?)?;
    Ok(exit::SUCCESS)
}

/// Prints the manual, or writes all pages.
pub(crate) fn man(args: &ManArgs) -> eyre::Result<u8> {
    match &args.dir {
        None => output::bytes(&manual::main_page())?,
        Some(dir) => manual::write_pages(dir)
            .wrap_err_with(|| format!("cannot write the pages to {}", dir.display()))?,
    }
    Ok(exit::SUCCESS)
}
