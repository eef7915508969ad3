//! A million files: what it takes to find some of them, by `tfs search` and in `.tfs/search`.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tfs_testkit::library::{Library, Shape};

use crate::figures::{Report, Want};
use crate::mount::Mount;
use crate::timing::{percentile, repeat};

const SHAPE: Shape = Shape { torrent_count: 100_000 };

/// How often each is asked, each time for something else.
const QUERIES: usize = 200;

/// What a user does not notice.
const P99_MAX: Duration = Duration::from_millis(100);

pub(crate) fn run(report: &mut Report, dir: &Path) {
    report.step(&format!("100,000 torrents, {} files", SHAPE.file_count()));
    let library = Library::start(SHAPE).unwrap();
    let mount = Mount::unhurried(dir, &library.url(), &[]);

    report.step("searches");
    // One episode of one series; the words are spread over the path.
    let words = |turn: usize| format!("series {:06} e07 MKV", 2 * turn + 1);
    let times = repeat(QUERIES, |turn| {
        let found = fs::read_dir(mount.path.join(".tfs/search").join(words(turn))).unwrap();
        assert_eq!(found.count(), 1, "{}", words(turn));
    });
    tell(report, "a search in .tfs/search", &times);
    let times = repeat(QUERIES, |turn| {
        let mut command = mount.command();
        let output = command.arg("search").arg(words(turn)).stderr(Stdio::inherit()).output();
        let output = output.unwrap();
        assert!(output.status.success());
        assert_eq!(output.stdout.iter().filter(|byte| **byte == b'\n').count(), 1);
    });
    tell(report, "tfs search, the process included", &times);
}

fn tell(report: &mut Report, what: &str, times: &[Duration]) {
    report.millis(&format!("{what}, p50"), percentile(times, 50), Want::Nothing);
    let want = Want::AtMost(P99_MAX.as_secs_f64() * 1e3);
    report.millis(&format!("{what}, p99"), percentile(times, 99), want);
}
