//! `tfs doctor`: what on this machine keeps tfs from working, and the command that helps.
//!
//! Each check looks first and judges then; the judging is a pure function of what was seen, so
//! that machines that are not at hand can be tested. A check changes nothing on the machine.
//!
//! # What must stay true
//! Every check ends within [`CHECK_TIME_MAX`], whatever the kernel or the server does: what waits
//! for the kernel runs in a thread that can be left behind.

mod dirs;
mod finding;
mod fuse;
mod machine;
mod mounts;
mod permits;
mod server;
mod surroundings;
mod torrents;
mod unit;

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::oneshot;
use tokio::time::timeout;

pub use self::finding::{CheckResult, Severity};
pub(crate) use self::permits::permits_warning;
pub use self::unit::{UnitCommand, UnitScope, unit_for};
use crate::{LocalPaths, ServerSettings};

/// How long one check may take. Looking for dead mounts waits two seconds for a mount that is
/// silent, and a user looks at a prompt meanwhile.
const CHECK_TIME_MAX: Duration = Duration::from_secs(6);

/// What the doctor is asked about.
#[derive(Debug, Clone)]
pub struct DoctorSettings {
    /// The servers that are to be mounted.
    pub servers: Vec<DoctorServer>,
    /// Where they are to be mounted; without it, the machine is looked at as a whole.
    pub mountpoint: Option<PathBuf>,
}

/// A server that is to be mounted.
#[derive(Debug, Clone)]
pub struct DoctorServer {
    /// What it is called.
    pub name: String,
    /// Where it is, and who we are to it.
    pub connection: ServerSettings,
    /// How many streams tfs may open on it.
    pub streams_max: usize,
    /// Where the server's files are on this machine.
    pub local_paths: LocalPaths,
    /// What `--server` has to be for a command that is to reach it, if it needs it.
    pub flag: Option<String>,
    /// Whether it runs inside a process of tfs.
    pub is_embedded: bool,
}

/// A check that looks at this machine and may wait for its kernel.
type LocalCheck = fn(&DoctorSettings) -> Vec<CheckResult>;

/// The checks of this machine, in the order in which a mount needs what they check. The name is
/// for a check that does not come to an end.
const LOCAL_CHECKS: [(&str, LocalCheck); 10] = [
    ("fuse-device", |_| vec![fuse::device()]),
    ("may-mount", |_| vec![fuse::may_mount()]),
    ("allow-other", |_| vec![fuse::allow_other()]),
    ("fuse-timeout", |_| vec![fuse::request_timeout()]),
    ("mount-point", |settings| mounts::mount_point(settings.mountpoint.as_deref())),
    ("propagation", |settings| mounts::propagation(settings.mountpoint.as_deref())),
    ("mounts", |_| mounts::liveness_of_all()),
    ("state-dir", |_| vec![dirs::state()]),
    ("runtime-dir", |_| vec![dirs::runtime()]),
    ("open-files", |_| vec![machine::open_files()]),
];

/// Runs all checks, at the same time, and returns what they found in a fixed order.
///
/// # Cancel safety
/// Nothing is changed, so nothing is left behind but threads that wait for the kernel.
pub async fn examine(settings: &DoctorSettings) -> Vec<CheckResult> {
    let (local, torrents, servers) = tokio::join!(
        local(settings),
        torrents::torrents(&settings.servers),
        of_servers(&settings.servers)
    );
    local.into_iter().chain(torrents).chain(servers).collect()
}

/// Looks at all servers at once. Where there are several, each finding says which it is about.
async fn of_servers(servers: &[DoctorServer]) -> Vec<CheckResult> {
    let findings = join_all(servers.iter().map(server::examine)).await;
    let named = servers.iter().zip(findings).flat_map(|(server, findings)| {
        let name = (servers.len() > 1).then(|| server.name.clone());
        findings.into_iter().map(move |finding| CheckResult { server: name.clone(), ..finding })
    });
    named.collect()
}

async fn local(settings: &DoctorSettings) -> Vec<CheckResult> {
    let mut running = Vec::with_capacity(LOCAL_CHECKS.len());
    for (name, check) in LOCAL_CHECKS {
        let settings = settings.clone();
        running.push((name, in_thread(move || check(&settings))));
    }
    let mut findings = Vec::new();
    // All of them run already, so their times do not add up.
    for (name, check) in running {
        let found = timeout(CHECK_TIME_MAX, check).await;
        findings.extend(found.ok().flatten().unwrap_or_else(|| vec![silence(name)]));
    }
    findings
}

fn silence(check: &'static str) -> CheckResult {
    let seconds = CHECK_TIME_MAX.as_secs();
    CheckResult::fault(check, format!("the check did not come to an end in {seconds} s"))
        .fix("dmesg | tail -n 20   # the kernel may say what it waits for")
}

/// Runs a function in a thread that is left behind if it never returns: a runtime would wait for
/// it at its end. `None` if there is no thread, or the function panics.
async fn in_thread<T: Send + 'static>(function: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, receiver) = oneshot::channel();
    let thread = thread::Builder::new().name("tfs-doctor".to_owned());
    // Nobody listens once the time has passed.
    thread.spawn(move || drop(sender.send(function()))).ok()?;
    receiver.await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_check_that_hangs_is_said_and_left_behind() {
        let (trigger, wait) = std::sync::mpsc::channel::<()>();
        let stuck = in_thread(move || wait.recv().is_err());
        assert_eq!(timeout(CHECK_TIME_MAX, stuck).await.ok(), None);
        drop(trigger);
        assert_eq!(silence("mounts").verdict, Severity::Fault);
        assert_eq!(in_thread(|| 7).await, Some(7));
    }

    #[test]
    fn every_check_is_documented() {
        let page = include_str!("../../../../docs/troubleshooting.md");
        let of_server = ["torrents", "server", "permits", "streams", "local-paths", "clock"];
        for name in LOCAL_CHECKS.iter().map(|(name, _)| *name).chain(of_server) {
            assert!(page.contains(&format!("`{name}`")), "{name}");
        }
    }
}
