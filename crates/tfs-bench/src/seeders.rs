//! Several seeders of one torrent, of which the downloader has selected no file.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use rqbit_client::wire::{Limits, TorrentPeer, TorrentState};
use rqbit_client::{AddOptions, AddSource, InfoHash};
use rqbit_embedded::{EmbeddedConfig, EmbeddedServer, SeedOptions, SeededTorrent};

use crate::rqbits::Rqbits;

/// How long the downloader may take to check a new torrent.
const CHECK_MAX: Duration = Duration::from_secs(300);

/// Servers that have all of a torrent. They end on drop.
#[derive(Debug)]
pub(crate) struct Seeders {
    servers: Vec<EmbeddedServer>,
    seeded: SeededTorrent,
}

impl Seeders {
    /// Starts `count` servers that seed the file or folder at `path`.
    pub(crate) fn start(rqbits: &Rqbits, path: &Path, count: usize, piece_bytes: u32) -> Self {
        rqbits.runtime.block_on(async {
            let mut servers = Vec::new();
            let mut seeded = None;
            for _ in 0..count {
                let dir = path.parent().unwrap();
                let server = EmbeddedServer::start(EmbeddedConfig::loopback(dir)).await.unwrap();
                let options =
                    SeedOptions { piece_length: Some(piece_bytes), ..SeedOptions::default() };
                seeded = Some(server.seed(path, options).await.unwrap());
                servers.push(server);
            }
            Self { servers, seeded: seeded.unwrap() }
        })
    }

    pub(crate) fn torrent(&self) -> InfoHash {
        InfoHash::from_bytes(self.seeded.info_hash)
    }

    fn peers(&self) -> Vec<SocketAddr> {
        self.servers.iter().map(|server| server.peer_addr().unwrap()).collect()
    }

    /// Adds the torrent to the downloader with nothing selected, and limits its downloads to
    /// `download_bps`. rqbit's API cannot add it so in one call. Until the check is done, the
    /// limit of the downloader must let less than a piece through.
    pub(crate) fn add_to(&self, rqbits: &Rqbits, download_bps: u32) {
        let client = rqbits.swarm.client();
        let source = AddSource::TorrentFile(self.seeded.torrent_bytes.clone());
        let options = AddOptions { initial_peers: self.peers(), ..AddOptions::default() };
        let torrent = self.torrent().into();
        let added = async {
            client.add_torrent(&source, &options).await.unwrap();
            while client.torrent_stats(torrent).await.unwrap().state != TorrentState::Live {
                tokio::task::yield_now().await;
            }
            client.update_only_files(torrent, &[]).await.unwrap();
            let limits = Limits { download_bps: NonZeroU32::new(download_bps), upload_bps: None };
            client.set_limits(limits).await.unwrap();
        };
        let in_time = async { tokio::time::timeout(CHECK_MAX, added).await };
        rqbits.runtime.block_on(in_time).unwrap();
    }

    /// Returns the peers that the downloader knows.
    pub(crate) fn known(&self, rqbits: &Rqbits) -> Vec<TorrentPeer> {
        let peers = rqbits.swarm.client().torrent_peers(self.torrent().into());
        rqbits.runtime.block_on(peers).unwrap().peers
    }

    /// Returns how many of the seeders the downloader has forgotten, and how often it forgot one
    /// since the torrent was added.
    pub(crate) fn lost(&self, rqbits: &Rqbits) -> (usize, usize) {
        let known = self.known(rqbits);
        let is_lost = |addr: &SocketAddr| known.iter().all(|peer| peer.addr != *addr);
        let lost = self.peers().iter().filter(|addr| is_lost(addr)).count();
        let stats = rqbits.swarm.client().torrent_stats(self.torrent().into());
        let stats = rqbits.runtime.block_on(stats).unwrap();
        let seen = stats.live.map_or(0, |live| live.snapshot.peer_stats.seen);
        (lost, usize::try_from(seen).unwrap().saturating_sub(known.len()))
    }
}
