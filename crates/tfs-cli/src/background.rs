//! Going to the background: a second process mounts, and this one waits until the mount answers.
//!
//! The second process is a new run of this program, not a fork. After a fork, a process with
//! several threads can do little; a fork before all threads could not report later errors. The
//! second process reports success by a line on its standard output. It prints errors itself, on the
//! same standard error.

#[cfg(target_os = "linux")]
use std::ffi::CStr;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

use eyre::WrapErr as _;
#[cfg(target_os = "linux")]
use nix::sys::prctl::{set_name, set_pdeathsig};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, dup2_stderr, dup2_stdin, dup2_stdout, getppid, setsid};
use tfs_service::check_mountpoint;
use tfs_sys::shell::quoted;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::hidden_arguments::HiddenArguments;
use crate::output;
use crate::report::UserError;
use crate::signals::Signals;
use crate::{exit, runtime};

/// Set for the second process, to the process id of the first. It is not a setting, so its name
/// does not begin like one.
const CHILD_VARIABLE: &str = "_TFS_BACKGROUND";

/// What `ps` calls the second process; at most 15 bytes.
#[cfg(target_os = "linux")]
const PROCESS_NAME: &CStr = c"tfs";

/// The line that the second process writes when the mount answers.
const READY: &str = "ready";

/// The message if the second process does not start.
const NOT_STARTED: &str = "cannot start a process in the background";

/// How long a late mount has to clean up after the signal to end.
const CLEAN_UP_TIME_MAX: Duration = Duration::from_secs(15);

/// Role of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProcessRole {
    /// The only one: it mounts and stays.
    Foreground,
    /// The process that the user started; it waits for the other.
    Parent,
    /// The process that mounts, in the background.
    Child,
}

/// Returns the role of this process if the mount goes to the background.
pub(crate) fn role() -> ProcessRole {
    if env::var_os(CHILD_VARIABLE).is_some() { ProcessRole::Child } else { ProcessRole::Parent }
}

/// Sets the name of the background process. It is started as `/proc/self/exe`, so the kernel, `ps`
/// and `top` would name it `exe`. Must be called by the main thread.
pub(crate) fn set_process_name() {
    // The name is only for display. On macOS it is that of the file.
    #[cfg(target_os = "linux")]
    {
        _ = set_name(PROCESS_NAME);
    }
}

/// Starts the second process with the same arguments, waits until its mount answers, and returns
/// its exit code if it failed. A signal that ends this process ends the other first: Ctrl-C of the
/// terminal does not reach it. `stdin` is the standard input of the second process until then.
pub(crate) fn spawn(time_max: Duration, mountpoint: &Path, stdin: Stdio) -> eyre::Result<u8> {
    // The child gets a signal when the thread that started it ends, so this thread starts it.
    runtime()?.block_on(async {
        let mut signals = Signals::new()?;
        let mut child = start(stdin)?;
        let waited = tokio::select! {
            ready = wait_for_ready(&mut child) => ready.map_or(Waited::Ended, |()| Waited::Ready),
            () = tokio::time::sleep(time_max) => Waited::TooLong,
            () = signals.next() => Waited::Interrupted,
        };
        match waited {
            Waited::Ready => Ok(exit::SUCCESS),
            Waited::Ended => {
                let status = child.wait().wrap_err("cannot wait for the background process")?;
                let code = status.code().and_then(|code| u8::try_from(code).ok());
                code.filter(|code| *code != exit::SUCCESS).ok_or_else(|| {
                    let message = format!("the background process ended: {status}");
                    UserError::new(exit::FAILURE, message).into()
                })
            }
            Waited::TooLong => {
                end(&mut child, mountpoint, &mut signals).await;
                Err(too_late(time_max, mountpoint).into())
            }
            Waited::Interrupted => {
                output::end_interrupted_line();
                end(&mut child, mountpoint, &mut signals).await;
                Ok(exit::INTERRUPTED)
            }
        }
    })
}

/// The first event.
enum Waited {
    Ready,
    Ended,
    TooLong,
    Interrupted,
}

/// Starts a detached process that does the rest of this command, with the same arguments. Its
/// [`role`] shows it that it has only the rest to do.
pub(crate) fn spawn_rest() -> eyre::Result<()> {
    let mut command = this_command();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().map(drop).wrap_err(NOT_STARTED)
}

/// Leaves the session of the terminal, so that the terminal's signals do not reach this process.
pub(crate) fn leave_session() -> eyre::Result<()> {
    setsid().map(drop).wrap_err("cannot start a new session")
}

