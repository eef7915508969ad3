//! Mounts without a reachable socket in this user's runtime directory: those of other users, those
//! whose socket was lost, and dead ones.
//!
//! The kernel's mount table lists all of them. Linux also lists listening sockets, wherever they
//! are. So root finds the processes of other users, and a user finds a process with another
//! `XDG_RUNTIME_DIR`. If the process still does not answer, `.tfs/status.json` is read from the
//! mount.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use rustix::io::Errno;
use rustix::process::geteuid;
use tfs_sys::blocking;
use tfs_sys::mountinfo::{MountEntry, MountTable};
use tfs_sys::places::{MountProcess, process_of};
use tfs_sys::run_detached;
use tfs_sys::runtime_dir::is_socket_name;

use super::client::ControlClient;
use super::status::StatusReport;
use super::wire::{MountStatus, RecentStatus, shown};

/// Sockets of this network namespace (`proc_net(5)`).
const SOCKETS: &str = "/proc/net/unix";

/// Flag of a listening socket (`SO_ACCEPTCON`).
const LISTENING: u32 = 1 << 16;

/// Maximum number of sockets and of mounts to query: each costs a connection or a thread.
const ASKED_MAX: usize = 64;

/// Timeout for the status of a mount, or of a process elsewhere. Both create it from memory.
pub const PROBE_TIME_MAX: Duration = Duration::from_secs(2);

/// Maximum size of a status. A few servers and counters take a few KiB.
const STATUS_BYTES_MAX: u64 = 1 << 20;

/// Mounts with a pending query, whose thread may be blocked. At most one query per mount is
/// pending, however often a status is requested. Held for one read or change.
static ASKED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A mount of tfs whose process does not answer this user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreachedMount {
    /// The mount point.
    pub mountpoint: PathBuf,
    /// As in [`MountId`](super::wire::MountId).
    pub device: String,
    /// The user who mounted.
    pub owner_uid: Option<u32>,
    /// Its process, if the kernel reports it.
    pub pid: Option<u32>,
    /// Why its process was not reached.
    pub state: UnreachedState,
    /// The content of `.tfs/status.json`, if this user may read it.
    pub status: Option<Box<StatusReport>>,
}

impl UnreachedMount {
    /// Returns the status from `.tfs/status.json`, if this user may read it. Readers are unknown.
    #[must_use]
    pub fn own_status(&self) -> Option<MountStatus> {
        let status = self.status.as_deref()?;
        Some(MountStatus {
            device: self.device.clone(),
            // The content comes from the mount's process; the kernel's path of the mount is
            // reliable.
            status: StatusReport { mountpoint: shown(&self.mountpoint), ..status.clone() },
            recent: RecentStatus::default(),
            readers: Vec::new(),
            also_mounted: Vec::new(),
            preloading: Vec::new(),
        })
    }
}

/// Why the process behind a mount is not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnreachedState {
    /// The process is gone.
    Dead,
    /// The process does not answer the kernel: it is stopped or blocked.
    Silent,
    /// The process belongs to another user.
    Foreign,
    /// The process runs, but its control socket is lost. It creates a new one within seconds.
    SocketLost,
}

/// Result of probing a mount.
#[derive(Debug)]
enum MountProbe {
    Status(Box<StatusReport>),
    /// It answers, but without a valid status.
    Answers,
    /// This user has no access.
    Denied,
    Disconnected,
    Silent,
}

/// Probes these mounts without their processes. Returns the results in the order of their paths.
/// Takes a few seconds at most.
pub(super) async fn look_at(entries: Vec<MountEntry>) -> Vec<UnreachedMount> {
    let probes =
        entries.into_iter().take(ASKED_MAX).map(|entry| blocking(move || probe_mount(entry)));
    let mut mounts = join_all(probes).await;
    mounts.sort_by(|a, b| a.mountpoint.cmp(&b.mountpoint));
    mounts
}

fn probe_mount(entry: MountEntry) -> UnreachedMount {
    let process = process_of(&entry);
    let MountEntry { mount_point, device, user_id: owner_uid, .. } = entry;
    let probe = match process {
        // An access to a mount whose server is gone can take long, and says no more.
        MountProcess::Gone => MountProbe::Disconnected,
        MountProcess::Running(_) | MountProcess::Unknown => probe(&mount_point),
    };
    let state = classify(&probe, process, owner_uid == Some(geteuid().as_raw()));
    UnreachedMount {
        mountpoint: mount_point,
        device: device.to_string(),
        owner_uid,
        pid: if let MountProcess::Running(pid) = process { Some(pid) } else { None },
        state,
        status: if let MountProbe::Status(status) = probe { Some(status) } else { None },
    }
}

fn classify(probe: &MountProbe, process: MountProcess, is_own: bool) -> UnreachedState {
    match (probe, process) {
        (MountProbe::Disconnected, _) | (_, MountProcess::Gone) => UnreachedState::Dead,
        (MountProbe::Silent, _) => UnreachedState::Silent,
        _ if is_own => UnreachedState::SocketLost,
        _ => UnreachedState::Foreign,
    }
}

fn asked() -> std::sync::MutexGuard<'static, BTreeSet<PathBuf>> {
    ASKED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the status of a mount. A mount with a pending query counts as silent.
