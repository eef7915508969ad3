//! Real rqbits with default settings, and direct requests to them.

use std::num::NonZeroU32;
use std::time::Duration;

use rqbit_client::{Client, ClientConfig, RangeStream, RequestedRange, Timeouts, TorrentRef};
use tfs_testkit::content::Content;
pub(crate) use tfs_testkit::swarm::Rqbits;
use tfs_testkit::swarm::{SwarmTorrent, TorrentSpec};

/// The limit of all downloads together, in bytes a second: a common connection.
pub(crate) const DOWNLOAD_BPS: u32 = 4_000_000;

/// The piece length of all torrents, as in torrents of some hundred MB.
pub(crate) const PIECE_BYTES: u32 = 256 * 1024;

pub(crate) const MIB: u64 = 1 << 20;

/// How long a request may wait for its headers or for a byte: longer than any scenario, which has
/// its own limits.
const REQUEST_MAX: Duration = Duration::from_secs(1000);

/// Returns a client of the downloader with that time-out.
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

/// Returns the offsets in a torrent's only file that are in missing pieces.
pub(crate) fn missing(rqbits: &Rqbits, torrent: &SwarmTorrent, offsets: &[u64]) -> Vec<u64> {
    let haves = rqbits.swarm.client().torrent_haves(torrent.info_hash.into());
    let haves = rqbits.runtime.block_on(haves).unwrap();
    let piece_of = |offset: u64| u32::try_from(offset / u64::from(PIECE_BYTES)).unwrap();
    let offsets = offsets.iter().copied();
    offsets.filter(|offset| !haves.has(piece_of(*offset))).collect()
}

/// Returns a torrent of one file, in pieces of [`PIECE_BYTES`].
pub(crate) fn film(name: &str, seed: u64, len: u64) -> TorrentSpec {
    let mut spec = TorrentSpec::file(name, Content::new(seed, len));
    spec.seed.piece_length = Some(PIECE_BYTES);
    spec
}

/// Requests a range from the server itself, as `curl -r` does.
pub(crate) async fn request(
    client: &Client,
    torrent: &SwarmTorrent,
    file: usize,
    range: RequestedRange,
) -> RangeStream {
    let len = torrent.files[file].content.len();
    let torrent_ref = TorrentRef::from(torrent.info_hash);
    client.stream(torrent_ref, torrent.files[file].idx, range, Some(len)).await.unwrap()
}
