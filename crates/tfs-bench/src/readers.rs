//! Programs that wait for data that never comes, and their termination.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tfs_testkit::until::until;

use crate::process;

/// A kind of program, by its reaction to Ctrl-C.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReaderProgram {
    /// Ends immediately.
    Cat,
    /// Has a handler that sets a flag, which it checks after the read returns.
    Dd,
    /// Has a handler, and is an interpreter that retries interrupted calls.
    Python,
}

/// A program that reads a whole file.
#[derive(Debug)]
pub(crate) struct WaitingReader {
    pub(crate) kind: ReaderProgram,
    path: PathBuf,
    process: Child,
}

/// The result of interrupting a reader.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Freed {
    pub(crate) kind: ReaderProgram,
    /// `None` if it did not end.
    pub(crate) after: Option<Duration>,
}

impl WaitingReader {
    fn start(kind: ReaderProgram, path: PathBuf) -> Self {
        let mut command = match kind {
            ReaderProgram::Cat => Command::new("cat"),
            ReaderProgram::Dd => Command::new("dd"),
            ReaderProgram::Python => Command::new("python3"),
        };
        match kind {
            ReaderProgram::Cat => command.arg(&path),
            ReaderProgram::Dd => command.arg(format!("if={}", path.display())),
            ReaderProgram::Python => {
                command.args(["-c", "import sys; open(sys.argv[1], 'rb').read()"]).arg(&path)
            }
        };
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { kind, path, process: command.spawn().unwrap() }
    }

    fn pid(&self) -> u32 {
        self.process.id()
    }
}

/// Starts a reader of each file, and returns when all of them wait. Of five readers three are
/// `cat`, one is `dd` and one `python3`, if it is installed.
pub(crate) fn start(paths: Vec<PathBuf>) -> Vec<WaitingReader> {
    let version = Command::new("python3").arg("--version").stdout(Stdio::null()).status();
    let python = if version.is_ok_and(|status| status.success()) {
        ReaderProgram::Python
    } else {
        ReaderProgram::Dd
    };
    let kinds =
        [ReaderProgram::Cat, ReaderProgram::Dd, ReaderProgram::Cat, python, ReaderProgram::Cat];
    let readers: Vec<_> = kinds
        .into_iter()
        .cycle()
        .zip(paths)
        .map(|(kind, path)| WaitingReader::start(kind, path))
        .collect();
    for reader in &readers {
        until("a reader waits", || process::waits_for(reader.pid(), &reader.path).then_some(()));
    }
    readers
}

/// Sends Ctrl-C to all readers, waits for `limit` at most, and kills those that remain. Returns the
/// result of each, and the processes that survive the kill.
pub(crate) fn interrupt(readers: Vec<WaitingReader>, limit: Duration) -> (Vec<Freed>, Vec<u32>) {
    let signal = |reader: &WaitingReader| signal(reader.pid(), Signal::SIGINT);
    wait_all(readers, signal, limit)
}

/// Waits until all readers have ended, for `limit` at most, as [`interrupt`] does.
pub(crate) fn wait(readers: Vec<WaitingReader>, limit: Duration) -> (Vec<Freed>, Vec<u32>) {
    wait_all(readers, |_reader| {}, limit)
}

fn wait_all(
    readers: Vec<WaitingReader>,
    act: impl Fn(&WaitingReader),
    limit: Duration,
) -> (Vec<Freed>, Vec<u32>) {
    let (sender, ended) = mpsc::channel();
    let mut left = Vec::new();
    let start = Instant::now();
    for mut reader in readers {
        left.push((reader.kind, reader.pid()));
        let acted = Instant::now();
        act(&reader);
        let sender = sender.clone();
        // The thread ends with the process.
        thread::spawn(move || {
            drop(reader.process.wait());
            sender.send((reader.kind, reader.process.id(), acted.elapsed()))
        });
    }
    let mut freed = Vec::new();
    while let Some((kind, pid, after)) = next(&ended, start, limit, &left) {
        left.retain(|(_, other)| *other != pid);
        freed.push(Freed { kind, after: Some(after) });
    }
    freed.extend(left.iter().map(|(kind, _)| Freed { kind: *kind, after: None }));
    left.iter().for_each(|(_, pid)| signal(*pid, Signal::SIGKILL));
    let killed = Instant::now();
    while let Some((_, pid, _)) = next(&ended, killed, limit, &left) {
        left.retain(|(_, other)| *other != pid);
    }
    (freed, left.into_iter().map(|(_, pid)| pid).collect())
}

/// Returns the next value, or `None` if nothing is left to wait for, or after the limit.
fn next<T, L>(
    values: &mpsc::Receiver<T>,
    start: Instant,
    limit: Duration,
    left: &[L],
) -> Option<T> {
    let time = limit.saturating_sub(start.elapsed());
    (!left.is_empty()).then(|| values.recv_timeout(time).ok()).flatten()
}

/// Sends a signal to a process that has not been reaped yet.
fn signal(pid: u32, signal: Signal) {
    // A process that has just ended needs no signal.
    _ = kill(Pid::from_raw(i32::try_from(pid).unwrap()), signal);
}
