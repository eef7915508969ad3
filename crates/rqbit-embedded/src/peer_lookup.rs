//! A search for the peers of a torrent, by librqbit itself.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::StreamExt as _;
use librqbit::Session;
use librqbit::api::TorrentIdOrHash;
use librqbit::dht::Id20;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

/// The longest search. A tracker that does not answer within this is left to a later one.
const LOOKUP_TIME_MAX: Duration = Duration::from_secs(10);

/// How long a search goes on after the first address, while a read waits: a tracker sends all at
/// once. What the DHT sends later, the search of the torrent itself receives too.
const MORE_TIME: Duration = Duration::from_millis(500);

/// Maximum number of addresses. rqbit connects to at most 128 peers at a time.
const PEERS_MAX: usize = 200;

/// Asks the trackers of torrents, and the DHT, for peers. Unlike rqbit's HTTP API it does so also
/// for private torrents, whose tracker is the only one that is asked.
#[derive(Clone)]
pub struct PeerLookup {
    session: Weak<Session>,
    runtime: Handle,
}

impl PeerLookup {
    pub(crate) fn new(session: &Arc<Session>, runtime: Handle) -> Self {
        Self { session: Arc::downgrade(session), runtime }
    }

    /// Returns the addresses of peers of a live torrent that become known within some seconds, at
    /// most 200. They are not added to the torrent. Empty if the server has ended, or the torrent
    /// is not live.
    ///
    /// # Cancel safety
    /// The search ends within ten seconds if the future is dropped.
    pub async fn find(&self, info_hash: [u8; 20]) -> Vec<SocketAddr> {
        let session = Weak::clone(&self.session);
        // On the server's runtime, with which it ends.
        let task = self.runtime.spawn(async move { collect(&session, info_hash).await });
        task.await.ok().flatten().unwrap_or_default()
    }
}

impl fmt::Debug for PeerLookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerLookup").finish_non_exhaustive()
    }
}

async fn collect(session: &Weak<Session>, info_hash: [u8; 20]) -> Option<Vec<SocketAddr>> {
    let mut peers = {
        let session = session.upgrade()?;
        let torrent = session.get(TorrentIdOrHash::Hash(Id20::new(info_hash)))?;
        torrent.live()?;
        session.make_peer_rx_managed_torrent(&torrent, true)?
    };
    let mut deadline = Instant::now() + LOOKUP_TIME_MAX;
    let mut found = Vec::new();
    while let Ok(Some(peer)) = timeout_at(deadline, peers.next()).await {
        if found.is_empty() {
            deadline = deadline.min(Instant::now() + MORE_TIME);
        }
        found.push(peer);
        if found.len() >= PEERS_MAX {
            break;
        }
    }
    Some(found)
}
