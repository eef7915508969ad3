//! Sixty-four readers of missing data: rqbit stalls when eight streams wait, and a mount must
//! prevent that.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rqbit_client::{AddOptions, AddSource, RequestedRange};
use tfs_testkit::content::Content;
use tfs_testkit::swarm::{Swarm, SwarmTorrent, TorrentSpec};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::figures::{FigureReport, Want, count, megabytes};
use crate::meter::FetchMeter;
use crate::mount::TfsMount;
use crate::rqbits::{DOWNLOAD_BPS, MIB, Rqbits, film, missing, patient_client, request};
use crate::timing::pause;

const READERS: usize = 64;

/// The bytes read by each of them.
const READ_BYTES: usize = 4096;

/// So long that neither download is complete before the readers are done.
const FILM_BYTES: u64 = 384 * MIB;

/// Data before it is downloaded while the scenario starts.
const FIRST_OFFSET: u64 = 64 * MIB;

/// The time limit of the readers: ten times what their pieces take at the limit.
const READS_MAX: Duration = Duration::from_secs(100);

/// How long the readers wait before the server gets another request.
const SETTLE: Duration = Duration::from_secs(1);

/// How long the stalled server is observed.
const FREEZE_WATCH: Duration = Duration::from_secs(20);

/// The longest stall of the server, in seconds.
const STANDSTILL_MAX: Want = Want::AtMost(3.0);

/// How long the server may take to add a torrent: as long as a person waits for a command.
const ADD_MAX: Want = Want::AtMost(5.0);

/// A server that downloads a film and another torrent. A third torrent exists, but is not added.
struct TrapSetup {
    rqbits: Rqbits,
    film: SwarmTorrent,
    other: SwarmTorrent,
    late: SwarmTorrent,
}

pub(crate) fn run(report: &mut FigureReport, dir: &Path) {
    through_the_mount(report, dir);
    without_a_mount(report);
}

impl TrapSetup {
    fn new() -> Self {
        let swarm = Swarm::builder()
            .torrent(TorrentSpec::file("late.bin", Content::new(3, MIB)))
            .torrent(film("film.mkv", 1, FILM_BYTES))
            .torrent(film("other.mkv", 2, FILM_BYTES))
            .download_bps(DOWNLOAD_BPS);
        let mut rqbits = Rqbits::start(swarm);
        let [late, film, other] = rqbits.swarm.torrents() else { unreachable!("three were added") };
        let (late, film, other) = (late.clone(), film.clone(), other.clone());
        rqbits.wait_finished(&late);
        rqbits.runtime.block_on(rqbits.swarm.forget(&late)).unwrap();
        rqbits.wait_begun(&film);
        rqbits.wait_begun(&other);
        Self { rqbits, film, other, late }
    }

    /// Returns the offsets of the readers: far from each other, and in missing data.
    fn offsets(&self) -> Vec<u64> {
        let step = (FILM_BYTES - FIRST_OFFSET) / u64::try_from(READERS).unwrap();
        let mut offset = FIRST_OFFSET;
        let offsets: Vec<_> = std::iter::repeat_with(|| {
            // At varying offsets in a piece.
            offset += step - 12_345;
            offset
        })
        .take(READERS)
        .collect();
        assert_eq!(
            missing(&self.rqbits, &self.film, &offsets),
            offsets,
            "the data is there already"
        );
        offsets
    }

    /// Adds a torrent, and returns how long that took, `limit` at most.
    fn add(&self, limit: Duration) -> JoinHandle<Duration> {
        let client = patient_client(&self.rqbits);
        let source = AddSource::TorrentFile(self.late.torrent_file.clone());
        self.rqbits.runtime.spawn(async move {
            let start = Instant::now();
            let options = AddOptions { overwrite: true, ..AddOptions::default() };
            if let Ok(added) = timeout(limit, client.add_torrent(&source, &options)).await {
                added.unwrap();
            }
            start.elapsed()
        })
    }
}

