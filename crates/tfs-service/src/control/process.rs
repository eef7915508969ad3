//! What a process says of its mounts, and what all processes of a user say.

use std::path::Path;

use futures_util::future::join_all;

use super::client::ControlError;
use super::controlled::Mounts;
use super::find::{FindError, FoundMount, clients, find_mount};
use super::wire::{MissingMount, MountStatus, ProcessStatus};

/// Returns all that there is to know of the mounts of this process. Reads `/proc`.
pub(super) fn status(mounts: &Mounts, missing: Vec<MissingMount>) -> ProcessStatus {
    ProcessStatus {
        pid: std::process::id(),
        // One that ends in between is left out.
        mounts: mounts.all().iter().filter_map(|mount| mount.status().ok()).collect(),
        missing,
    }
}

/// What the processes of a user say of their mounts.
#[derive(Debug, Default)]
pub struct Statuses {
    /// The mounts, process by process, those of one process by their paths.
    pub mounts: Vec<MountStatus>,
    /// What daemons are to have mounted and have not. Of no matter where one mount is asked for.
    pub missing: Vec<MissingMount>,
    /// Why processes that are there did not answer.
    pub silent: Vec<ControlError>,
}

/// Returns the status of the mount at `path`, or of all mounts of this user.
///
/// # Errors
/// [`FindError`], for a path.
pub async fn statuses(path: Option<&Path>) -> Result<Statuses, FindError> {
    let (clients, device) = match path {
        Some(_) => {
            let FoundMount { client, mount } = find_mount(path).await?;
            (vec![client], Some(mount.device))
        }
        None => (clients().await?, None),
    };
    let mut statuses = Statuses::default();
    for answer in join_all(clients.iter().map(|client| client.status())).await {
        match answer {
            Ok(mut process) => {
                process.mounts.sort_by(|a, b| a.status.mountpoint.cmp(&b.status.mountpoint));
                statuses.mounts.append(&mut process.mounts);
                statuses.missing.append(&mut process.missing);
            }
            // It ended between the look at the directory and the question.
            Err(ControlError::Gone { .. }) => {}
            Err(error) => statuses.silent.push(error),
        }
    }
    if let Some(device) = device {
        statuses.mounts.retain(|mount| mount.device == device);
        statuses.missing.clear();
    }
    Ok(statuses)
}