fn probe(mount_point: &Path) -> MountProbe {
    if !asked().insert(mount_point.to_owned()) {
        return MountProbe::Silent;
    }
    let path = mount_point.to_owned();
    let probe = run_detached("tfs-probe", PROBE_TIME_MAX, move || {
        let probe = read_status(&path);
        asked().remove(&path);
        probe
    });
    probe.unwrap_or(MountProbe::Silent)
}

fn read_status(mount_point: &Path) -> MountProbe {
    let read = || -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        let file = File::open(mount_point.join(".tfs/status.json"))?;
        file.take(STATUS_BYTES_MAX).read_to_end(&mut text)?;
        Ok(text)
    };
    match read() {
        Ok(text) => serde_json::from_slice(&text).map_or(MountProbe::Answers, MountProbe::Status),
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::NOTCONN | Errno::CONNABORTED) => MountProbe::Disconnected,
            Some(Errno::ACCESS | Errno::PERM) => MountProbe::Denied,
            _ => MountProbe::Answers,
        },
    }
}

/// Returns the reachable mounts of tfs: for each filesystem the first.
pub(super) fn mounts_in(table: &MountTable) -> Vec<MountEntry> {
    let mut mounts = BTreeMap::new();
    for entry in table.tfs() {
        // A mount that is covered by another one is not reachable by its path.
        if table.at(&entry.mount_point).is_some_and(|top| top.id == entry.id) {
            mounts.entry(entry.device.to_string()).or_insert_with(|| entry.clone());
        }
    }
    mounts.into_values().collect()
}

/// Returns clients for processes whose sockets are outside the runtime directory of this user,
/// except the `known` ones. Root trusts the users who mounted in `table`.
pub(super) fn clients(table: &MountTable, known: &[ControlClient]) -> Vec<ControlClient> {
    let owners: BTreeSet<_> = if geteuid().is_root() {
        table.tfs().filter_map(|entry| entry.user_id).collect()
    } else {
        BTreeSet::new()
    };
    let listed = fs::read(SOCKETS).unwrap_or_default();
    let paths: BTreeSet<_> = String::from_utf8_lossy(&listed)
        .lines()
        .filter_map(listening_path)
        .filter(|path| is_socket_name(path))
        .filter(|path| known.iter().all(|client| client.socket() != path))
        .take(ASKED_MAX)
        .collect();
    paths.into_iter().map(|path| ControlClient::new(path).trusting(owners.clone())).collect()
}

/// Returns the path of a listening socket, from a line of the kernel's list.
fn listening_path(line: &str) -> Option<PathBuf> {
    // The path is the rest of the line; the fields before it contain no slash.
    let path = line.get(line.find('/')?..)?;
    let flags = line.split_ascii_whitespace().nth(3)?;
    let flags = u32::from_str_radix(flags, 16).ok()?;
    (flags & LISTENING != 0).then(|| PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_that_are_listened_on_are_found() {
        let line = |line: &str| listening_path(line).map(|path| path.display().to_string());
        let listening = "00000000df: 00000002 00000000 00010000 0001 01 73005 /run/my dir/7.sock";
        assert_eq!(line(listening), Some("/run/my dir/7.sock".to_owned()));
        let connected = "00000000e6: 00000002 00000000 00000000 0001 03 73021 /run/tfs/7.sock";
        assert_eq!(line(connected), None);
        assert_eq!(line("Num       RefCount Protocol Flags    Type St Inode Path"), None);
        assert_eq!(line("00000000e6: 00000002 00000000 00010000 0001 01 73021 @abstract"), None);
    }

    #[test]
    fn force_is_for_what_does_not_answer() {
        let running = MountProcess::Running(7);
        for (probe, process, is_own, want) in [
            (MountProbe::Disconnected, MountProcess::Unknown, true, UnreachedState::Dead),
            (MountProbe::Disconnected, MountProcess::Unknown, false, UnreachedState::Dead),
            (MountProbe::Denied, MountProcess::Gone, false, UnreachedState::Dead),
            (MountProbe::Denied, MountProcess::Unknown, false, UnreachedState::Foreign),
            (MountProbe::Denied, running, false, UnreachedState::Foreign),
            (MountProbe::Denied, running, true, UnreachedState::SocketLost),
            (MountProbe::Answers, running, false, UnreachedState::Foreign),
            (MountProbe::Answers, running, true, UnreachedState::SocketLost),
            (MountProbe::Silent, running, true, UnreachedState::Silent),
            (MountProbe::Silent, MountProcess::Unknown, false, UnreachedState::Silent),
        ] {
            assert_eq!(classify(&probe, process, is_own), want, "{probe:?} {process:?} {is_own}");
        }
    }

    #[test]
    fn a_mount_that_is_bound_elsewhere_or_covered_is_one_or_none() {
        let table = MountTable::parse(
            b"20 20 0:20 / / rw - ext4 root rw\n\
              30 20 0:40 / /m rw - fuse.tfs a rw,user_id=0\n\
              31 20 0:40 / /bind rw - fuse.tfs a rw,user_id=0\n\
              32 20 0:41 / /covered rw - fuse.tfs b rw,user_id=0\n\
              33 32 0:42 / /covered rw - tmpfs c rw\n",
        );
        let mounts = mounts_in(&table).into_iter().map(|entry| entry.mount_point);
        assert_eq!(mounts.collect::<Vec<_>>(), [PathBuf::from("/m")]);
    }
}