fn through_the_mount(report: &mut FigureReport, dir: &Path) {
    report.step("64 readers of missing data through the mount");
    let setting = TrapSetup::new();
    let rqbits = &setting.rqbits;
    let mount = TfsMount::new(dir, &rqbits.swarm.api_url(), &[]);
    let path = mount.path.join("film.mkv");
    let content = setting.film.files[0].content;
    let (sender, ended) = mpsc::channel();
    let offsets = setting.offsets();
    let meter = FetchMeter::start(rqbits, setting.other.info_hash);
    let start = Instant::now();
    for offset in offsets {
        let (sender, path) = (sender.clone(), path.clone());
        thread::spawn(move || sender.send(read(&path, content, offset)));
    }
    pause(SETTLE);
    let added = setting.add(READS_MAX);
    let mut right = 0;
    for _ in 0..READERS {
        let Ok(result) = ended.recv_timeout(READS_MAX.saturating_sub(start.elapsed())) else {
            break;
        };
        match result {
            Ok(()) => right += 1,
            Err(reason) => println!("trap: a reader failed: {reason}"),
        }
    }
    let took = start.elapsed();
    let readings = meter.stop(rqbits);
    let standstill = readings.all.standstill_max;
    report.time("mount: fetched_bytes stands still for at most", standstill, STANDSTILL_MAX);
    report.all("mount: reads that end with the right bytes", right, READERS);
    report.time("mount: until the last of them", took, Want::Nothing);
    let other = megabytes(readings.one.bytes());
    report.figure("mount: another torrent gets meanwhile", other, "MB", Want::AtLeast(1.0));
    let added = rqbits.runtime.block_on(added).unwrap();
    report.time("mount: POST /torrents is answered after", added, ADD_MAX);
}

fn read(path: &Path, content: Content, offset: u64) -> Result<(), String> {
    let mut bytes = [0; READ_BYTES];
    let file = File::open(path).map_err(|error| format!("open: {error}"))?;
    file.read_exact_at(&mut bytes, offset).map_err(|error| format!("at {offset}: {error}"))?;
    content.check(offset, &bytes).map_err(|mismatch| mismatch.to_string())
}

/// The control: the same readers without a mount and its budget.
fn without_a_mount(report: &mut FigureReport) {
    report.step("the same ranges asked of rqbit itself");
    let setting = TrapSetup::new();
    let rqbits = &setting.rqbits;
    let client = patient_client(rqbits);
    let range = |offset| RequestedRange::with_length(offset, u64::try_from(READ_BYTES).unwrap());
    let meter = FetchMeter::start(rqbits, setting.other.info_hash);
    let ranges = setting.offsets().into_iter().map(range);
    let requests: Vec<_> = ranges
        .map(|range| {
            let (client, film) = (client.clone(), setting.film.clone());
            rqbits.runtime.spawn(async move {
                let mut stream = request(&client, &film, 0, range).await;
                while stream.next_chunk().await.unwrap().is_some() {}
            })
        })
        .collect();
    pause(SETTLE);
    let added = rqbits.runtime.block_on(setting.add(FREEZE_WATCH - SETTLE)).unwrap();
    pause(FREEZE_WATCH.saturating_sub(SETTLE + added));
    let readings = meter.stop(rqbits);
    let done = requests.iter().filter(|request| request.is_finished()).count();
    requests.iter().for_each(JoinHandle::abort);

    // Shows that the figures above are those of a mount that prevents the stall.
    let standstill = readings.all.standstill_max;
    report.time("no mount: fetched_bytes stands still for", standstill, Want::AtLeast(10.0));
    report.figure("no mount: reads that ended in 20 s", count(done), "of 64", Want::Nothing);
    let other = megabytes(readings.one.bytes());
    report.figure("no mount: another torrent got meanwhile", other, "MB", Want::Nothing);
    report.time("no mount: POST /torrents was waited for", added, Want::Nothing);
    let (released, fetched) = (Instant::now(), rqbits.fetched_bytes());
    while rqbits.fetched_bytes() == fetched && released.elapsed() < FREEZE_WATCH {
        pause(Duration::from_millis(10));
    }
    let recovered = released.elapsed();
    report.time("no mount: goes on after the readers left in", recovered, Want::Nothing);
}
