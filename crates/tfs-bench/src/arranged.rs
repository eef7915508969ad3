//! Six views over a library of 10,000 torrents: memory, the first listings, a change, and identity
//! over a restart.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tfs_testkit::rqbit::{FakeRqbit, LargeLibrary};
use tfs_testkit::until::until;

use crate::caches::forget_names;
use crate::figures::{FigureReport, Want, count, megabytes};
use crate::mount::TfsMount;
use crate::process;
use crate::timing::percentile;

const SHAPE: LargeLibrary = LargeLibrary { torrent_count: 10_000 };

/// The views: by kind with other names, by a glob, flat, by tag, without duplicates, and the rest.
const VIEWS: &str = r#"
[[view]]
name = "Kids"
tag = "kids"
pass_on = true
[[view]]
name = "HD"
glob = "*2160p*"
pass_on = true
[[view]]
name = "Flat"
match = "film .*[05] "
depth = "flatten"
largest_only = true
pass_on = true
[[view]]
name = "Once"
videos_min = 1
dedupe = true
pass_on = true
[[view]]
name = "Big"
min_size = "50MB"
rename = "{title} ({year})"
hide = ["samples", "*.jpg"]
[[view]]
name = "Films"
kind = ["film", "other", "software"]
"#;

/// How many torrents are tagged, one after the other.
const CHANGES: u32 = 20;

/// A delay that users do not notice, the process of the command and its sync of the disk included.
const CHANGE_MAX: Duration = Duration::from_millis(100);

pub(crate) fn run(report: &mut FigureReport, dir: &Path) {
    let library = FakeRqbit::start(SHAPE).unwrap();
    report.step("10,000 torrents without views");
    let plain = TfsMount::unhurried(&dir.join("plain"), &library.url(), &[]);
    wait_until_complete(&plain.path);
    let entries = listing(&plain.path).len();
    report.figure("entries without views", count(entries), "", Want::Nothing);
    let before = process::resident(plain.pid());
    report.figure("RSS without views", megabytes(before), "MB", Want::Nothing);
    drop(plain);

    report.step("the same with six views");
    let config = dir.join("views.toml");
    fs::write(&config, VIEWS).unwrap();
    let options = ["--config", config.to_str().unwrap()];
    let home = dir.join("views");
    let start = Instant::now();
    let mut mount = TfsMount::unhurried(&home, &library.url(), &options);
    report.time("until mounted", start.elapsed(), Want::Nothing);
    wait_until_complete(&mount.path);
    report.time("until complete", start.elapsed(), Want::Nothing);
    change(report, &mount);
    list_views(report, &mount);
    let before_restart = listing(&mount.path);
    report.figure("entries with views", count(before_restart.len()), "", Want::Nothing);
    let arranged = process::resident(mount.pid());
    report.figure("RSS with views", megabytes(arranged), "MB", Want::Nothing);
    let each = megabytes(arranged.saturating_sub(before)) * 1e6;
    let more = before_restart.len().saturating_sub(entries);
    report.figure("RSS for each entry of a view", each / count(more), "B", Want::Nothing);

    report.step("a restart");
    assert!(mount.end(), "tfs did not end");
    let start = Instant::now();
    let mount = TfsMount::unhurried(&home, &library.url(), &options);
    report.time("until mounted again", start.elapsed(), Want::Nothing);
    wait_until_complete(&mount.path);
    let after = listing(&mount.path);
    let same = before_restart.iter().zip(&after).filter(|(one, other)| one == other).count();
    report.all(
        "entries with the same number and name",
        same,
        before_restart.len().max(after.len()),
    );
}

/// Measures the first listing of each view, with the attributes of its entries.
fn list_views(report: &mut FigureReport, mount: &TfsMount) {
    report.step("first listings");
    for view in ["Kids", "HD", "Flat", "Once", "Big", "Films"] {
        forget_names();
        let start = Instant::now();
        let entries = fs::read_dir(mount.path.join(view)).unwrap();
        let listed: Vec<_> = entries.map(|entry| entry.unwrap().metadata().unwrap()).collect();
        let listed = listed.len();
        let took = start.elapsed();
        report.millis(&format!("first listing of {view}, {listed} entries"), took, Want::Nothing);
    }
}

/// Measures how long it takes until a new tag has moved a torrent into a view.
fn change(report: &mut FigureReport, mount: &TfsMount) {
    report.step("tags");
    // The kernel knows that there is nothing.
    assert_eq!(fs::read_dir(mount.path.join("Kids")).unwrap().count(), 0);
    let torrents = SHAPE.torrents().take(CHANGES as usize);
    let mut times: Vec<_> = torrents
        .map(|torrent| {
            let shown: PathBuf = mount.path.join("Kids").join(&torrent.name);
            assert!(!shown.exists(), "{}", torrent.name);
            let start = Instant::now();
            let hash = torrent.info_hash.to_string();
            let tagged = mount.command().args(["tag", &hash, "kids"]).output().unwrap();
            assert!(tagged.status.success(), "{tagged:?}");
            assert!(shown.exists(), "{}", torrent.name);
            start.elapsed()
        })
        .collect();
    times.sort();
    let want = Want::AtMost(CHANGE_MAX.as_secs_f64() * 1000.0);
    report.millis("tfs tag until it shows, p50", percentile(&times, 50), want);
    report.millis("tfs tag until it shows, longest", percentile(&times, 100), Want::Nothing);
}

fn wait_until_complete(path: &Path) {
    until("all torrents are there", || {
        let entries = fs::read_dir(path).ok()?;
        (entries.count() >= SHAPE.torrent_count as usize).then_some(())
    });
}

/// Returns the inode number and the path of each entry, sorted.
fn listing(path: &Path) -> Vec<String> {
    let mut find = Command::new("find");
    let found = find.arg(path).args(["-printf", "%i %P\n"]).output().unwrap();
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    let text = String::from_utf8(found.stdout).unwrap();
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}
