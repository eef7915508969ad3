//! `tfs doctor`: finds what keeps tfs from working on this machine, and suggests a remedy.
//!
//! Each check first collects facts, then evaluates them. The evaluation is a pure function, so that
//! tests cover other machines. A check changes nothing on the machine.
//!
//! # Invariants
//! Every check ends within [`CHECK_TIME_MAX`], also if the kernel or a server does not answer:
//! calls that may block run in a thread that can be abandoned.

mod dirs;
mod finding;
mod fronts;
#[cfg(target_os = "linux")]
mod fuse;
mod hooks;
mod machine;
#[cfg(any(not(target_os = "linux"), test))]
mod macos;
mod mounts;
mod on_demand;
mod page;
mod permits;
#[cfg(target_os = "linux")]
mod propagation;
mod server;
#[cfg(target_os = "linux")]
mod surroundings;
mod torrents;
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "launchd has no units"))]
pub(crate) mod unit;
mod watch_folders;

use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::join_all;
use tfs_config::ServerSettings;
use tfs_sys::spawn_detached;
use tokio::time::timeout;

pub use self::finding::{CheckResult, Severity};
pub(crate) use self::permits::permits_warning;
pub use self::unit::{UnitCommand, UnitMount, UnitScope};
use crate::{FrontSettings, LocalPaths};

/// Time limit of one check. The search for dead mounts waits two seconds for a silent mount, while
/// a user waits at a prompt.
const CHECK_TIME_MAX: Duration = Duration::from_secs(6);

/// The subject of the checks.
#[derive(Debug, Clone)]
pub struct DoctorSettings {
    /// The servers to mount.
    pub servers: Vec<DoctorServer>,
    /// The mount point; without it, the machine as a whole is checked.
    pub mountpoint: Option<PathBuf>,
    /// The configured watch folders.
    pub watch_dirs: Vec<PathBuf>,
    /// The configured front ends on the network.
    pub fronts: Vec<FrontSettings>,
}

/// A server to mount.
#[derive(Debug, Clone)]
pub struct DoctorServer {
    /// Its name.
    pub name: String,
    /// Its address and credentials.
    pub connection: ServerSettings,
    /// Maximum number of streams that tfs may open on it.
    pub streams_max: usize,
    /// Mapping of the server's paths to local ones.
    pub local_paths: LocalPaths,
    /// The value of `--server` for suggested commands, if they need one.
    pub flag: Option<String>,
    /// Whether it is an embedded server.
    pub is_embedded: bool,
}

/// A check of this machine that may block in the kernel.
type LocalCheck = fn(&DoctorSettings) -> Vec<CheckResult>;

/// The checks of this machine, in the order in which a mount needs their subjects. The name is used
/// for a check that times out.
#[cfg(target_os = "linux")]
const LOCAL_CHECKS: [(&str, LocalCheck); 10] = [
    ("fuse-device", |_| vec![fuse::device()]),
    ("may-mount", |_| vec![fuse::may_mount()]),
    ("allow-other", |_| vec![fuse::allow_other()]),
    ("fuse-timeout", |_| vec![fuse::request_timeout()]),
    ("mount-point", |settings| mounts::mount_point(settings.mountpoint.as_deref())),
    ("propagation", |settings| propagation::propagation(settings.mountpoint.as_deref())),
    ("mounts", |_| mounts::liveness_of_all()),
    ("state-dir", |_| vec![dirs::state()]),
    ("runtime-dir", |_| vec![dirs::runtime()]),
    ("open-files", |_| vec![machine::open_files()]),
];

/// The checks of macOS, where mounts are made by NFS.
#[cfg(not(target_os = "linux"))]
const LOCAL_CHECKS: [(&str, LocalCheck); 9] = [
    ("mount-nfs", |_| vec![macos::program()]),
    ("loopback", |_| vec![macos::loopback()]),
    ("mount-point", |settings| mounts::mount_point(settings.mountpoint.as_deref())),
    ("volumes", |settings| macos::volumes(settings.mountpoint.as_deref())),
    ("mounts", |_| mounts::liveness_of_all()),
    ("local-files", |_| vec![macos::local_files()]),
    ("state-dir", |_| vec![dirs::state()]),
    ("runtime-dir", |_| vec![dirs::runtime()]),
    ("open-files", |_| vec![machine::open_files()]),
];

/// Runs all checks concurrently. Returns the results in a fixed order.
///
/// # Cancel safety
/// Nothing is changed. Threads that wait for the kernel may remain.
pub async fn examine(settings: &DoctorSettings) -> Vec<CheckResult> {
    let (local, torrents, folders, hooks, pages, fronts, servers) = tokio::join!(
        local(settings),
        torrents::torrents(&settings.servers),
        watch_folders::watch_folders(&settings.watch_dirs),
        hooks::hooks(),
        page::pages(),
        fronts::fronts(&settings.fronts),
        of_servers(&settings.servers)
    );
    let first = local.into_iter().chain(torrents).chain(folders);
    first.chain(hooks).chain(pages).chain(fronts).chain(servers).collect()
}

/// Checks all servers concurrently. If there are several, each result names its server.
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
    CheckResult::fault(check, format!("the check did not finish within {seconds} s"))
        .fix("dmesg | tail -n 20   # the kernel log may show the cause")
}

/// Runs a function in a thread that is abandoned if it never returns. `None` if no thread can be
/// started, or the function panics.
async fn in_thread<T: Send + 'static>(function: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    spawn_detached("tfs-doctor", function).ok()?.await.ok()
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
        let page = include_str!("../../../../docs/reference/errors.md");
        let of_server = [
            "torrents",
            "server",
            "permits",
            "streams",
            "local-paths",
            "clock",
            watch_folders::CHECK,
            hooks::CHECK,
            page::CHECK,
            on_demand::CHECK,
            fronts::CHECK,
        ];
        for name in LOCAL_CHECKS.iter().map(|(name, _)| *name).chain(of_server) {
            assert!(page.contains(&format!("`{name}`")), "{name}");
        }
    }
}
