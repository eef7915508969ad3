//! Reading whole files in order, by one and by four readers, and what that costs.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use tfs_testkit::content::Content;

use super::seeder::Seeder;
use super::ways::{PLAIN, Way, Ways};
use super::{curl, programs, samples::Recorder};
use crate::caches::{have_free_memory, warm};
use crate::process;

/// As many as tfs has streams.
const READERS: usize = 4;

/// Several times what tfs may keep in memory.
const FILE_BYTES: u64 = 512 << 20;

/// What `dd bs=1M` and copying programs ask for.
const BLOCK_BYTES: usize = 1 << 20;

/// Who is not done by then is slow enough to be judged by what came.
const READ_MAX: Duration = Duration::from_millis(1500);

const MIB: f64 = 1_048_576.0;
const GIB: f64 = 1024.0 * MIB;

pub(crate) const ONE: &str = "1 reader";
pub(crate) const FOUR: &str = "4 readers";
pub(crate) const DISK: &str = "1 reader, from the disk";
pub(crate) const AGAIN: &str = "1 reader, again";
pub(crate) const PROCESSOR: &str = "processor time of the process";
pub(crate) const MEMORY: &str = "peak of its memory (RSS)";

pub(crate) fn run(recorder: &mut Recorder, dir: &Path, rounds: usize) {
    let seeder = Seeder::start(dir, "films", |folder| {
        fs::create_dir(folder).unwrap();
        for idx in 0..READERS {
            let content = Content::new(u64::try_from(idx).unwrap(), FILE_BYTES);
            content.write_to(&folder.join(format!("{idx}.mkv"))).unwrap();
        }
    });
    let ways = Ways::all(dir, &seeder);
    for name in &ways.not_installed {
        recorder.note(ONE, name, programs::NOT_INSTALLED);
    }
    for round in 0..rounds {
        for idx in 0..=ways.there.len() {
            // Each round begins with another way; the last one is no filesystem.
            match ways.there.get((idx + round) % (ways.there.len() + 1)) {
                Some(way) => measure(recorder, &ways, way),
                None => measure_curl(recorder, &seeder),
            }
        }
    }
}

fn measure(recorder: &mut Recorder, ways: &Ways, way: &Way) {
    let paths: Vec<_> = (0..READERS).map(|idx| ways.path(way, idx)).collect();
    let forget = || (0..READERS).for_each(|idx| ways.forget(way, idx));
    if way.name == PLAIN {
        paths.iter().for_each(|path| warm(path));
    }
    forget();
    let before = way.pid.map(|pid| (process::restart_peak(pid), process::processor_time(pid)));
    let (bytes, took) = read(&paths[..1]);
    recorder.add(ONE, way.name, "MiB/s", bytes / MIB / took.as_secs_f64());
    let (again, took) = read(&paths[..1]);
    recorder.add(AGAIN, way.name, "MiB/s", again / MIB / took.as_secs_f64());
    forget();
    let (more, took) = read(&paths);
    recorder.add(FOUR, way.name, "MiB/s", more / MIB / took.as_secs_f64());
    if let (Some(pid), Some((_, before))) = (way.pid, before) {
        let took = process::processor_time(pid).saturating_sub(before);
        recorder.add(PROCESSOR, way.name, "s/GiB", took.as_secs_f64() / ((bytes + more) / GIB));
        let peak = crate::figures::megabytes(process::peak(pid));
        recorder.add(MEMORY, way.name, "MB", peak);
    }
    if ways.forget_disk(way, 0) {
        let (bytes, took) = read(&paths[..1]);
        recorder.add(DISK, way.name, "MiB/s", bytes / MIB / took.as_secs_f64());
    }
    // Whoever comes next finds the file in memory, as rqbit does.
    warm(&ways.path(&ways.there[0], 0));
}

fn measure_curl(recorder: &mut Recorder, seeder: &Seeder) {
    if programs::find(curl::NAME).is_none() {
        recorder.note(ONE, curl::NAME, programs::NOT_INSTALLED);
        return;
    }
    let urls: Vec<_> = (0..READERS).map(|idx| seeder.stream_url(idx)).collect();
    for (what, urls) in [(ONE, &urls[..1]), (FOUR, &urls)] {
        let (bytes, took) = curl::get(urls);
        recorder.add(what, curl::NAME, "MiB/s", bytes / MIB / took.as_secs_f64());
    }
}

/// Reads files at once, each by a thread of its own, and returns how many bytes came in which time.
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

/// Returns how many bytes were there.
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
