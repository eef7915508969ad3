//! Four mounts of one server, in three processes, each with sixty-four readers of missing data: a
//! server with the default permits must not stall, and every mount must make progress.
//!
//! Each mount alone would be within the budget; together they would hold all permits of rqbit.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tfs_testkit::content::Content;
use tfs_testkit::rqbit::{Backend, FakeRqbit};
use tfs_testkit::swarm::{Swarm, SwarmTorrent};
use tfs_testkit::until::until;

use crate::figures::{FigureReport, Want};
use crate::meter::FetchMeter;
use crate::mount::{is_mounted, tfs, wait_for};
use crate::rqbits::{DOWNLOAD_BPS, MIB, Rqbits, film, missing};
use crate::timing::pause;

/// How many readers each mount has.
const READERS: usize = 64;

/// The bytes read by each of them.
const READ_BYTES: usize = 4096;

/// So long that the download is not complete before the readers are done.
const FILM_BYTES: u64 = 768 * MIB;

/// Data before it is downloaded while the scenario starts.
const FIRST_OFFSET: u64 = 64 * MIB;

/// How long all are observed.
const WATCH: Duration = Duration::from_secs(60);

/// The default stream budget of one mount.
const STREAMS_MAX: usize = 4;

/// The longest stall of the server, and the longest wait of a mount for its next bytes during the
/// time slices of others.
const STANDSTILL_MAX: f64 = 3.0;

/// How long a mount may take to start, and a process to end.
const PROCESS_MAX: Duration = Duration::from_secs(30);

/// One mount and the progress of its readers.
struct MountReaders {
    path: PathBuf,
    done: Arc<AtomicUsize>,
    failed: Arc<AtomicUsize>,
}

pub(crate) fn run(report: &mut FigureReport, dir: &Path) {
    report.step("four mounts of one rqbit in three processes, with 64 readers each");
    let swarm = Swarm::builder()
        .torrent(film("film.mkv", 1, FILM_BYTES))
        .torrent(film("other.mkv", 2, MIB))
        .download_bps(DOWNLOAD_BPS);
    let rqbits = Rqbits::start(swarm);
    let [film, other] = rqbits.swarm.torrents() else { unreachable!("two were added") };
    rqbits.wait_begun(film);
    let address =
        rqbits.swarm.api_url().trim_start_matches("http://").trim_end_matches('/').parse();
    let proxy = FakeRqbit::start(Backend::Server(address.unwrap())).unwrap();
    let port = proxy.url().rsplit_once(':').unwrap().1.to_owned();
    let paths = ["a", "b", "c", "d"].map(|name| dir.join(name));
    paths.iter().for_each(|path| fs::create_dir(path).unwrap());
    let mut processes = start(dir, &paths, &port);
    let meter = FetchMeter::start(&rqbits, other.info_hash);
    let begun = Instant::now();
    let offsets = offsets(&rqbits, film);
    let readings: Vec<_> = paths.iter().map(|path| MountReaders::new(path)).collect();
    let content = film.files[0].content;
    let readers: Vec<JoinHandle<()>> = readings
        .iter()
        .enumerate()
        // Each mount reads at other offsets.
        .flat_map(|(nth, reading)| {
            let offsets = offsets.iter().skip(nth).step_by(paths.len());
            offsets.map(|offset| reading.start(content, *offset)).collect::<Vec<_>>()
        })
        .collect();
    let mut first = vec![None; readings.len()];
    while begun.elapsed() < WATCH && readers.iter().any(|reader| !reader.is_finished()) {
        for (first, reading) in first.iter_mut().zip(&readings) {
            if first.is_none() && reading.done.load(Ordering::Relaxed) > 0 {
                *first = Some(begun.elapsed());
            }
        }
        pause(Duration::from_millis(20));
    }
    let growth = meter.stop(&rqbits);
    let standstill = growth.all.standstill_max;
    report.time("fetched_bytes stands still for at most", standstill, Want::AtMost(STANDSTILL_MAX));
    let open_max = crate::figures::count(proxy.census().open_max);
    let want = crate::figures::count(STREAMS_MAX);
    report.figure("streams at the server at a time", open_max, "", Want::AtMost(want));
    for (reading, first) in readings.iter().zip(first) {
        let name = reading.path.file_name().unwrap().to_string_lossy();
        let done = reading.done.load(Ordering::Relaxed);
        report.all(&format!("mount {name}: reads that ended"), done, READERS);
        let first = first.unwrap_or(WATCH);
        report.time(&format!("mount {name}: until the first of them"), first, Want::AtMost(15.0));
        let failed = crate::figures::count(reading.failed.load(Ordering::Relaxed));
        report.figure(&format!("mount {name}: reads that failed"), failed, "", Want::AtMost(0.0));
    }
    end(dir, &paths, &mut processes);
}

