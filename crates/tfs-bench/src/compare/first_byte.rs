//! The first byte at an offset of a file that the server has.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Instant;

use tfs_testkit::content::Content;
use tfs_testkit::random::Random;

use super::programs;
use super::samples::{SampleRecorder, median};
use super::seeder::Seeder;
use super::ways::{FileView, FileViews, PLAIN, RANGES};
use crate::load::RangeConnection;

/// The name of this comparison.
pub(crate) const GROUP: &str = "first-byte";

const FILE_BYTES: u64 = 256 << 20;

const FILM: Content = Content::new(1, FILE_BYTES);

/// Offsets in each round, of which the median counts.
const PLACES: usize = 20;

/// Open the file, and read a byte in the middle of it.
pub(crate) const NEW: &str = "open, read a byte";

/// Read the same byte again, after its page was dropped from the page cache but not from tfs's
/// cache.
const AGAIN: &str = "the byte beside it, again from the process";

const UNIT: &str = "ms";

pub(crate) fn run(recorder: &mut SampleRecorder, dir: &Path, rounds: usize) {
    let seeder = Seeder::start(dir, "film.mkv", |path| FILM.write_to(path).unwrap());
    let ways = FileViews::all(dir, &seeder);
    for name in &ways.not_installed {
        recorder.note(NEW, name, programs::NOT_INSTALLED);
    }
    let mut random = Random::new(7);
    for round in 0..rounds {
        for idx in 0..=ways.there.len() {
            match ways.there.get((idx + round) % (ways.there.len() + 1)) {
                Some(way) => measure(recorder, &ways, way, &mut random),
                None => measure_ranges(recorder, &seeder, &mut random),
            }
        }
    }
}

fn measure(recorder: &mut SampleRecorder, ways: &FileViews, way: &FileView, random: &mut Random) {
    let path = ways.path(way, 0);
    ways.forget(way, 0);
    let (mut new, mut again) = (Vec::new(), Vec::new());
    for _ in 0..PLACES {
        let offset = random.number() % FILE_BYTES;
        new.push(read_byte(way, &path, offset));
        if way.name != PLAIN {
            crate::caches::forget_pages(&path);
        }
        again.push(read_byte(way, &path, offset ^ 1));
    }
    recorder.add(NEW, way.name, UNIT, median(new).unwrap());
    recorder.add(AGAIN, way.name, UNIT, median(again).unwrap());
}

fn measure_ranges(recorder: &mut SampleRecorder, seeder: &Seeder, random: &mut Random) {
    let address = seeder.api_url.trim_start_matches("http://");
    let mut connection = RangeConnection::open(address).unwrap();
    let times = (0..PLACES).map(|_| {
        let (mut byte, offset) = ([0], random.number() % FILE_BYTES);
        let start = Instant::now();
        connection.get(&seeder.stream_path(0), offset, &mut byte).unwrap();
        let took = start.elapsed().as_secs_f64() * 1e3;
        FILM.check(offset, &byte).unwrap();
        took
    });
    recorder.add(NEW, RANGES, UNIT, median(times.collect()).unwrap());
}

/// Returns the time of the read in milliseconds.
fn read_byte(way: &FileView, path: &Path, offset: u64) -> f64 {
    let mut byte = [0];
    let start = Instant::now();
    File::open(path).unwrap().read_exact_at(&mut byte, offset).unwrap();
    let took = start.elapsed().as_secs_f64() * 1e3;
    if way.has_bytes() {
        FILM.check(offset, &byte).unwrap();
    }
    took
}
