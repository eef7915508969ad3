//! Files of which only the head is present: every page before the first missing byte is readable,
//! and never waits for a missing neighbor.

use std::fs::{self, File};
use std::io::Read as _;
use std::num::NonZeroU32;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::param::page_size;
use rustix::process::{Pid, Signal, kill_process};
use tfs_testkit::fake::{FakeSource, directory, file_id};
use tfs_testkit::skip;
use vfs_core::{Bitfield, FileId, TorrentState};

use crate::support::{Fixture, errno, eventually, run};

const PIECE_BYTES: u64 = 64 << 10;

const FILE_BYTES: u64 = 40 * PIECE_BYTES + 77;

/// Longer than any test.
const NEVER: Duration = Duration::from_secs(600);

/// Sizes of the torrent's other file, which comes first. They shift the piece boundaries in the
/// tested file against those of the torrent.
const PADS: [u64; 4] = [0, 4096, 100, 5000];

/// Numbers of present pieces.
const HEADS: [u32; 3] = [1, 3, 17];

/// The file of which only the head is present.
fn film() -> FileId {
    file_id(1, 1)
}

/// Returns the end of the film's head.
fn border(pad: u64, pieces: u32) -> u64 {
    u64::from(pieces) * PIECE_BYTES - pad
}

/// Returns a torrent that has its first pieces, and streams that send nothing after them.
fn fixture(pad: u64, pieces: u32, state: TorrentState, timeout: Duration) -> Fixture {
    let mut details = directory(1, "t", &[("pad", pad), ("film", FILE_BYTES)]);
    details.piece_len = NonZeroU32::new(u32::try_from(PIECE_BYTES).unwrap());
    let fixture = Fixture::with([details], 16, timeout);
    set_head(&fixture, pad, pieces);
    fixture.source.fake.update(film().torrent, |summary| summary.state = state);
    fixture.apply();
    fixture
}

fn set_head(fixture: &Fixture, pad: u64, pieces: u32) {
    let (torrent, border) = (film().torrent, border(pad, pieces));
    let all = u32::try_from((pad + FILE_BYTES).div_ceil(PIECE_BYTES)).unwrap();
    fixture.source.fake.set_haves(torrent, Bitfield::from_fn(all, |it| it < pieces).unwrap());
    fixture.source.fake.hold_from(film(), border);
    fixture.source.fake.update(torrent, |summary| {
        summary.file_progress = Some([pad, border.min(FILE_BYTES)].into());
    });
}

/// Returns the part of a head that the page cache can hold: whole pages.
fn in_pages(border: u64) -> u64 {
    border - border % page_size() as u64
}

/// Returns the offsets of the whole pages of a head.
fn pages(border: u64) -> impl DoubleEndedIterator<Item = u64> {
    (0..in_pages(border) / 4096).map(|page| page * 4096)
}

#[track_caller]
fn check_bytes(offset: u64, bytes: &[u8]) {
    FakeSource::content(film(), FILE_BYTES).check(offset, bytes).unwrap();
}

/// Reads from the start in steps of `len` until a read fails. Returns the number of bytes and the
/// errno.
#[track_caller]
fn read_by(path: &Path, len: usize) -> (u64, Errno) {
    let (mut file, mut buf, mut at) = (File::open(path).unwrap(), vec![0; len], 0);
    loop {
        match file.read(&mut buf) {
            Ok(len) => {
                assert!(len > 0, "the file ends at {at}");
                check_bytes(at, &buf[..len]);
                at += len as u64;
            }
            error => return (at, errno(error)),
        }
    }
}

/// Reads with O_DIRECT: exactly the bytes of the head, then one more.
#[track_caller]
fn check_direct(path: &Path, border: u64) {
    let flags = OFlags::DIRECT.bits().cast_signed();
    let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path).unwrap();
    let mut buf = vec![0; usize::try_from(border).unwrap()];
    file.read_exact_at(&mut buf, 0).unwrap();
    check_bytes(0, &buf);
    let last = &mut [0; 77];
    file.read_exact_at(last, border - 77).unwrap();
    check_bytes(border - 77, last);
    assert_eq!(errno(file.read_at(last, border - 76)), Errno::IO);
    // No premature end of the file.
    assert_eq!(file.metadata().unwrap().len(), FILE_BYTES);
}

