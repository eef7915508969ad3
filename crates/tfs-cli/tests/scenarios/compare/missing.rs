//! The first byte of a piece that is not downloaded yet: tfs, rqbit itself, and btfs, which is a
//! torrent client of its own, each from the same peer at the same limit.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rqbit_client::ByteRange;
use tfs_testkit::swarm::{Swarm, SwarmTorrent};

use super::others::Other;
use super::programs::NOT_INSTALLED;
use super::samples::Recorder;
use super::ways::{BTFS, HTTP};
use crate::mount::Mount;
use crate::rqbits::{DOWNLOAD_BPS, MIB, Rqbits, film, request};
use crate::timing::{pause, within};

pub(crate) const WHAT: &str = "a byte in a missing piece";
const RQBIT: &str = "rqbit itself";
const UNIT: &str = "ms";

/// Far beyond what the download, which goes on in order, has by the end.
const FIRST_OFFSET: u64 = 300 * MIB;

/// How far the places are from each other: what is fetched for one at the limit is less.
const STEP: u64 = 20 * MIB;

/// Between measurements, so that what one of them asked for is no longer waited for.
const SETTLE: Duration = Duration::from_secs(1);

/// How long btfs may take to find its peer: it tries what rqbit does not speak, before plain TCP.
const CONNECT_MAX: Duration = Duration::from_secs(90);

/// How long a byte may take: the limit is a piece in 65 ms.
const BYTE_MAX: Duration = Duration::from_secs(30);

pub(crate) fn run(recorder: &mut Recorder, dir: &Path, rounds: usize) {
    let steps = 2 * u64::try_from(rounds).unwrap() + 1;
    let film = film("film.mkv", 1, FIRST_OFFSET + steps * STEP);
    let rqbits = Rqbits::start(Swarm::builder().torrent(film).download_bps(DOWNLOAD_BPS));
    let torrent = rqbits.swarm.torrents()[0].clone();
    rqbits.wait_begun(&torrent);
    let options = ["--local-paths", "off"];
    let mount = Mount::new(&dir.join("tfs"), &rqbits.swarm.api_url(), &options);
    let mut paths = vec![(HTTP, mount.path.join("film.mkv"))];
    let tracked = dir.join("tracked.torrent");
    fs::write(&tracked, with_tracker(&torrent, rqbits.swarm.peer_addr().unwrap())).unwrap();
    let btfs = Other::btfs(&dir.join("btfs"), &tracked, DOWNLOAD_BPS);
    match &btfs {
        Some(btfs) => {
            let path = btfs.path.join("film.mkv");
            // rqbit has found its peer already, too.
            if read_byte(&path, 0, CONNECT_MAX).is_some() {
                paths.push((BTFS, path));
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

/// Returns how long it took, or `None` if there was no byte in time.
fn read_byte(path: &Path, offset: u64, limit: Duration) -> Option<Duration> {
    let file = File::open(path).unwrap();
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

/// Returns the file of the torrent with a tracker in it that knows one peer.
fn with_tracker(torrent: &SwarmTorrent, peer: SocketAddr) -> Vec<u8> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}/announce", listener.local_addr().unwrap());
    let SocketAddr::V4(peer) = peer else { panic!("loopback has version 4") };
    let mut body = b"d8:intervali5e5:peers6:".to_vec();
    body.extend(Ipv4Addr::LOCALHOST.octets());
    body.extend(peer.port().to_be_bytes());
    body.push(b'e');
    // It ends with this process.
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            // A request is one segment on loopback; its content does not matter.
            drop(connection.read(&mut [0; 4096]));
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            drop(connection.write_all(&[head.as_bytes(), &body].concat()));
        }
    });
    // Keys are in order, and this one comes before those that there are.
    let announce = format!("d8:announce{}:{url}", url.len());
    [announce.as_bytes(), &torrent.torrent_file[1..]].concat()
}
