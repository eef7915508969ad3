//! A hundred reads wait for data that never comes: everything else continues, and each read can be
//! interrupted.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::sys::statvfs::statvfs;
use tfs_testkit::content::Content;
use tfs_testkit::swarm::{Swarm, TorrentSpec};

use crate::caches::{have_free_memory, warm};
use crate::figures::{FigureReport, Want, count, megabytes};
use crate::mount::{TfsMount, wait_for};
use crate::process;
use crate::readers::{self, Freed, ReaderProgram};
use crate::rqbits::{MIB, PIECE_BYTES, Rqbits, limit_downloads};
use crate::timing::{median, pause, percentile, repeat, within};

/// The number of files without data, and of readers that wait for them.
const STUCK_FILES: u64 = 100;

/// How often a complete file is read without waiting reads, and as often beside a hundred of them.
/// Both alternate, so that other load affects both.
const ROUNDS: usize = 15;

/// How often it is read each time, one after the other. The median counts: a single read may take
/// twice as long as the next, independent of the waiting reads.
const READS: usize = 3;

/// Long enough that two effects are small: the first requests, before a reader counts as
/// sequential, and short disturbances of the machine.
const FAST_BYTES: u64 = 1024 * MIB;

/// The pause after a hundred programs were started or ended, which is not measured.
const SETTLE: Duration = Duration::from_secs(1);

/// The time limit for reading a file, or for `ls`, `stat` and `df` together.
const MEASURE_MAX: Duration = Duration::from_secs(20);

const QUICK: Want = Want::AtMost(10.0);

/// The fraction of its speed that a complete file must keep. A hundred waiting readers take less
/// than 2 % of a CPU; other load is a multiple of that.
const SPEED_KEPT: Want = Want::AtLeast(0.9);

/// How soon a reader must end after Ctrl-C.
const FREED_MAX: Duration = Duration::from_millis(300);

/// How long its end is awaited.
const FREED_WATCH: Duration = Duration::from_secs(3);

/// The limit for an unmount, in seconds.
const UNMOUNT_MAX: Want = Want::AtMost(2.0);

const UNMOUNT_WATCH: Duration = Duration::from_secs(20);

/// One call of a program; the argument is the number of calls before.
type TimedCall = Box<dyn FnMut(usize) + Send>;

/// The speeds of reading the complete file, in MB/s.
#[derive(Debug, Default)]
struct Speeds {
    without: Vec<f64>,
    with: Vec<f64>,
}

/// A mount with a complete file, and files without data.
struct StuckSetup {
    rqbits: Rqbits,
    mount: TfsMount,
    stuck: Vec<PathBuf>,
    fast: PathBuf,
}

pub(crate) fn run(report: &mut FigureReport, dir: &Path) {
    report.step("a complete file, while 100 readers wait for a torrent without peers or not");
    let mut setting = StuckSetup::new(dir);
    let mut speeds = Speeds::default();
    let (mut freed, mut left) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        pause(SETTLE);
        speeds.without.push(setting.speed());
        let waiting = readers::start(setting.stuck.clone());
        if round == 0 {
            metadata(report, &setting);
        }
        pause(SETTLE);
        speeds.with.push(setting.speed());
        // One after the other in the first round, as a user does: a hundred programs that end at
        // once wait for a CPU rather than for tfs.
        let turns = if round == 0 {
            waiting.into_iter().map(|it| vec![it]).collect()
        } else {
            vec![waiting]
        };
        for readers in turns {
            let (of_turn, stays) = readers::interrupt(readers, FREED_WATCH);
            if round == 0 {
                freed.extend(of_turn);
            }
            left.extend(stays);
        }
    }
    speeds.report(report);
    ctrl_c(report, &freed);
    left.extend(unmount(report, &mut setting));
    let in_d = left.iter().filter(|pid| process::state(**pid) == Some('D')).count();
    report.figure("processes in state D at the end", count(in_d), "", Want::AtMost(0.0));
}

