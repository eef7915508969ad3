//! A program without a test harness, which runs itself again under the same supervision.
//!
//! ```no_run
//! # use std::time::Duration;
//! # use tfs_testkit::isolate;
//! if let Some(dir) = isolate::child_dir() {
//!     // The child; mounts only below `dir`, and leaves files there for the parent.
//! } else {
//!     let ended = isolate::run_program(&["--again"], Duration::from_secs(30));
//!     println!("{:?}: {:?}", ended.verdict, ended.read("report"));
//! }
//! ```

use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{KILL_TIME_MAX, OWN_DIR, supervise};

/// The polling interval for processes that are about to end.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// How a child ended, and the files in its directory. The directory is removed on drop.
#[derive(Debug)]
pub struct Ended {
    /// The reason of a failure: the panic message of [`run`](super::run), or that the child left
    /// processes behind.
    pub verdict: Result<(), String>,
    dir: TempDir,
}

impl Ended {
    /// Returns the text of a file that the child left.
    ///
    /// # Errors
    /// Those of reading it.
    pub fn read(&self, name: &str) -> io::Result<String> {
        fs::read_to_string(self.dir.path().join(OWN_DIR).join(name))
    }
}

/// Runs this program again with other arguments, for `limit` at most. The child calls
/// [`child_dir`](super::child_dir) for its directory, and shares the output of this process.
///
/// A process whose command line names the directory belongs to the child, whatever session it is
/// in. One that does not end by itself is killed, and that is a failure.
///
/// # Panics
/// If the child cannot be started.
pub fn run_program(arguments: &[&str], limit: Duration) -> Ended {
    let (dir, mut verdict) = supervise(arguments, limit, |_command, _dir| Ok(()));
    // The form that the child uses: without symbolic links.
    let path = dir.path().canonicalize();
    let left = end_processes(path.as_deref().unwrap_or(dir.path()));
    if verdict.is_ok() && !left.is_empty() {
        verdict = Err(format!("left processes behind: {}", left.join(", ")));
    }
    Ended { verdict, dir }
}

/// Waits for the processes that name `dir`, kills those that stay, and returns their command lines.
fn end_processes(dir: &Path) -> Vec<String> {
    let deadline = Instant::now() + KILL_TIME_MAX;
    loop {
        let left = processes_naming(dir);
        if left.is_empty() {
            return Vec::new();
        }
        if Instant::now() >= deadline {
            for (pid, _) in &left {
                // A process that has ended by now needs no signal.
                _ = kill_process(*pid, Signal::KILL);
            }
            return left.into_iter().map(|(_, command_line)| command_line).collect();
        }
        thread::sleep(LOOK_INTERVAL);
    }
}

fn processes_naming(dir: &Path) -> Vec<(Pid, String)> {
    let name = dir.to_string_lossy();
    let entries = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: i32| {
        // A process may have ended by now, and a zombie has no command line.
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains(&*name).then_some((Pid::from_raw(pid)?, line))
    })
    .collect()
}
