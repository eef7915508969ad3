//! Random reads.

use std::path::Path;
use std::time::Duration;

use tfs_testkit::content::Content;

use super::programs;
use super::samples::{SampleRecorder, median};
use super::seeder::Seeder;
use super::ways::{
    CEILING, FileView, FileViews, HTTPDIRFS, LOCAL, PASSTHROUGH, PLAIN, RANGES, RCLONE,
};
use crate::caches::{have_free_memory, warm};
use crate::load::{Load, LoadPattern, LoadSource, reader_cpu};

/// The name of this comparison.
pub(crate) const GROUP: &str = "random";

/// So large that few blocks are read twice.
const FILE_BYTES: u64 = 2 << 30;

/// The time of a measurement in each round.
const TIME: Duration = Duration::from_millis(500);

/// The time of a measurement of reads by the kernel. Passthrough and the plain file differ by a
/// twentieth, and the first half of a second varies by more than that.
const TIME_AGAIN: Duration = Duration::from_secs(2);

/// How often fast filesystems are measured in each round.
const TURNS: usize = 3;

/// As much as the fastest filesystem loads into the page cache in that time.
const FREE_BYTES: u64 = 1 << 30;

/// The seed of the offsets: the same for every way.
const SEED: u64 = 1;

/// The block size and the number of jobs.
pub(crate) struct BlockLoad {
    pub(crate) what: &'static str,
    block_bytes: usize,
    jobs: usize,
}

pub(crate) const LOADS: [BlockLoad; 4] = [
    BlockLoad { what: "4 KiB, 1 job", block_bytes: 4 << 10, jobs: 1 },
    BlockLoad { what: "4 KiB, 8 jobs", block_bytes: 4 << 10, jobs: 8 },
    BlockLoad { what: "128 KiB, 1 job", block_bytes: 128 << 10, jobs: 1 },
    BlockLoad { what: "128 KiB, 8 jobs", block_bytes: 128 << 10, jobs: 8 },
];

/// The first load, if the plain file is not in the page cache.
pub(crate) const DISK: &str = "4 KiB, 1 job, from the disk";

/// The first load, if the file is in the page cache.
pub(crate) const AGAIN: &str = "4 KiB, 1 job, again";

const UNIT: &str = "a second";

pub(crate) fn run(recorder: &mut SampleRecorder, dir: &Path, rounds: usize) {
    let seeder = Seeder::start(dir, "film.mkv", |path| {
        Content::new(1, FILE_BYTES).write_to(path).unwrap();
    });
    let ways = FileViews::all(dir, &seeder);
    for name in &ways.not_installed {
        recorder.note(LOADS[0].what, name, programs::NOT_INSTALLED);
    }
    for round in 0..rounds {
        for load in &LOADS {
            measure(recorder, &ways, &seeder, load, round);
        }
        for turn in 0..TURNS {
            for idx in 0..ways.there.len() {
                measure_again(recorder, &ways, &ways.there[(idx + turn) % ways.there.len()]);
            }
        }
    }
}

/// Measures a load for all filesystems. Those that take microseconds for a read are measured in
/// several turns, of which the median counts: CPU placement of the two threads of such a read
/// matters more than the filesystem.
fn measure(
    recorder: &mut SampleRecorder,
    ways: &FileViews,
    seeder: &Seeder,
    load: &BlockLoad,
    round: usize,
) {
    let mut rates: Vec<_> = ways.there.iter().map(|way| (way.name, Vec::new())).collect();
    rates.push((RANGES, Vec::new()));
    let count = rates.len();
    for turn in 0..TURNS {
        for idx in 0..count {
            let idx = (idx + round + turn) % count;
            let (name, rates) = &mut rates[idx];
            let is_fast = matches!(*name, PLAIN | CEILING | LOCAL | PASSTHROUGH);
            // The others take half a minute for a second's work.
            let is_slow = matches!(*name, RCLONE | HTTPDIRFS);
            if (turn == 0 || is_fast) && (load.jobs == 1 || !is_slow) {
                rates.push(rate(ways, ways.there.get(idx), seeder, load));
            }
        }
    }
    for (name, rates) in rates {
        if let Some(rate) = median(rates) {
            recorder.add(load.what, name, UNIT, rate);
        }
    }
}

/// Returns the rate in blocks a second for a filesystem, or of rqbit itself, by the same reader.
fn rate(ways: &FileViews, way: Option<&FileView>, seeder: &Seeder, load: &BlockLoad) -> f64 {
    let Some(way) = way else {
        ways.warm();
        return random(seeder.source(&seeder.api_url, 0), load, TIME, true);
    };
    ways.forget(way, 0);
    ways.warm();
    // Several jobs have no processor to themselves.
    let _pinned = (load.jobs == 1).then(|| way.pin());
    random(ways.source(way, 0), load, TIME, way.has_bytes())
}

fn random(source: LoadSource, load: &BlockLoad, time: Duration, checks: bool) -> f64 {
    have_free_memory(FREE_BYTES);
    let &BlockLoad { block_bytes, jobs, .. } = load;
    let pattern = LoadPattern::Random { block_bytes, jobs, time, seed: SEED };
    let cpu = (jobs == 1).then(reader_cpu);
    Load { pattern, sources: vec![source], cpu, checks }.run().rate()
}

/// Measures the first load for the file itself and for passthrough, with the file in the page cache
/// and without.
fn measure_again(recorder: &mut SampleRecorder, ways: &FileViews, way: &FileView) {
    if !matches!(way.name, PLAIN | PASSTHROUGH) {
        return;
    }
    warm(&ways.path(way, 0));
    let rate = || random(ways.source(way, 0), &LOADS[0], TIME_AGAIN, true);
    recorder.add(AGAIN, way.name, UNIT, rate());
    ways.forget_disk(way, 0);
    recorder.add(DISK, way.name, UNIT, rate());
}
