//! Sequential reads of whole files, by one and by four readers, and their cost.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tfs_testkit::content::Content;

use super::cost::{PER_GIB, ReadCost};
use super::samples::{SampleRecorder, median};
use super::seeder::Seeder;
use super::traced::{self, Tracer};
use super::ways::{CEILING, FileView, FileViews, HTTP, HTTPDIRFS, LOCAL, ONE_REQUEST, RCLONE};
use super::{curl, programs};
use crate::caches::{have_free_memory, warm};
use crate::load::{Load, LoadPattern, LoadResult, LoadSource, reader_cpu};
use crate::process;

/// The name of this comparison.
pub(crate) const GROUP: &str = "sequential";

/// The stream budget of tfs.
const READERS: usize = 4;

/// Several times the cache memory of tfs.
const FILE_BYTES: u64 = 512 << 20;

/// A slower read is stopped, and rated by the bytes that came.
const READ_MAX: Duration = Duration::from_millis(1500);

/// How often work of milliseconds is measured in each round: a short disturbance of the machine
/// would distort a single figure.
const TURNS: usize = 3;

/// How often a file in the page cache is read in one measurement, for the same reason.
const PASSES: usize = 4;

const UNIT: &str = "MiB/s";

pub(crate) const ONE: &str = "1 reader";
pub(crate) const FOUR: &str = "4 readers";
pub(crate) const DISK: &str = "1 reader, from the disk";
pub(crate) const AGAIN: &str = "1 reader, again";
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
    let has_curl = programs::find(curl::NAME).is_some();
    if !has_curl {
        recorder.note(ONE, curl::NAME, programs::NOT_INSTALLED);
    }
    let tfs = ways.there.iter().find(|way| way.name == HTTP).unwrap();
    let tracer = Tracer::new(dir, tfs.pid.unwrap());
    if tracer.is_none() {
        recorder.note(traced::SYSTEM_CALLS, HTTP, "needs perf, and a kernel with tracepoints");
    }
    let bench = SequentialBench { seeder: &seeder, ways: &ways, has_curl, tracer };
    if has_curl {
        curl::check(&seeder.stream_url(0), &seeder.source(&seeder.api_url, 0).plain);
    }
    for round in 0..rounds {
        bench.round(recorder, round);
    }
}

/// What all rounds share.
struct SequentialBench<'a> {
    seeder: &'a Seeder,
    ways: &'a FileViews,
    has_curl: bool,
    tracer: Option<Tracer>,
}

/// The speeds and the cost of one reader in a round.
#[derive(Default)]
struct OneReader {
    speeds: Vec<f64>,
    cost: ReadCost,
}

