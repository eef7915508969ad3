//! Peers that are found again, with real rqbits: seeders that move, go away and come back.
//!
//! rqbit alone would ask the tracker after half an hour, and try a peer that failed after 10
//! seconds or more. The deadline of a read is the bound of these tests.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use rqbit_client::wire::{PeerState, TorrentPeer, TorrentState};
use rqbit_client::{Client, ClientConfig};
use rqbit_embedded::PeerLookup;
use rqbit_source::{FoundPeers, PeerSearch, RqbitSource};
use tfs_testkit::content::Content;
use tfs_testkit::swarm::{PeerGate, Swarm, SwarmTorrent, TorrentSpec};
use tokio::task::JoinHandle;
use vfs_core::{HandleId, InfoHash, Ino, ServerId, TorrentSource as _, Vfs, VfsConfig};

const PIECE_BYTES: u64 = 64 * 1024;

/// Enough that pieces are missing after some reads: rqbit looks 32 MiB ahead.
const FILE_BYTES: u64 = 4096 * PIECE_BYTES;

const READ_BYTES: u32 = 1000;

/// How many swarms are started for one test.
const STARTS_MAX: usize = 8;

/// The distance between two reads: beyond what rqbit fetches ahead.
const STEP_BYTES: u64 = 40 << 20;

/// Who may learn the peers of the torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Privacy {
    Public,
    Private,
}

/// The way to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ServerPlace {
    Elsewhere,
    InThisProcess,
}

/// A tracked swarm of one torrent with nothing selected, and a filesystem over its downloader.
struct Fixture {
    swarm: Swarm,
    vfs: Arc<Vfs<RqbitSource>>,
    torrent: SwarmTorrent,
    handle: HandleId,
    offset: u64,
}

#[derive(Debug)]
struct OwnPeers(PeerLookup);

impl PeerSearch for OwnPeers {
    fn search(&self, torrent: InfoHash) -> FoundPeers<'_> {
        Box::pin(self.0.find(*torrent.as_bytes()))
    }
}

impl Fixture {
    /// Starts the swarm, and reads once, which leaves the seeder disconnected. If that read already
    /// needed a search, the next one would come minutes later: then with another swarm.
    async fn start(privacy: Privacy, place: ServerPlace) -> Self {
        for _ in 0..STARTS_MAX {
            let fixture = Self::start_once(privacy, place).await;
            if fixture.announces() == 1 && fixture.peers().await.len() == 1 {
                return fixture;
            }
        }
        panic!("each first read needs a search");
    }

    async fn start_once(privacy: Privacy, place: ServerPlace) -> Self {
        let mut spec = TorrentSpec::file("film.mkv", Content::new(1, FILE_BYTES)).on_demand();
        spec.seed.is_private = privacy == Privacy::Private;
        let swarm = Swarm::builder().gated().tracked().torrent(spec).start().await.unwrap();
        let url = swarm.api_url().parse().unwrap();
        let source = RqbitSource::new(Client::new(ClientConfig::new(url)).unwrap(), 4);
        let source = match place {
            ServerPlace::InThisProcess => {
                source.with_peer_search(Arc::new(OwnPeers(swarm.peer_lookup().unwrap())))
            }
            ServerPlace::Elsewhere => source,
        };
        let vfs = Vfs::new(Arc::new(source), VfsConfig::default());
        let listing = vfs.source(ServerId::FIRST).unwrap().list().await.unwrap();
        let torrent = swarm.torrents().first().unwrap().clone();
        let details = vfs.source(ServerId::FIRST).unwrap().details(torrent.info_hash).await;
        vfs.apply(ServerId::FIRST, listing, vec![details.unwrap()], 0);
        let file = vfs.lookup(Ino::ROOT, b"film.mkv").unwrap().attr;
        let handle = vfs.open(file.ino).unwrap();
        let mut fixture = Self { swarm, vfs: Arc::new(vfs), torrent, handle, offset: 0 };
        fixture.read().await.unwrap();
        fixture.until("the seeder is disconnected", |it| it == PeerState::NotNeeded).await;
        fixture
    }

    /// Starts to read some bytes that are missing.
    fn read(&mut self) -> JoinHandle<()> {
        self.offset += STEP_BYTES;
        let (vfs, handle, offset) = (Arc::clone(&self.vfs), self.handle, self.offset);
        let content = self.torrent.files.first().unwrap().content;
        tokio::spawn(async move {
            let bytes = vfs.read(handle, offset, READ_BYTES).await.unwrap();
            content.check(offset, &bytes).unwrap();
        })
    }

    async fn find_peers(&self) {
        let source = self.vfs.source(ServerId::FIRST).unwrap();
        source.find_peers(self.torrent.info_hash).await;
    }

    async fn peers(&self) -> Vec<TorrentPeer> {
        let peers = self.swarm.client().torrent_peers(self.torrent.info_hash.into()).await;
        peers.unwrap().peers
    }

    /// Waits until the seeder has a state, under each form of its address.
    async fn until(&self, what: &str, is_so: impl Fn(PeerState) -> bool) {
        let start = Instant::now();
        loop {
            let peers = self.peers().await;
            if !peers.is_empty() && peers.iter().all(|peer| is_so(peer.state)) {
                return;
            }
            assert!(start.elapsed().as_secs() < 60, "not in time: {what}: {peers:?}");
            tokio::task::yield_now().await;
        }
    }

    fn gate(&mut self) -> &mut PeerGate {
        self.swarm.gates().first_mut().unwrap()
    }

    fn announces(&self) -> usize {
        self.swarm.announces().unwrap().queries().len()
    }
}

/// The tracker is asked once more, and the read goes on.
async fn check_moved(privacy: Privacy, place: ServerPlace) {
    let mut it = Fixture::start(privacy, place).await;
    it.gate().move_to_new_port().await.unwrap();
    it.swarm.announce_peers().unwrap();
    it.read().await.unwrap();
    assert_eq!(it.announces(), 2, "{:?}", it.peers().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seeder_that_moved_is_found() {
    check_moved(Privacy::Public, ServerPlace::Elsewhere).await;
}

/// A magnet link would make rqbit ask the DHT for it; librqbit itself does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seeder_of_a_private_torrent_that_moved_is_found_by_the_embedded_server() {
    check_moved(Privacy::Private, ServerPlace::InThisProcess).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_torrent_is_not_searched_by_a_magnet_link() {
    let it = Fixture::start(Privacy::Private, ServerPlace::Elsewhere).await;
    it.find_peers().await;
    assert_eq!(it.announces(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seeder_that_comes_back_is_met_before_rqbit_tries_it_again() {
    let mut it = Fixture::start(Privacy::Public, ServerPlace::Elsewhere).await;
    it.gate().close().await;
    let read = it.read();
    it.until("the seeder is dead", |it| it == PeerState::Dead).await;
    it.gate().open().unwrap();
    read.await.unwrap();
    let peers = it.peers().await;
    let is_other_form = |peer: &TorrentPeer| matches!(peer.addr.ip(), IpAddr::V6(_));
    assert!(peers.iter().any(|peer| is_other_form(peer) && peer.fetched_bytes > 0), "{peers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_torrent_is_left_alone() {
    let it = Fixture::start(Privacy::Public, ServerPlace::Elsewhere).await;
    let of = it.torrent.info_hash.into();
    it.swarm.client().pause(of).await.unwrap();
    it.find_peers().await;
    assert_eq!(it.announces(), 1);
    let stats = it.swarm.client().torrent_stats(of).await.unwrap();
    assert_eq!(stats.state, TorrentState::Paused);
}
