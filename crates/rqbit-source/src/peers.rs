//! Addresses of peers, so that peers that the server has forgotten can be added again.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use rqbit_client::wire::{PeerState, TorrentPeer};
use vfs_core::{InfoHash, PeerCounts};

/// Maximum number of remembered peers of a torrent. rqbit connects to at most 128 at a time.
const PEERS_MAX: usize = 200;

/// Maximum number of torrents whose peers are remembered.
const TORRENTS_MAX: usize = 64;

/// How often a peer is added again without being seen connected in between.
const ADDS_MAX: u32 = 3;

/// A remembered peer.
#[derive(Debug, Default)]
struct KnownPeer {
    /// Whether the server's last answer lacked it.
    is_forgotten: bool,
    /// How often it was added again since it was last seen connected.
    adds: u32,
}

/// The remembered peers of a torrent.
#[derive(Debug, Default)]
struct RememberedPeers {
    peers: BTreeMap<SocketAddr, KnownPeer>,
    /// The number of the last answer.
    used: u64,
}

/// The peers that the server was seen connected to.
#[derive(Debug, Default)]
pub(crate) struct KnownPeers {
    /// Protects the addresses; held for one access.
    torrents: Mutex<Torrents>,
}

#[derive(Debug, Default)]
struct Torrents {
    torrents: HashMap<InfoHash, RememberedPeers>,
    answers: u64,
}

impl KnownPeers {
    /// Remembers the connected peers of an answer, and returns the peers by state.
    pub(crate) fn on_peers(&self, torrent: InfoHash, listed: &[TorrentPeer]) -> PeerCounts {
        let mut all = self.torrents.lock().unwrap_or_else(PoisonError::into_inner);
        all.answers = all.answers.saturating_add(1);
        let used = all.answers;
        let known = all.torrents.entry(torrent).or_default();
        known.used = used;
        let mut counts = PeerCounts::default();
        known.peers.values_mut().for_each(|peer| peer.is_forgotten = true);
        for peer in listed {
            let count = match peer.state {
                PeerState::Live => &mut counts.live,
                PeerState::Queued | PeerState::Connecting => &mut counts.coming,
                PeerState::NotNeeded => &mut counts.not_needed,
                PeerState::Dead | PeerState::Unknown => &mut counts.dead,
            };
            *count = count.saturating_add(1);
            // A peer that never sent anything may be an incoming connection, whose port is of no
            // use.
            let is_live = peer.state == PeerState::Live;
            let may_add = peer.fetched_bytes > 0 && known.peers.len() < PEERS_MAX;
            if may_add {
                known.peers.entry(peer.addr).or_default();
            }
            if let Some(known) = known.peers.get_mut(&peer.addr) {
                known.is_forgotten = false;
                known.adds = if is_live { 0 } else { known.adds };
            }
        }
        known.peers.retain(|_, peer| !peer.is_forgotten || peer.adds < ADDS_MAX);
        counts.forgotten = known.peers.values().filter(|peer| peer.is_forgotten).count();
        if all.torrents.len() > TORRENTS_MAX {
            let oldest = all.torrents.iter().min_by_key(|(_, it)| it.used).map(|(hash, _)| *hash);
            oldest.and_then(|oldest| all.torrents.remove(&oldest));
        }
        counts
    }

    /// Returns the forgotten peers of a torrent, which the caller adds again.
    pub(crate) fn take_forgotten(&self, torrent: InfoHash) -> Vec<SocketAddr> {
        let mut all = self.torrents.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = all.torrents.get_mut(&torrent) else { return Vec::new() };
        let forgotten = known.peers.iter_mut().filter(|(_, peer)| peer.is_forgotten);
        forgotten
            .map(|(addr, peer)| {
                peer.adds = peer.adds.saturating_add(1);
                *addr
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TORRENT: InfoHash = InfoHash::from_bytes([1; InfoHash::BYTES]);

    fn peer(port: u16, state: PeerState, fetched_bytes: u64) -> TorrentPeer {
        TorrentPeer { addr: SocketAddr::from(([127, 0, 0, 1], port)), state, fetched_bytes }
    }

    #[test]
    fn peers_that_sent_bytes_are_remembered() {
        let known = KnownPeers::default();
        let states = [
            peer(1, PeerState::Live, 5),
            peer(2, PeerState::NotNeeded, 5),
            // It never sent anything.
            peer(3, PeerState::Live, 0),
            peer(4, PeerState::Queued, 0),
            peer(5, PeerState::Dead, 0),
        ];
        let want = PeerCounts { live: 2, coming: 1, not_needed: 1, dead: 1, forgotten: 0 };
        assert_eq!(known.on_peers(TORRENT, &states), want);
        assert_eq!(known.on_peers(TORRENT, &[]), PeerCounts { forgotten: 2, ..Default::default() });
        let ports = |peers: Vec<SocketAddr>| peers.iter().map(SocketAddr::port).collect::<Vec<_>>();
        assert_eq!(ports(known.take_forgotten(TORRENT)), [1, 2]);
        // One of them came back, and the other is added a few times only.
        for _ in 1..ADDS_MAX {
            let listed = [peer(1, PeerState::Live, 0)];
            assert_eq!(known.on_peers(TORRENT, &listed).forgotten, 1);
            assert_eq!(ports(known.take_forgotten(TORRENT)), [2]);
        }
        assert_eq!(known.on_peers(TORRENT, &[]).forgotten, 1);
        assert_eq!(ports(known.take_forgotten(TORRENT)), [1]);
    }

    #[test]
    fn the_memory_is_bounded() {
        let known = KnownPeers::default();
        let ports = 1..=u16::try_from(PEERS_MAX).unwrap() + 1;
        let many: Vec<_> = ports.map(|port| peer(port, PeerState::Live, 1)).collect();
        known.on_peers(TORRENT, &many);
        assert_eq!(known.on_peers(TORRENT, &[]).forgotten, PEERS_MAX);
        for torrent in 2..=u8::try_from(TORRENTS_MAX).unwrap() + 1 {
            let torrent = InfoHash::from_bytes([torrent; InfoHash::BYTES]);
            known.on_peers(torrent, &many);
        }
        assert_eq!(known.on_peers(TORRENT, &[]).forgotten, 0);
    }
}
