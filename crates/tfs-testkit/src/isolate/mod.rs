//! Isolation of tests that may hang in the kernel: each runs in a process of its own with a time
//! limit.
//!
//! A test of a mount can hang without an effective time-out: a process that waits for a dead
//! filesystem cannot even be killed. So the test runs itself again as a child. The parent never
//! touches the mount. At the time limit it aborts the mounts, and kills the child.
//!
//! ```no_run
//! # use std::time::Duration;
//! #[test]
//! fn a_file_reads() {
//!     tfs_testkit::isolate::run(tfs_testkit::test_name!(), Duration::from_secs(30), |dir| {
//!         // Runs in the child; mounts only below `dir`.
//!     });
//! }
//! ```

#![expect(clippy::panic, clippy::print_stdout, reason = "this is how a test fails and speaks")]

mod mounts;
mod program;

use std::env;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::skip;

use self::mounts::{mounts_below, unmount_below};
pub use self::program::{Ended, run_program};

/// Set for the child, to the directory that it may use.
const CHILD_DIR: &str = "TFS_ISOLATED_DIR";

/// How long a killed child may take to end, once nothing is left that it can wait for.
const KILL_TIME_MAX: Duration = Duration::from_secs(10);

/// The file by which the child shows that it ran: a test that is not found must not count as
/// passed.
const STARTED: &str = "started";

/// The child's own directory, below the one that the parent reads.
const OWN_DIR: &str = "own";

/// Runs `body` in a child process, which is this test run again, for `limit` at most. `body` gets a
/// directory of its own, below which it may mount.
///
/// `test` is the name of the test as the test harness prints it ([`test_name!`](crate::test_name)).
/// Code around the call in the test runs in both processes.
///
/// # Panics
/// If the child fails, exceeds the time limit, or leaves a mount behind.
pub fn run(test: &str, limit: Duration, body: impl FnOnce(&Path)) {
    match child_dir() {
        Some(dir) => body(&dir),
        None => watch(test, limit),
    }
}

/// Like [`run`], if there is a `/dev/fuse`; else [skips](crate::skip) the test.
///
/// # Panics
/// As [`run`].
pub fn run_with_fuse(test: &str, limit: Duration, body: impl FnOnce(&Path)) {
    if Path::new("/dev/fuse").exists() {
        run(test, limit, body);
    } else {
        skip::test(test, "this machine has no /dev/fuse");
    }
}

/// Returns a new directory for this process if it is the child of [`run`] or [`run_program`].
///
/// # Panics
/// If it was called before, or the directory cannot be created.
pub fn child_dir() -> Option<PathBuf> {
    let dir = PathBuf::from(env::var_os(CHILD_DIR)?);
    expect("mark the start", File::create(dir.join(STARTED)));
    let own = dir.join(OWN_DIR);
    expect("make the directory of the test", fs::create_dir(&own));
    Some(own)
}

/// Returns the name of the test around the call, as the test harness prints it, such as
/// `reading::in_order`.
#[macro_export]
macro_rules! test_name {
    () => {{
        fn here() {}
        $crate::isolate::enclosing_test(&here)
    }};
}

/// Returns the path of the function around `here`, without its crate, for [`test_name!`].
#[doc(hidden)]
pub fn enclosing_test<F>(_here: &F) -> &'static str {
    let name = std::any::type_name::<F>();
    let name = name.strip_suffix("::here").unwrap_or(name);
    let name = name.split_once("::{{closure}}").map_or(name, |(test, _)| test);
    name.split_once("::").map_or(name, |(_crate, test)| test)
}

/// The parent's part.
fn watch(test: &str, limit: Duration) {
    let arguments = [test, "--exact", "--nocapture", "--include-ignored"];
    let (dir, verdict) = supervise(&arguments, limit, |command, dir| {
        // Not a pipe, which processes other than the child could keep open.
        let output = File::create(dir.join("output"))?;
        command.stdout(output.try_clone()?).stderr(output);
        Ok(())
    });
    let output = fs::read(dir.path().join("output")).unwrap_or_default();
    let output = quoted(&String::from_utf8_lossy(&output));
    if let Err(reason) = verdict {
        panic!("{test}: the child {reason}\n{output}");
    }
    // Output of the child with figures, for runs with `--nocapture`.
    print!("{output}");
}

/// Returns a child's output, quoted, so that its test result is not taken for the parent's.
fn quoted(output: &str) -> String {
    output.lines().map(|line| format!("| {line}\n")).collect()
}

/// Runs this program again with `arguments`, after `prepare` has changed the command. Enforces the
/// time limit, and ends all mounts. Returns the directory of the child, and why it failed.
fn supervise(
    arguments: &[&str],
    limit: Duration,
    prepare: impl FnOnce(&mut Command, &Path) -> io::Result<()>,
) -> (TempDir, Result<(), String>) {
    let dir = expect("make a directory", tempfile::tempdir());
    // The mount table has no symbolic links in its paths.
    let path = expect("find the directory", dir.path().canonicalize());
    let child = expect("start the child", spawn(arguments, &path, prepare));
    let group = Pid::from_child(&child);
    let (sender, ended) = mpsc::sync_channel(1);
    // The thread ends with the child, and stays behind only with a child that cannot be killed.
    thread::spawn(move || {
        let mut child = child;
        drop(sender.send(child.wait()));
    });

    let status = ended.recv_timeout(limit);
    // The abort frees processes that no signal can end, so it comes before the kill.
    let mounts_left = if status.is_err() { unmount_below(&path) } else { mounts_below(&path) };
    // The group is gone if the child left no process behind.
    _ = kill_process_group(group, Signal::KILL);
    let verdict = match status {
        Err(_) => {
            let is_gone = ended.recv_timeout(KILL_TIME_MAX).is_ok();
            Err(format!("was killed after {limit:?}; gone: {is_gone}; mounts: {mounts_left:?}"))
        }
        Ok(Err(error)) => Err(format!("cannot be waited for: {error}")),
        Ok(Ok(status)) => judge(status, &path, &mounts_left),
    };
    unmount_below(&path);
    (dir, verdict)
}

fn judge(status: ExitStatus, dir: &Path, mounts_left: &[PathBuf]) -> Result<(), String> {
    if let Some(signal) = status.signal() {
        return Err(format!("died of signal {signal}"));
    }
    if !status.success() {
        return Err(format!("failed, {status}"));
    }
    if !dir.join(STARTED).exists() {
        return Err("did not find the test: the name has to be that of `test_name!`".to_owned());
    }
    if !mounts_left.is_empty() {
        return Err(format!("left mounts behind: {mounts_left:?}"));
    }
    Ok(())
}

fn spawn(
    arguments: &[&str],
    dir: &Path,
    prepare: impl FnOnce(&mut Command, &Path) -> io::Result<()>,
) -> io::Result<Child> {
    let mut command = heeding_signals(&env::current_exe()?);
    command.args(arguments).env(CHILD_DIR, dir).stdin(Stdio::null()).process_group(0);
    prepare(&mut command, dir)?;
    command.spawn()
}

/// Returns a command with default signal actions. `nohup` and background jobs of a shell ignore
/// some signals, and all processes of a test would inherit that.
fn heeding_signals(program: &Path) -> Command {
    let mut command = Command::new("env");
    command.arg("--default-signal=HUP,INT,QUIT,TERM").arg(program);
    command
}

#[track_caller]
fn expect<T, E: std::fmt::Display>(what: &str, result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("failed to {what}: {error}"))
}
