//! Commands isolated from the machine's settings.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Names the system-wide configuration file to tfs. Only tests set it.
const SYSTEM_CONFIG_VARIABLE: &str = "_TFS_SYSTEM_CONFIG";

/// Variables for finding programs, and for a coverage tool. All others are removed: proxies,
/// languages, the journal, directories of the user and settings of tfs.
const KEPT_VARIABLES: [&str; 4] = ["PATH", "TMPDIR", "LLVM_PROFILE_FILE", "LD_LIBRARY_PATH"];

/// Returns a command with an empty standard input. Its home, its directories for settings, state
/// and sockets, and its system configuration are below `home`. Only the directory of the sockets is
/// created.
///
/// # Panics
/// If that cannot be created.
#[must_use]
pub fn hermetic(program: impl AsRef<OsStr>, home: &Path) -> Command {
    let run = home.join("run");
    let made = fs::create_dir_all(&run)
        .and_then(|()| fs::set_permissions(&run, fs::Permissions::from_mode(0o700)));
    made.expect("the home of a test can be written");
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null());
    command.envs(KEPT_VARIABLES.iter().filter_map(|name| Some((name, env::var_os(name)?))));
    command.env("HOME", home).env("XDG_RUNTIME_DIR", run);
    command.env("XDG_STATE_HOME", home.join("state")).env("XDG_CONFIG_HOME", home.join("config"));
    command.env(SYSTEM_CONFIG_VARIABLE, home.join("etc/tfs/config.toml"));
    command
}
