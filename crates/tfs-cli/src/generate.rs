//! What is made of the arguments themselves: completions and manual pages.

use std::fs;

use clap::CommandFactory as _;
use clap_mangen::Man;
use eyre::WrapErr as _;

use crate::args::{Cli, CompletionsArgs, ManArgs};
use crate::{exit, output};

/// Prints completions for a shell.
pub(crate) fn completions(args: &CompletionsArgs) -> eyre::Result<u8> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "tfs", &mut text);
    output::bytes(&text)?;
    Ok(exit::SUCCESS)
}

/// Prints the manual, or writes a page for each command.
pub(crate) fn man(args: &ManArgs) -> eyre::Result<u8> {
    match &args.dir {
        None => {
            let mut text = Vec::new();
            Man::new(Cli::command()).render(&mut text)?;
            output::bytes(&text)?;
        }
        Some(dir) => {
            fs::create_dir_all(dir)
                .and_then(|()| clap_mangen::generate_to(Cli::command(), dir))
                .wrap_err_with(|| format!("cannot write the pages to {}", dir.display()))?;
        }
    }
    Ok(exit::SUCCESS)
}
