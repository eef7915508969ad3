//! A seek into missing data, and sequential reads at the download speed: the mount compared with
//! rqbit itself.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rqbit_client::{Client, RequestedRange};
use tfs_testkit::content::Content;
use tfs_testkit::swarm::{Swarm, SwarmTorrent};

use crate::figures::{FigureReport, Want};
use crate::mount::{ReadPath, TfsMount};
use crate::rqbits::{DOWNLOAD_BPS, MIB, Rqbits, film, missing, request};
use crate::timing::{median, pause, within};

/// How often each access path is measured.
const TRIALS: usize = 10;

/// The offset of the first trial. The download is sequential, and does not get there before the
/// last trial is done.
const FIRST_OFFSET: u64 = 260 * MIB;

/// The distance of the trials: more than rqbit fetches for one of them at the limit.
const STEP: u64 = 20 * MIB;

const FILM_BYTES: u64 = FIRST_OFFSET + 22 * STEP;

/// The pause between trials, so that requests of one do not delay the next.
const SETTLE: Duration = Duration::from_secs(2);

/// How long a first byte may take: at the download limit a piece takes 65 ms.
const FIRST_BYTE_MAX: Duration = Duration::from_secs(30);

/// The length of the sequentially read file: ten seconds at the limit.
const PACED_BYTES: u64 = 40_000_000;

/// Eight times the expected time.
const PACED_MAX: Duration = Duration::from_secs(80);

/// After this the mount has seen the start of a torrent: before, it would not wait for the data.
const START_SEEN: Duration = Duration::from_millis(400);

/// The time in which the limiter's token bucket fills. Each turn begins with a full one.
const LIMITER_FULL: Duration = Duration::from_millis(1500);

const BLOCK_BYTES: usize = 128 * 1024;

pub(crate) fn run(report: &mut FigureReport, dir: &Path) {
    first_byte(report, dir);
    in_order(report, dir);
}

fn first_byte(report: &mut FigureReport, dir: &Path) {
    report.step("first bytes from the middle of what is missing");
    let swarm = Swarm::builder().torrent(film("film.mkv", 1, FILM_BYTES));
    let rqbits = Rqbits::start(swarm.download_bps(DOWNLOAD_BPS));
    let torrent = rqbits.swarm.torrents()[0].clone();
    rqbits.wait_begun(&torrent);
    let mount = TfsMount::new(dir, &rqbits.swarm.api_url(), &[]);
    let path = mount.path.join("film.mkv");
    let client = rqbits.swarm.client().clone();
    let (mut through_mount, mut direct) = (Vec::new(), Vec::new());
    for trial in 0..TRIALS {
        // Both access paths read at the same offset in a piece. It differs between trials.
        let phase = u64::try_from(trial).unwrap() * 23_456;
        let base = FIRST_OFFSET + u64::try_from(2 * trial).unwrap() * STEP + phase;
        let order = if trial % 2 == 0 {
            [ReadPath::Mount, ReadPath::Direct]
        } else {
            [ReadPath::Direct, ReadPath::Mount]
        };
        for (way, offset) in order.into_iter().zip([base, base + STEP]) {
            pause(SETTLE);
            assert_eq!(missing(&rqbits, &torrent, &[offset]), [offset], "it is there already");
            match way {
                ReadPath::Mount => {
                    through_mount.push(read_first_byte(&path, content(&torrent), offset));
                }
                ReadPath::Direct => {
                    let asked = ask_first_byte(&client, &torrent, offset);
                    direct.push(rqbits.runtime.block_on(asked));
                }
            }
        }
    }
    let (mount, direct) = (median(&through_mount), median(&direct));
    report.millis("first byte through the mount, median of 10", mount, Want::Nothing);
    report.millis("first byte from rqbit itself, median of 10", direct, Want::Nothing);
    let ratio = mount.as_secs_f64() / direct.as_secs_f64();
    report.figure("first byte: mount to direct", ratio, "times", Want::AtMost(1.15));
}