impl Speeds {
    fn report(&self, report: &mut FigureReport) {
        for (name, speeds) in [("nothing waits", &self.without), ("100 reads wait", &self.with)] {
            let [from, middle, _] = spread(speeds);
            let name = format!("complete file, {name}");
            report.figure(&format!("{name}, median"), middle, "MB/s", Want::Nothing);
            report.figure(&format!("{name}, slowest"), from, "MB/s", Want::Nothing);
        }
        // The two figures of a round are seconds apart, so a slow phase of the machine affects
        // both.
        let ratios: Vec<_> = self.with.iter().zip(&self.without).map(|(it, of)| it / of).collect();
        let [from, middle, to] = spread(&ratios);
        let name = "complete file: with to without";
        report.figure(&format!("{name}, median"), middle, "times", SPEED_KEPT);
        report.figure(&format!("{name}, lowest"), from, "times", Want::Nothing);
        report.figure(&format!("{name}, highest"), to, "times", Want::Nothing);
    }
}

/// Returns the minimum, the median and the maximum of some values.
fn spread(values: &[f64]) -> [f64; 3] {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    [0, 50, 100].map(|percent| percentile(&sorted, percent))
}

impl StuckSetup {
    fn new(dir: &Path) -> Self {
        let stuck = (0..STUCK_FILES).map(|idx| (format!("{idx:02}.bin"), Content::new(idx, MIB)));
        let mut stuck = TorrentSpec::directory("stuck", stuck).paused();
        let mut fast = TorrentSpec::file("fast.bin", Content::new(200, FAST_BYTES));
        stuck.seed.piece_length = Some(PIECE_BYTES);
        fast.seed.piece_length = Some(PIECE_BYTES);
        let mut rqbits = Rqbits::start(Swarm::builder().torrent(fast).torrent(stuck));
        let [fast, stuck] = rqbits.swarm.torrents() else { unreachable!("two were added") };
        let (fast, stuck) = (fast.clone(), stuck.clone());
        rqbits.wait_finished(&fast);
        limit_downloads(&mut rqbits);
        // Live, but without peers that have it. It is not paused, so a mount has reason to wait.
        let forget = rqbits.swarm.seeder_client().forget(stuck.info_hash.into());
        rqbits.runtime.block_on(forget).unwrap();
        rqbits.unpause(&stuck);
        let mount = TfsMount::new(dir, &rqbits.swarm.api_url(), &["--read-timeout", "10m"]);
        let folder = mount.path.join(&stuck.name);
        let stuck = stuck.files.iter().map(|file| folder.join(file.path())).collect();
        Self { stuck, fast: mount.path.join(&fast.name), rqbits, mount }
    }

    /// Returns the speed of reading the complete file, in MB/s: the median of several reads.
    fn speed(&self) -> f64 {
        let speeds: Vec<_> = std::iter::repeat_with(|| self.read()).take(READS).collect();
        let [_, middle, _] = spread(&speeds);
        middle
    }

    /// Reads the complete file and returns the speed, in MB/s. The client's caches are empty, and
    /// the server has the file in the page cache. Otherwise a machine that reclaims pages within
    /// seconds would add random disk reads.
    fn read(&self) -> f64 {
        let mut clear = self.mount.command();
        let clear = clear.args(["cache", "clear", "--data"]).arg(&self.mount.path);
        assert!(clear.stdout(Stdio::null()).status().unwrap().success());
        warm(&self.rqbits.swarm.download_dir().join("fast.bin"));
        have_free_memory(FAST_BYTES);
        let read_bytes = Arc::new(AtomicU64::new(0));
        let (counter, path) = (Arc::clone(&read_bytes), self.fast.clone());
        let read = move || {
            let mut file = File::open(path).unwrap();
            let mut block = vec![0; 256 * 1024];
            // An error means the end of the mount, when the result is no longer awaited.
            while let Ok(len @ 1..) = file.read(&mut block) {
                counter.fetch_add(u64::try_from(len).unwrap(), Ordering::Relaxed);
            }
        };
        let took = within(MEASURE_MAX, read).map_or(MEASURE_MAX, |(took, ())| took);
        megabytes(read_bytes.load(Ordering::Relaxed)) / took.as_secs_f64()
    }
}

