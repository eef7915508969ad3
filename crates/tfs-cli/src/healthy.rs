//! `tfs healthy`: whether mounts show the data of their servers, as an exit code.

use tfs_api::wire::MissingMount;
use tfs_api::{Statuses, UnreachedMount, statuses};

use crate::args::HealthyArgs;
use crate::output::{self, visible};
use crate::report::UserError;
use crate::{exit, runtime};

/// The state of one mount, as a line.
#[derive(Debug, PartialEq, Eq)]
struct MountHealth {
    mountpoint: String,
    /// The problem, if there is one.
    problem: Option<String>,
}

/// Runs the command. It asks the processes behind the mounts, and never touches a mount.
pub(crate) fn run(args: &HealthyArgs) -> eyre::Result<u8> {
    let found = runtime()?.block_on(statuses(args.mountpoint.as_deref()))?;
    let mut silent = found.silent.iter().map(|error| error.as_reason().to_string());
    let mounts = healths(&found, args.mountpoint.is_some());
    if let Some(reason) = silent.next() {
        let message = format!("a process of tfs does not answer: {reason}");
        return Err(UserError::new(exit::MOUNT_UNANSWERED, message).into());
    }
    if mounts.is_empty() {
        let error = UserError::new(exit::NOT_MOUNTED, "this user has no mounts");
        return Err(error.with_hint("see all mounts with: findmnt -t fuse.tfs").into());
    }
    for MountHealth { mountpoint, problem } in &mounts {
        let state = problem.as_deref().unwrap_or("ok");
        output::line(&format!("{}: {}", visible(mountpoint), visible(state)))?;
    }
    let is_healthy = mounts.iter().all(|mount| mount.problem.is_none());
    Ok(if is_healthy { exit::SUCCESS } else { exit::UNHEALTHY })
}

/// Returns the mounts of this user, or the one that was named: those that answered, those that a
/// daemon could not make, and those in the kernel's table whose process does not answer.
fn healths(found: &Statuses, is_named: bool) -> Vec<MountHealth> {
    let answered = found.mounts.iter().map(|mount| MountHealth {
        mountpoint: mount.status.mountpoint.clone(),
        problem: mount.status.trouble.clone(),
    });
    let missing = found.missing.iter().map(|MissingMount { mountpoint, why }| MountHealth {
        mountpoint: mountpoint.clone(),
        problem: Some(format!("not mounted: {why}")),
    });
    let own_uid = nix::unistd::geteuid().as_raw();
    let is_own = |mount: &&UnreachedMount| is_named || mount.owner_uid == Some(own_uid);
    let unreached = found.unreached.iter().filter(is_own).map(unreached_health);
    answered.chain(missing).chain(unreached).collect()
}

/// Returns the state of a mount whose process was not reached. Its `.tfs/status.json` may still be
/// readable.
fn unreached_health(mount: &UnreachedMount) -> MountHealth {
    let problem = match mount.own_status() {
        Some(mount) => mount.status.trouble,
        None => Some("its process has ended or does not answer".to_owned()),
    };
    MountHealth { mountpoint: mount.mountpoint.display().to_string(), problem }
}