fn content(torrent: &SwarmTorrent) -> Content {
    torrent.files[0].content
}

fn read_first_byte(path: &Path, content: Content, offset: u64) -> Duration {
    let file = File::open(path).unwrap();
    let read = move || {
        let mut byte = [0];
        file.read_exact_at(&mut byte, offset).unwrap();
        content.check(offset, &byte).unwrap();
    };
    within(FIRST_BYTE_MAX, read).map_or(FIRST_BYTE_MAX, |(took, ())| took)
}

/// Requests the rest of the file, as a player does, and closes the connection after the first
/// bytes.
async fn ask_first_byte(client: &Client, torrent: &SwarmTorrent, offset: u64) -> Duration {
    let start = Instant::now();
    let mut stream = request(client, torrent, 0, RequestedRange::open_ended(offset)).await;
    let bytes = stream.next_chunk().await.unwrap().unwrap();
    let took = start.elapsed();
    content(torrent).check(offset, &bytes).unwrap();
    took
}

/// The file of each turn downloads while it is read from its beginning; nothing else downloads.
fn in_order(report: &mut FigureReport, dir: &Path) {
    report.step("reading in order at the pace of the download");
    // Each access path once early and once late.
    let order = [ReadPath::Mount, ReadPath::Direct, ReadPath::Direct, ReadPath::Mount];
    let names: Vec<_> = (0..order.len()).map(|turn| format!("{turn}.mkv")).collect();
    let mut swarm = Swarm::builder().download_bps(DOWNLOAD_BPS);
    for (seed, name) in (0..).zip(&names) {
        swarm = swarm.torrent(film(name, seed, PACED_BYTES).paused());
    }
    let rqbits = Rqbits::start(swarm);
    let mount = TfsMount::new(dir, &rqbits.swarm.api_url(), &[]);
    let client = rqbits.swarm.client().clone();
    let (mut through_mount, mut direct) = (Duration::ZERO, Duration::ZERO);
    for (way, torrent) in order.into_iter().zip(rqbits.swarm.torrents()) {
        pause(LIMITER_FULL);
        rqbits.unpause(torrent);
        pause(START_SEEN);
        match way {
            ReadPath::Mount => {
                let (path, content) = (mount.path.join(&torrent.name), content(torrent));
                let read = within(PACED_MAX, move || read_in_order(&path, content));
                through_mount += read.map_or(PACED_MAX, |(took, ())| took);
            }
            ReadPath::Direct => {
                direct += rqbits.runtime.block_on(ask_in_order(&client, torrent));
            }
        }
    }
    let rate = |took: Duration| 2.0 * 40.0 / took.as_secs_f64();
    report.figure("in order through the mount", rate(through_mount), "MB/s", Want::Nothing);
    report.figure("in order from rqbit itself", rate(direct), "MB/s", Want::Nothing);
    let ratio = rate(through_mount) / rate(direct);
    report.figure("in order: mount to direct", ratio, "times", Want::AtLeast(0.95));
}

fn read_in_order(path: &Path, content: Content) {
    let file = File::open(path).unwrap();
    let mut block = vec![0; BLOCK_BYTES];
    let mut offset = 0;
    while offset < PACED_BYTES {
        let len = file.read_at(&mut block, offset).unwrap();
        assert_ne!(len, 0, "the file ends at {offset}");
        content.check(offset, &block[..len]).unwrap();
        offset += u64::try_from(len).unwrap();
    }
}

async fn ask_in_order(client: &Client, torrent: &SwarmTorrent) -> Duration {
    let start = Instant::now();
    let mut stream = request(client, torrent, 0, RequestedRange::open_ended(0)).await;
    loop {
        let offset = stream.position();
        let Some(bytes) = stream.next_chunk().await.unwrap() else { return start.elapsed() };
        content(torrent).check(offset, &bytes).unwrap();
    }
}
