//! Search for peers of a torrent whose known peers are gone.
//!
//! rqbit asks a tracker at its interval only, which is half an hour or more, and tries a peer that
//! failed again after 10 seconds, then a minute, then longer, up to an hour. Neither a stream nor
//! the same address in `add_peers` changes that. Two requests do, and neither pauses the torrent:
//!
//! - A magnet link that is only listed makes rqbit ask trackers and DHT at once, and returns the
//!   addresses. The torrent that it already has is not touched.
//! - An IPv4 address written as an IPv6 address is another peer to rqbit, so it connects at once.
//!
//! Cost: the magnet link is announced to the trackers as another start of the torrent, and one
//! of the peers sends the torrent's metadata.

use std::collections::HashMap;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rqbit_client::wire::{PeerState, TorrentPeer};
use rqbit_client::{AddOptions, AddSource, Client, TorrentRef};
use tokio::sync::Semaphore;
use vfs_core::InfoHash;

use crate::metainfo;

/// How long the server may search. A tracker answers within a second, and the DHT within some.
const SEARCH_TIME_MAX: Duration = Duration::from_secs(20);

/// Maximum number of concurrent searches at a server: a program that opens hundreds of files while
/// the network is down must not send hundreds of announces at once.
const SEARCHES_MAX: usize = 2;

/// Maximum number of peers that are added by one search. rqbit connects to at most 128 at a time.
const FOUND_MAX: usize = 200;

/// The addresses that a [`PeerSearch`] returns in the end.
pub type FoundPeers<'a> = Pin<Box<dyn Future<Output = Vec<SocketAddr>> + Send + 'a>>;

/// A way to find peers that the server's API does not have, as for a server in this process.
pub trait PeerSearch: Debug + Send + Sync + 'static {
    /// Asks the trackers of a torrent, and the DHT unless it is private, and returns what they
    /// know within some seconds. Empty if the server does not have the torrent.
    fn search(&self, torrent: InfoHash) -> FoundPeers<'_>;
}

/// Finds peers for one server.
#[derive(Debug)]
pub(crate) struct PeerFinder {
    search: Option<Arc<dyn PeerSearch>>,
    slots: Semaphore,
}

impl Default for PeerFinder {
    fn default() -> Self {
        Self::new(None)
    }
}

impl PeerFinder {
    pub(crate) fn new(search: Option<Arc<dyn PeerSearch>>) -> Self {
        Self { search, slots: Semaphore::new(SEARCHES_MAX) }
    }

    /// Makes the server connect to the peers that failed, and to those that a search finds. Returns
    /// how many peers it did not know.
    ///
    /// # Errors
    /// Those of the requests, such as for a torrent that is paused: it is left alone.
    pub(crate) async fn find(
        &self,
        client: &Client,
        torrent: InfoHash,
    ) -> Result<usize, rqbit_client::Error> {
        let _slot = self.slots.acquire().await;
        let of = TorrentRef::from(torrent);
        let listed = client.torrent_peers(of).await?.peers;
        let had_bytes = |peer: &&TorrentPeer| peer.fetched_bytes > 0;
        let failed = listed.iter().filter(|peer| peer.state == PeerState::Dead);
        let failed = failed.filter(had_bytes).filter_map(|peer| other_form(peer.addr)).collect();
        let revived_count = add(client, of, failed).await?;
        let found = match &self.search {
            Some(search) => search.search(torrent).await,
            None => by_magnet(client, torrent).await?,
        };
        let states: HashMap<_, _> = listed.iter().map(|peer| (peer.addr, peer.state)).collect();
        let found = found.into_iter().filter_map(|addr| match states.get(&addr) {
            None => Some(addr),
            Some(PeerState::Dead) => other_form(addr),
            Some(_) => None,
        });
        let found_count = add(client, of, found.take(FOUND_MAX).collect()).await?;
        Ok(revived_count.saturating_add(found_count))
    }
}

async fn add(
    client: &Client,
    torrent: TorrentRef,
    peers: Vec<SocketAddr>,
) -> Result<usize, rqbit_client::Error> {
    if peers.is_empty() { Ok(0) } else { client.add_peers(torrent, &peers).await }
}

/// Asks the server to resolve a magnet link of a torrent that it has, and returns the peers that it
/// saw. None for a private torrent: a magnet link does not say that it is one, and rqbit would ask
/// the DHT.
async fn by_magnet(
    client: &Client,
    torrent: InfoHash,
) -> Result<Vec<SocketAddr>, rqbit_client::Error> {
    let torrent_file = client.torrent_metadata(torrent.into()).await?;
    let Some(trackers) = metainfo::public_trackers(&torrent_file) else { return Ok(Vec::new()) };
    let magnet = AddSource::magnet(torrent, trackers);
    let timeout = Some(SEARCH_TIME_MAX);
    let options = AddOptions { list_only: true, timeout, ..AddOptions::default() };
    let seen = client.add_torrent(&magnet, &options).await?.seen_peers.unwrap_or_default();
    Ok(seen.iter().filter_map(|peer| peer.parse().ok()).collect())
}

/// Returns an IPv4 address as an IPv6 address, which reaches the same peer. `None` for others: they
/// have no other form.
fn other_form(peer: SocketAddr) -> Option<SocketAddr> {
    match peer {
        SocketAddr::V4(peer) => Some(SocketAddr::from((peer.ip().to_ipv6_mapped(), peer.port()))),
        SocketAddr::V6(_) => None,
    }
}
