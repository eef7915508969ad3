//! The same mount at 1,000, 10,000 and 100,000 torrents: what grows with the library.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tfs_testkit::baseline_fs::BaselineFs;
use tfs_testkit::rqbit::{FakeRqbit, LargeLibrary, Route};

use super::programs::quiet;
use super::samples::SampleRecorder;
use crate::caches::forget_names;
use crate::figures::megabytes;
use crate::mount::TfsMount;
use crate::process;
use crate::timing::pause;

/// The name of this comparison.
pub(crate) const GROUP: &str = "scale";

/// The sizes, with ten files for each torrent on average.
const SIZES: [LargeLibrary; 3] = [
    LargeLibrary { torrent_count: 1000 },
    LargeLibrary { torrent_count: 10_000 },
    LargeLibrary { torrent_count: 100_000 },
];

/// How long a mount may take to show all torrents.
const COMPLETE_MAX: Duration = Duration::from_secs(200);

/// How often it is looked for them: rarely enough to cost little.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// How long an idle mount is observed: four polls.
const IDLE: Duration = Duration::from_secs(20);

/// How long a mount may take to end.
const END_MAX: Duration = Duration::from_secs(30);

pub(crate) fn run(recorder: &mut SampleRecorder, dir: &Path, rounds: usize) {
    for library in SIZES {
        let way = format!("{} torrents", library.torrent_count);
        for round in 0..rounds {
            let dir = dir.join(format!("{}-{round}", library.torrent_count));
            Scale { recorder, library, way: &way }.measure(&dir);
            fs::remove_dir_all(&dir).unwrap();
        }
    }
}

struct Scale<'a> {
    recorder: &'a mut SampleRecorder,
    library: LargeLibrary,
    way: &'a str,
}

impl Scale<'_> {
    fn measure(&mut self, dir: &Path) {
        fs::create_dir_all(dir).unwrap();
        let server = FakeRqbit::start(self.library).unwrap();
        let mount = self.mount(dir, &server, "fresh");
        self.walk(dir, &mount);
        self.idle(&server, &mount);
        let settled = process::resident(mount.pid());
        let peak = process::peak(mount.pid());
        self.add("RSS settled", "MB", megabytes(settled));
        self.add("RSS at its peak, of the settled", "", peak as f64 / settled as f64);
        self.end(mount);
        let mount = self.mount(dir, &server, "with state");
        self.end(mount);
    }

    /// Mounts, and waits until all torrents are there.
    fn mount(&mut self, dir: &Path, server: &FakeRqbit, what: &str) -> TfsMount {
        let start = Instant::now();
        let mount = TfsMount::unhurried(dir, &server.url(), &[]);
        let mounted = start.elapsed();
        let count = self.library.torrent_count as usize;
        let is_complete = || {
            // The number of directories, without listing them.
            let files = fs::read_to_string(mount.path.join(".tfs/status.json"));
            let status = files.ok().and_then(|text| serde_json::from_str(&text).ok());
            status.is_some_and(|it: serde_json::Value| it["tree"]["torrents"] == count)
        };
        while !is_complete() {
            assert!(start.elapsed() < COMPLETE_MAX, "the torrents are not there");
            pause(LOOK_INTERVAL);
        }
        let complete = start.elapsed();
        let processor = process::processor_time(mount.pid());
        self.add(&format!("mount {what}: answers"), "s", mounted.as_secs_f64());
        self.add(&format!("mount {what}: complete"), "s", complete.as_secs_f64());
        self.add(&format!("mount {what}: processor"), "s", processor.as_secs_f64());
        mount
    }

    fn walk(&mut self, dir: &Path, mount: &TfsMount) {
        let path = dir.join("ceiling");
        fs::create_dir_all(&path).unwrap();
        let files = self.library.files().map(|file| (file.path, file.content.len()));
        let ceiling = BaselineFs::new(files).mount(&path).unwrap();
        forget_names();
        let theirs = find(&path);
        forget_names();
        let ours = find(&mount.path);
        self.add("find, cold", "s", ours.as_secs_f64());
        self.add("find, cold, of the ceiling", "", ours.div_duration_f64(theirs));
        self.add("find, again", "s", find(&mount.path).as_secs_f64());
        drop(ceiling);
    }

    fn idle(&mut self, server: &FakeRqbit, mount: &TfsMount) {
        // The poll that finds the metadata, if it is not there, is no part of an idle mount.
        let metadata = || server.count(Route::Metadata);
        while metadata() < self.library.torrent_count as usize {
            pause(LOOK_INTERVAL);
        }
        pause(IDLE);
        let (before, start) = (process::processor_time(mount.pid()), Instant::now());
        pause(IDLE);
        let took = process::processor_time(mount.pid()) - before;
        self.add("processor, idle", "%", 100.0 * took.div_duration_f64(start.elapsed()));
    }

    fn end(&mut self, mut mount: TfsMount) {
        let start = Instant::now();
        let pid = Pid::from_raw(i32::try_from(mount.pid()).unwrap());
        kill(pid, Signal::SIGTERM).unwrap();
        assert!(mount.wait(END_MAX), "tfs did not end");
        self.add("SIGTERM until the end", "s", start.elapsed().as_secs_f64());
    }

    fn add(&mut self, what: &str, unit: &str, value: f64) {
        self.recorder.add(what, self.way, unit, value);
    }
}

fn find(path: &Path) -> Duration {
    let start = Instant::now();
    assert!(quiet("find").arg(path).stdin(Stdio::null()).status().unwrap().success());
    start.elapsed()
}
