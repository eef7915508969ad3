//! A film: probing by programs, copying, and a player that seeks.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use tfs_testkit::random::Random;

use super::mpv;
use super::programs::{NOT_INSTALLED, find, quiet};
use super::samples::SampleRecorder;
use super::seeder::Seeder;
use super::ways::{FileViews, HTTPDIRFS};

/// The name of this comparison.
pub(crate) const GROUP: &str = "film";

/// The name of reads from rqbit without a filesystem.
pub(crate) const DIRECT: &str = "rqbit's own URL";

const FFPROBE: &str = "ffprobe";
const FFMPEG: &str = "ffmpeg";
pub(crate) const COPY: &str = "ffmpeg copies it";
pub(crate) const FRAME: &str = "mpv, first frame";
pub(crate) const SEEKS: &str = "mpv, 20 seeks";
const UNIT: &str = "s";

/// The length of the film in seconds: at 12 Mbit/s it is far larger than any cache window.
const FILM_SECONDS: u32 = 90;

/// The number of seeks of a player.
const JUMPS: usize = 20;

pub(crate) fn run(recorder: &mut SampleRecorder, dir: &Path, rounds: usize) {
    if find(FFMPEG).is_none() {
        recorder.note(COPY, FFMPEG, NOT_INSTALLED);
        return;
    }
    let seeder = Seeder::start(dir, "film.mkv", make_film);
    let mut ways = FileViews::of_tfs(dir, &seeder);
    ways.add_others(dir, &seeder);
    // It takes minutes where others take seconds.
    ways.there.retain(|way| way.name != HTTPDIRFS);
    for name in &ways.not_installed {
        recorder.note(COPY, name, NOT_INSTALLED);
    }
    let has_mpv = find(mpv::NAME).is_some();
    if !has_mpv {
        recorder.note(FRAME, mpv::NAME, NOT_INSTALLED);
    }
    for round in 0..rounds {
        for idx in 0..=ways.there.len() {
            let way = ways.there.get((idx + round) % (ways.there.len() + 1));
            let name = way.map_or(DIRECT, |way| way.name);
            let forget = || way.iter().for_each(|way| ways.forget(way, 0));
            let film = way.map_or_else(
                || seeder.stream_url(0),
                |way| ways.path(way, 0).to_str().unwrap().to_owned(),
            );
            forget();
            let mut probe = quiet(FFPROBE);
            probe.args(["-v", "error", "-show_format", "-show_streams", &film]);
            recorder.add(FFPROBE, name, UNIT, time(&mut probe));
            forget();
            let mut copy = quiet(FFMPEG);
            copy.args(["-v", "error", "-i", &film, "-map", "0", "-c", "copy", "-f", "null", "-"]);
            recorder.add(COPY, name, UNIT, time(&mut copy));
            if has_mpv {
                forget();
                let played = mpv::play(dir, &film, &places(round));
                recorder.add(FRAME, name, UNIT, played.first_frame.as_secs_f64());
                recorder.add(SEEKS, name, UNIT, played.seeks.as_secs_f64());
            }
        }
    }
}

/// Returns the seek targets in seconds; the same for all filesystems of a round.
fn places(round: usize) -> Vec<u64> {
    let mut random = Random::new(round as u64 + 1);
    (0..JUMPS).map(|_| random.number() % u64::from(FILM_SECONDS - 5)).collect()
}

fn time(command: &mut Command) -> f64 {
    let start = Instant::now();
    assert!(command.status().unwrap().success(), "{command:?}");
    start.elapsed().as_secs_f64()
}

/// Creates a film with video and audio.
fn make_film(path: &Path) {
    let mut command = quiet(FFMPEG);
    command.args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25"]);
    command.args(["-f", "lavfi", "-i", "sine=frequency=440", "-t", &FILM_SECONDS.to_string()]);
    command.args(["-c:v", "mpeg4", "-b:v", "12M", "-minrate", "12M", "-g", "25"]);
    command.args(["-c:a", "aac", "-y"]).arg(path);
    assert!(command.status().unwrap().success(), "{command:?}");
    assert!(fs::metadata(path).unwrap().len() > 20 << 20, "the film is too short");
}