impl SequentialBench<'_> {
    fn round(&self, recorder: &mut SampleRecorder, round: usize) {
        let ways = &self.ways.there;
        // After the filesystems, curl and the reader itself over HTTP.
        let mut ones: Vec<OneReader> = Vec::new();
        ones.resize_with(ways.len() + 2, OneReader::default);
        for turn in 0..=TURNS {
            for idx in 0..ones.len() {
                // Each round and turn begins with another one.
                let idx = (idx + round + turn) % ones.len();
                let one = &mut ones[idx];
                match ways.get(idx) {
                    Some(way) if turn == 0 => self.measure(recorder, way, one),
                    Some(way) => self.measure_again(recorder, way, one),
                    None if idx == ways.len() => {
                        one.speeds.extend(self.has_curl.then(|| self.curl(recorder, turn)));
                    }
                    None => one.speeds.push(self.one_request(turn == 0)),
                }
            }
        }
        let names = ways.iter().map(|way| way.name).chain([curl::NAME, ONE_REQUEST]);
        for (name, one) in names.zip(ones) {
            if let Some(speed) = median(one.speeds) {
                recorder.add(ONE, name, UNIT, speed);
            }
            one.cost.record(recorder, name);
        }
    }

    /// Measures uncached reads, by one reader and by four.
    fn measure(&self, recorder: &mut SampleRecorder, way: &FileView, one: &mut OneReader) {
        if let Some(pid) = way.pid {
            process::restart_peak(pid);
        }
        self.one(way, one);
        (0..READERS).for_each(|idx| self.ways.forget(way, idx));
        let sources = (0..READERS).map(|idx| self.ways.source(way, idx)).collect();
        recorder.add(FOUR, way.name, UNIT, speed(&load(sources, way.has_bytes())));
        if let Some(pid) = way.pid {
            let peak = crate::figures::megabytes(process::peak(pid));
            recorder.add(MEMORY, way.name, "MB", peak);
        }
        if let (HTTP | RCLONE, Some(tracer), Some(pid)) = (way.name, &self.tracer, way.pid) {
            self.forget(way);
            for (what, count) in tracer.count(pid, &load(vec![self.ways.source(way, 0)], false)) {
                recorder.add(what, way.name, PER_GIB, count);
            }
        }
    }

    /// Measures a file in the page cache, one that comes from the disk, and one reader again.
    fn measure_again(&self, recorder: &mut SampleRecorder, way: &FileView, one: &mut OneReader) {
        if matches!(way.name, RCLONE | HTTPDIRFS) {
            // Nothing of this is compared with them, and a file takes them seconds.
            return;
        }
        warm(&self.ways.path(way, 0));
        let again = load(vec![self.ways.source(way, 0)], false);
        let passes: Vec<_> = (0..PASSES).map(|_| again.run()).collect();
        let (count, time) =
            (passes.iter().map(|it| it.count).sum(), passes.iter().map(|it| it.time).sum());
        recorder.add(AGAIN, way.name, UNIT, LoadResult { count, time }.mib_per_second());
        if way.is_local {
            self.ways.forget_disk(way, 0);
            let disk = load(vec![self.ways.source(way, 0)], true);
            recorder.add(DISK, way.name, UNIT, speed(&disk));
        }
        self.one(way, one);
    }

    /// Measures one reader. Both sides of the two ways without HTTP are pinned.
    fn one(&self, way: &FileView, one: &mut OneReader) {
        self.forget(way);
        let mut load = load(vec![self.ways.source(way, 0)], way.has_bytes());
        load.cpu = matches!(way.name, LOCAL | CEILING).then(reader_cpu);
        let _pinned = way.pin();
        have_free_memory(FILE_BYTES);
        let speed = one.cost.of(way.pid, || {
            let loaded = load.run();
            (loaded.count, loaded.mib_per_second())
        });
        one.speeds.push(speed);
    }

    fn forget(&self, way: &FileView) {
        self.ways.forget(way, 0);
        self.ways.warm();
    }

    fn one_request(&self, checks: bool) -> f64 {
        self.ways.warm();
        speed(&load(vec![self.seeder.source(&self.seeder.api_url, 0)], checks))
    }

    /// Returns the speed of one curl; in the first turn, records that of four.
    fn curl(&self, recorder: &mut SampleRecorder, turn: usize) -> f64 {
        self.ways.warm();
        let urls: Vec<_> = (0..READERS).map(|idx| self.seeder.stream_url(idx)).collect();
        if turn == 0 {
            recorder.add(FOUR, curl::NAME, UNIT, curl::mib_per_second(&urls));
        }
        curl::mib_per_second(&urls[..1])
    }
}

/// Returns a reader of these sources.
fn load(sources: Vec<LoadSource>, checks: bool) -> Load {
    Load { pattern: LoadPattern::Order { time_max: READ_MAX }, sources, cpu: None, checks }
}

/// Runs a reader after the kernel has got free memory for what it reads, and returns its speed.
fn speed(load: &Load) -> f64 {
    have_free_memory(FILE_BYTES * load.sources.len() as u64);
    load.run().mib_per_second()
}
