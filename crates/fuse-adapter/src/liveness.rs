//! Checks whether a process still serves a mount.

use std::path::Path;
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
use rustix::io::Errno;
use tfs_sys::mountinfo::MountTable;
use tfs_sys::mounting::Liveness;
use tfs_sys::places::{MountProcess, process_of};
use tfs_sys::run_detached;

/// Maximum time for a mount to answer. A tfs mount answers from memory, within milliseconds even on
/// a loaded machine.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);

/// Requests the attributes of the mount at `mount_point`, which a dead mount cannot return. The
/// path must be as in the mount table.
///
/// The kernel denies access to a mount of another user even to root. Such a mount counts as alive,
/// unless it is known that no process has its connection open.
///
/// Returns after a few seconds at most. If the mount is silent, a thread remains until the mount
/// answers or this process ends.
#[must_use]
pub fn liveness(mount_point: &Path) -> Liveness {
    let asked = mount_point.to_owned();
    let answer = run_detached("tfs-probe", ANSWER_TIME_MAX, move || ask(&asked));
    match answer {
        None => Liveness::Silent,
        Some(LivenessReply::Disconnected) => Liveness::Dead,
        Some(LivenessReply::Denied) if is_abandoned(mount_point) => Liveness::Dead,
        Some(LivenessReply::Denied | LivenessReply::Given) => Liveness::Alive,
    }
}

/// Like [`liveness`], but without a time limit: blocks until the mount answers, for a stuck mount
/// without end. Returns whether a process serves it.
#[must_use]
pub fn wait_for_answer(mount_point: &Path) -> bool {
    ask(mount_point) != LivenessReply::Disconnected
}

/// The kernel's answer for a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LivenessReply {
    Given,
    /// This user has no access; the mount did not get the request.
    Denied,
    Disconnected,
}

fn ask(mount_point: &Path) -> LivenessReply {
    // Without the force, the kernel would answer from its attribute cache for a dead mount.
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_FORCE_SYNC;
    match statx(CWD, mount_point, flags, StatxFlags::BASIC_STATS) {
        Err(Errno::NOTCONN | Errno::CONNABORTED) => LivenessReply::Disconnected,
        Err(Errno::ACCESS | Errno::PERM) => LivenessReply::Denied,
        _ => LivenessReply::Given,
    }
}

fn is_abandoned(mount_point: &Path) -> bool {
    let table = MountTable::read().unwrap_or_default();
    let entry = table.at(mount_point);
    entry.is_some_and(|entry| process_of(entry) == MountProcess::Gone)
}
