//! `ffprobe` of media files, one after the other, with four seeders.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tfs_testkit::swarm::Swarm;
use tfs_testkit::until::until;

use super::SETTLE;
use crate::figures::{FigureReport, Want, count, megabytes};
use crate::mount::TfsMount;
use crate::rqbits::Rqbits;
use crate::seeders::Seeders;
use crate::timing::{pause, within};

/// How often the files are scanned, each time with servers that were never asked for them.
const SCANS: usize = 4;

const SEEDERS: usize = 4;

/// The files of each kind.
const OF_KIND: usize = 7;

/// The kinds: an index at the end, clusters, and packets.
const KINDS: [&str; 3] = ["mp4", "mkv", "ts"];

/// Noise of high bit rate: some 8 MB.
const FFMPEG: &str = "-v error -f lavfi -i testsrc2=size=640x360:rate=25:duration=40 \
    -vf noise=alls=30 -c:v mpeg4 -b:v 1600k -movflags -faststart";

const PIECE_BYTES: u32 = 1024 * 1024;

const DOWNLOAD_BPS: u32 = 20_000_000;

/// How long ffprobe may take.
const PROBE_MAX: Duration = Duration::from_secs(90);

/// Scans the files, if ffmpeg and ffprobe are installed.
pub(super) fn run(report: &mut FigureReport, dir: &Path) {
    let seeds = dir.join("media");
    fs::create_dir(&seeds).unwrap();
    let Some(names) = make(&seeds) else {
        report.step("no ffprobe: there is no ffmpeg with ffprobe on this machine");
        return;
    };
    let (mut lost, mut forgotten, mut failed, mut fetched) = (0, 0, 0, 0);
    let mut longest = Duration::ZERO;
    for scan in 0..SCANS {
        report.step(&format!("ffprobe of {} files, {SEEDERS} seeders, scan {scan}", names.len()));
        let dir = dir.join(format!("scan{scan}"));
        fs::create_dir(&dir).unwrap();
        let rqbits = Rqbits::start(Swarm::builder().download_bps(1));
        let seeders = Seeders::start(&rqbits, &seeds, SEEDERS, PIECE_BYTES);
        seeders.add_to(&rqbits, DOWNLOAD_BPS);
        let mount = TfsMount::new(&dir, &rqbits.swarm.api_url(), &[]);
        let folder = mount.path.join("media");
        until("the files are there", || folder.exists().then_some(()));
        let before = rqbits.fetched_bytes();
        let start = Instant::now();
        for name in &names {
            let path = folder.join(name);
            let probed = within(PROBE_MAX, move || probe(path.as_os_str()));
            let (took, is_probed) = probed.unwrap_or((PROBE_MAX, false));
            longest = longest.max(took);
            failed += usize::from(!is_probed);
        }
        report.time(&format!("ffprobe, scan {scan}"), start.elapsed(), Want::Nothing);
        pause(SETTLE);
        fetched += rqbits.fetched_bytes() - before;
        let (lost_now, forgotten_now) = seeders.lost(&rqbits);
        (lost, forgotten) = (lost + lost_now, forgotten + forgotten_now);
    }
    report.figure("ffprobe: files that failed", count(failed), "", Want::AtMost(0.0));
    report.time("ffprobe: longest of a file", longest, Want::Nothing);
    let figure = "ffprobe: peers that rqbit ignored for ever";
    report.figure(figure, count(forgotten), "", Want::AtMost(0.0));
    report.figure("ffprobe: peers lost at the end", count(lost), "", Want::AtMost(0.0));
    let each = megabytes(fetched) / count(SCANS * names.len());
    report.figure("ffprobe: fetched for each file", each, "MB", Want::Nothing);
}

/// Makes the files, and returns their names; `None` without ffmpeg or ffprobe.
fn make(dir: &Path) -> Option<Vec<PathBuf>> {
    let mut names = Vec::new();
    for kind in KINDS {
        let name = |number: usize| PathBuf::from(format!("{number}.{kind}"));
        let first = dir.join(name(0));
        let made = Command::new("ffmpeg").args(FFMPEG.split_whitespace()).arg(&first).status();
        if !made.is_ok_and(|status| status.success()) || !probe(first.as_os_str()) {
            return None;
        }
        for number in 1..OF_KIND {
            fs::copy(&first, dir.join(name(number))).unwrap();
        }
        names.extend((0..OF_KIND).map(name));
    }
    Some(names)
}

/// Returns whether ffprobe finds a film in a file.
fn probe(path: &OsStr) -> bool {
    let mut command = Command::new("ffprobe");
    let command = command.args(["-v", "error", "-show_streams"]).arg(path).stdin(Stdio::null());
    let output = command.output();
    output.is_ok_and(|it| String::from_utf8_lossy(&it.stdout).contains("width=640"))
}
