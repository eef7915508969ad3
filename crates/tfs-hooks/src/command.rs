//! Calls a command: argv without a shell, events on standard input and in the environment.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tfs_api::wire::ServiceEvent;
use tfs_sys::inherit_no_descriptors;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::batch::EventBatch;
use crate::error::CallError;
use crate::output::CommandOutput;
use crate::settings::CommandTarget;

/// Prefixes of variables that a command does not get: they configure tfs, and may have a password.
const PREFIXES_HIDDEN: [&str; 2] = ["TFS_", "_TFS_"];

/// Further variables that a command does not get: of the service manager, with the passwords of the
/// service and its sockets.
const VARIABLES_HIDDEN: [&str; 7] = [
    "CREDENTIALS_DIRECTORY",
    "LISTEN_FDNAMES",
    "LISTEN_FDS",
    "LISTEN_PID",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
];

/// How long a command may take to end after SIGTERM.
const TERM_TIME_MAX: Duration = Duration::from_secs(2);

/// Interval of looks whether it has ended.
const TERM_LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// How long a killed command may take to be gone. One that waits for a dead disk takes longer, and
/// is left to the runtime.
const KILL_TIME_MAX: Duration = Duration::from_secs(2);

/// How long the output is read after the end of the command. Its own output is there by then; a
/// process that it left behind may hold the pipes for ever.
const REST_TIME_MAX: Duration = Duration::from_millis(500);

/// Calls a command.
///
/// # Errors
/// If it does not start, does not end within `time_max`, or ends with an error.
///
/// # Cancel safety
/// Dropping the future kills its process group.
pub(crate) async fn run(
    target: &CommandTarget,
    events: &EventBatch,
    time_max: Duration,
) -> Result<(), CallError> {
    let program = target.program.clone();
    let started = command(target, events).spawn();
    let mut child =
        started.map_err(|source| CallError::Start { program: program.clone(), source })?;
    let mut group = ProcessGroup::of(&child);
    let (mut out, mut err) = (CommandOutput::default(), CommandOutput::default());
    let ended = {
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let stderr = child.stderr.take();
        let (out, err) = (&mut out, &mut err);
        let talk = async {
            tokio::join!(
                feed(stdin, events.to_json()),
                out.read_from(stdout),
                err.read_from(stderr)
            )
        };
        let mut talk = pin!(talk);
        let deadline = Instant::now() + time_max;
        let mut is_over = false;
        let ended = loop {
            tokio::select! {
                status = child.wait() => break Some(status),
                _ = &mut talk, if !is_over => is_over = true,
                () = tokio::time::sleep_until(deadline) => break None,
            }
        };
        if ended.is_some() && !is_over {
            // What it left behind may go on, without these pipes.
            drop(timeout(REST_TIME_MAX, talk).await);
        }
        ended
    };
    let output = if err.first_lines().is_empty() { out.first_lines() } else { err.first_lines() };
    match ended {
        Some(Ok(status)) => {
            group.release();
            judge(program, status, output)
        }
        Some(Err(source)) => Err(CallError::Start { program, source }),
        None => {
            group.end(&mut child).await;
            Err(CallError::TimedOut { program, time_max, output })
        }
    }
}

fn judge(program: String, status: ExitStatus, output: String) -> Result<(), CallError> {
    if status.success() {
        tracing::debug!(program, output, "the command of a hook succeeded");
        return Ok(());
    }
    let status = match (status.code(), status.signal()) {
        (Some(code), _) => format!("code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    };
    Err(CallError::Ended { program, status, output })
}

/// Returns the command, not started.
fn command(target: &CommandTarget, events: &EventBatch) -> Command {
    let mut command = Command::new(&target.program);
    command
        .args(&target.arguments)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    for (name, _) in env::vars_os() {
        if is_hidden(&name, &target.hidden_variables) {
            command.env_remove(name);
        }
    }
    if let Some(first) = events.named().first() {
        for (name, value) in variables(first) {
            // A variable cannot have a NUL.
            command.env(name, value.replace('\0', "\u{fffd}"));
        }
    }
    command.env("TFS_EVENTS", events.count().to_string());
    inherit_no_descriptors(command.as_std_mut());
    command
}

fn is_hidden(name: &OsStr, others: &[String]) -> bool {
    let text = name.to_string_lossy();
    PREFIXES_HIDDEN.iter().any(|prefix| text.starts_with(prefix))
        || VARIABLES_HIDDEN.contains(&&*text)
        || others.iter().any(|other| name == OsStr::new(other))
}

/// Returns the variables that describe an event.
fn variables(event: &ServiceEvent) -> Vec<(&'static str, &str)> {
    let optional = [
        ("TFS_SERVER", &event.server),
        ("TFS_INFO_HASH", &event.info_hash),
        ("TFS_NAME", &event.name),
        ("TFS_PATH", &event.path),
        ("TFS_ERROR", &event.error),
    ];
    let present = optional.into_iter().filter_map(|(name, it)| Some((name, it.as_deref()?)));
    let always = [("TFS_EVENT", event.event.name()), ("TFS_MOUNTPOINT", &*event.mountpoint)];
    always.into_iter().chain(present).collect()
}

/// Writes the events, as long as the command reads them.
async fn feed(stdin: Option<ChildStdin>, json: Vec<u8>) {
    let Some(mut stdin) = stdin else { return };
    match stdin.write_all(&json).await {
        Ok(()) => {}
        // It need not read them.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(error) => tracing::debug!(%error, "cannot write to the command of a hook"),
    }
}

/// The process group of a command. Dropping it kills the group.
struct ProcessGroup(Option<Pid>);

impl ProcessGroup {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }

    /// Leaves what is left of the group alone: its leader is gone, and its number may be reused.
    fn release(&mut self) {
        self.0 = None;
    }

    /// Asks the group to end, kills it, and waits for its leader. The leader is not waited for
    /// before, so that its number stays its own.
    async fn end(&mut self, child: &mut Child) {
        if let Some(group) = self.0 {
            signal(group, Signal::TERM);
            let deadline = Instant::now() + TERM_TIME_MAX;
            while !has_ended(group) && Instant::now() < deadline {
                sleep(TERM_LOOK_INTERVAL).await;
            }
        }
        self.kill();
        if timeout(KILL_TIME_MAX, child.wait()).await.is_err() {
            tracing::warn!(pid = child.id(), "a killed command does not end");
        }
    }

    fn kill(&mut self) {
        if let Some(group) = self.0.take() {
            signal(group, Signal::KILL);
        }
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.kill();
    }
}

fn signal(group: Pid, signal: Signal) {
    if let Err(error) = kill_process_group(group, signal) {
        tracing::debug!(%error, "cannot signal the command of a hook");
    }
}

/// Returns whether a child has ended, and leaves it to be waited for.
fn has_ended(child: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    !matches!(waitid(WaitId::Pid(child), options), Ok(None))
}