fn start(stdin: Stdio) -> eyre::Result<Child> {
    this_command().stdin(stdin).stdout(Stdio::piped()).spawn().wrap_err(NOT_STARTED)
}

/// Returns the path of the running program: on macOS, the one that it was started by.
fn this_program() -> PathBuf {
    let proc = PathBuf::from("/proc/self/exe");
    if cfg!(target_os = "linux") { proc } else { env::current_exe().unwrap_or(proc) }
}

/// Returns this command again, for a process in the background.
fn this_command() -> Command {
    // Not by path: an update may have replaced the file. The name stays the same: a helper of
    // mount(8) recognizes its role by it.
    let mut words = env::args_os();
    let mut command = Command::new(this_program());
    command.arg0(words.next().unwrap_or_else(|| "tfs".into()));
    let hidden = HiddenArguments::of(words);
    command.args(hidden.arguments).envs(hidden.variables);
    command.env(CHILD_VARIABLE, process::id().to_string());
    command
}

/// The error of a mount that does not answer.
pub(crate) fn too_late(time_max: Duration, mountpoint: &Path) -> UserError {
    let time = humantime::format_duration(time_max);
    let message = format!("the mount did not answer in {time}");
    UserError::new(exit::MOUNT_TIMED_OUT, message).with_hint(format!(
        "raise --daemon-timeout, or see more with: tfs mount -f -v {}",
        quoted(mountpoint)
    ))
}

/// Resolves when the child reports that it is ready, or, with `None`, has ended before.
///
/// # Cancel safety
/// The line is lost, and a thread stays until the line comes or the child ends.
async fn wait_for_ready(child: &mut Child) -> Option<()> {
    let stdout = child.stdout.take()?;
    let (sender, line) = oneshot::channel();
    // The thread ends with the child's line or with the child.
    let _reader = thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        sender.send(read.is_ok() && line.trim_end() == READY)
    });
    line.await.is_ok_and(|is_ready| is_ready).then_some(())
}

/// Ends the child: first with time to clean up, then, or at the next signal, by force. Unmounts
/// what the child leaves behind.
async fn end(child: &mut Child, mountpoint: &Path, signals: &mut Signals) {
    let pid = i32::try_from(child.id()).map(Pid::from_raw);
    // Before the signal to the child, so that its end cannot be missed.
    let ends = signal(SignalKind::child());
    if let (Ok(pid), Ok(mut ends)) = (pid, ends)
        && kill(pid, Signal::SIGTERM).is_ok()
    {
        let ended =
            async { while matches!(child.try_wait(), Ok(None)) && ends.recv().await.is_some() {} };
        tokio::select! {
            () = ended => return,
            () = tokio::time::sleep(CLEAN_UP_TIME_MAX) => {}
            () = signals.next() => {}
        }
    }
    if child.kill().is_ok() {
        drop(child.wait());
        // This unmounts only a dead mount. Usually there is none.
        let path = mountpoint.to_owned();
        drop(tokio::task::spawn_blocking(move || check_mountpoint(&path, true)).await);
    }
}

/// Leaves the session of the terminal, so that its end does not concern this process. Until
/// [`ready`], this process ends with the waiting process.
pub(crate) fn leave_terminal() -> eyre::Result<()> {
    leave_session()?;
    end_with_parent(Some(Signal::SIGTERM)).wrap_err("cannot stop the waiting process")?;
    let parent = env::var(CHILD_VARIABLE).ok();
    if parent.is_some_and(|pid| pid != getppid().to_string()) {
        // The parent ended before the signal was requested.
        return Err(UserError::new(exit::INTERRUPTED, "the parent process has ended").into());
    }
    Ok(())
}

/// Asks the kernel for this signal when the waiting process ends.
///
/// macOS has no such signal. There, only a waiting process that is killed leaves this one running.
fn end_with_parent(signal: Option<Signal>) -> nix::Result<()> {
    #[cfg(target_os = "linux")]
    return set_pdeathsig(signal);
    #[cfg(not(target_os = "linux"))]
    {
        _ = signal;
        Ok(())
    }
}

/// Notifies the waiting process that the mount answers, and detaches from the terminal and the
/// current directory.
///
/// # Errors
/// If the waiting process is gone.
pub(crate) fn ready() -> io::Result<()> {
    // From now on the parent may end.
    end_with_parent(None)?;
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
