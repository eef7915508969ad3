//! Sequential reads of whole files, by one and by four readers, and their cost.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use tfs_testkit::content::Content;

use super::samples::{SampleRecorder, median};
use super::seeder::Seeder;
use super::ways::{FileView, FileViews, HTTPDIRFS, RCLONE};
use super::{curl, programs};
use crate::caches::{have_free_memory, warm};
use crate::process;

/// The stream budget of tfs.
const READERS: usize = 4;

/// Several times the cache memory of tfs.
const FILE_BYTES: u64 = 512 << 20;

/// The block size of `dd bs=1M` and of copying programs.
const BLOCK_BYTES: usize = 1 << 20;

/// A slower read is stopped, and rated by the bytes that came.
const READ_MAX: Duration = Duration::from_millis(1500);

/// How often work of milliseconds is measured in each round: a short disturbance of the machine
/// would distort a single figure.
const TURNS: usize = 3;

/// How often a file in the page cache is read in one measurement, for the same reason.
const PASSES: usize = 4;

const UNIT: &str = "MiB/s";

const MIB: f64 = 1_048_576.0;
const GIB: f64 = 1024.0 * MIB;

pub(crate) const ONE: &str = "1 reader";
pub(crate) const FOUR: &str = "4 readers";
pub(crate) const DISK: &str = "1 reader, from the disk";
pub(crate) const AGAIN: &str = "1 reader, again";
pub(crate) const PROCESSOR: &str = "processor time of the process";
pub(crate) const MEMORY: &str = "peak of its memory (RSS)";

pub(crate) fn run(recorder: &mut SampleRecorder, dir: &Path, rounds: usize) {
    let seeder = Seeder::start(dir, "films", |folder| {
        fs::create_dir(folder).unwrap();
        for idx in 0..READERS {
            let content = Content::new(u64::try_from(idx).unwrap(), FILE_BYTES);
            content.write_to(&folder.join(format!("{idx}.mkv"))).unwrap();
        }
    });
    let ways = FileViews::all(dir, &seeder);
    for name in &ways.not_installed {
        recorder.note(ONE, name, programs::NOT_INSTALLED);
    }
    for round in 0..rounds {
        let mut speeds: Vec<_> = ways.there.iter().map(|way| (way.name, Vec::new())).collect();
        for idx in 0..=ways.there.len() {
            // Each round begins with another one; the last one is not a filesystem.
            let idx = (idx + round) % (ways.there.len() + 1);
            match ways.there.get(idx) {
                Some(way) => speeds[idx].1.push(measure(recorder, &ways, way)),
                None => measure_curl(recorder, &seeder),
            }
        }
        for turn in 0..TURNS {
            for idx in 0..ways.there.len() {
                let idx = (idx + turn) % ways.there.len();
                speeds[idx].1.extend(measure_again(recorder, &ways, &ways.there[idx]));
            }
        }
        for (name, speeds) in speeds {
            recorder.add(ONE, name, UNIT, median(speeds).unwrap());
        }
    }
}

/// Measures uncached reads, and returns the speed of one reader.
fn measure(recorder: &mut SampleRecorder, ways: &FileViews, way: &FileView) -> f64 {
    let paths: Vec<_> = (0..READERS).map(|idx| ways.path(way, idx)).collect();
    let forget = || (0..READERS).for_each(|idx| ways.forget(way, idx));
    ways.warm();
    forget();
    let before = way.pid.map(|pid| (process::restart_peak(pid), process::processor_time(pid)));
    let (bytes, took) = read(&paths[..1]);
    let speed = bytes / MIB / took.as_secs_f64();
    forget();
    let (more, took) = read(&paths);
    recorder.add(FOUR, way.name, UNIT, more / MIB / took.as_secs_f64());
    if let (Some(pid), Some((_, before))) = (way.pid, before) {
        let took = process::processor_time(pid).saturating_sub(before);
        recorder.add(PROCESSOR, way.name, "s/GiB", took.as_secs_f64() / ((bytes + more) / GIB));
        let peak = crate::figures::megabytes(process::peak(pid));
        recorder.add(MEMORY, way.name, "MB", peak);
    }
    speed
}

/// Measures a file in the page cache, and one that comes from the disk. Returns the speed of one
/// reader again, if that is quick to measure.
fn measure_again(recorder: &mut SampleRecorder, ways: &FileViews, way: &FileView) -> Option<f64> {
    if matches!(way.name, RCLONE | HTTPDIRFS) {
        // Nothing is compared with them, and a file takes them seconds.
        return None;
    }
    let path = ways.path(way, 0);
    warm(&path);
    let start = Instant::now();
    let bytes: f64 = (0..PASSES).map(|_| f64::from(read_blocks(&path, start))).sum();
    recorder.add(AGAIN, way.name, UNIT, bytes / MIB / start.elapsed().as_secs_f64());
    if way.is_local {
        ways.forget_disk(way, 0);
        let (bytes, took) = read(std::slice::from_ref(&path));
        recorder.add(DISK, way.name, UNIT, bytes / MIB / took.as_secs_f64());
    }
    ways.forget(way, 0);
    ways.warm();
    let (bytes, took) = read(&[path]);
    Some(bytes / MIB / took.as_secs_f64())
}

fn measure_curl(recorder: &mut SampleRecorder, seeder: &Seeder) {
    if programs::find(curl::NAME).is_none() {
        recorder.note(ONE, curl::NAME, programs::NOT_INSTALLED);
        return;
    }
    let urls: Vec<_> = (0..READERS).map(|idx| seeder.stream_url(idx)).collect();
    for (what, urls) in [(ONE, &urls[..1]), (FOUR, &urls)] {
        let (bytes, took) = curl::get(urls);
        recorder.add(what, curl::NAME, UNIT, bytes / MIB / took.as_secs_f64());
    }
}

/// Reads files concurrently, each on a thread of its own. Returns the bytes and the time.
fn read(paths: &[PathBuf]) -> (f64, Duration) {
    have_free_memory(FILE_BYTES * u64::try_from(paths.len()).unwrap());
    let start = Instant::now();
    let bytes: u32 = thread::scope(|scope| {
        let readers: Vec<_> =
            paths.iter().map(|path| scope.spawn(move || read_blocks(path, start))).collect();
        readers.into_iter().map(|reader| reader.join().unwrap()).sum()
    });
    (f64::from(bytes), start.elapsed())
}

/// Returns the number of bytes read.
fn read_blocks(path: &Path, start: Instant) -> u32 {
    let file = File::open(path).unwrap();
    let mut block = vec![0; BLOCK_BYTES];
    let mut offset = 0;
    while start.elapsed() < READ_MAX {
        let len = file.read_at(&mut block, offset).unwrap();
        if len == 0 {
            break;
        }
        offset += u64::try_from(len).unwrap();
    }
    u32::try_from(offset).unwrap()
}
