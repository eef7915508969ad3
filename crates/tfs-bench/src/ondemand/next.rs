//! The next episode: how long its first frame takes when the episode before it was played.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tfs_testkit::until::until;

use super::cost::settle;
use super::library::SeedLibrary;
use super::server::{MountedServer, runtime};
use crate::compare::find;
use crate::figures::{FigureReport, Want};
use crate::mount::wait_for;
use crate::timing::median;

const PIECE_BYTES: u32 = 2 * 1024 * 1024;

const SEEDERS: usize = 2;

/// The speed of each seeder: both together are a line of 10 MiB/s.
const SEEDER_BPS: u64 = 5 * 1024 * 1024;

/// How often each setting is measured.
const ROUNDS: usize = 5;

/// How much of the first episode is played, in percent.
const PLAYED_PERCENT: u64 = 85;

/// How long the first frame may take.
const FRAME_MAX: Duration = Duration::from_secs(60);

/// The setting of the next episode.
const SETTING: &str = "TFS_READ__NEXT";

/// Noise of a high bit rate: some 40 MB.
const FFMPEG: &str = "-v error -f lavfi -i testsrc2=size=854x480:rate=24 -t 60 \
    -vf noise=alls=40:allf=t -c:v mpeg4 -b:v 5500k -g 48";

pub(crate) fn run(report: &mut FigureReport, dir: &Path) {
    if find("ffmpeg").is_none() {
        report.step("nothing: ffmpeg must be installed");
        return;
    }
    let episodes: [&str; 2] = ["Show.S01E01.mkv", "Show.S01E02.mkv"];
    for name in episodes {
        let mut encode = Command::new("ffmpeg");
        encode.args(FFMPEG.split_whitespace()).arg(dir.join(name));
        assert!(encode.status().unwrap().success());
    }
    let runtime = runtime();
    for value in ["off", "head"] {
        report.step(&format!("the next episode, read.next = {value:?}"));
        let dir_of = dir.join(value);
        fs::create_dir(&dir_of).unwrap();
        let mut library = runtime.block_on(SeedLibrary::far(dir, SEEDERS, SEEDER_BPS));
        let shows = (0..ROUNDS).map(|round| format!("Show {value} {round}"));
        let shows: Vec<_> = shows.collect();
        for show in &shows {
            let folder = dir.join(show);
            fs::create_dir(&folder).unwrap();
            for name in episodes {
                fs::hard_link(dir.join(name), folder.join(name)).unwrap();
            }
            runtime.block_on(library.seed(&folder, PIECE_BYTES));
        }
        let server = MountedServer::with_settings(&runtime, &dir_of, &[(SETTING, value)]);
        runtime.block_on(library.add_to(&server.client, 0));
        let mut frames = Vec::new();
        for show in &shows {
            let [first, second] = episodes.map(|name| server.mount.path.join(show).join(name));
            until("the episodes are there", || second.exists().then_some(()));
            let mut first = Some(play(&first));
            settle(&runtime, &server);
            let start = Instant::now();
            let mut frame = Command::new("ffmpeg");
            frame.args(["-v", "error", "-i"]).arg(&second).args(["-frames:v", "1", "-f", "null"]);
            let mut frame = frame.arg("-").stdin(Stdio::null()).spawn().unwrap();
            wait_for(&mut frame, FRAME_MAX);
            frames.push(start.elapsed());
            drop(first.take());
        }
        println!("next: {value}: {frames:?}");
        let figure = format!("first frame of the next episode, {value}, median");
        report.millis(&figure, median(&frames), Want::Nothing);
    }
}

/// Reads the first part of an episode in order, and returns its open file.
fn play(path: &Path) -> File {
    let len = fs::metadata(path).unwrap().len() * PLAYED_PERCENT / 100;
    let mut file = File::open(path).unwrap();
    let copied = std::io::copy(&mut (&mut file).take(len), &mut std::io::sink()).unwrap();
    assert_eq!(copied, len);
    file
}
