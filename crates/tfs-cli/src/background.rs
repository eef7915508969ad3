//! Going to the background: a second process mounts, and this one waits until it answers.
//!
//! The second process is this program again, not a fork: a fork of a process with threads cannot
//! do much, and one before all threads could not say what went wrong later. It tells of its
//! success by a line on its standard output; errors it prints itself, on the same standard error.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;
use std::{env, fs, thread};

use eyre::WrapErr as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, dup2_stderr, dup2_stdin, dup2_stdout, setsid};

use crate::exit;
use crate::report::UserError;

/// Set for the second process. Not one of the settings, so it has none of their names.
const CHILD_VARIABLE: &str = "_TFS_BACKGROUND";

/// What the second process says when the mount answers.
const READY: &str = "ready";

/// How long a mount that is late gets to clean up when it is told to end.
const CLEAN_UP_TIME_MAX: Duration = Duration::from_secs(15);

/// Which process this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The only one: it mounts and stays.
    Foreground,
    /// The one that was typed, and waits for the other.
    Parent,
    /// The one that mounts, in the background.
    Child,
}

/// Returns which process this is if the mount goes to the background.
pub(crate) fn role() -> Role {
    if env::var_os(CHILD_VARIABLE).is_some() { Role::Child } else { Role::Parent }
}

/// Starts the second process with the same arguments, waits until its mount answers, and returns
/// its exit code if it failed.
pub(crate) fn spawn(time_max: Duration) -> eyre::Result<u8> {
    // Not the path: the file may have been replaced by an update.
    // Under the same name: a helper of mount(8) knows itself by it.
    let mut words = env::args_os();
    let mut child = Command::new("/proc/self/exe")
        .arg0(words.next().unwrap_or_else(|| "tfs".into()))
        .args(words)
        .env(CHILD_VARIABLE, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .wrap_err("cannot start a process in the background")?;
    match wait_for_ready(&mut child, time_max) {
        Some(true) => Ok(exit::SUCCESS),
        Some(false) => {
            let status = child.wait().wrap_err("cannot wait for the background process")?;
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            code.filter(|code| *code != exit::SUCCESS).ok_or_else(|| {
                UserError::new(exit::FAILURE, format!("the background process ended: {status}"))
                    .into()
            })
        }
        None => {
            end(&mut child);
            Err(too_late(time_max).into())
        }
    }
}

/// The error of a mount that does not answer.
pub(crate) fn too_late(time_max: Duration) -> UserError {
    let time = humantime::format_duration(time_max);
    let message = format!("the mount did not answer in {time}");
    UserError::new(exit::MOUNT_TIMED_OUT, message)
        .with_hint("give it more time with --daemon-timeout, or look with -f -v")
}

/// Returns whether the child said that it is ready before it ended, or `None` if it said nothing
/// in time.
fn wait_for_ready(child: &mut Child, time_max: Duration) -> Option<bool> {
    let stdout = child.stdout.take()?;
    let (sender, receiver) = mpsc::sync_channel(1);
    // It ends with the child's line or with the child.
    let _reader = thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        sender.send(read.is_ok() && line.trim_end() == READY)
    });
    match receiver.recv_timeout(time_max) {
        Ok(is_ready) => Some(is_ready),
        Err(RecvTimeoutError::Disconnected) => Some(false),
        Err(RecvTimeoutError::Timeout) => None,
    }
}

/// Ends the child: first with time to clean up, then without.
fn end(child: &mut Child) {
    let pid = i32::try_from(child.id()).map(Pid::from_raw);
    if let Ok(pid) = pid
        && kill(pid, Signal::SIGTERM).is_ok()
    {
        let step = Duration::from_millis(50);
        let mut waited = Duration::ZERO;
        while waited < CLEAN_UP_TIME_MAX {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(step);
            waited += step;
        }
    }
    if child.kill().is_ok() {
        drop(child.wait());
    }
}

/// Leaves the session of the terminal, so that its Ctrl-C and its end do not concern this process.
pub(crate) fn leave_terminal() -> eyre::Result<()> {
    setsid().wrap_err("cannot leave the terminal's session")?;
    Ok(())
}

/// Tells the waiting process that the mount answers, and lets go of the terminal and of the
/// current directory.
///
/// # Errors
/// If nobody waits any more.
pub(crate) fn ready() -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{READY}")?;
    stdout.flush()?;
    drop(stdout);
    let null = fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    let let_go = |null: &File| -> nix::Result<()> {
        dup2_stdin(null)?;
        dup2_stdout(null)?;
        dup2_stderr(null)
    };
    let_go(&null)?;
    env::set_current_dir("/")
}
