//! More readers than streams: files of one server, each read by a reader of its own, on loopback
//! and behind lines with a round trip.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tfs_testkit::content::Content;
use tfs_testkit::until::until;

use super::samples::SampleRecorder;
use super::seeder::Seeder;
use super::ways::{HTTP, ONE_REQUEST};
use crate::caches::{forget_pages, have_free_memory, warm};
use crate::line::{DelayLine, LineShape};
use crate::load::{ByteSource, Load, LoadPattern, LoadSource};
use crate::mount::TfsMount;

/// The name of this comparison.
pub(crate) const GROUP: &str = "readers";

/// How many read at a time: as many as tfs has streams, and more.
pub(crate) const COUNTS: [usize; 4] = [4, 6, 8, 16];

const FILES: usize = COUNTS[COUNTS.len() - 1];

/// Large enough for many turns of a stream.
const FILE_BYTES: u64 = 64 << 20;

/// A slower read is stopped, and rated by the bytes that came. Long enough for all files at the
/// speed of the lines: otherwise the waits for turns at the end would count.
const READ_MAX: Duration = Duration::from_secs(12);

/// The speed of the lines: a gigabit a second.
const LINE_BPS: u64 = 110 << 20;

const UNIT: &str = "MiB/s";

/// A line, or none.
pub(crate) struct ReadersLine {
    name: &'static str,
    round_trip: Option<Duration>,
}

impl ReadersLine {
    /// Whether it is more than loopback.
    pub(crate) fn has_round_trip(&self) -> bool {
        self.round_trip.is_some()
    }
}

pub(crate) const LINES: [ReadersLine; 3] = [
    ReadersLine { name: "loopback", round_trip: None },
    ReadersLine { name: "110 MiB/s and 20 ms", round_trip: Some(Duration::from_millis(20)) },
    ReadersLine { name: "110 MiB/s and 100 ms", round_trip: Some(Duration::from_millis(100)) },
];

/// Returns the name of a measurement.
pub(crate) fn what(line: &ReadersLine, count: usize) -> String {
    format!("{count} readers, {}", line.name)
}

pub(crate) fn run(recorder: &mut SampleRecorder, dir: &Path, rounds: usize) {
    let seeder = Seeder::start(dir, "films", |folder| {
        fs::create_dir(folder).unwrap();
        for idx in 0..FILES {
            let content = Content::new(u64::try_from(idx).unwrap(), FILE_BYTES);
            content.write_to(&folder.join(format!("{idx:02}.mkv"))).unwrap();
        }
    });
    for (nth, shape) in LINES.iter().enumerate() {
        let line = shape.round_trip.map(|round_trip| {
            let server: SocketAddr = seeder.api_url.trim_start_matches("http://").parse().unwrap();
            DelayLine::start(server, LineShape { round_trip, bps: LINE_BPS })
        });
        let url = line.as_ref().map_or_else(|| seeder.api_url.clone(), DelayLine::url);
        // One mount at a time: all mounts of a server share its streams.
        let mount = TfsMount::unhurried(&dir.join(format!("line-{nth}")), &url, &[]);
        let bench = ReadersBench { seeder: &seeder, url, mount };
        for round in 0..rounds {
            for idx in 0..COUNTS.len() {
                let count = COUNTS[(idx + round) % COUNTS.len()];
                bench.measure(recorder, &what(shape, count), count, round);
            }
        }
    }
}

/// A server behind a line, and a mount of it.
struct ReadersBench<'a> {
    seeder: &'a Seeder,
    url: String,
    mount: TfsMount,
}

impl ReadersBench<'_> {
    /// Measures both ways, in another order each round.
    fn measure(&self, recorder: &mut SampleRecorder, what: &str, count: usize, round: usize) {
        for turn in 0..2 {
            let is_tfs = (turn + round).is_multiple_of(2);
            let sources: Vec<_> = (0..count).map(|idx| self.source(is_tfs, idx)).collect();
            sources.iter().for_each(|source| warm(&source.plain));
            if is_tfs {
                self.forget(&sources);
            }
            have_free_memory(FILE_BYTES * count as u64);
            let pattern = LoadPattern::Order { time_max: READ_MAX };
            // A second request of the reader itself takes its time on the line.
            let checks = is_tfs || round == 0;
            let speed = Load { pattern, sources, cpu: None, checks }.run().mib_per_second();
            let way = if is_tfs { HTTP } else { ONE_REQUEST };
            recorder.add(what, way, UNIT, speed);
        }
    }

    fn source(&self, is_tfs: bool, idx: usize) -> LoadSource {
        let direct = self.seeder.source(&self.url, idx);
        if !is_tfs {
            return direct;
        }
        let path = self.mount.path.join(&self.seeder.names[idx]);
        until("the file is shown", || path.is_file().then_some(()));
        LoadSource { source: ByteSource::File(path), plain: direct.plain }
    }

    /// Drops the files from the page cache and from tfs's cache.
    fn forget(&self, sources: &[LoadSource]) {
        for LoadSource { source, .. } in sources {
            if let ByteSource::File(path) = source {
                forget_pages(path);
            }
        }
        let mut clear = self.mount.command();
        clear.args(["cache", "clear"]).arg(&self.mount.path).stdout(std::process::Stdio::null());
        assert!(clear.status().unwrap().success(), "tfs cache clear");
    }
}
