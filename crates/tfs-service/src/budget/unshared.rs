//! Finds mounts of a server that cannot share its streams: those of other users, in the mount
//! table.

use std::path::PathBuf;

use futures_util::future::join_all;
use rqbit_client::BaseUrl;
use rustix::process::geteuid;
use tfs_api::status::{BudgetHolder, BudgetStatus};
use tfs_sys::blocking;
use tfs_sys::mountinfo::{MountEntry, MountTable};

use super::ServerKey;
use crate::mounting::{Liveness, liveness};

/// Maximum number of servers to compare: each name is a query to the resolver.
const SERVERS_MAX: usize = 64;

/// Returns the mount points of a server's mounts that are not among `holders`.
///
/// Mounts in other mount namespaces are not visible. Servers whose URL the mount table has
/// truncated are not recognized.
pub(crate) async fn unshared_mounts(key: &ServerKey, holders: &[BudgetHolder]) -> Vec<PathBuf> {
    let table = blocking(|| MountTable::read().unwrap_or_default()).await;
    let is_holder = |mount: &MountEntry| {
        let path = mount.mount_point.to_string_lossy();
        holders.iter().any(|holder| holder.mountpoint == path)
    };
    // A mount may be visible in several places.
    let sharing: Vec<_> = table.tfs().filter(|it| is_holder(it)).map(|it| it.device).collect();
    let mut seen = sharing;
    let mut servers = Vec::new();
    for mount in table.tfs() {
        if seen.contains(&mount.device) {
            continue;
        }
        seen.push(mount.device);
        let source = mount.source.to_string_lossy();
        let urls = source.split(',').filter_map(|url| url.parse::<BaseUrl>().ok());
        servers.extend(urls.map(|url| (mount, url)));
    }
    servers.truncate(SERVERS_MAX);
    let keys = servers.iter().map(async |(mount, url)| (*mount, ServerKey::of(url).await));
    let mut found: Vec<_> = join_all(keys).await;
    found.retain(|(_, other)| other == key);
    let mut paths = Vec::new();
    for (mount, _) in found {
        if !paths.contains(&mount.mount_point) && is_in_use(mount).await {
            paths.push(mount.mount_point.clone());
        }
    }
    paths
}

/// Returns whether a mount has a process, as far as this user can find out: mounts of other users
/// may deny access.
async fn is_in_use(mount: &MountEntry) -> bool {
    if mount.user_id != Some(geteuid().as_raw()) {
        return true;
    }
    let path = mount.mount_point.clone();
    blocking(move || liveness(&path)).await != Liveness::Dead
}

/// A problem with the streams of a server, and its remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetWarning {
    /// The problem.
    pub message: String,
    /// The remedy.
    pub hint: String,
}

impl BudgetWarning {
    /// Returns the warning that other mounts of the server do not share the budget, if there are
    /// any.
    pub(crate) fn of_unshared(paths: &[PathBuf], streams_max: usize) -> Option<Self> {
        if paths.is_empty() {
            return None;
        }
        let shown: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        let each = streams_max.checked_div(paths.len() + 1).unwrap_or(streams_max).max(1);
        Some(Self {
            message: format!(
                "the server is also mounted on {}, by another user or from another runtime \
                 directory; streams are not shared with it, so rqbit may stop",
                shown.join(", ")
            ),
            hint: format!("split the streams: mount each of them with --max-streams {each}"),
        })
    }

    /// Returns the warning that processes do not share the budget, if that is the case.
    pub(crate) fn of_status(status: &BudgetStatus) -> Option<Self> {
        let error = status.error.as_ref()?;
        Some(Self {
            message: format!("streams are not shared with other processes: failed to {error}"),
            hint: "make the runtime directory writable, or split the streams between all mounts \
                   of the server with --max-streams"
                .to_owned(),
        })
    }
}