/// Measures the metadata calls of `ls -l`, `stat` and `df`.
fn metadata(report: &mut FigureReport, setting: &StuckSetup) {
    let (root, files) = (setting.mount.path.clone(), setting.stuck.clone());
    let folder = root.join("stuck");
    let calls: [(&str, usize, TimedCall); 3] = [
        ("ls -l of 100 files", 100, Box::new(move |_| list(&folder))),
        ("stat", 2000, Box::new(move |turn| stat(&files[turn % files.len()]))),
        ("df", 2000, Box::new(move |_| assert_ne!(statvfs(&root).unwrap().name_max(), 0))),
    ];
    for (name, times, call) in calls {
        let timed = within(MEASURE_MAX, move || repeat(times, call));
        let timed = timed.map_or_else(|| vec![MEASURE_MAX], |(_, durations)| durations);
        report.millis(&format!("{name}, p50"), percentile(&timed, 50), Want::Nothing);
        report.millis(&format!("{name}, p99"), percentile(&timed, 99), QUICK);
    }
}

fn list(folder: &Path) {
    let entries = fs::read_dir(folder).unwrap();
    let lens = entries.map(|entry| entry.unwrap().metadata().unwrap().len());
    assert_eq!(lens.sum::<u64>(), STUCK_FILES * MIB);
}

fn stat(path: &Path) {
    assert_eq!(fs::symlink_metadata(path).unwrap().len(), MIB);
}

/// Reports how soon readers ended.
fn ctrl_c(report: &mut FigureReport, freed: &[Freed]) {
    for (kind, name) in
        [(ReaderProgram::Cat, "cat"), (ReaderProgram::Dd, "dd"), (ReaderProgram::Python, "python3")]
    {
        let of_kind = freed.iter().filter(|freed| freed.kind == kind);
        let times: Vec<_> = of_kind.map(|freed| freed.after.unwrap_or(FREED_WATCH)).collect();
        let Some(max) = times.iter().max() else { continue };
        let figure = |what| format!("Ctrl-C frees {name}, {what}");
        report.millis(&figure("median"), median(&times), Want::Nothing);
        let want = Want::AtMost(FREED_MAX.as_secs_f64() * 1000.0);
        report.millis(&figure("the last one"), *max, want);
        let in_time = times.iter().filter(|time| **time <= FREED_MAX).count();
        report.all(&figure("in time"), in_time, times.len());
    }
}

/// Unmounts while a hundred reads wait, and returns the processes that did not end.
fn unmount(report: &mut FigureReport, setting: &mut StuckSetup) -> Vec<u32> {
    report.step("100 more wait, and the mount is to end");
    let waiting = readers::start(setting.stuck.clone());
    let refused = wait_for(&mut setting.mount.start_unmount(&[]), UNMOUNT_WATCH);
    let refused = refused.unwrap_or(UNMOUNT_WATCH);
    report.time("unmount refuses, and says who uses it, after", refused, UNMOUNT_MAX);
    let start = Instant::now();
    let forced = wait_for(&mut setting.mount.start_unmount(&["--force"]), UNMOUNT_WATCH);
    report.time("unmount --force returns after", forced.unwrap_or(UNMOUNT_WATCH), UNMOUNT_MAX);
    let all = waiting.len();
    let (freed, mut left) = readers::wait(waiting, FREED_WATCH);
    let freed = freed.iter().filter(|freed| freed.after.is_some()).count();
    report.all("readers that the unmount freed", freed, all);
    if !setting.mount.end() {
        left.push(setting.mount.pid());
    }
    report.time("mount, readers and process gone after", start.elapsed(), Want::Nothing);
    assert_eq!(setting.rqbits.swarm.torrents().len(), 2);
    left
}
