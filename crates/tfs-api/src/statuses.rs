//! The status of one process's mounts, and of all mounts of this machine.

use std::collections::BTreeSet;
use std::path::Path;

use futures_util::future::join_all;
use tfs_sys::blocking;
use tfs_sys::mountinfo::{MountEntry, MountTable, locate};
use tokio::time::timeout;

use super::client::{ControlClient, ControlError};
use super::elsewhere::{self, UnreachedMount, mounts_in};
use super::find::{FindError, FoundMount, clients, find_mount};
use super::wire::{MissingMount, MountStatus, StatusReply};

/// The status of the processes of a user, and of mounts without a reachable process.
#[derive(Debug, Default)]
pub struct Statuses {
    /// The mounts, grouped by process and ordered by path within one process.
    pub mounts: Vec<MountStatus>,
    /// Mounts that daemons could not establish. Irrelevant if one mount is requested.
    pub missing: Vec<MissingMount>,
    /// Mounts in the kernel's table whose process was not reached.
    pub unreached: Vec<UnreachedMount>,
    /// Errors of running processes that did not answer.
    pub silent: Vec<ControlError>,
    /// Whether a process in the runtime directory of this user has answered.
    pub has_own: bool,
}

/// Returns the status of the mount at `path`, or of all mounts of this machine that this user may
/// see. Waits a few seconds for mounts that do not answer.
///
/// # Errors
/// [`FindError`], for a path.
pub async fn statuses(path: Option<&Path>) -> Result<Statuses, FindError> {
    match path {
        Some(path) => status_at(path).await,
        None => all_statuses().await,
    }
}

async fn status_at(path: &Path) -> Result<Statuses, FindError> {
    let (client, id) = match find_mount(Some(path)).await {
        Ok(FoundMount { client, mount, .. }) => (client, mount),
        Err(error @ (FindError::Foreign { .. } | FindError::SocketLost { .. })) => {
            // Its `.tfs/status.json` may be readable although its process does not answer.
            let is_at = |mount: &UnreachedMount| {
                locate(path).is_ok_and(|located| located == mount.mountpoint)
            };
            let mut unreached = unreached(&BTreeSet::new()).await;
            unreached.retain(|mount| mount.status.is_some() && is_at(mount));
            let statuses = Statuses { unreached, ..Statuses::default() };
            return if statuses.unreached.is_empty() { Err(error) } else { Ok(statuses) };
        }
        Err(error) => return Err(error),
    };
    let mut statuses = Statuses::default();
    statuses.add(client.status().await);
    let is_wanted =
        |mount: &MountStatus| mount.device == id.device && mount.status.mountpoint == id.mountpoint;
    statuses.mounts.retain(is_wanted);
    statuses.missing.clear();
    Ok(statuses)
}

async fn all_statuses() -> Result<Statuses, FindError> {
    let mut statuses = Statuses::default();
    let known = clients().await?;
    for answer in join_all(known.iter().map(ControlClient::status)).await {
        statuses.add(answer);
    }
    statuses.has_own = !statuses.mounts.is_empty() || !statuses.missing.is_empty();
    let devices = |statuses: &Statuses| -> BTreeSet<String> {
        statuses.mounts.iter().map(|mount| mount.device.clone()).collect()
    };
    let answered = devices(&statuses);
    // Concurrently, so that a stopped process delays this by one timeout only.
    let (further, unreached) =
        tokio::join!(further_statuses(known, answered.clone()), unreached(&answered));
    // Such a process may have mounts in another mount namespace too; this table does not contain
    // them.
    let table = blocking(|| mounts_in(&MountTable::read().unwrap_or_default())).await;
    let seen: BTreeSet<_> = table.iter().map(|entry| entry.device.to_string()).collect();
    for mut process in further {
        let answered = devices(&statuses);
        process
            .mounts
            .retain(|mount| seen.contains(&mount.device) && !answered.contains(&mount.device));
        process.missing.clear();
        statuses.add(Ok(process));
    }
    let answered = devices(&statuses);
    statuses.unreached = unreached;
    statuses.unreached.retain(|mount| !answered.contains(&mount.device));
    Ok(statuses)
}

/// Queries processes other than the `known` ones, if the kernel's table has mounts other than the
/// `answered` ones. Skips those that do not answer in time.
async fn further_statuses(
    known: Vec<ControlClient>,
    answered: BTreeSet<String>,
) -> Vec<StatusReply> {
    let further = blocking(move || {
        let table = MountTable::read().unwrap_or_default();
        let is_answered = |entry: &MountEntry| answered.contains(&entry.device.to_string());
        let is_complete = mounts_in(&table).iter().all(is_answered);
        if is_complete { Vec::new() } else { elsewhere::clients(&table, &known) }
    });
    let further = further.await;
    let asked = further.iter().map(|client| timeout(elsewhere::PROBE_TIME_MAX, client.status()));
    join_all(asked).await.into_iter().filter_map(|answer| answer.ok()?.ok()).collect()
}

/// Probes the mounts in the kernel's table that are not among the `answered` ones.
async fn unreached(answered: &BTreeSet<String>) -> Vec<UnreachedMount> {
    let entries = blocking(|| mounts_in(&MountTable::read().unwrap_or_default())).await;
    let is_unknown = |entry: &MountEntry| !answered.contains(&entry.device.to_string());
    elsewhere::look_at(entries.into_iter().filter(is_unknown).collect()).await
}

impl Statuses {
    fn add(&mut self, answer: Result<StatusReply, ControlError>) {
        match answer {
            Ok(mut process) => {
                process.mounts.sort_by(|a, b| a.status.mountpoint.cmp(&b.status.mountpoint));
                self.mounts.append(&mut process.mounts);
                self.missing.append(&mut process.missing);
            }
            // It ended after the directory was read.
            Err(ControlError::Gone { .. }) => {}
            Err(error) => self.silent.push(error),
        }
    }
}
