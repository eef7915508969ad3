//! The first byte of a piece that is not downloaded yet: tfs, rqbit itself, and btfs, which is a
//! torrent client of its own, each from the same peer at the same limit.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rqbit_client::ByteRange;
use tfs_testkit::swarm::{Swarm, SwarmTorrent};
use tfs_testkit::until::until;

use super::introduce::introduce;
use super::others::Other;
use super::programs::NOT_INSTALLED;
use super::samples::SampleRecorder;
use super::ways::{BTFS, HTTP};
use crate::mount::TfsMount;
use crate::rqbits::{DOWNLOAD_BPS, MIB, Rqbits, film, request};
use crate::server::free_address;
use crate::timing::{pause, within};

pub(crate) const WHAT: &str = "a byte in a missing piece";
const RQBIT: &str = "rqbit itself";
const UNIT: &str = "ms";

/// Far beyond what the download, which goes on in order, has by the end.
const FIRST_OFFSET: u64 = 300 * MIB;

/// How far the places are from each other: what is fetched for one at the limit is less.
const STEP: u64 = 20 * MIB;

/// How much the last piece is short of a whole one: rqbit gives a torrent of whole pieces one hash
/// too many, and libtorrent, which btfs is made of, refuses that.
const SHORT_BYTES: u64 = 1000;

/// Between measurements, so that what one of them asked for is no longer waited for.
const SETTLE: Duration = Duration::from_secs(1);

/// How long btfs may take for the first byte from a peer that it has.
const CONNECT_MAX: Duration = Duration::from_secs(20);

/// How long a byte may take: the limit is a piece in 65 ms.
const BYTE_MAX: Duration = Duration::from_secs(30);

pub(crate) fn run(recorder: &mut SampleRecorder, dir: &Path, rounds: usize) {
    let steps = 2 * u64::try_from(rounds).unwrap() + 1;
    let film = film("film.mkv", 1, FIRST_OFFSET + steps * STEP - SHORT_BYTES);
    let rqbits = Rqbits::start(Swarm::builder().torrent(film).download_bps(DOWNLOAD_BPS));
    let torrent = rqbits.swarm.torrents()[0].clone();
    rqbits.wait_begun(&torrent);
    let options = ["--local-paths", "off"];
    let mount = TfsMount::new(&dir.join("tfs"), &rqbits.swarm.api_url(), &options);
    let mut paths = vec![(HTTP, mount.path.join("film.mkv"))];
    let other = start_btfs(&dir.join("btfs"), &rqbits, &torrent);
    match &other {
        Some((_, path)) => {
            // rqbit has found its peer already, too.
            if read_byte(path, 0, CONNECT_MAX).is_some() {
                paths.push((BTFS, path.clone()));
            } else {
                recorder.note(WHAT, BTFS, "found no peer");
            }
        }
        None => recorder.note(WHAT, BTFS, NOT_INSTALLED),
    }
    for round in 0..u64::try_from(rounds).unwrap() {
        // Another place in the piece each time.
        let base = FIRST_OFFSET + 2 * round * STEP + round * 23_456;
        for (name, path) in &paths {
            pause(SETTLE);
            let took = read_byte(path, base, BYTE_MAX).unwrap_or(BYTE_MAX);
            recorder.add(WHAT, name, UNIT, millis(took));
        }
        pause(SETTLE);
        recorder.add(WHAT, RQBIT, UNIT, ask(&rqbits, &torrent, base + STEP));
    }
}

/// Starts btfs, if it is installed, and makes the seeder its peer; returns where its film is.
fn start_btfs(dir: &Path, rqbits: &Rqbits, torrent: &SwarmTorrent) -> Option<(Other, PathBuf)> {
    fs::create_dir_all(dir).unwrap();
    let metadata = dir.join("film.torrent");
    fs::write(&metadata, &torrent.torrent_file).unwrap();
    let address = free_address();
    let btfs = Other::btfs(dir, &metadata, address.port())?;
    let path = btfs.path.join("film.mkv");
    let peer = rqbits.swarm.peer_addr().unwrap();
    let info_hash = *torrent.info_hash.as_bytes();
    until("btfs has a peer", || introduce(peer, address, info_hash, DOWNLOAD_BPS).ok());
    Some((btfs, path))
}

/// Returns how long it took, or `None` if there was no byte in time. That the file is shown is
/// waited for before: it takes a moment after the mount, and is nobody's first byte.
fn read_byte(path: &Path, offset: u64, limit: Duration) -> Option<Duration> {
    let file = until("the file is shown", || File::open(path).ok());
    let read = move || file.read_exact_at(&mut [0], offset).is_ok();
    within(limit, read).and_then(|(took, is_there)| is_there.then_some(took))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn ask(rqbits: &Rqbits, torrent: &SwarmTorrent, offset: u64) -> f64 {
    let start = Instant::now();
    rqbits.runtime.block_on(async {
        let range = ByteRange::open_ended(offset);
        let mut stream = request(rqbits.swarm.client(), torrent, 0, range).await;
        stream.next_chunk().await.unwrap().unwrap();
    });
    millis(start.elapsed())
}
