//! A library of 10,000 torrents: the cost of listing it, of a walk, and of an idle mount.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tfs_testkit::baseline_fs::BaselineFs;
use tfs_testkit::rqbit::{FakeRqbit, LargeLibrary, Route};
use tfs_testkit::until::until;

use crate::caches::forget_names;
use crate::figures::{FigureReport, Want, count, megabytes};
use crate::mount::TfsMount;
use crate::process;
use crate::timing::{median, pause};

const SHAPE: LargeLibrary = LargeLibrary { torrent_count: 10_000 };

/// How often a walk is repeated, alternating with the ceiling, since the machine has fast and slow
/// phases.
const ROUNDS: usize = 5;

/// The maximum ratio of a walk's time to that of the minimal filesystem.
const RATIO_MAX: f64 = 2.0;

/// The maximum memory of each file, in bytes.
const FILE_BYTES_MAX: f64 = 600.0;

/// How long an idle mount is observed: four polls.
const IDLE: Duration = Duration::from_secs(20);

/// How often every torrent of a busy server changes meanwhile: between two polls.
const CHANGE_INTERVAL: Duration = Duration::from_secs(4);

/// The maximum CPU usage then, in percent.
const IDLE_PERCENT_MAX: f64 = 1.0;

/// A walk over a tree by a standard program.
struct TreeWalk {
    name: &'static str,
    program: &'static [&'static str],
}

const WALKS: [TreeWalk; 2] = [
    TreeWalk { name: "find", program: &["find"] },
    TreeWalk { name: "ls -lR", program: &["ls", "-lR"] },
];

pub(crate) fn run(report: &mut FigureReport, dir: &Path) {
    report.step("an empty library");
    let before = resident_when_empty(dir);

    report.step("10,000 torrents, 100,000 files");
    let library = FakeRqbit::start(SHAPE).unwrap();
    let start = Instant::now();
    let mount = TfsMount::unhurried(&dir.join("full"), &library.url(), &[]);
    report.time("until mounted", start.elapsed(), Want::Nothing);
    wait_until_complete(&mount.path);
    report.time("until complete", start.elapsed(), Want::Nothing);
    let torrents = f64::from(SHAPE.torrent_count);
    let [details, metadata] = [Route::Details, Route::Metadata].map(|it| library.count(it));
    report.figure("calls for details", count(details), "", Want::AtMost(torrents));
    report.figure("calls for metadata", count(metadata), "", Want::AtMost(torrents));
    let resident = process::resident(mount.pid());
    report.figure("RSS when complete", megabytes(resident), "MB", Want::Nothing);

    walk(report, dir, &mount);
    watch_idle(report, &library, &mount);

    let resident = process::resident(mount.pid());
    report.figure("RSS of the empty mount", megabytes(before), "MB", Want::Nothing);
    report.figure("RSS after all that", megabytes(resident), "MB", Want::Nothing);
    let each = megabytes(resident.saturating_sub(before)) * 1e6 / files();
    report.figure("RSS for each file", each, "B", Want::AtMost(FILE_BYTES_MAX));
    restart(report, dir, &library, mount);
}

/// Returns the memory of a used mount without torrents.
fn resident_when_empty(dir: &Path) -> u64 {
    let library = FakeRqbit::start(LargeLibrary { torrent_count: 0 }).unwrap();
    let mount = TfsMount::unhurried(&dir.join("empty"), &library.url(), &[]);
    run_walk(&WALKS[1], &mount.path);
    process::resident(mount.pid())
}

/// Measures cold and warm walks over the mount, and over the ceiling of the same shape.
fn walk(report: &mut FigureReport, dir: &Path, mount: &TfsMount) {
    let path = dir.join("ceiling");
    fs::create_dir_all(&path).unwrap();
    let files = SHAPE.files().map(|file| (file.path, file.content.len()));
    let _ceiling = BaselineFs::new(files).mount(&path).unwrap();
    for walk in &WALKS {
        let name = walk.name;
        report.step(&format!("{name} over the mount and over the ceiling"));
        let (mut ours, mut theirs, mut warm) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            forget_names();
            theirs.push(run_walk(walk, &path));
            forget_names();
            ours.push(run_walk(walk, &mount.path));
            warm.push(run_walk(walk, &mount.path));
        }
        let (ours, theirs) = (median(&ours), median(&theirs));
        report.time(&format!("cold {name}"), ours, Want::Nothing);
        report.time(&format!("cold {name} over the ceiling"), theirs, Want::Nothing);
        let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
        report.figure(
            &format!("cold {name}, times the ceiling"),
            ratio,
            "",
            Want::AtMost(RATIO_MAX),
        );
        report.time(&format!("warm {name}"), median(&warm), Want::Nothing);
    }
}

/// Measures an idle mount, first while nothing changes on the server, then while every torrent
/// changes.
fn watch_idle(report: &mut FigureReport, library: &FakeRqbit, mount: &TfsMount) {
    for (what, is_busy) in [("idle", false), ("idle, while all torrents upload", true)] {
        report.step(&format!("{what} for {} s", IDLE.as_secs()));
        let lists_before = library.count(Route::List);
        let before = process::processor_time(mount.pid());
        let start = Instant::now();
        while start.elapsed() < IDLE {
            if is_busy {
                library.set_uploaded_bytes(u64::try_from(start.elapsed().as_nanos()).unwrap());
            }
            pause(CHANGE_INTERVAL);
        }
        let took = process::processor_time(mount.pid()) - before;
        let percent = 100.0 * took.as_secs_f64() / start.elapsed().as_secs_f64();
        let want = Want::AtMost(IDLE_PERCENT_MAX);
        report.figure(&format!("processor, {what}"), percent, "%", want);
        let lists = library.count(Route::List) - lists_before;
        report.figure(&format!("lists, {what}"), count(lists), "", Want::AtMost(5.0));
    }
    let routes = [Route::Details, Route::Metadata, Route::Haves, Route::Stats, Route::Stream];
    let calls: usize = routes.into_iter().map(|route| library.count(route)).sum();
    let beyond = calls - 2 * SHAPE.torrent_count as usize;
    report.figure("calls beyond that", count(beyond), "", Want::AtMost(0.0));
}

/// Mounts again with the state of the last mount, and counts repeated requests.
fn restart(report: &mut FigureReport, dir: &Path, library: &FakeRqbit, mut mount: TfsMount) {
    report.step("a restart");
    assert!(mount.end(), "tfs did not end");
    let before = library.count(Route::Details);
    let start = Instant::now();
    let mount = TfsMount::unhurried(&dir.join("full"), &library.url(), &[]);
    report.time("until mounted again", start.elapsed(), Want::Nothing);
    wait_until_complete(&mount.path);
    report.time("until complete again", start.elapsed(), Want::Nothing);
    let details = library.count(Route::Details) - before;
    report.figure("calls for details after a restart", count(details), "", Want::AtMost(0.0));
}

fn wait_until_complete(path: &Path) {
    until("all torrents are there", || {
        let entries = fs::read_dir(path).ok()?;
        (entries.count() == SHAPE.torrent_count as usize).then_some(())
    });
}

fn run_walk(walk: &TreeWalk, path: &Path) -> Duration {
    let start = Instant::now();
    let mut command = Command::new(walk.program[0]);
    command.args(&walk.program[1..]).arg(path).stdin(Stdio::null()).stdout(Stdio::null());
    assert!(command.status().unwrap().success(), "{}", walk.name);
    start.elapsed()
}

fn files() -> f64 {
    f64::from(u32::try_from(SHAPE.file_count()).unwrap())
}
