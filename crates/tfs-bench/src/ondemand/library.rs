//! Torrents that several servers seed, and a server that gets them with nothing selected.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use rqbit_client::wire::{Limits, TorrentState};
use rqbit_client::{AddOptions, AddSource, Client, InfoHash};
use rqbit_embedded::{EmbeddedConfig, EmbeddedServer, SeedOptions, SeededTorrent};

use crate::line::{DelayLine, LineShape};

/// How long the server may take for one torrent.
const ADD_MAX: Duration = Duration::from_secs(60);

/// The round trip to a peer of the same country.
const ROUND_TRIP: Duration = Duration::from_millis(20);

/// Servers that have all of some torrents. They end on drop.
#[derive(Debug)]
pub(crate) struct SeedLibrary {
    /// The line to each of them, if they are not on the same machine. A limit of rqbit would let a
    /// second's bytes through at once.
    lines: Vec<DelayLine>,
    servers: Vec<EmbeddedServer>,
    torrents: Vec<SeededTorrent>,
}

impl SeedLibrary {
    /// Starts `count` servers without torrents.
    pub(crate) async fn start(dir: &Path, count: usize) -> Self {
        let mut servers = Vec::new();
        for _ in 0..count {
            servers.push(EmbeddedServer::start(EmbeddedConfig::loopback(dir)).await.unwrap());
        }
        Self { lines: Vec::new(), servers, torrents: Vec::new() }
    }

    /// Starts `count` servers, each behind a line with a speed, in bytes a second.
    pub(crate) async fn far(dir: &Path, count: usize, bps: u64) -> Self {
        let mut library = Self::start(dir, count).await;
        let shape = LineShape { round_trip: ROUND_TRIP, bps };
        library.lines = library.peers().into_iter().map(|it| DelayLine::start(it, shape)).collect();
        library
    }

    /// Seeds a file or folder.
    pub(crate) async fn seed(&mut self, path: &Path, piece_bytes: u32) -> InfoHash {
        let mut seeded = None;
        for server in &self.servers {
            let options = SeedOptions { piece_length: Some(piece_bytes), ..SeedOptions::default() };
            seeded = Some(server.seed(path, options).await.unwrap());
        }
        let seeded = seeded.unwrap();
        let torrent = InfoHash::from_bytes(seeded.info_hash);
        self.torrents.push(seeded);
        torrent
    }

    /// Returns the addresses of the servers for peers.
    pub(crate) fn peers(&self) -> Vec<SocketAddr> {
        if !self.lines.is_empty() {
            return self.lines.iter().map(|line| line.address).collect();
        }
        self.servers.iter().map(|server| server.peer_addr().unwrap()).collect()
    }

    /// Adds all torrents to a server with nothing selected, and limits its downloads to
    /// `download_bps`; 0 is no limit.
    pub(crate) async fn add_to(&self, client: &Client, download_bps: u32) {
        for seeded in &self.torrents {
            let added = self.add_one(client, seeded);
            tokio::time::timeout(ADD_MAX, added).await.unwrap();
        }
        let limits = Limits { download_bps: NonZeroU32::new(download_bps), upload_bps: None };
        client.set_limits(limits).await.unwrap();
    }

    /// rqbit's API cannot add a torrent with nothing selected. So it gets its peers later.
    async fn add_one(&self, client: &Client, seeded: &SeededTorrent) {
        let source = AddSource::TorrentFile(seeded.torrent_bytes.clone());
        let torrent = InfoHash::from_bytes(seeded.info_hash).into();
        client.add_torrent(&source, &AddOptions::default()).await.unwrap();
        while client.torrent_stats(torrent).await.unwrap().state != TorrentState::Live {
            tokio::task::yield_now().await;
        }
        client.update_only_files(torrent, &[]).await.unwrap();
        client.add_peers(torrent, &self.peers()).await.unwrap();
    }
}
