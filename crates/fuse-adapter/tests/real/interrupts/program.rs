//! Processes that read a file and get a signal.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tfs_testkit::until::until;

/// Prelude of all Python programs.
const PRELUDE: &str = "
import ctypes, errno, mmap, os, signal, sys, threading
path = sys.argv[1]
libc = ctypes.CDLL(None, use_errno=True)
def read():
    return len(os.read(os.open(path, os.O_RDONLY), 4096))
def read_once():
    # Unlike Python's own read it does not try again after EINTR.
    buffer = ctypes.create_string_buffer(4096)
    count = libc.read(os.open(path, os.O_RDONLY), buffer, 4096)
    return count if count >= 0 else errno.errorcode[ctypes.get_errno()]
def touch(advice=None):
    with open(path, 'rb') as file:
        memory = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    if advice is not None:
        memory.madvise(advice)
    return memory[0]
def said(read):
    try:
        return read()
    except OSError as error:
        return errno.errorcode[error.errno]
def on(number, handler=lambda *_: None, restart=False):
    signal.signal(number, handler)
    signal.siginterrupt(number, not restart)
def tick(interval):
    signal.setitimer(signal.ITIMER_REAL, interval, interval)
";

/// A program that gets the path of a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Program {
    Cat,
    /// With a flag, such as for reads without the page cache.
    Dd(Option<&'static str>),
    /// A program for Python, after the prelude.
    Python(&'static str),
}

/// The Python binary itself, not a wrapper script.
static PYTHON: LazyLock<Option<OsString>> = LazyLock::new(|| {
    let mut python = Command::new("python3");
    let output = python.args(["-c", "import sys; print(sys.executable)"]).output().ok()?;
    let path = OsString::from_vec(output.stdout.trim_ascii().to_vec());
    (output.status.success() && !path.is_empty()).then_some(path)
});

/// A running program.
#[derive(Debug)]
pub(super) struct RunningProgram {
    child: Child,
}

/// The end of a program.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct End(String);

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Program {
    /// Returns whether this machine can run it.
    pub(super) fn can_run(self) -> bool {
        !matches!(self, Self::Python(_)) || PYTHON.is_some()
    }

    pub(super) fn start(self, path: &Path) -> RunningProgram {
        let mut command = match self {
            Self::Cat => {
                let mut cat = Command::new("cat");
                cat.arg(path);
                cat
            }
            Self::Dd(flag) => {
                let mut input = OsString::from("if=");
                input.push(path);
                let mut dd = Command::new("dd");
                dd.arg(input).args(["of=/dev/null", "bs=64k", "status=none"]).args(flag);
                dd
            }
            Self::Python(text) => {
                let mut command = Command::new(PYTHON.as_ref().unwrap());
                command.arg("-c").arg(format!("{PRELUDE}{text}")).arg(path);
                command
            }
        };
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        RunningProgram { child: command.spawn().unwrap() }
    }
}

impl RunningProgram {
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Returns when the process waits for bytes of an open file.
    pub(super) fn until_waits_for(&self, path: &Path) {
        let proc = PathBuf::from(format!("/proc/{}", self.pid()));
        until("the process waits", || {
            let mut open = fs::read_dir(proc.join("fd")).unwrap();
            let is_open =
                open.any(|fd| fs::read_link(fd.unwrap().path()).is_ok_and(|to| to == path));
            let stat = fs::read_to_string(proc.join("stat")).unwrap();
            let (_, after_name) = stat.rsplit_once(") ").unwrap();
            (is_open && after_name.starts_with('D')).then_some(())
        });
    }

    /// Sends a signal, and returns the end of the program and its duration.
    pub(super) fn end_by(self, signal: Signal) -> (End, Duration) {
        let start = Instant::now();
        self.send(signal);
        let end = self.end();
        (end, start.elapsed())
    }

    /// Waits for the end: the signal that ended it, or its exit code and output.
    pub(super) fn end(self) -> End {
        let output = self.child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let last_line = String::from_utf8_lossy(&output.stderr);
        let last_line = last_line.lines().last().unwrap_or_default().to_owned();
        let end = match (output.status.signal(), output.status.code()) {
            (Some(signal), _) => format!("signal {signal}"),
            (None, code) => format!("exit {}", code.unwrap()),
        };
        let parts = [end, said, last_line].into_iter().filter(|part| !part.is_empty());
        End(parts.collect::<Vec<_>>().join(", "))
    }
}
