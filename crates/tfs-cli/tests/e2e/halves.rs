//! One file whose pieces are divided between two servers: a half each, or alternating runs. One
//! server is killed during a read, and restarted.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Swarm, TorrentSpec};
use tfs_testkit::until::until;

use crate::support::{Mounted, Rqbits, check_file, check_range, run, tfs};

const LIMIT: Duration = Duration::from_secs(240);

const PIECE_BYTES: u64 = 256 << 10;

/// Many pieces, and a partial one.
const FILM: Content = Content::new(7, 160 * PIECE_BYTES + 12_345);

/// The number of pieces at the first server if the film is divided into two halves.
const HALF_PIECES: u64 = 81;

/// The length of alternating runs: less than the read-ahead.
const RUN_PIECES: u64 = 7;

/// Not a divisor of a piece: some reads have bytes of both servers.
const BLOCK_BYTES: u64 = 100_000;

/// With this and [`READ_BYTES_MAX`], a dead server has an effect: the read-ahead and the buffers at
/// both ends of a connection (6 and 4 MiB at most) hold less than a half.
const MEMORY: [&str; 2] = ["--memory", "4MiB"];

/// How much is read at most before a server is killed.
const READ_BYTES_MAX: u64 = 2 << 20;

/// How long after its deadline a read may end on a busy machine.
const LATE_MAX: Duration = Duration::from_secs(4);

/// A server process of the other tests.
#[test]
#[ignore = "a process that other tests start"]
fn rqbit() {
    assert!(tfs_testkit::swarm::serve_if_asked(), "only a test starts it");
}

/// Two rqbits, each in a process of its own.
struct HalvesPair([Rqbits; 2]);

impl HalvesPair {
    fn start() -> Self {
        Self([(); 2].map(|()| {
            let mut film = TorrentSpec::file("film.mkv", FILM);
            film.seed.piece_length = Some(u32::try_from(PIECE_BYTES).unwrap());
            let swarm = Swarm::builder().torrent(film);
            let swarm = swarm.remembering();
            let rqbits = Rqbits::start(swarm.apart(&[
                "halves::rqbit",
                "--exact",
                "--nocapture",
                "--ignored",
            ]));
            rqbits.wait_finished(&rqbits.swarm.torrents()[0]);
            rqbits
        }))
    }

    /// Divides the film into runs of this many pieces. The first run is at the server `first`, the
    /// next at the other one. Makes the mount poll.
    fn divide(&mut self, run_pieces: u64, first: usize, dir: &Path, mounted: &Mounted) {
        for (server, Rqbits { runtime, swarm }) in self.0.iter_mut().enumerate() {
            let film = swarm.torrents()[0].clone();
            let keeps = runs(run_pieces, usize::from(server != first));
            let keeps: Vec<_> = keeps.collect();
            let film = runtime.block_on(swarm.keep_only(&film, &keeps)).unwrap();
            let haves = swarm.client().torrent_haves(film.info_hash.into());
            let haves = runtime.block_on(haves).unwrap();
            for offset in (0..FILM.len()).step_by(usize::try_from(PIECE_BYTES).unwrap()) {
                let is_kept = keeps.iter().any(|range| range.contains(&offset));
                let piece = u32::try_from(offset / PIECE_BYTES).unwrap();
                assert_eq!(haves.has(piece), is_kept, "piece {piece} at {server}");
            }
        }
        run(tfs(dir).arg("refresh").arg(&mounted.path));
        run(tfs(dir).args(["cache", "clear"]).arg(&mounted.path));
    }

    fn mount(&self, dir: &Path, flags: &[&str]) -> Mounted {
        let [a, b] = [("a", 0), ("b", 1)]
            .map(|(name, server)| format!("{name}={}", self.0[server].swarm.api_url()));
        Mounted::with(dir, &a, &[&["--server", &b][..], &MEMORY, flags].concat())
    }

    fn kill(&mut self, server: usize) {
        self.0[server].kill_downloader();
    }

    fn restart(&mut self, server: usize) {
        self.0[server].start_downloader();
    }
}

