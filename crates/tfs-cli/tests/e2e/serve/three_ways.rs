//! One mount served three ways at once: FUSE, WebDAV and NFS.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::rqbit::{FakeRqbit, FakeTorrent, PermitStep, RqbitSetup};
use tfs_testkit::swarm::{Rqbits, Swarm, TorrentSpec};
use tfs_testkit::until::until;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::http::{get, range, send};
use super::nfs::libnfs;
use super::served::status;
use super::{LIMIT, MIB};
use crate::support::{Mounted, check_file, run, tfs};

/// The default stream budget.
const STREAMS_MAX: usize = 4;

/// How long a stream is awaited before the readers are polled again.
const PAUSE: Duration = Duration::from_millis(20);

/// A mount with two front ends.
struct ThreeWays {
    mounted: Mounted,
    webdav: SocketAddr,
    nfs: SocketAddr,
}

impl ThreeWays {
    fn new(dir: &Path, server: &str) -> Self {
        let any = "127.0.0.1:0";
        let mounted = Mounted::with(dir, server, &["--webdav", any, "--nfs", any]);
        let fronts = status(dir)["fronts"].clone();
        let address = |kind: &str| {
            let front = fronts.as_array().unwrap().iter().find(|front| front["kind"] == kind);
            let url = front.and_then(|front| front["url"].as_str()).unwrap();
            url.split('/').nth(2).unwrap().parse().unwrap()
        };
        Self { mounted, webdav: address("webdav"), nfs: address("nfs") }
    }

    fn nfs_url(&self, path: &str) -> String {
        let port = self.nfs.port();
        format!("nfs://127.0.0.1{path}?nfsport={port}&mountport={port}")
    }
}

/// Returns the front ends of the readers that wait, with `fuse` for processes.
fn waiting(status: &Value) -> Vec<String> {
    let readers = status["readers"].as_array().unwrap().iter();
    let waiting = readers.filter(|reader| reader["waits"].is_object());
    let fronts = waiting.map(|reader| reader["front"].as_str().unwrap_or("fuse").to_owned());
    let mut fronts: Vec<_> = fronts.collect();
    fronts.sort();
    fronts.dedup();
    fronts
}

#[test]
fn every_byte_is_equal_through_all_while_a_torrent_downloads() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let film = Content::new(7, 24 * MIB);
        let spec = TorrentSpec::directory("Film", [("film.mkv", film)]).paused();
        let rqbits = Rqbits::start(Swarm::builder().torrent(spec).download_bps(6 << 20));
        let it = ThreeWays::new(dir, &rqbits.swarm.api_url());
        rqbits.unpause(&rqbits.swarm.torrents()[0].clone());
        // A read of a torrent that is known as paused fails at once.
        run(tfs(dir).arg("refresh").arg(&it.mounted.path));
        let fuse: PathBuf = it.mounted.path.join("Film/film.mkv");
        thread::scope(|scope| {
            scope.spawn(|| check_file(&fuse, film, 128 * 1024));
            scope.spawn(|| {
                let answer = get(it.webdav, "/Film/film.mkv");
                assert_eq!((answer.status, answer.body.len() as u64), (200, film.len()));
                film.check(0, &answer.body).unwrap();
            });
            // A player that looks at the end first.
            scope.spawn(|| {
                for first in [film.len() - 4096, 0, 13 * MIB + 7, 5 * MIB] {
                    let last = (first + MIB).min(film.len()) - 1;
                    let answer = range(it.webdav, "/Film/film.mkv", first, last);
                    assert_eq!(answer.status, 206, "{}", answer.head);
                    assert_eq!(answer.body.len() as u64, last - first + 1);
                    film.check(first, &answer.body).unwrap();
                }
            });
            scope.spawn(|| {
                let url = it.nfs_url("/Film/film.mkv");
                let Some(bytes) = libnfs(test, "nfs-cat", &url) else { return };
                let bytes = bytes.unwrap();
                assert_eq!(bytes.len() as u64, film.len());
                film.check(0, &bytes).unwrap();
            });
        });
        let reads = status(dir)["reads"].clone();
        assert_eq!(reads["failures"], 0, "{reads}");
        it.mounted.unmount();
    });
}

