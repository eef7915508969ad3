//! Whether somebody still answers for a mount.

use std::path::Path;
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
use rustix::io::Errno;

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

/// Asks the mount at `mount_point` for its attributes, which a dead one cannot give.
///
/// Returns after a few seconds at most. If the mount is silent a thread stays behind until it
/// speaks or this process ends.
#[must_use]
pub fn liveness(mount_point: &Path) -> Liveness {
    let mount_point = mount_point.to_owned();
    let is_alive = within(ANSWER_TIME_MAX, move || wait_for_answer(&mount_point));
    match is_alive {
        None => Liveness::Silent,
        Some(false) => Liveness::Dead,
        Some(true) => Liveness::Alive,
    }
}

/// Asks as [`liveness`] does, returns whether somebody answers, and waits for as long as that
/// takes, which for a mount that is stuck is for ever.
#[must_use]
pub fn wait_for_answer(mount_point: &Path) -> bool {
    // The kernel remembers attributes for a while, and would speak for the dead without the force.
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_FORCE_SYNC;
    let answer = statx(CWD, mount_point, flags, StatxFlags::BASIC_STATS);
    !matches!(answer, Err(Errno::NOTCONN | Errno::CONNABORTED))
}
