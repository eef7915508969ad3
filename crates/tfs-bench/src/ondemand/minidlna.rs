//! The media server `minidlna`, which reads each file of a folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::traced::traced;
use crate::mount::wait_for;
use crate::timing::pause;

/// How often its log is looked at.
const INTERVAL: Duration = Duration::from_millis(100);

/// How long it may take to end.
const END_MAX: Duration = Duration::from_secs(15);

/// What it prints when it has read all.
const FINISHED: &str = "file scan completed";

/// A server with its own settings.
#[derive(Debug)]
pub(crate) struct Minidlna {
    config: PathBuf,
    output: PathBuf,
}

impl Minidlna {
    pub(crate) const PROGRAM: &str = "minidlnad";

    /// Writes its settings: it reads `folder`, and has its state below `dir`.
    pub(crate) fn new(dir: &Path, folder: &Path) -> Self {
        let home = dir.join("minidlna");
        fs::create_dir(&home).unwrap();
        let (config, output) = (home.join("conf"), home.join("output"));
        let (folder, state) = (folder.display(), home.display());
        let text = format!(
            "media_dir=V,{folder}\ndb_dir={state}\nlog_dir={state}\nnetwork_interface=lo\n\
             inotify=no\nport=8299\n"
        );
        fs::write(&config, text).unwrap();
        Self { config, output }
    }

    /// Runs it until it has read all, and returns whether that was in time. It has a network of
    /// its own, in which nothing leaves the machine.
    pub(crate) fn scan(&self, trace: &Path, limit: Duration) -> bool {
        let config = self.config.display();
        let run = format!("ip link set lo up; exec {} -d -R -f {config}", Self::PROGRAM);
        let mut command = traced(trace, &["unshare", "--net", "sh", "-c", &run]);
        let output = fs::File::create(&self.output).unwrap();
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let mut process = command.spawn().unwrap();
        let start = Instant::now();
        let mut is_finished = false;
        while !is_finished && start.elapsed() < limit {
            pause(INTERVAL);
            is_finished = self.has_finished();
        }
        end(&mut process);
        is_finished
    }

    fn has_finished(&self) -> bool {
        let output = fs::read(&self.output).unwrap_or_default();
        String::from_utf8_lossy(&output).contains(FINISHED)
    }
}

/// Ends the program that `strace` runs, which hands the signal on, and waits for `strace`.
fn end(strace: &mut Child) {
    let strace_id = strace.id();
    let children = fs::read_to_string(format!("/proc/{strace_id}/task/{strace_id}/children"));
    for child in children.unwrap_or_default().split_whitespace() {
        drop(Command::new("kill").arg(child).status());
    }
    if wait_for(strace, END_MAX).is_none() {
        println!("minidlna did not end");
    }
}
