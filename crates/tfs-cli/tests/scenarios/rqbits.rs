//! Real rqbits with rqbit's own defaults, and requests to them without a mount.

use std::num::NonZeroU32;
use std::time::Duration;

use rqbit_client::wire::TorrentStats;
use rqbit_client::{ByteRange, Client, ClientConfig, RangeStream, Timeouts, TorrentRef};
use tfs_testkit::content::Content;
use tfs_testkit::swarm::{Swarm, SwarmBuilder, SwarmTorrent, TorrentSpec};
use tokio::runtime::Runtime;

/// What all downloads together are limited to: a common line.
pub(crate) const DOWNLOAD_BPS: u32 = 4_000_000;

/// Pieces of all torrents: the length that torrents of some hundred MB have.
pub(crate) const PIECE_BYTES: u32 = 256 * 1024;

pub(crate) const MIB: u64 = 1 << 20;

/// How long a request may wait for its headers or for a byte: longer than any scenario, which has
/// limits of its own.
const REQUEST_MAX: Duration = Duration::from_secs(1000);

/// Two rqbits, and the runtime that drives the clients of them.
#[derive(Debug)]
pub(crate) struct Rqbits {
    pub(crate) runtime: Runtime,
    pub(crate) swarm: Swarm,
}

impl Rqbits {
    pub(crate) fn start(builder: SwarmBuilder) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let swarm = runtime.block_on(builder.start()).unwrap();
        Self { runtime, swarm }
    }

    /// Returns a client that waits for as long as the server does.
    pub(crate) fn patient_client(&self) -> Client {
        let mut config = ClientConfig::new(self.swarm.api_url().parse().unwrap());
        config.timeouts = Timeouts {
            headers: REQUEST_MAX,
            chunk: REQUEST_MAX,
            total: REQUEST_MAX,
            ..Timeouts::default()
        };
        Client::new(config).unwrap()
    }

    pub(crate) fn wait_finished(&self, torrent: &SwarmTorrent) {
        self.runtime.block_on(self.swarm.wait_finished(torrent)).unwrap();
    }

    /// Waits until the first bytes of a torrent have come.
    pub(crate) fn wait_begun(&self, torrent: &SwarmTorrent) {
        let has_begun = |stats: &TorrentStats| stats.progress_bytes > 0;
        self.runtime.block_on(self.swarm.wait_until(torrent, "begun", has_begun)).unwrap();
    }

    pub(crate) fn limit_downloads(&mut self) {
        let limit = NonZeroU32::new(DOWNLOAD_BPS);
        self.runtime.block_on(self.swarm.set_download_limit(limit)).unwrap();
    }

    /// Starts a torrent that was added paused.
    pub(crate) fn unpause(&self, torrent: &SwarmTorrent) {
        self.runtime.block_on(self.swarm.client().start(torrent.info_hash.into())).unwrap();
    }

    /// Returns which of the offsets in the only file of a torrent are in a missing piece.
    pub(crate) fn missing(&self, torrent: &SwarmTorrent, offsets: &[u64]) -> Vec<u64> {
        let haves = self.swarm.client().torrent_haves(torrent.info_hash.into());
        let haves = self.runtime.block_on(haves).unwrap();
        let piece_of = |offset: u64| u32::try_from(offset / u64::from(PIECE_BYTES)).unwrap();
        let offsets = offsets.iter().copied();
        offsets.filter(|offset| !haves.has(piece_of(*offset))).collect()
    }

    /// Returns the bytes that the downloader received from peers.
    pub(crate) fn fetched_bytes(&self) -> u64 {
        let stats = self.runtime.block_on(self.swarm.client().session_stats()).unwrap();
        stats.counters.fetched_bytes
    }
}

/// Returns a torrent that is one file, in pieces of [`PIECE_BYTES`].
pub(crate) fn film(name: &str, seed: u64, len: u64) -> TorrentSpec {
    let mut spec = TorrentSpec::file(name, Content::new(seed, len));
    spec.seed.piece_length = Some(PIECE_BYTES);
    spec
}

/// Asks the server itself for a range, as `curl -r` does.
pub(crate) async fn request(
    client: &Client,
    torrent: &SwarmTorrent,
    file: usize,
    range: ByteRange,
) -> RangeStream {
    let len = torrent.files[file].content.len();
    let torrent_ref = TorrentRef::from(torrent.info_hash);
    client.stream(torrent_ref, torrent.files[file].idx, range, Some(len)).await.unwrap()
}
