//! Commands given by a user during the soak.

use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tfs_testkit::random::Random;

use super::findings::SharedFindings;
use crate::mount::{TfsMount, wait_for};
use crate::timing::pause;

/// How long a command may take that polls the server: a poll ends after a minute, and the command
/// also waits for a poll in progress.
const COMMAND_MAX: Duration = Duration::from_secs(130);

/// How soon a command must end after a signal.
const INTERRUPTED_MAX: Duration = Duration::from_secs(10);

/// How long a preload runs before it is interrupted.
const PRELOAD_MILLIS: (u64, u64) = (200, 4000);

/// The pause between two commands.
const REST_MILLIS: (u64, u64) = (500, 4000);

/// The commands. An error is an acceptable result.
const COMMANDS: [&[&str]; 6] = [
    &["status", "--json"],
    &["refresh"],
    &["cache", "stats"],
    &["cache", "clear"],
    &["preload", "--head", "2MiB", "--tail", "1MiB"],
    &["preload"],
];

/// Runs commands until `deadline`, and returns their number.
pub(super) fn run(
    mounts: &[TfsMount],
    mut random: Random,
    findings: &SharedFindings,
    deadline: Instant,
) -> u64 {
    let mut given = 0;
    while Instant::now() < deadline {
        let mount = random.pick(mounts).unwrap();
        let arguments = *random.pick(&COMMANDS).unwrap();
        let mut command = mount.command();
        command.args(arguments).arg(&mount.path).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let mut limit = COMMAND_MAX;
        if arguments[0] == "preload" {
            let (low, high) = PRELOAD_MILLIS;
            if wait_for_some(&mut process, random.range(low, high)) {
                given += 1;
                continue;
            }
            let pid = i32::try_from(process.id()).unwrap();
            // Not SIGINT: a background job has it ignored until there is a handler. The process may
            // have ended by now, but it is not reaped yet, so the process id is still its own.
            _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
            limit = INTERRUPTED_MAX;
        }
        if wait_for(&mut process, limit).is_none() {
            findings.on_hung_command(&arguments.join(" "), limit);
        }
        given += 1;
        let (low, high) = REST_MILLIS;
        pause(Duration::from_millis(random.range(low, high)));
    }
    given
}

/// Lets a process run for a while, and returns whether it has ended by itself.
fn wait_for_some(process: &mut std::process::Child, millis: u64) -> bool {
    pause(Duration::from_millis(millis));
    matches!(process.try_wait(), Ok(Some(_)))
}
