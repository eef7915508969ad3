//! The servers inside the processes of this user, for commands that go to a server.

use futures_util::future::join_all;
use rqbit_client::Credentials;
use tokio::time::timeout;

use super::client::ControlClient;
use super::elsewhere::PROBE_TIME_MAX;
use super::find::clients;
use super::wire::EmbeddedServerInfo;
use crate::ServerSettings;

/// A server inside a process that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundServer {
    /// Where its torrents are mounted.
    pub mountpoint: String,
    /// How it is reached.
    pub connection: ServerSettings,
}

/// Returns the servers inside the processes of this user, by their mount points. A process that
/// does not answer within two seconds is left out, as is one of an older version.
///
/// # Cancel safety
/// Nothing is lost.
pub async fn embedded_servers() -> Vec<FoundServer> {
    let clients = match clients().await {
        Ok(clients) => clients,
        Err(error) => {
            tracing::debug!(%error, "no process is asked for its server");
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
            tracing::debug!(socket = %client.socket().display(), %error, "no server inside");
            Vec::new()
        }
        Err(_elapsed) => Vec::new(),
    }
}

/// Returns a server as other servers are, if what the process says of it makes sense.
fn usable(EmbeddedServerInfo { mountpoint, access }: EmbeddedServerInfo) -> Option<FoundServer> {
    let url = access.url.parse().ok()?;
    let credentials = Credentials::new(&access.username, &access.password).ok()?;
    let connection = ServerSettings { url, credentials: Some(credentials) };
    Some(FoundServer { mountpoint, connection })
}
