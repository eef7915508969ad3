//! A worker: runs reader processes one after the other, with tasks, and records their results.

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use nix::libc::SIGBUS;
use tfs_testkit::random::Random;

use super::READ_MAX;
use super::findings::{BUS_ERROR, SharedFindings};
use super::library::{KnownFile, SoakLibrary};
use super::reader::{MARK, TASK_MAX};
use super::task::{ReadMethod, ReaderTask, TaskOutcome};
use crate::mount::wait_for;
use crate::process;
use crate::timing::pause;

/// The percentage of tasks that end with a kill.
const KILL_PERCENT: u64 = 4;

/// How long a reader runs at most before it is killed.
const KILL_AFTER_MILLIS_MAX: u64 = 1500;

/// How soon it must be gone: far more than the promised 0.3 s, for a machine that runs ten readers
/// and a swarm.
const FREED_MAX: Duration = Duration::from_secs(5);

/// How long a reader may be silent: the last call of a task begins within its time.
const SILENCE_MAX: Duration = Duration::from_secs(2 * READ_MAX.as_secs() + TASK_MAX.as_secs());

/// The pause of a walker: the kernel has most of the metadata cached, so without a pause the walker
/// would only take CPU time from the others.
const WALK_PAUSE: Duration = Duration::from_millis(300);

/// A process, and its output lines.
struct ReaderProcess {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

/// Runs tasks of one method until `deadline`.
pub(super) fn run(
    way: ReadMethod,
    mut random: Random,
    library: &SoakLibrary,
    findings: &SharedFindings,
    deadline: Instant,
) {
    let mut reader = ReaderProcess::start();
    while Instant::now() < deadline {
        let known = library.pick(&mut random, way);
        let path = if way == ReadMethod::Walk { library.root(&mut random) } else { &known.path };
        let path = path.to_owned();
        let task = ReaderTask { way, path, content: known.content, seed: random.number() };
        let kill_after = random
            .chance(KILL_PERCENT)
            .then(|| Duration::from_millis(random.range(0, KILL_AFTER_MILLIS_MAX)));
        if !reader.execute(&task, &known, kill_after, findings) {
            reader.end(&task, findings);
            reader = ReaderProcess::start();
        }
        if way == ReadMethod::Walk {
            pause(WALK_PAUSE);
        }
    }
    drop(reader.stdin);
    wait_for(&mut reader.child, FREED_MAX);
}

impl ReaderProcess {
    fn start() -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.arg(MARK).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::sync_channel(1);
        // The thread ends with the process.
        thread::spawn(move || {
            let mut line = String::new();
            while matches!(stdout.read_line(&mut line), Ok(1..)) {
                if sender.send(std::mem::take(&mut line)).is_err() {
                    break;
                }
            }
        });
        Self { child, stdin, lines }
    }

    /// Runs a task and records its result. Returns whether the process continues.
    fn execute(
        &mut self,
        task: &ReaderTask,
        known: &KnownFile,
        kill_after: Option<Duration>,
        findings: &SharedFindings,
    ) -> bool {
        if writeln!(self.stdin, "{}", task.to_line()).is_err() {
            return false;
        }
        let received = self.lines.recv_timeout(kill_after.unwrap_or(SILENCE_MAX));
        match received {
            Ok(line) => {
                let Some(outcome) = TaskOutcome::parse(&line) else { return false };
                findings.on_outcome(task, known.is_guest, outcome);
                true
            }
            Err(RecvTimeoutError::Timeout) if kill_after.is_some() => {
                drop(self.child.kill());
                let Some(freed) = wait_for(&mut self.child, FREED_MAX) else {
                    findings.on_hang(task, "it was killed and is not gone");
                    return false;
                };
                findings.on_killed(freed);
                false
            }
            Err(RecvTimeoutError::Timeout) => {
                let state = process::state(self.child.id());
                findings.on_hang(task, &format!("no answer in {SILENCE_MAX:?}, state {state:?}"));
                false
            }
            Err(RecvTimeoutError::Disconnected) => false,
        }
    }

    /// Determines why a process ended, or ends it.
    fn end(mut self, task: &ReaderTask, findings: &SharedFindings) {
        drop(self.child.kill());
        if wait_for(&mut self.child, FREED_MAX).is_none() {
            return findings.on_hang(task, "it cannot be killed");
        }
        let status = self.child.wait().unwrap();
        match status.signal() {
            Some(SIGBUS) if task.way == ReadMethod::Mapped => {
                let errors = [(BUS_ERROR.to_owned(), 1)].into();
                let outcome = TaskOutcome { calls: 1, errors, ..TaskOutcome::default() };
                findings.on_outcome(task, false, outcome);
            }
            // This program killed it.
            Some(nix::libc::SIGKILL) => {}
            _ => findings.on_unexpected(format!("a {} reader ended: {status}", task.way.name())),
        }
    }
}
