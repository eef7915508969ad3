//! The binary, isolated from the caller's settings.

use std::path::Path;
use std::process::{Command, Output};

use tfs_testkit::hermetic::hermetic;

/// Returns the command `tfs` with `dir` as its working directory and home.
pub(crate) fn tfs(dir: &Path) -> Command {
    let mut command = hermetic(env!("CARGO_BIN_EXE_tfs"), dir);
    command.env("COLUMNS", "80").current_dir(dir);
    command
}

/// Returns the exit code and the output, with the directory's name replaced.
pub(crate) fn describe(output: &Output, dir: &Path) -> String {
    let code = output.status.code().map_or_else(|| output.status.to_string(), |c| c.to_string());
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    format!("exit {code}\n{stdout}{stderr}").replace(dir.to_str().unwrap(), "DIR")
}
