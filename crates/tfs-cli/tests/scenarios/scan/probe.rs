//! `ffprobe` of an MP4 whose index is at its end, as most encoders leave it.

use std::fs;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rqbit_client::wire::{Limits, TorrentState};
use rqbit_client::{AddOptions, AddSource};
use rqbit_embedded::{EmbeddedConfig, EmbeddedServer, SeedOptions, SeededTorrent};
use tfs_testkit::swarm::Swarm;
use tfs_testkit::until::until;

use super::settled_bytes;
use crate::figures::{Report, Want, megabytes};
use crate::mount::Mount;
use crate::rqbits::{DOWNLOAD_BPS, MIB, PIECE_BYTES, Rqbits};
use crate::timing::within;

/// Noise of high rate: some 20 MB in two minutes of film.
const FFMPEG: &str = "-v error -f lavfi -i testsrc2=size=640x360:rate=25:duration=120 \
    -vf noise=alls=30 -c:v mpeg4 -b:v 1500k -movflags -faststart";

/// How long ffprobe may take.
const PROBE_MAX: Duration = Duration::from_secs(120);

/// What ffprobe says of the file that it read.
#[derive(Debug)]
struct Statistics {
    read_bytes: u64,
    seeks: u64,
}

/// Measures what a probe fetches, where there are ffmpeg and ffprobe.
pub(super) fn run(report: &mut Report, dir: &Path) {
    let seeds = dir.join("mp4");
    fs::create_dir(&seeds).unwrap();
    let film = seeds.join("film.mp4");
    let made = Command::new("ffmpeg").args(FFMPEG.split_whitespace()).arg(&film).status();
    if !made.is_ok_and(|status| status.success()) || probe(&film).is_none() {
        report.step("no ffprobe: there is no ffmpeg with ffprobe on this machine");
        return;
    }
    let len = fs::metadata(&film).unwrap().len();
    assert!(len > 16 * MIB, "the film has only {len} bytes");
    report.step("ffprobe of an MP4 with its index at the end");
    let rqbits = Rqbits::start(Swarm::builder().download_bps(1));
    let (seeder, seeded) = rqbits.runtime.block_on(seed(&seeds, &film));
    rqbits.runtime.block_on(add(&rqbits, seeder.peer_addr().unwrap(), &seeded));
    let mount = Mount::new(dir, &rqbits.swarm.api_url(), &[]);
    let mounted = mount.path.join("film.mp4");
    until("the film is there", || mounted.exists().then_some(()));

    let before = rqbits.fetched_bytes();
    let probed = within(PROBE_MAX, move || probe(&mounted));
    let fetched = settled_bytes(&rqbits) - before;
    drop(mount);
    drop(seeder);
    let Some((took, Some(statistics))) = probed else {
        report.figure("ffprobe: ends well", 0.0, "", Want::AtLeast(1.0));
        return;
    };
    let Statistics { read_bytes, seeks } = statistics;
    report.time("ffprobe takes", took, Want::Nothing);
    report.figure("ffprobe: length of the file", megabytes(len), "MB", Want::Nothing);
    report.figure("ffprobe: reads", megabytes(read_bytes), "MB", Want::Nothing);
    report.figure("ffprobe: fetched", megabytes(fetched), "MB", Want::Nothing);
    // Each run of reads begins and ends inside of a piece, and may cost one more.
    let piece = u64::from(PIECE_BYTES);
    let pieces_max = read_bytes.div_ceil(piece) + 2 * (seeks + 1);
    let pieces = megabytes(fetched) / megabytes(piece);
    let want = Want::AtMost(megabytes(pieces_max) / megabytes(1));
    report.figure("ffprobe: pieces fetched", pieces, "pieces", want);
}

/// Runs ffprobe, which says when it closes a file how much it read, or returns `None` if there is
/// none or it found no film.
fn probe(path: &Path) -> Option<Statistics> {
    let mut command = Command::new("ffprobe");
    let command = command.args(["-v", "debug", "-show_streams"]).arg(path).stdin(Stdio::null());
    let output = command.output().ok()?;
    if !String::from_utf8_lossy(&output.stdout).contains("width=640") {
        return None;
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let (_, numbers) = said.rsplit_once("Statistics: ")?;
    let (read_bytes, rest) = numbers.split_once(" bytes read, ")?;
    let (seeks, _) = rest.split_once(" seeks")?;
    Some(Statistics { read_bytes: read_bytes.parse().ok()?, seeks: seeks.parse().ok()? })
}

/// Seeds a file that no test made, with a server of its own.
async fn seed(dir: &Path, film: &Path) -> (EmbeddedServer, SeededTorrent) {
    let seeder = EmbeddedServer::start(EmbeddedConfig::loopback(dir)).await.unwrap();
    let options = SeedOptions { piece_length: Some(PIECE_BYTES), ..SeedOptions::default() };
    let seeded = seeder.seed(film, options).await.unwrap();
    (seeder, seeded)
}

/// Adds the torrent with nothing selected. rqbit cannot add it so: until it is checked, the limit
/// lets less through than a piece.
async fn add(rqbits: &Rqbits, peer: SocketAddr, seeded: &SeededTorrent) {
    let client = rqbits.swarm.client();
    let source = AddSource::TorrentFile(seeded.torrent_bytes.clone());
    let options = AddOptions { initial_peers: vec![peer], ..AddOptions::default() };
    let added = client.add_torrent(&source, &options).await.unwrap();
    let torrent = added.details.info_hash.into();
    while client.torrent_stats(torrent).await.unwrap().state != TorrentState::Live {
        tokio::task::yield_now().await;
    }
    client.update_only_files(torrent, &[]).await.unwrap();
    let limits = Limits { download_bps: NonZeroU32::new(DOWNLOAD_BPS), upload_bps: None };
    client.set_limits(limits).await.unwrap();
}