/// A server whose downloads the test triggers.
fn server() -> (Runtime, FakeRqbit, Content) {
    let film = Content::new(8, 128 * MIB);
    let torrent = FakeTorrent::folder(1, "film", 64 * 1024, &[("film.mkv", film)]);
    let setup = RqbitSetup { permits: Some(8), ..vec![torrent].into() };
    (Runtime::new().unwrap(), FakeRqbit::start(setup).unwrap(), film)
}

#[test]
fn all_share_one_stream_budget_and_the_status_names_their_readers() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let (runtime, server, film) = server();
        let it = ThreeWays::new(dir, &server.url());
        // Far apart, so that none can share a stream.
        let path = it.mounted.path.join("film/film.mkv");
        let fuse = (0..4).map(|nth| {
            let path = path.clone();
            thread::spawn(move || {
                let mut bytes = [0; 4096];
                File::open(path).unwrap().read_exact_at(&mut bytes, nth * 8 * MIB).unwrap();
                film.check(nth * 8 * MIB, &bytes).unwrap();
            })
        });
        let webdav = it.webdav;
        let dav = (4..10).map(|nth| {
            thread::spawn(move || {
                let first = nth * 8 * MIB;
                let answer = range(webdav, "/film/film.mkv", first, first + 4095);
                assert_eq!(answer.status, 206, "{}", answer.head);
                film.check(first, &answer.body).unwrap();
            })
        });
        let mut readers: Vec<JoinHandle<()>> = fuse.chain(dav).collect();
        let url = it.nfs_url("/film/film.mkv");
        let has_nfs = libnfs(test, "nfs-ls", &it.nfs_url("/film")).is_some();
        let nfs = has_nfs.then(|| {
            let mut cat = std::process::Command::new("nfs-cat");
            cat.arg(url).stdout(std::process::Stdio::null()).spawn().unwrap()
        });
        let wanted: &[&str] =
            if has_nfs { &["fuse", "nfs", "webdav"] } else { &["fuse", "webdav"] };
        until("the status names the readers of all", || {
            (waiting(&status(dir)) == wanted).then_some(())
        });
        until("all readers have their bytes", || {
            let waits = server.wait_until(|census| census.waiting > 0);
            if runtime.block_on(async { timeout(PAUSE, waits).await }).is_ok() {
                assert_ne!(server.step(), PermitStep::Frozen, "{:?}", server.census());
            }
            readers.iter().all(JoinHandle::is_finished).then_some(())
        });
        readers.drain(..).for_each(|reader| reader.join().unwrap());
        if let Some(mut nfs) = nfs {
            // It would read the whole film.
            nfs.kill().unwrap();
            nfs.wait().unwrap();
        }
        // A client that goes while it waits leaves no reader behind.
        drop(send(it.webdav, "GET /film/film.mkv", "Range: bytes=120000000-\r\n"));
        until("no reader is left", || waiting(&status(dir)).is_empty().then_some(()));
        let census = server.census();
        assert!(census.open_max <= STREAMS_MAX, "{census:?}");
        it.mounted.unmount();
    });
}

#[test]
fn a_port_that_is_taken_does_not_end_a_mount() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let (_runtime, server, _film) = server();
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let mounted = Mounted::with(dir, &server.url(), &["--webdav", &address]);
        let front = status(dir)["fronts"][0].clone();
        let trouble = front["trouble"].as_str().unwrap();
        assert!(trouble.contains("Address already in use"), "{front}");
        assert!(mounted.path.join("film/film.mkv").exists());
        mounted.unmount();
    });
}
