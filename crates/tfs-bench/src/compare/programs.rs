//! Programs that may be installed or not.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What is said of a way whose program is not there.
pub(crate) const NOT_INSTALLED: &str = "not installed";

/// Returns where a program is.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(name)).find(|program| program.is_file())
}

/// Returns a command that neither reads nor prints.
pub(crate) fn quiet(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Returns the line with its own name that a program says of its version, if it is installed.
pub(crate) fn version(program: &str, option: &str) -> Option<String> {
    let output = Command::new(find(program)?).arg(option).stdin(Stdio::null()).output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    said.lines().find(|line| line.to_lowercase().contains(program)).map(str::to_owned)
}
