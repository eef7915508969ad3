//! Programs that may not be installed.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The note for a filesystem whose program is not installed.
pub(crate) const NOT_INSTALLED: &str = "not installed";

/// Returns the path of a program.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(name)).find(|program| program.is_file())
}

/// Returns a command without input and output.
pub(crate) fn quiet(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Returns the line of the version output that contains the program's name, if it is installed.
pub(crate) fn version(program: &str, option: &str) -> Option<String> {
    let output = Command::new(find(program)?).arg(option).stdin(Stdio::null()).output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    said.lines().find(|line| line.to_lowercase().contains(program)).map(str::to_owned)
}
