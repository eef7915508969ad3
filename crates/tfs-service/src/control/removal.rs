//! Notifying mounts of torrents that tfs removed from a server.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;
use vfs_core::InfoHash;

use super::client::ControlClient;
use super::find::clients;
use super::wire::RefreshRequest;
use crate::BaseUrl;

/// How long a command waits for the mounts. They see the removal with their next poll otherwise.
const NOTIFY_TIME_MAX: Duration = Duration::from_secs(5);

/// Has all mounts of this user that show a server look at it now, and lets them know that tfs
/// removed these torrents from it: that is believed at once, also if the server was started again
/// meanwhile. Mounts that do not answer are passed over.
///
/// # Cancel safety
/// Mounts that were asked go on.
pub async fn notify_of_removal(server: &BaseUrl, removed: &[InfoHash]) {
    let Ok(clients) = clients().await else { return };
    let server = server.to_string();
    let notified = clients.iter().map(|client| notify(client, &server, removed));
    if timeout(NOTIFY_TIME_MAX, join_all(notified)).await.is_err() {
        tracing::debug!("some mounts did not look at the server in time");
    }
}

async fn notify(client: &ControlClient, server: &str, removed: &[InfoHash]) {
    let Ok(process) = client.status().await else { return };
    let mounts = process.mounts.iter().map(|mount| &mount.status);
    let mounts = mounts.filter(|status| status.servers.iter().any(|it| it.url == server));
    for status in mounts {
        let request = RefreshRequest {
            mountpoint: Some(status.mountpoint.clone()),
            removed: removed.iter().map(ToString::to_string).collect(),
            ..RefreshRequest::default()
        };
        if let Err(error) = client.refresh_with(&request).await {
            tracing::debug!(mount = status.mountpoint, %error, "a mount did not look");
        }
    }
}
