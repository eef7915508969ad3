//! Whether somebody still answers for a mount.

use std::path::Path;
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
use rustix::io::Errno;

use crate::mountinfo::MountTable;
use crate::places::{MountProcess, process_of};
use crate::time_limit::within;

/// How long a mount may take to say something. Ours answer from memory, within milliseconds also
/// on a loaded machine.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);

/// Whether somebody still answers for a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It answers.
    Alive,
    /// The process behind it is gone: "Transport endpoint is not connected".
    Dead,
    /// There is no answer, such as from a process that is stopped.
    Silent,
}

/// Asks the mount at `mount_point` for its attributes, which a dead one cannot give. The path has
/// to be as in the table of mounts.
///
/// The kernel lets root ask a mount of another user as little as others. Then the mount counts as
/// alive, unless it is known that no process has its connection open.
///
/// Returns after a few seconds at most. If the mount is silent a thread stays behind until it
/// speaks or this process ends.
#[must_use]
pub fn liveness(mount_point: &Path) -> Liveness {
    let asked = mount_point.to_owned();
    let answer = within(ANSWER_TIME_MAX, move || ask(&asked));
    match answer {
        None => Liveness::Silent,
        Some(LivenessReply::Disconnected) => Liveness::Dead,
        Some(LivenessReply::Denied) if is_abandoned(mount_point) => Liveness::Dead,
        Some(LivenessReply::Denied | LivenessReply::Given) => Liveness::Alive,
    }
}

/// Asks as [`liveness`] does, returns whether somebody answers, and waits for as long as that
/// takes, which for a mount that is stuck is for ever.
#[must_use]
pub fn wait_for_answer(mount_point: &Path) -> bool {
    ask(mount_point) != LivenessReply::Disconnected
}

/// What the kernel says of a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LivenessReply {
    Given,
    /// This user may not ask; the mount was not asked.
    Denied,
    Disconnected,
}

fn ask(mount_point: &Path) -> LivenessReply {
    // The kernel remembers attributes for a while, and would speak for the dead without the force.
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
    entry.is_some_and(|entry| process_of(entry.device) == MountProcess::Gone)
}
