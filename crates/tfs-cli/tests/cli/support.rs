//! The binary with nothing of the caller's settings.

use std::path::Path;
use std::process::{Command, Output};

use tfs_testkit::hermetic::hermetic;

/// Returns the command `tfs` in a directory that is its home too.
pub(crate) fn tfs(dir: &Path) -> Command {
    let mut command = hermetic(env!("CARGO_BIN_EXE_tfs"), dir);
    command.env("COLUMNS", "80").current_dir(dir);
    command
}

/// Returns the exit code and all that was printed, with the directory's name left out.
pub(crate) fn describe(output: &Output, dir: &Path) -> String {
    let code = output.status.code().map_or_else(|| output.status.to_string(), |c| c.to_string());
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    format!("exit {code}\n{stdout}{stderr}").replace(dir.to_str().unwrap(), "DIR")
}
