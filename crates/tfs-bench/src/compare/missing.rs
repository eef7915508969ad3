//! The first byte of a piece that is not downloaded yet: tfs, rqbit itself, and btfs, which has its
//! own torrent client, each from the same peer at the same limit.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tfs_testkit::content::Content;
use tfs_testkit::swarm::{Swarm, SwarmTorrent};
use tfs_testkit::until::until;

use super::introduce::introduce;
use super::others::Other;
use super::programs::NOT_INSTALLED;
use super::samples::SampleRecorder;
use super::ways::{BTFS, HTTP};
use crate::load::RangeConnection;
use crate::mount::TfsMount;
use crate::rqbits::{DOWNLOAD_BPS, MIB, Rqbits, film};
use crate::server::free_address;
use crate::timing::{pause, within};

/// The name of this comparison.
pub(crate) const GROUP: &str = "missing";

pub(crate) const WHAT: &str = "a byte in a missing piece";
/// The first byte of an answer on a new connection, as `curl -r` gets it.
pub(crate) const RQBIT: &str = "rqbit itself";
const UNIT: &str = "ms";

/// Far beyond the part that the download, which is sequential, has at the end.
const FIRST_OFFSET: u64 = 300 * MIB;

/// The distance of the offsets: more than is fetched for one of them at the limit.
const STEP: u64 = 20 * MIB;

/// How much the last piece is shorter than the others. rqbit creates a torrent of whole pieces with
/// one hash too many, and libtorrent, which btfs uses, refuses it.
const SHORT_BYTES: u64 = 1000;

/// The pause between measurements, so that requests of one do not delay the next.
const SETTLE: Duration = Duration::from_secs(1);

/// How long btfs may take for the first byte from a connected peer.
const CONNECT_MAX: Duration = Duration::from_secs(20);

/// How long a byte may take: at the limit a piece takes 65 ms.
const BYTE_MAX: Duration = Duration::from_secs(30);

pub(crate) fn run(recorder: &mut SampleRecorder, dir: &Path, rounds: usize) {
    let steps = 2 * u64::try_from(rounds).unwrap() + 1;
    let film = film("film.mkv", 1, FIRST_OFFSET + steps * STEP - SHORT_BYTES);
    let rqbits = Rqbits::start(Swarm::builder().torrent(film).download_bps(DOWNLOAD_BPS));
    let torrent = rqbits.swarm.torrents()[0].clone();
    rqbits.wait_begun(&torrent);
    let content = torrent.files[0].content;
    let options = ["--local-paths", "off"];
    let mount = TfsMount::new(&dir.join("tfs"), &rqbits.swarm.api_url(), &options);
    let mut paths = vec![(HTTP, mount.path.join("film.mkv"))];
    let other = start_btfs(&dir.join("btfs"), &rqbits, &torrent);
    match &other {
        Some((_, path)) => {
            // rqbit has found its peer by now, too.
            if read_byte(path, 0, content, CONNECT_MAX).is_some() {
                paths.push((BTFS, path.clone()));
            } else {
                recorder.note(WHAT, BTFS, "found no peer");
            }
        }
        None => recorder.note(WHAT, BTFS, NOT_INSTALLED),
    }
    for round in 0..u64::try_from(rounds).unwrap() {
        // Another offset in the piece each time.
        let base = FIRST_OFFSET + 2 * round * STEP + round * 23_456;
        for (name, path) in &paths {
            pause(SETTLE);
            let took = read_byte(path, base, content, BYTE_MAX).unwrap_or(BYTE_MAX);
            recorder.add(WHAT, name, UNIT, millis(took));
        }
        pause(SETTLE);
        recorder.add(WHAT, RQBIT, UNIT, ask(&rqbits, &torrent, base + STEP));
    }
}

/// Starts btfs, if it is installed, and connects it to the seeder. Returns the path of its film.
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

/// Returns the time of the read, or `None` if no byte came in time. The time does not include the
/// wait until the file is listed, which happens shortly after the mount.
fn read_byte(path: &Path, offset: u64, content: Content, limit: Duration) -> Option<Duration> {
    let file = until("the file is shown", || File::open(path).ok());
    let read = move || {
        let mut byte = [0];
        file.read_exact_at(&mut byte, offset).is_ok().then_some(byte)
    };
    let (took, byte) = within(limit, read)?;
    content.check(offset, &byte?).unwrap();
    Some(took)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn ask(rqbits: &Rqbits, torrent: &SwarmTorrent, offset: u64) -> f64 {
    let (url, file) = (rqbits.swarm.api_url(), &torrent.files[0]);
    let path = format!("/torrents/{}/stream/{}", torrent.info_hash, file.idx);
    let mut byte = [0];
    let start = Instant::now();
    let mut connection = RangeConnection::open(url.trim_start_matches("http://")).unwrap();
    connection.begin(&path, offset, file.content.len()).unwrap();
    connection.read(&mut byte).unwrap();
    let took = start.elapsed();
    file.content.check(offset, &byte).unwrap();
    millis(took)
}
