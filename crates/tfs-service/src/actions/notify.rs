//! Notifies mounts of changes that tfs made on a server.

use std::time::Duration;

use futures_util::future::join_all;
use tfs_api::status::StatusReport;
use tfs_api::wire::RefreshRequest;
use tfs_api::{ControlClient, PROBE_TIME_MAX, all_clients};
use tokio::time::timeout;
use vfs_core::InfoHash;

use crate::BaseUrl;
use crate::budget::ServerKey;

/// How long a command waits for the mounts. Otherwise they see the change with their next poll.
const NOTIFY_TIME_MAX: Duration = Duration::from_secs(5);

/// Makes all mounts that show a server poll it now. Returns when they show the change, or after
/// five seconds. The torrents of `removed` count as removed even if the server was restarted
/// meanwhile.
///
/// The mounts are those of this user, for root those of all users. A server is identified by its
/// machine, port and path, however its address is spelled. Mounts that do not answer are skipped.
///
/// # Cancel safety
/// Mounts that were notified continue.
pub async fn notify_of_change(server: &BaseUrl, removed: &[InfoHash]) {
    let Ok(clients) = all_clients().await else { return };
    if clients.is_empty() {
        return;
    }
    let key = ServerKey::of(server).await;
    let notified = clients.iter().map(|client| notify(client, server, &key, removed));
    if timeout(NOTIFY_TIME_MAX, join_all(notified)).await.is_err() {
        tracing::debug!("some mounts did not poll the server in time");
    }
}

async fn notify(client: &ControlClient, server: &BaseUrl, key: &ServerKey, removed: &[InfoHash]) {
    // A stopped process must not delay the command for long.
    let Ok(Ok(process)) = timeout(PROBE_TIME_MAX, client.status()).await else { return };
    for mount in process.mounts {
        if !shows(&mount.status, server, key).await {
            continue;
        }
        let request = RefreshRequest {
            mountpoint: Some(mount.status.mountpoint.clone()),
            removed: removed.iter().map(ToString::to_string).collect(),
            ..RefreshRequest::default()
        };
        if let Err(error) = client.refresh_with(&request).await {
            tracing::debug!(mount = mount.status.mountpoint, %error,
                "a mount did not poll the server");
        }
    }
}

/// Returns whether a mount shows a server.
async fn shows(mount: &StatusReport, server: &BaseUrl, key: &ServerKey) -> bool {
    for shown in &mount.servers {
        let Ok(url) = shown.url.parse::<BaseUrl>() else { continue };
        if url == *server || (url.port() == server.port() && ServerKey::of(&url).await == *key) {
            return true;
        }
    }
    false
}
