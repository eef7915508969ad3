//! The torrents of one server for a list, and the merged torrents of several.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tfs_config::ServerSettings;
use tfs_types::chain;
use tokio::sync::Mutex;

use super::torrent_sizes::TorrentSizes;
use super::torrents::list;
use crate::on_demand_records::RecordsError;
use crate::record_place::records_of;
use crate::server::NamedServer;
use crate::{ConnectError, RqbitServer, TorrentRow};

/// How long a list waits for the sizes of torrents, which need one request each, while a user waits
/// at a prompt. A server on this machine answers a thousand in that time.
const SIZES_TIME_MAX: Duration = Duration::from_secs(2);

/// States of a torrent, best first.
const STATES: [&str; 5] = ["live", "initializing", "resolving", "paused", "error"];

/// A server whose torrents are listed. Clones share the cached sizes.
#[derive(Debug, Clone)]
pub(crate) struct ListedServer {
    /// The name of the server.
    pub(crate) name: String,
    pub(crate) server: RqbitServer,
    /// Protects the sizes; held while a list is made.
    sizes: Arc<Mutex<TorrentSizes>>,
}

impl ListedServer {
    /// Creates a client without sending anything; the server may be down.
    pub(crate) fn new(
        name: String,
        settings: &ServerSettings,
        chunk_time_max: Duration,
    ) -> Result<Self, ConnectError> {
        let server = RqbitServer::new(settings, chunk_time_max)?;
        Ok(Self { name, server, sizes: Arc::default() })
    }

    /// Returns a server of a mount.
    pub(crate) fn of_mount(NamedServer { name, server }: NamedServer) -> Self {
        Self { name, server, sizes: Arc::default() }
    }

    /// Lists the torrents.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub(crate) async fn torrents(&self) -> Result<Vec<TorrentRow>, ConnectError> {
        self.server.check().await?;
        let mut rows = list(&self.server, &mut *self.sizes.lock().await, SIZES_TIME_MAX).await?;
        set_modes(&self.server, &mut rows).await;
        Ok(rows)
    }
}

/// Sets the modes of on-demand torrents. If their records cannot be read, the list has none.
async fn set_modes(server: &RqbitServer, rows: &mut [TorrentRow]) {
    let read = async {
        let records = records_of(server).await?;
        let table = records.load().await?;
        Ok::<_, RecordsError>((records, table))
    };
    let (records, table) = match read.await {
        Ok(read) => read,
        Err(error) => {
            tracing::warn!(error = chain(&error), "the list has no on-demand torrents");
            return;
        }
    };
    for row in rows {
        let torrent = row.info_hash.parse().ok();
        let record = torrent.and_then(|torrent| table.get(records.key(), torrent));
        row.on_demand = record.map(|record| record.mode);
    }
}

/// Merges the torrents that servers listed. Each torrent occurs once: with the names of all servers
/// that have it, the largest progress, the best state, and the sums of rates and peers. Its id is
/// that on the first server.
pub(crate) fn union(listed: Vec<(String, Vec<TorrentRow>)>) -> Vec<TorrentRow> {
    let mut rows: Vec<TorrentRow> = Vec::new();
    let mut places = HashMap::new();
    for (server, torrents) in listed {
        for mut torrent in torrents {
            torrent.servers = vec![server.clone()];
            let place = *places.entry(torrent.info_hash.clone()).or_insert(rows.len());
            match rows.get_mut(place) {
                Some(row) => merge(row, torrent),
                None => rows.push(torrent),
            }
        }
    }
    rows
}

fn merge(row: &mut TorrentRow, other: TorrentRow) {
    row.servers.extend(other.servers);
    row.name = row.name.take().or(other.name);
    if rank(other.state) < rank(row.state) {
        (row.state, row.error) = (other.state, other.error);
    }
    row.progress = row.progress.max(other.progress);
    row.have_bytes = row.have_bytes.max(other.have_bytes);
    row.total_bytes = row.total_bytes.max(other.total_bytes);
    row.size_bytes = row.size_bytes.max(other.size_bytes);
    row.there_bytes = row.there_bytes.max(other.there_bytes);
    row.selected_bytes = row.selected_bytes.max(other.selected_bytes);
    row.on_demand = row.on_demand.max(other.on_demand);
    row.finished |= other.finished;
    row.download_bps = row.download_bps.saturating_add(other.download_bps);
    row.upload_bps = row.upload_bps.saturating_add(other.upload_bps);
    row.uploaded_bytes = row.uploaded_bytes.saturating_add(other.uploaded_bytes);
    row.peers = row.peers.saturating_add(other.peers);
}

fn rank(state: &str) -> usize {
    STATES.iter().position(|it| *it == state).unwrap_or(STATES.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(info_hash: &str, state: &'static str, have_bytes: u64) -> TorrentRow {
        TorrentRow {
            id: Some(have_bytes),
            name: Some("a film".to_owned()),
            state,
            progress: 0.5,
            have_bytes,
            total_bytes: 100,
            download_bps: 3,
            peers: 2,
            error: (state == "error").then(|| "no disk".to_owned()),
            ..TorrentRow::empty(info_hash.to_owned())
        }
    }

    #[test]
    fn what_several_servers_have_is_one_torrent() {
        let home = vec![row("aa", "error", 10), row("bb", "live", 1)];
        let away = vec![row("cc", "paused", 2), row("aa", "paused", 70)];
        let rows = union(vec![("home".to_owned(), home), ("away".to_owned(), away)]);
        let shown: Vec<_> =
            rows.iter().map(|row| (row.info_hash.as_str(), row.servers.join("+"))).collect();
        let want = [("aa", "home+away"), ("bb", "home"), ("cc", "away")];
        assert_eq!(shown, want.map(|(hash, servers)| (hash, servers.to_owned())));
        let both = TorrentRow {
            id: Some(10),
            download_bps: 6,
            peers: 4,
            servers: rows[0].servers.clone(),
            ..row("aa", "paused", 70)
        };
        assert_eq!(rows[0], both);
    }
}
