//! What a user waits for without any data: the start of the command, a list, and a press of Tab.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tfs_testkit::hermetic::hermetic;
use tfs_testkit::rqbit::{Cut, FakeRqbit, Fault, LargeLibrary, Target};

use crate::binary;
use crate::figures::{FigureReport, Want, count, megabytes};
use crate::timing::{percentile, repeat};

/// How often each command runs.
const RUNS: usize = 50;

/// Servers of a person, and of a large library.
const TORRENT_COUNTS: [u32; 3] = [10, 1_000, 10_000];

/// The beginning of the names of a few torrents of [`LargeLibrary`].
const NAME: &str = "A film of one file 00000";

/// The limit of a completion, with the time for the start and the end of the process.
const COMPLETION_MAX: Duration = Duration::from_millis(400);

pub(crate) fn run(report: &mut FigureReport, dir: &Path) {
    let bytes = fs::metadata(binary::path()).unwrap().len();
    report.figure(
        "the binary, with its symbols if it has some",
        megabytes(bytes),
        "MB",
        Want::Nothing,
    );
    report.step("commands without a server");
    tell(report, "tfs --version", Want::Nothing, || {
        let mut command = hermetic(binary::path(), dir);
        command.arg("--version");
        command
    });
    let nowhere = "http://127.0.0.1:1";
    tell(report, "completion of a flag", Want::Nothing, || {
        completion(dir, nowhere, &["list", "--s"])
    });
    for torrent_count in TORRENT_COUNTS {
        report.step(&format!("{torrent_count} torrents"));
        let server = FakeRqbit::start(LargeLibrary { torrent_count }).unwrap();
        let url = server.url();
        let what = |what: &str| format!("{what}, {torrent_count} torrents");
        tell(report, &what("tfs list"), Want::Nothing, || {
            let mut command = hermetic(binary::path(), dir);
            command.args(["list", "--server", &url]);
            command
        });
        let want = Want::AtMost(millis(COMPLETION_MAX));
        tell(report, &what("completion of a torrent"), want, || {
            completion(dir, &url, &["pause", NAME])
        });
    }
    report.step("a silent server");
    let server = FakeRqbit::start(LargeLibrary { torrent_count: 10 }).unwrap();
    server.always(Target::All, Fault::Stall(Cut::Head));
    let want = Want::AtMost(millis(COMPLETION_MAX));
    let url = server.url();
    tell(report, "completion with a silent server", want, || {
        completion(dir, &url, &["pause", NAME])
    });
}

/// Returns the command of a shell that completes the last of these words.
fn completion(dir: &Path, url: &str, words: &[&str]) -> Command {
    let mut command = hermetic(binary::path(), dir);
    command.env("_TFS_COMPLETE", "fish").env("TFS_SERVER", url);
    command.args(["--", "tfs"]).args(words);
    command
}

/// Records the times of a command that succeeds, and how often it printed something.
fn tell(report: &mut FigureReport, what: &str, want: Want, command: impl Fn() -> Command) {
    let mut printed = 0;
    let times = repeat(RUNS, |_turn| {
        let output = command().stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "{what}");
        printed += usize::from(!output.stdout.is_empty());
    });
    let unit = format!("of {RUNS}");
    report.figure(&format!("{what}, with a result"), count(printed), &unit, Want::Nothing);
    report.millis(&format!("{what}, p50"), percentile(&times, 50), Want::Nothing);
    report.millis(&format!("{what}, p99"), percentile(&times, 99), want);
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
