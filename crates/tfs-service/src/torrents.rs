//! The torrents of a server, for people and scripts.

use std::net::SocketAddr;

use bytes::Bytes;
use rqbit_client::{AddOptions, AddSource, wire};
use serde::Serialize;

use crate::{Server, ServerError};

/// One torrent. Serialized, this is a line of `tfs list --json`: fields are added, never changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TorrentRow {
    /// The server's number for it, which a restart may change.
    pub id: Option<u64>,
    /// 40 lower-case hexadecimal digits.
    pub info_hash: String,
    /// The name, as it stands in the torrent; `null` while it is not resolved.
    pub name: Option<String>,
    /// `resolving`, `initializing`, `live`, `paused`, `error` or `unknown`.
    pub state: &'static str,
    /// The share of the selected files that is there, from 0 to 1.
    pub progress: f64,
    /// Bytes of the selected files that are there.
    pub have_bytes: u64,
    /// Bytes of the selected files.
    pub total_bytes: u64,
    /// Whether all selected files are there.
    pub finished: bool,
    /// Bytes a second from peers.
    pub download_bps: u64,
    /// Bytes a second to peers.
    pub upload_bps: u64,
    /// Connected peers.
    pub peers: u32,
    /// Why it is in state `error`.
    pub error: Option<String>,
    /// What the servers are called that have it, where they were asked by name.
    pub servers: Vec<String>,
}

#[cfg(test)]
impl TorrentRow {
    /// Returns a torrent that is live, without a name and without anything of its data.
    pub(crate) fn empty(info_hash: String) -> Self {
        Self {
            id: None,
            info_hash,
            name: None,
            state: "live",
            progress: 0.0,
            have_bytes: 0,
            total_bytes: 0,
            finished: false,
            download_bps: 0,
            upload_bps: 0,
            peers: 0,
            error: None,
            servers: Vec::new(),
        }
    }
}

/// Returns the torrents of a server in the order in which they were added.
///
/// # Errors
/// [`ServerError`].
pub async fn torrents(server: &Server) -> Result<Vec<TorrentRow>, ServerError> {
    let client = server.client();
    let failed = |source| ServerError { url: client.base_url().clone(), source };
    let mut torrents = client.torrents_with_stats().await.map_err(failed)?;
    torrents.sort_by_key(|torrent| (torrent.id, torrent.info_hash));
    Ok(torrents.into_iter().map(row).collect())
}

/// Adds a `.torrent` file to a server and names peers that have it.
///
/// # Errors
/// [`ServerError`].
pub async fn add_torrent(
    server: &Server,
    torrent_file: Bytes,
    peers: Vec<SocketAddr>,
) -> Result<(), ServerError> {
    let client = server.client();
    let failed = |source| ServerError { url: client.base_url().clone(), source };
    let options = AddOptions { initial_peers: peers, ..AddOptions::default() };
    let source = AddSource::TorrentFile(torrent_file);
    client.add_torrent(&source, &options).await.map(|_added| ()).map_err(failed)
}

fn row(torrent: wire::TorrentDetails) -> TorrentRow {
    let stats = torrent.stats.unwrap_or_default();
    let live = stats.live.unwrap_or_default();
    let state = match stats.state {
        wire::TorrentState::Initializing if torrent.total_pieces == Some(0) => "resolving",
        wire::TorrentState::Initializing => "initializing",
        wire::TorrentState::Live => "live",
        wire::TorrentState::Paused => "paused",
        wire::TorrentState::Error => "error",
        wire::TorrentState::Unknown => "unknown",
    };
    TorrentRow {
        id: torrent.id,
        info_hash: torrent.info_hash.to_string(),
        name: torrent.name,
        state,
        progress: share(stats.progress_bytes, stats.total_bytes, stats.finished),
        have_bytes: stats.progress_bytes,
        total_bytes: stats.total_bytes,
        finished: stats.finished,
        download_bps: live.download_speed.bytes_per_second(),
        upload_bps: live.upload_speed.bytes_per_second(),
        peers: live.snapshot.peer_stats.live,
        error: stats.error,
        servers: Vec::new(),
    }
}

/// Returns the share of the whole; of nothing it is all when it is finished.
fn share(have_bytes: u64, total_bytes: u64, finished: bool) -> f64 {
    if total_bytes == 0 {
        return if finished { 1.0 } else { 0.0 };
    }
    #[expect(clippy::cast_precision_loss, reason = "a share for people, not for sums")]
    let share = have_bytes as f64 / total_bytes as f64;
    share.clamp(0.0, 1.0)
}
