//! The embedded servers of this user's processes, for commands that use a server.

use futures_util::future::join_all;
use rqbit_client::Credentials;
use tfs_api::wire::EmbeddedServerInfo;
use tfs_api::{ControlClient, PROBE_TIME_MAX, clients};
use tfs_config::ServerSettings;
use tokio::time::timeout;

/// A running embedded server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundServer {
    /// The mount point of its torrents.
    pub(crate) mountpoint: String,
    /// Its address and credentials.
    pub(crate) connection: ServerSettings,
    /// The key of its records.
    pub(crate) record_key: Option<String>,
}

/// Returns the embedded servers of this user's processes, ordered by mount point. Skips processes
/// that do not answer within two seconds or are of an older version.
///
/// # Cancel safety
/// Nothing is lost.
pub(crate) async fn embedded_servers() -> Vec<FoundServer> {
    let clients = match clients().await {
        Ok(clients) => clients,
        Err(error) => {
            tracing::debug!(%error, "cannot ask for embedded servers");
            return Vec::new();
        }
    };
    let found = join_all(clients.iter().map(servers_of)).await;
    let mut found: Vec<_> = found.into_iter().flatten().filter_map(usable).collect();
    found.sort_by(|a, b| a.mountpoint.cmp(&b.mountpoint));
    found
}

async fn servers_of(client: &ControlClient) -> Vec<EmbeddedServerInfo> {
    match timeout(PROBE_TIME_MAX, client.embedded()).await {
        Ok(Ok(answer)) => answer.servers,
        Ok(Err(error)) => {
            tracing::debug!(socket = %client.socket().display(), %error, "no embedded server");
            Vec::new()
        }
        Err(_elapsed) => Vec::new(),
    }
}

/// Converts the description of an embedded server to settings; `None` if it is invalid.
fn usable(EmbeddedServerInfo { mountpoint, access }: EmbeddedServerInfo) -> Option<FoundServer> {
    let url = access.url.parse().ok()?;
    let credentials = Credentials::new(&access.username, &access.password).ok()?;
    let connection = ServerSettings { credentials: Some(credentials), ..ServerSettings::new(url) };
    Some(FoundServer { mountpoint, connection, record_key: access.record_key })
}
