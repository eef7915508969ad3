//! A mount by the real binary, which ends with the scenario.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::Value;
use tfs_testkit::hermetic::hermetic;
use tfs_testkit::until::until;

use crate::binary;

/// How long a forced unmount may take before the scenario continues without it.
const UNMOUNT_MAX: Duration = Duration::from_secs(30);

/// The two access paths that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadPath {
    /// Reads of a file in a mount.
    Mount,
    /// Direct requests to rqbit.
    Direct,
}

/// A process `tfs mount --foreground`, and what it mounts.
#[derive(Debug)]
pub(crate) struct TfsMount {
    pub(crate) path: PathBuf,
    home: PathBuf,
    process: Child,
}

impl TfsMount {
    /// Mounts a server at a new directory below `dir`, with more options for `tfs mount`. The poll
    /// interval is short, so that changes appear quickly.
    pub(crate) fn new(dir: &Path, server: &str, options: &[&str]) -> Self {
        Self::unhurried(dir, server, &[&["--poll-interval", "100ms"], options].concat())
    }

    /// Like [`new`](Self::new), with the default poll interval.
    pub(crate) fn unhurried(dir: &Path, server: &str, options: &[&str]) -> Self {
        let mut command = Self::foreground(dir);
        command.args(["--server", server]);
        // Scenarios measure reads over HTTP by default.
        if !options.contains(&"--local-paths") {
            command.args(["--local-paths", "off"]);
        }
        command.args(options);
        Self::start(dir, command)
    }

    /// Like [`new`](Self::new), with settings of the environment.
    pub(crate) fn with_settings(dir: &Path, server: &str, settings: &[(&str, &str)]) -> Self {
        let mut command = Self::foreground(dir);
        command.args(["--server", server, "--local-paths", "off", "--poll-interval", "100ms"]);
        command.envs(settings.iter().copied());
        Self::start(dir, command)
    }

    /// Mounts an embedded server, which finds no peers by itself.
    pub(crate) fn embedded(dir: &Path) -> Self {
        let mut command = Self::foreground(dir);
        command.args(["--offline", "--local-paths", "off", "--poll-interval", "100ms"]);
        command.arg("--embedded").arg(dir.join("downloads"));
        Self::start(dir, command)
    }

    fn foreground(dir: &Path) -> Command {
        let mut command = tfs(dir);
        command.args(["mount", "--foreground"]);
        command
    }

    fn start(dir: &Path, mut command: Command) -> Self {
        let path = dir.join("mnt");
        fs::create_dir_all(&path).unwrap();
        let process = command.arg(&path).spawn().unwrap();
        let mut mount = Self { path, home: dir.to_owned(), process };
        until("it is mounted", || {
            let ended = mount.process.try_wait().unwrap();
            assert!(ended.is_none(), "tfs mount ended: {ended:?}");
            is_mounted(&mount.path).then_some(())
        });
        mount
    }

    /// Returns the help text of `tfs mount`.
    pub(crate) fn help() -> String {
        let output = tfs(Path::new("/")).args(["mount", "--help"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// Returns the id of the process behind the mount.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Waits until a front end of the mount serves, and returns its URL without a slash at its end.
    pub(crate) fn front_url(&self, kind: &str) -> String {
        until("the front end serves", || {
            let output =
                self.command().args(["status", "--json"]).arg(&self.path).output().unwrap();
            let status: Value = serde_json::from_slice(&output.stdout).ok()?;
            let fronts = status[0]["fronts"].as_array()?;
            let url = fronts.iter().find(|front| front["kind"] == kind)?["url"].as_str()?;
            Some(url.trim_end_matches('/').to_owned())
        })
    }

    /// Returns a command with the settings of this mount's user.
    pub(crate) fn command(&self) -> Command {
        tfs(&self.home)
    }

    /// Starts `tfs unmount`.
    pub(crate) fn start_unmount(&self, options: &[&str]) -> Child {
        tfs(&self.home).arg("unmount").args(options).arg(&self.path).spawn().unwrap()
    }

    /// Waits until the process has ended by itself, and returns whether it has.
    pub(crate) fn wait(&mut self, limit: Duration) -> bool {
        wait_for(&mut self.process, limit).is_some()
    }

    /// Unmounts by force, whatever waits for it, and returns whether its process ended.
    pub(crate) fn end(&mut self) -> bool {
        if is_mounted(&self.path) {
            let mut unmount = self.start_unmount(&["--force"]);
            wait_for(&mut unmount, UNMOUNT_MAX);
        }
        wait_for(&mut self.process, UNMOUNT_MAX).is_some()
    }
}

impl Drop for TfsMount {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits for a process to end, and returns how long it took. Kills it at the limit and returns
/// `None`.
pub(crate) fn wait_for(process: &mut Child, limit: Duration) -> Option<Duration> {
    /// Far below the measured times.
    const INTERVAL: Duration = Duration::from_millis(1);
    let start = Instant::now();
    while start.elapsed() < limit {
        if let Ok(Some(_)) = process.try_wait() {
            return Some(start.elapsed());
        }
        crate::timing::pause(INTERVAL);
    }
    // A process that cannot be killed is left to the supervisor of this one.
    drop(process.kill());
    None
}

/// Returns the command `tfs`, isolated from the caller's settings, with all of its own below
/// `home`.
pub(crate) fn tfs(home: &Path) -> Command {
    let mut command = hermetic(binary::path(), home);
    command.env("XDG_RUNTIME_DIR", home);
    command
}

/// Returns whether a FUSE filesystem is mounted there.
pub(crate) fn is_mounted(path: &Path) -> bool {
    let table = fs::read_to_string("/proc/self/mounts").unwrap();
    table.lines().any(|line| {
        let mut fields = line.split(' ').skip(1);
        fields.next() == path.to_str() && fields.next().is_some_and(|kind| kind.starts_with("fuse"))
    })
}
