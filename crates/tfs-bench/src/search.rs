//! A million files: the time of searches by `tfs search` and in `.tfs/search`.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tfs_testkit::rqbit::{FakeRqbit, LargeLibrary};

use crate::figures::{FigureReport, Want};
use crate::mount::TfsMount;
use crate::timing::{pause, percentile, repeat};

const SHAPE: LargeLibrary = LargeLibrary { torrent_count: 100_000 };

/// How many searches run by each method, each for another term.
const QUERIES: usize = 200;

/// How long the first mount of a server may take to write the state of a hundred thousand torrents,
/// which it does once, in the background.
const WRITTEN_MAX: Duration = Duration::from_secs(300);

/// The polling interval of that progress.
const WRITTEN_PAUSE: Duration = Duration::from_millis(500);

/// A delay that users do not notice.
const P99_MAX: Duration = Duration::from_millis(100);

pub(crate) fn run(report: &mut FigureReport, dir: &Path) {
    report.step(&format!("100,000 torrents, {} files", SHAPE.file_count()));
    let library = FakeRqbit::start(SHAPE).unwrap();
    let mount = TfsMount::unhurried(dir, &library.url(), &[]);

    report.step("searches, while the first mount writes what it has learned");
    tell(
        report,
        "in .tfs/search, while the state is first written",
        &views(&mount, 0),
        Want::Nothing,
    );
    wait_until_written(dir);
    report.step("searches");
    let want = Want::AtMost(P99_MAX.as_secs_f64() * 1e3);
    tell(report, "in .tfs/search", &views(&mount, QUERIES), want);
    tell(report, "tfs search, the process included", &commands(&mount, 2 * QUERIES), want);
}

/// Returns a search for one episode of one series; the words are spread over the path.
fn words(turn: usize) -> String {
    format!("series {:06} e07 MKV", 2 * turn + 1)
}

/// Returns the times of searches in `.tfs/search`, starting with the given number.
fn views(mount: &TfsMount, first: usize) -> Vec<Duration> {
    repeat(QUERIES, |turn| {
        let found = fs::read_dir(mount.path.join(".tfs/search").join(words(first + turn))).unwrap();
        assert_eq!(found.count(), 1, "{}", words(first + turn));
    })
}

/// Returns the times of searches by the command, starting with the given number.
fn commands(mount: &TfsMount, first: usize) -> Vec<Duration> {
    repeat(QUERIES, |turn| {
        let mut command = mount.command();
        let output =
            command.arg("search").arg(words(first + turn)).stderr(Stdio::inherit()).output();
        let output = output.unwrap();
        assert!(output.status.success());
        assert_eq!(output.stdout.iter().filter(|byte| **byte == b'\n').count(), 1);
    })
}

/// Waits until each torrent has its file in the state directory.
fn wait_until_written(dir: &Path) {
    let begin = Instant::now();
    while written(dir) < SHAPE.torrents().count() {
        assert!(begin.elapsed() < WRITTEN_MAX, "{} files are written", written(dir));
        pause(WRITTEN_PAUSE);
    }
}

fn written(dir: &Path) -> usize {
    let servers = fs::read_dir(dir.join("state/tfs/servers")).into_iter().flatten();
    let torrents = servers.flatten().map(|server| server.path().join("torrents"));
    torrents.filter_map(|torrents| fs::read_dir(torrents).ok()).map(Iterator::count).sum()
}

fn tell(report: &mut FigureReport, what: &str, times: &[Duration], want: Want) {
    report.millis(&format!("{what}, p50"), percentile(times, 50), Want::Nothing);
    report.millis(&format!("{what}, p99"), percentile(times, 99), want);
}