/// Starts two `tfs mount` and a daemon with two mounts, each with another spelling of the server's
/// address.
fn start(dir: &Path, paths: &[PathBuf; 4], port: &str) -> Vec<Child> {
    let [first, second, third, fourth] = paths;
    let config = format!(
        "[[server]]\nname = \"one\"\nurl = \"http://localhost:{port}\"\nlocal_paths = \"off\"\n\
         [[mount]]\npath = \"{}\"\n[[mount]]\npath = \"{}\"\n",
        third.display(),
        fourth.display(),
    );
    fs::write(dir.join("t.toml"), config).unwrap();
    let mount = |path: &Path, host: &str| {
        let server = format!("http://{host}:{port}");
        let mut command = tfs(dir);
        command.args(["mount", "--foreground", "--local-paths", "off", "--server", &server]);
        command.arg(path);
        command
    };
    let mut daemon = tfs(dir);
    daemon.args(["daemon", "--config"]).arg(dir.join("t.toml"));
    let commands = [mount(first, "127.0.0.1"), mount(second, "localhost"), daemon];
    let processes = commands.map(|mut command: Command| command.spawn().unwrap());
    for path in paths {
        until("it is mounted", || is_mounted(path).then_some(()));
    }
    processes.into()
}

fn end(dir: &Path, paths: &[PathBuf; 4], processes: &mut [Child]) {
    for path in paths.iter().filter(|path| is_mounted(path)) {
        let mut unmount = tfs(dir).args(["unmount", "--force"]).arg(path).spawn().unwrap();
        wait_for(&mut unmount, PROCESS_MAX);
    }
    for process in processes {
        // A daemon continues without its mounts.
        drop(process.kill());
        drop(process.wait());
    }
}

/// Returns the offsets of all readers: far from each other, and in missing data.
fn offsets(rqbits: &Rqbits, film: &SwarmTorrent) -> Vec<u64> {
    let count = u64::try_from(4 * READERS).unwrap();
    let step = (FILM_BYTES - FIRST_OFFSET) / count;
    let offsets: Vec<_> = (0..count).map(|nth| FIRST_OFFSET + nth * step + 12_345).collect();
    assert_eq!(missing(rqbits, film, &offsets), offsets, "the data is there already");
    offsets
}

impl MountReaders {
    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), done: Arc::default(), failed: Arc::default() }
    }

    fn start(&self, content: Content, offset: u64) -> JoinHandle<()> {
        let path = self.path.join("film.mkv");
        let (done, failed) = (Arc::clone(&self.done), Arc::clone(&self.failed));
        thread::spawn(move || {
            let mut bytes = [0; READ_BYTES];
            let read = File::open(&path).and_then(|file| file.read_exact_at(&mut bytes, offset));
            let is_right = read.is_ok() && content.check(offset, &bytes).is_ok();
            let count = if is_right { done } else { failed };
            count.fetch_add(1, Ordering::Relaxed);
        })
    }
}
