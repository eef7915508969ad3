//! Mounts of one server share its streams, across processes.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use serde_json::Value;
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::rqbit::{FakeRqbit, FakeTorrent, PermitStep, RqbitSetup};
use tfs_testkit::until::until;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::support::{Mounted, describe, run, tfs};

const LIMIT: Duration = Duration::from_secs(180);

/// The blocking permits of rqbit.
const PERMITS: usize = 8;

/// The default stream budget.
const STREAMS_MAX: usize = 4;

/// Readers of each mount: enough for several time slices.
const READERS: u64 = 12;

/// The distance between readers: beyond the engine's limits for skipping, joining and read-ahead.
const DISTANCE_BYTES: u64 = 4 * 1024 * 1024;

const READ_BYTES: usize = 4096;

const PIECE_BYTES: u32 = 64 * 1024;

const FILM: Content = Content::new(1, 2 * READERS * DISTANCE_BYTES);

/// How long a stream is awaited before the readers are polled again.
const PAUSE: Duration = Duration::from_millis(20);

/// A server whose downloads the test triggers, and two mounts of it with different spellings of its
/// address.
struct BudgetStage {
    runtime: Runtime,
    server: FakeRqbit,
    mounts: Vec<Mounted>,
}

impl BudgetStage {
    fn new(dir: &Path, flags: &[&[&str]]) -> Self {
        let runtime = Runtime::new().unwrap();
        let film = FakeTorrent::folder(1, "film", PIECE_BYTES, &[("film.mkv", FILM)]);
        let setup = RqbitSetup { permits: Some(PERMITS), ..vec![film].into() };
        let server = FakeRqbit::start(setup).unwrap();
        let url = server.url();
        let mounts = flags.iter().enumerate().map(|(nth, flags)| {
            let home = dir.join(nth.to_string());
            fs::create_dir_all(&home).unwrap();
            let mut command = tfs(&home);
            command.env("XDG_RUNTIME_DIR", dir);
            let url = if nth == 0 { url.clone() } else { url.replace("127.0.0.1", "localhost") };
            Mounted::by(command, &home, &url, &[&["--local-paths", "off"], *flags].concat())
        });
        let mounts = mounts.collect();
        Self { runtime, server, mounts }
    }

    /// Starts readers of missing data through a mount. No two read the same data.
    fn read(&self, mount: usize) -> Vec<JoinHandle<()>> {
        let path = self.mounts[mount].path.join("film/film.mkv");
        let first = READERS * u64::try_from(mount).unwrap();
        let readers = (first..first + READERS).map(|nth| {
            let path = path.clone();
            thread::spawn(move || {
                let (mut bytes, offset) = ([0; READ_BYTES], nth * DISTANCE_BYTES);
                File::open(path).unwrap().read_exact_at(&mut bytes, offset).unwrap();
                FILM.check(offset, &bytes).unwrap();
            })
        });
        readers.collect()
    }

    /// Waits until this many streams wait for missing pieces.
    fn wait_for_streams(&self, count: usize) {
        let waits = self.server.wait_until(|census| census.waiting == count);
        self.runtime.block_on(async { timeout(LIMIT, waits).await }).unwrap();
    }

    /// Downloads the data that streams wait for, until these readers are done.
    fn download_until(&self, readers: &[JoinHandle<()>]) {
        until("all readers have their bytes", || {
            let waits = self.server.wait_until(|census| census.waiting > 0);
            if self.runtime.block_on(async { timeout(PAUSE, waits).await }).is_ok() {
                assert_ne!(self.server.step(), PermitStep::Frozen, "{:?}", self.server.census());
            }
            readers.iter().all(JoinHandle::is_finished).then_some(())
        });
    }

    fn status(&self, dir: &Path) -> Value {
        let mut command = tfs(dir);
        let text = run(command.env("XDG_RUNTIME_DIR", dir).args(["status", "--json"]));
        serde_json::from_str(&text).unwrap()
    }
}

/// Regression: two mounts of one rqbit with default settings held eight streams, and rqbit stalled.
#[test]
fn two_processes_hold_no_more_streams_than_one() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let stage = BudgetStage::new(dir, &[&[], &[]]);
        let mut readers = stage.read(0);
        stage.wait_for_streams(STREAMS_MAX - 1);
        readers.extend(stage.read(1));
        // Before any byte has arrived, the second mount has a stream: the first one released one of
        // its own.
        let streams = until("both have a stream", || {
            let status = stage.status(dir);
            let held = |nth: usize| status[nth]["server"]["streams_open"].as_u64().unwrap();
            (held(0) > 0 && held(1) > 0).then_some((held(0), held(1)))
        });
        assert!(streams.0 + streams.1 <= STREAMS_MAX as u64, "{streams:?}");
        let status = stage.status(dir);
        let holders = status[0]["server"]["budget"]["holders"].as_array().unwrap();
        assert_eq!(holders.len(), 2, "{status:#}");
        stage.download_until(&readers);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        let census = stage.server.census();
        assert!(census.open_max <= STREAMS_MAX, "{census:?}");
        let text = run(tfs(dir).env("XDG_RUNTIME_DIR", dir).arg("status"));
        assert!(text.contains("shared with"), "{text}");
    });
}

#[test]
fn a_killed_mount_leaves_its_streams_to_the_others() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let stage = BudgetStage::new(dir, &[&["--max-streams", "1"], &[]]);
        let lost = stage.read(0);
        stage.wait_for_streams(1);
        let stopped = stage.mounts[0].pid().unwrap();
        kill(stopped, Signal::SIGSTOP).unwrap();
        // A stopped process keeps its stream open, and the stream counts.
        let fix = format!("kill -CONT {stopped}");
        until("it shows as stopped", || {
            let output = tfs(dir)
                .env("XDG_RUNTIME_DIR", dir)
                .args(["doctor", "--server", &stage.server.url()])
                .output()
                .unwrap();
            describe(&output).contains(&fix).then_some(())
        });
        let readers = stage.read(1);
        stage.mounts[0].crash();
        for reader in lost {
            // The result does not matter.
            drop(reader.join());
        }
        stage.download_until(&readers);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        let census = stage.server.census();
        assert!(census.open_max <= STREAMS_MAX, "{census:?}");
    });
}
