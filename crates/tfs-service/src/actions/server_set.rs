//! The torrents of several servers, merged into one list.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tfs_config::ServerSettings;

use super::list_tags::ListTags;
use super::merge::{ListedServer, union};
use super::watched_servers::WatchedServers;
use crate::server::NamedServer;
use crate::{ConnectError, TorrentRow};

/// Servers that are queried together.
#[derive(Debug)]
pub struct ServerSet {
    servers: Vec<ListedServer>,
    tags: Arc<ListTags>,
}

/// Result of querying all servers.
#[derive(Debug)]
pub struct TorrentListing {
    /// The torrents of the servers that answered.
    pub rows: Vec<TorrentRow>,
    /// Errors of the other servers.
    pub errors: Vec<ConnectError>,
}

impl ServerSet {
    /// Creates clients for named servers without sending anything; the servers may be down.
    ///
    /// # Errors
    /// If the settings of a server cannot be used.
    pub fn new(
        settings: impl IntoIterator<Item = (String, ServerSettings)>,
        chunk_time_max: Duration,
    ) -> Result<Self, ConnectError> {
        let servers = settings
            .into_iter()
            .map(|(name, settings)| ListedServer::new(name, &settings, chunk_time_max));
        let servers = servers.collect::<Result<_, _>>()?;
        Ok(Self { servers, tags: Arc::new(ListTags::of_user()) })
    }

    /// Returns the servers of a mount.
    pub(crate) fn of_named(servers: Vec<NamedServer>) -> Self {
        let servers = servers.into_iter().map(ListedServer::of_mount);
        Self { servers: servers.collect(), tags: Arc::new(ListTags::of_user()) }
    }

    /// Returns the number of servers.
    #[must_use]
    pub fn count(&self) -> usize {
        self.servers.len()
    }

    /// Queries all servers concurrently.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn torrents(&self) -> TorrentListing {
        let (rows, failed) = self.listed().await;
        TorrentListing { rows, errors: failed.into_iter().map(|(_, error)| error).collect() }
    }

    /// Like [`torrents`](Self::torrents), with the name of each server that failed.
    pub(crate) async fn listed(&self) -> (Vec<TorrentRow>, Vec<(String, ConnectError)>) {
        let asked = self.servers.iter().map(async |server| {
            let name = server.name.clone();
            match server.torrents().await {
                Ok(torrents) => Ok((name, torrents)),
                Err(error) => Err((name, error)),
            }
        });
        let mut failed = Vec::new();
        let listed = join_all(asked).await.into_iter();
        let listed = listed.filter_map(|listed| listed.map_err(|error| failed.push(error)).ok());
        let mut rows = union(listed.collect());
        self.tags.set(rows.iter_mut());
        (rows, failed)
    }

    /// Polls each server from now on, `pause` after its last answer.
    #[must_use]
    pub fn watch(&self, pause: Duration) -> WatchedServers {
        WatchedServers::start(&self.servers, pause).with_tags(Arc::clone(&self.tags))
    }
}
