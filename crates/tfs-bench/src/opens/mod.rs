//! Files that are opened and closed in a row, of a torrent of which no file is selected: how long
//! a read waits for its piece, and whether rqbit keeps its peers.
//!
//! With nothing selected, rqbit disconnects its seeds whenever no stream is open, and meets them
//! again at the next one. `docs/dev/upstream.md` has its faults there.

mod probe;

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rqbit_client::wire::PeerState;
use rqbit_client::{Client, InfoHash};
use tfs_testkit::content::Content;
use tfs_testkit::random::Random;
use tfs_testkit::swarm::Swarm;
use tfs_testkit::until::until;

use crate::figures::{FigureReport, Want, count, megabytes};
use crate::mount::TfsMount;
use crate::rqbits::{MIB, Rqbits, patient_client};
use crate::seeders::Seeders;
use crate::timing::pause;

/// How many seeders the torrent has, one trial each.
const SEEDERS_MAX: usize = 4;

/// How often the file is opened.
const OPENS: usize = 60;

/// The pause between two opens is random, up to this.
const GAP_MAX: Duration = Duration::from_millis(20);

const FILE_BYTES: u64 = 1000 * MIB;

/// The bytes that are read of each opened file.
const READ_BYTES: u64 = MIB;

/// The piece length of a torrent of some GB.
const PIECE_BYTES: u32 = 2 * 1024 * 1024;

/// The limit of all downloads together, in bytes a second.
const DOWNLOAD_BPS: u32 = 10 * 1024 * 1024;

/// How long an open with its read may take, in seconds.
const WAIT_MAX: f64 = 1.5;

/// The same while a requester of rqbit sleeps, which it does for 5 seconds and nothing ends.
const SLEEP_WAIT_MAX: f64 = 5.5;

/// How often the peers are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// A peer that is connected and sends nothing for this long sleeps.
const SLEEP_MIN: Duration = Duration::from_millis(900);

/// How long rqbit may take to end its connections after the last close.
const SETTLE: Duration = Duration::from_secs(2);

/// A look at the peers.
#[derive(Debug)]
struct Look {
    at: Instant,
    is_live: bool,
    fetched_bytes: u64,
}

/// One open, with the read of one MiB.
#[derive(Debug)]
struct Open {
    start: Instant,
    took: Duration,
    is_failed: bool,
}

pub(crate) fn run(report: &mut FigureReport, dir: &Path) {
    let seeds = dir.join("seeds");
    fs::create_dir(&seeds).unwrap();
    let film = seeds.join("film.mkv");
    let content = Content::new(1, FILE_BYTES);
    content.write_to(&film).unwrap();
    for seeders in 1..=SEEDERS_MAX {
        report.step(&format!("{OPENS} opens in a row with nothing selected, {seeders} seeders"));
        let dir = dir.join(seeders.to_string());
        fs::create_dir(&dir).unwrap();
        trial(report, &dir, &film, content, seeders);
    }
    probe::run(report, dir);
}

fn trial(report: &mut FigureReport, dir: &Path, film: &Path, content: Content, count_of: usize) {
    let rqbits = Rqbits::start(Swarm::builder().download_bps(1));
    let seeders = Seeders::start(&rqbits, film, count_of, PIECE_BYTES);
    seeders.add_to(&rqbits, DOWNLOAD_BPS);
    let mount = TfsMount::new(dir, &rqbits.swarm.api_url(), &[]);
    let path = mount.path.join(film.file_name().unwrap());
    until("the film is there", || path.exists().then_some(()));
    let watch = Watch::start(patient_client(&rqbits), seeders.torrent());
    let fetched = rqbits.fetched_bytes();
    let mut random = Random::new(u64::try_from(count_of).unwrap());
    let opens = std::iter::repeat_with(|| open(&mut random, &path, content)).take(OPENS);
    let opens: Vec<_> = opens.collect();
    let fetched = rqbits.fetched_bytes() - fetched;
    let looks = watch.end();
    pause(SETTLE);
    let (lost, forgotten) = seeders.lost(&rqbits);
    drop(mount);

    let (slept, awake): (Vec<_>, Vec<_>) =
        opens.iter().partition(|open| open.sleeps(&looks) && open.took.as_secs_f64() > WAIT_MAX);
    let longest = |opens: &[&Open]| opens.iter().map(|open| open.took).max().unwrap_or_default();
    let name = format!("{count_of} seeders");
    report.time(&format!("{name}: longest wait"), longest(&awake), Want::AtMost(WAIT_MAX));
    let figure = format!("{name}: longest wait while a requester of rqbit slept");
    report.time(&figure, longest(&slept), Want::AtMost(SLEEP_WAIT_MAX));
    let failed = opens.iter().filter(|open| open.is_failed).count();
    report.figure(&format!("{name}: reads that failed"), count(failed), "", Want::AtMost(0.0));
    let late = opens.iter().filter(|open| open.took > Duration::from_secs(1)).count();
    report.figure(&format!("{name}: waits over a second"), count(late), "", Want::Nothing);
    report.figure(&format!("{name}: peers lost"), count(lost), "", Want::AtMost(0.0));
    let figure = format!("{name}: peers that rqbit forgot for a while");
    report.figure(&figure, count(forgotten), "", Want::Nothing);
    let each = megabytes(fetched) / count(OPENS);
    report.figure(&format!("{name}: fetched for each open"), each, "MB", Want::Nothing);
}

/// Opens the file, reads a random MiB, and closes it.
fn open(random: &mut Random, path: &Path, content: Content) -> Open {
    pause(GAP_MAX.mul_f64(f64::from(u32::try_from(random.below(1000)).unwrap()) / 1000.0));
    let offset = random.below(FILE_BYTES / READ_BYTES) * READ_BYTES;
    let mut bytes = vec![0; usize::try_from(READ_BYTES).unwrap()];
    let start = Instant::now();
    let read = File::open(path).and_then(|file| file.read_exact_at(&mut bytes, offset));
    let took = start.elapsed();
    match &read {
        Ok(()) => content.check(offset, &bytes).unwrap(),
        Err(error) => println!("opens: at {offset} after {took:?}: {error}"),
    }
    Open { start, took, is_failed: read.is_err() }
}

impl Open {
    /// Returns whether a peer was connected and sent nothing for long while the read waited.
    fn sleeps(&self, looks: &[Look]) -> bool {
        let end = self.start + self.took;
        let within = looks.iter().filter(|look| (self.start..end).contains(&look.at));
        let mut since: Option<&Look> = None;
        for look in within {
            match since {
                Some(first) if look.is_live && look.fetched_bytes == first.fetched_bytes => {
                    if look.at - first.at >= SLEEP_MIN {
                        return true;
                    }
                }
                _ => since = look.is_live.then_some(look),
            }
        }
        false
    }
}

/// A thread that looks at the peers of a torrent.
struct Watch {
    is_over: Arc<AtomicBool>,
    thread: thread::JoinHandle<Vec<Look>>,
}

impl Watch {
    fn start(client: Client, torrent: InfoHash) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.unwrap();
            let mut looks = Vec::new();
            while !ends.load(Ordering::Relaxed) {
                let peers = runtime.block_on(client.torrent_peers(torrent.into())).unwrap().peers;
                looks.push(Look {
                    at: Instant::now(),
                    is_live: peers.iter().any(|peer| peer.state == PeerState::Live),
                    fetched_bytes: peers.iter().map(|peer| peer.fetched_bytes).sum(),
                });
                pause(LOOK_INTERVAL);
            }
            looks
        });
        Self { is_over, thread }
    }

    fn end(self) -> Vec<Look> {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}