/// Returns every second run of the film, starting with the run `first`.
fn runs(run_pieces: u64, first: usize) -> impl Iterator<Item = Range<u64>> {
    let bytes = run_pieces * PIECE_BYTES;
    let starts = (0..FILM.len()).step_by(usize::try_from(bytes).unwrap());
    starts.map(move |start| start..(start + bytes).min(FILM.len())).skip(first).step_by(2)
}

/// Reads a part of the film sequentially, in blocks, and compares every byte.
#[track_caller]
fn check_part(path: &Path, file: &File, part: Range<u64>) {
    for offset in part.clone().step_by(usize::try_from(BLOCK_BYTES).unwrap()) {
        let len = usize::try_from(BLOCK_BYTES.min(part.end - offset)).unwrap();
        check_range(path, file, FILM, offset, len);
    }
}

/// Reads every second run of the film, backwards. Kernel read-ahead is off: it would wait for data
/// behind a run together with its end.
#[track_caller]
fn check_runs(path: &Path, run_pieces: u64, first: usize) {
    let file = File::open(path).unwrap();
    posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_RANDOM).unwrap();
    let runs: Vec<_> = runs(run_pieces, first).collect();
    runs.into_iter().rev().for_each(|run| check_part(path, &file, run));
}

#[test]
fn pieces_of_two_servers_are_one_file_while_one_comes_and_goes() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let mut pair = HalvesPair::start();
        // Reads that need the unavailable server wait until it is back.
        let mounted = pair.mount(dir, &["--read-timeout", "60s"]);
        let path = mounted.path.join("film.mkv");
        for (run_pieces, first) in
            [(HALF_PIECES, 0), (HALF_PIECES, 1), (RUN_PIECES, 0), (RUN_PIECES, 1)]
        {
            println!("runs of {run_pieces} pieces, the first at {first}");
            pair.divide(run_pieces, first, dir, &mounted);
            check_file(&path, FILM, usize::try_from(BLOCK_BYTES).unwrap());
            run(tfs(dir).args(["cache", "clear"]).arg(&mounted.path));

            // One server is killed in the middle of the first run, which it has.
            let file = File::open(&path).unwrap();
            let middle = (run_pieces * PIECE_BYTES / 2).min(READ_BYTES_MAX);
            check_part(&path, &file, 0..middle);
            pair.kill(first);
            thread::scope(|scope| {
                let reader = scope.spawn(|| check_part(&path, &file, middle..FILM.len()));
                check_runs(&path, run_pieces, 1);
                assert!(!reader.is_finished(), "another server had it");
                pair.restart(first);
                reader.join().unwrap();
            });
            check_file(&path, FILM, usize::try_from(BLOCK_BYTES).unwrap());
        }
        mounted.unmount();
    });
}

#[test]
fn what_only_a_dead_server_has_fails_by_the_deadline() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let mut pair = HalvesPair::start();
        for missing in ["wait", "fail"] {
            let timeout = Duration::from_secs(2);
            let mounted = pair.mount(dir, &["--read-timeout", "2s", "--missing", missing]);
            let path = mounted.path.join("film.mkv");
            pair.divide(RUN_PIECES, 0, dir, &mounted);
            check_file(&path, FILM, usize::try_from(BLOCK_BYTES).unwrap());
            pair.kill(0);
            run(tfs(dir).args(["cache", "clear"]).arg(&mounted.path));
            check_runs(&path, RUN_PIECES, 1);
            let file = File::open(&path).unwrap();
            for run in runs(RUN_PIECES, 0).take(3) {
                let begun_at = Instant::now();
                let error = file.read_at(&mut [0; 4096], run.start).unwrap_err();
                let errno = error.raw_os_error().map(Errno::from_raw);
                assert!(matches!(errno, Some(Errno::EIO | Errno::ETIMEDOUT)), "{error}");
                assert!(begun_at.elapsed() < timeout + LATE_MAX, "{:?}", begun_at.elapsed());
            }
            pair.restart(0);
            until("the server is found again", || {
                // A failure is cached for a second.
                std::fs::read(&path).ok().map(drop)
            });
            check_file(&path, FILM, usize::try_from(BLOCK_BYTES).unwrap());
            drop(file);
            mounted.unmount();
        }
    });
}
