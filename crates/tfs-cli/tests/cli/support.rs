//! The binary with nothing of the caller's settings.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Returns the command `tfs` in a directory that is its home too.
pub(crate) fn tfs(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tfs"));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("TFS_")) {
            command.env_remove(name);
        }
    }
    command.env_remove("RUST_LOG").env_remove("JOURNAL_STREAM");
    command.env("HOME", dir).env("XDG_STATE_HOME", dir.join("state"));
    command.env("XDG_CONFIG_HOME", dir.join("config")).env("COLUMNS", "80");
    command.current_dir(dir).stdin(Stdio::null());
    command
}

/// Returns the exit code and all that was printed, with the directory's name left out.
pub(crate) fn describe(output: &Output, dir: &Path) -> String {
    let code = output.status.code().map_or_else(|| output.status.to_string(), |c| c.to_string());
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    format!("exit {code}\n{stdout}{stderr}").replace(dir.to_str().unwrap(), "DIR")
}
