//! Reading blocks at random.

use std::path::Path;
use std::time::Duration;

use tfs_testkit::content::Content;

use super::samples::Recorder;
use super::seeder::Seeder;
use super::ways::{HTTPDIRFS, PASSTHROUGH, PLAIN, RCLONE, Way, Ways};
use super::{fio, programs, ranges};
use crate::caches::{have_free_memory, warm};

/// So large that hardly a block is read twice.
const FILE_BYTES: u64 = 2 << 30;

/// How long each is measured in each round.
const TIME: Duration = Duration::from_millis(500);

/// What is read, by how many.
pub(crate) struct Load {
    pub(crate) what: &'static str,
    block_bytes: usize,
    jobs: usize,
}

pub(crate) const LOADS: [Load; 4] = [
    Load { what: "4 KiB, 1 job", block_bytes: 4 << 10, jobs: 1 },
    Load { what: "4 KiB, 8 jobs", block_bytes: 4 << 10, jobs: 8 },
    Load { what: "128 KiB, 1 job", block_bytes: 128 << 10, jobs: 1 },
    Load { what: "128 KiB, 8 jobs", block_bytes: 128 << 10, jobs: 8 },
];

/// The first load where the plain file is not in memory.
pub(crate) const DISK: &str = "4 KiB, 1 job, from the disk";

/// The first load where the file is in the kernel's memory.
pub(crate) const AGAIN: &str = "4 KiB, 1 job, again";

const UNIT: &str = "a second";

pub(crate) fn run(recorder: &mut Recorder, dir: &Path, rounds: usize) {
    let seeder = Seeder::start(dir, "film.mkv", |path| {
        Content::new(1, FILE_BYTES).write_to(path).unwrap();
    });
    let ways = Ways::all(dir, &seeder);
    let names = ways.there.iter().map(|way| way.name).chain([fio::NAME]);
    if programs::find(fio::NAME).is_none() {
        names.for_each(|name| recorder.note(LOADS[0].what, name, "needs fio, not installed"));
        return;
    }
    for name in &ways.not_installed {
        recorder.note(LOADS[0].what, name, programs::NOT_INSTALLED);
    }
    for round in 0..rounds {
        for load in &LOADS {
            for idx in 0..=ways.there.len() {
                match ways.there.get((idx + round) % (ways.there.len() + 1)) {
                    Some(way) => measure(recorder, &ways, way, load),
                    None => measure_ranges(recorder, &seeder, load),
                }
            }
        }
    }
}

fn measure(recorder: &mut Recorder, ways: &Ways, way: &Way, load: &Load) {
    if load.jobs > 1 && matches!(way.name, RCLONE | HTTPDIRFS) {
        // They take half a minute for a second's work.
        return;
    }
    let path = ways.path(way, 0);
    let random = || {
        have_free_memory(FILE_BYTES);
        fio::random(&path, load.block_bytes, load.jobs, TIME)
    };
    ways.forget(way, 0);
    recorder.add(load.what, way.name, UNIT, random());
    if load.what != LOADS[0].what || !matches!(way.name, PLAIN | PASSTHROUGH) {
        return;
    }
    warm(&path);
    recorder.add(AGAIN, way.name, UNIT, random());
    ways.forget_disk(way, 0);
    recorder.add(DISK, way.name, UNIT, random());
    // Whoever comes next finds the file in memory, as rqbit does.
    warm(&ways.path(&ways.there[0], 0));
}

fn measure_ranges(recorder: &mut Recorder, seeder: &Seeder, load: &Load) {
    let jobs = (load.jobs, TIME);
    let path = seeder.stream_path(0);
    let rate = ranges::random(&seeder.api_url, &path, FILE_BYTES, load.block_bytes, jobs);
    recorder.add(load.what, ranges::NAME, UNIT, rate);
}