fn path_in(dir: &Path) -> PathBuf {
    dir.join("mnt/t/film")
}

#[test]
fn a_head_is_read_to_its_last_page_and_then_there_is_an_error() {
    run(tfs_testkit::test_name!(), |dir| {
        for (pad, pieces) in PADS.iter().flat_map(|pad| HEADS.map(|pieces| (*pad, pieces))) {
            let fixture = fixture(pad, pieces, TorrentState::Paused, NEVER);
            let mount = fixture.mount(dir);
            let (path, border) = (path_in(dir), border(pad, pieces));
            let case = format!("{pad} bytes before, {pieces} pieces");
            // Sequentially, so that later reads hit the failed range.
            for len in [1 << 20, 4096, 1000, 128 << 10, 1 << 20] {
                let got = read_by(&path, len);
                assert_eq!(got, (in_pages(border), Errno::IO), "{case} by {len}");
            }
            check_direct(&path, border);
            let file = File::open(&path).unwrap();
            assert_eq!(errno(file.read_at(&mut [0; 9], border + PIECE_BYTES)), Errno::IO);
            let mut buf = vec![0; 1 << 20];
            let len = file.read_at(&mut buf, in_pages(border) - 50).unwrap();
            assert_eq!(len, 50, "{case}");
            check_bytes(in_pages(border) - 50, &buf[..len]);
            fixture.finish(mount);
        }
    });
}

#[test]
fn a_failed_wait_returns_the_bytes_before_it() {
    run(tfs_testkit::test_name!(), |dir| {
        let timeout = Duration::from_millis(300);
        let fixture = fixture(0, 3, TorrentState::Live, timeout);
        let mount = fixture.mount(dir);
        let (mut file, mut buf) = (File::open(path_in(dir)).unwrap(), vec![0; 1 << 20]);
        let len = file.read(&mut buf).unwrap();
        assert_eq!(len as u64, border(0, 3));
        check_bytes(0, &buf[..len]);
        assert_eq!(errno(file.read(&mut buf)), Errno::TIMEDOUT);
        // The head is still readable, for this file and for another reader.
        for file in [&file, &File::open(path_in(dir)).unwrap()] {
            for offset in pages(border(0, 3)).rev() {
                file.read_exact_at(&mut buf[..4096], offset).unwrap();
                check_bytes(offset, &buf[..4096]);
            }
        }
        fixture.finish(mount);
    });
}

#[test]
fn what_is_there_never_waits_for_a_neighbour_that_is_missing() {
    run(tfs_testkit::test_name!(), |dir| {
        for pad in PADS {
            // A waiting read does so until the test is over.
            let fixture = fixture(pad, 17, TorrentState::Live, NEVER);
            let mount = fixture.mount(dir);
            let (path, border) = (path_in(dir), border(pad, 17));
            std::thread::scope(|scope| {
                // One reader waits at the border; its window contains data that others read.
                let waiting = scope.spawn(|| {
                    let mut buf = vec![0; 1 << 20];
                    let len = File::open(&path).unwrap().read_at(&mut buf, border - 9000).unwrap();
                    check_bytes(border - 9000, &buf[..len]);
                    len
                });
                eventually("it waits", || mount.counters().reads_waiting > 0);
                let heads: Vec<_> =
                    (0..4).map(|_| scope.spawn(|| read_head(&path, border))).collect();
                heads.into_iter().for_each(|head| head.join().unwrap());
                assert!(!waiting.is_finished());
                fixture.source.fake.let_go(film());
                assert_eq!(waiting.join().unwrap(), 1 << 20);
            });
            fixture.finish(mount);
        }
    });
}

/// Reads all pages of a head, forwards and backwards.
fn read_head(path: &Path, border: u64) {
    let (mut file, mut buf) = (File::open(path).unwrap(), vec![0; 4096]);
    for at in pages(border) {
        file.read_exact(&mut buf).unwrap();
        check_bytes(at, &buf);
    }
    for at in pages(border).rev() {
        file.read_exact_at(&mut buf, at).unwrap();
        check_bytes(at, &buf);
    }
}

