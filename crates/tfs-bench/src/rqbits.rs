//! Real rqbits with rqbit's own defaults, and requests to them without a mount.

use std::num::NonZeroU32;
use std::time::Duration;

use rqbit_client::{ByteRange, Client, ClientConfig, RangeStream, Timeouts, TorrentRef};
use tfs_testkit::content::Content;
pub(crate) use tfs_testkit::swarm::Rqbits;
use tfs_testkit::swarm::{SwarmTorrent, TorrentSpec};

/// What all downloads together are limited to: a common line.
pub(crate) const DOWNLOAD_BPS: u32 = 4_000_000;

/// Pieces of all torrents: the length that torrents of some hundred MB have.
pub(crate) const PIECE_BYTES: u32 = 256 * 1024;

pub(crate) const MIB: u64 = 1 << 20;

/// How long a request may wait for its headers or for a byte: longer than any scenario, which has
/// limits of its own.
const REQUEST_MAX: Duration = Duration::from_secs(1000);

/// Returns a client of the downloader that waits for as long as that does.
pub(crate) fn patient_client(rqbits: &Rqbits) -> Client {
    let mut config = ClientConfig::new(rqbits.swarm.api_url().parse().unwrap());
    config.timeouts = Timeouts {
        headers: REQUEST_MAX,
        chunk: REQUEST_MAX,
        total: REQUEST_MAX,
        ..Timeouts::default()
    };
    Client::new(config).unwrap()
}

/// Limits all downloads together to [`DOWNLOAD_BPS`].
pub(crate) fn limit_downloads(Rqbits { runtime, swarm }: &mut Rqbits) {
    runtime.block_on(swarm.set_download_limit(NonZeroU32::new(DOWNLOAD_BPS))).unwrap();
}

/// Returns which of the offsets in the only file of a torrent are in a missing piece.
pub(crate) fn missing(rqbits: &Rqbits, torrent: &SwarmTorrent, offsets: &[u64]) -> Vec<u64> {
    let haves = rqbits.swarm.client().torrent_haves(torrent.info_hash.into());
    let haves = rqbits.runtime.block_on(haves).unwrap();
    let piece_of = |offset: u64| u32::try_from(offset / u64::from(PIECE_BYTES)).unwrap();
    let offsets = offsets.iter().copied();
    offsets.filter(|offset| !haves.has(piece_of(*offset))).collect()
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
