//! The peers of a torrent.

use std::net::SocketAddr;

use super::Client;
use crate::http::HttpRequest;
use crate::wire::{AddedPeers, TorrentPeers};
use crate::{Endpoint, Result, TorrentRef};

/// Maximum size of an answer: some 16,000 peers of a real server, each with 500 bytes.
const PEER_LIST_BYTES_MAX: usize = 8 * 1024 * 1024;

impl Client {
    /// Requests the peers of a torrent, in every state.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) for an unknown torrent,
    /// [`ErrorKind::Status`](crate::ErrorKind::Status) of 412 if it is not live.
    pub async fn torrent_peers(&self, torrent: TorrentRef) -> Result<TorrentPeers> {
        let path = format!("torrents/{torrent}/peer_stats?state=all");
        self.json_within(&HttpRequest::get(Endpoint::PeerList, path), PEER_LIST_BYTES_MAX).await
    }

    /// Adds peers to a torrent, and returns how many of them it did not know. It connects to those
    /// at once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) for an unknown torrent,
    /// [`ErrorKind::Status`](crate::ErrorKind::Status) of 500 if it is not live, or of 405 if the
    /// server is read-only.
    pub async fn add_peers(&self, torrent: TorrentRef, peers: &[SocketAddr]) -> Result<usize> {
        let mut call =
            HttpRequest::post(Endpoint::AddPeers, format!("torrents/{torrent}/add_peers"));
        // rqbit splits at line feeds only, and skips what it cannot parse.
        let lines: Vec<_> = peers.iter().map(SocketAddr::to_string).collect();
        call.body = lines.join("\n").into();
        Ok(self.json::<AddedPeers>(&call).await?.added)
    }
}