#[test]
fn what_comes_is_read_while_its_window_waits_for_more() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = fixture(0, 0, TorrentState::Live, NEVER);
        let mount = fixture.mount(dir);
        let path = path_in(dir);
        std::thread::scope(|scope| {
            // The kernel requests more than the first piece, and none of it is present.
            let first = scope.spawn(|| {
                let mut buf = vec![0; 128 << 10];
                File::open(&path).unwrap().read_at(&mut buf, 0).unwrap()
            });
            let second = scope.spawn(|| read_head(&path, PIECE_BYTES));
            eventually("a stream is opened", || fixture.source.fake.open_now() > 0);
            set_head(&fixture, 0, 1);
            second.join().unwrap();
            assert!(!first.is_finished());
            fixture.source.fake.let_go(film());
            assert_eq!(first.join().unwrap(), 128 << 10);
        });
        fixture.finish(mount);
    });
}

/// A program whose signal handler returns, and which continues after errors.
const GOES_ON: &str = "
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: None)
file, failures = os.open(sys.argv[1], os.O_RDONLY), 0
for offset in range(0, os.fstat(file).st_size, 65536):
    try:
        os.pread(file, 65536, offset)
    except OSError:
        failures += 1
print(failures)
";

// `kill` of an rsync server sets a flag, which is checked only after the file.
#[test]
fn a_program_that_goes_on_after_a_signal_ends_soon() {
    let test = tfs_testkit::test_name!();
    run(test, |dir| {
        // A waiting read does so until the test is over.
        let fixture = fixture(0, 0, TorrentState::Live, NEVER);
        let mount = fixture.mount(dir);
        let path = path_in(dir);
        let started =
            Command::new("python3").args(["-c", GOES_ON]).arg(&path).stdout(Stdio::piped()).spawn();
        let Ok(child) = started else {
            skip::for_lack_of("Python", test);
            return fixture.finish(mount);
        };
        eventually("it waits", || mount.counters().reads_waiting > 0);
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let output = child.wait_with_output().unwrap();
        let windows = FILE_BYTES.div_ceil(PIECE_BYTES);
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), windows.to_string());
        fixture.finish(mount);
    });
}

// rsync continues after errors, and waited a whole time-out for each window of missing data.
#[test]
fn a_program_that_goes_on_after_errors_ends_soon() {
    run(tfs_testkit::test_name!(), |dir| {
        // Two minutes, if each window waited.
        const WINDOWS: u64 = 400;
        let mut details = directory(1, "t", &[("film", WINDOWS * PIECE_BYTES)]);
        details.piece_len = NonZeroU32::new(u32::try_from(PIECE_BYTES).unwrap());
        let fixture = Fixture::with([details], 16, Duration::from_millis(300));
        let torrent = file_id(1, 0).torrent;
        let pieces = u32::try_from(WINDOWS).unwrap();
        fixture.source.fake.set_haves(torrent, Bitfield::from_fn(pieces, |_| false).unwrap());
        fixture.source.fake.hold(file_id(1, 0));
        fixture.source.fake.update(torrent, |summary| summary.file_progress = Some([0].into()));
        fixture.apply();
        let mount = fixture.mount(dir);
        let (file, mut buf) = (File::open(path_in(dir)).unwrap(), vec![0; 64 << 10]);
        for window in 0..WINDOWS {
            let read = file.read_at(&mut buf, window * PIECE_BYTES);
            assert_eq!(errno(read), Errno::TIMEDOUT, "window {window}");
        }
        // Any byte that arrives ends the immediate failures.
        fixture.source.fake.set_haves(torrent, Bitfield::from_fn(pieces, |it| it == 7).unwrap());
        fixture.source.fake.let_go(file_id(1, 0));
        eventually("it reads", || file.read_at(&mut buf, 7 * PIECE_BYTES).is_ok());
        eventually("it waits again", || file.read_at(&mut buf, 9 * PIECE_BYTES).is_ok());
        fixture.finish(mount);
    });
}
