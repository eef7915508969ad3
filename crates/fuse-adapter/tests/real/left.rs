//! Read-aheads that no thread waits for any more.

use std::fs::File;
use std::num::NonZeroU32;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use fuse_adapter::FuseMount;
use rustix::fs::{Advice, fadvise};
use tfs_testkit::fake::{directory, file_id};
use vfs_core::Bitfield;

use crate::support::{Fixture, check_file, eventually, first_file, run};

const PIECE_BYTES: u64 = 64 << 10;

/// Number of pieces of each of the two files.
const PIECES: u32 = 16;

/// Age at which a read-ahead may be abandoned.
const TIME_ENOUGH: Duration = Duration::from_millis(200);

const FILE_BYTES: u64 = PIECE_BYTES * PIECES as u64;

/// Returns a torrent of two files. The server reports all or none of the first as present, and
/// sends none of its bytes; it has all of the second.
fn fixture(has_first: bool) -> Fixture {
    let mut details = directory(1, "t", &[("first", FILE_BYTES), ("second", FILE_BYTES)]);
    details.piece_len = NonZeroU32::new(u32::try_from(PIECE_BYTES).unwrap());
    let fixture = Fixture::new([details]);
    let torrent = file_id(1, 0).torrent;
    fixture.source.fake.update(torrent, |summary| {
        summary.file_progress = Some([u64::from(has_first) * FILE_BYTES, FILE_BYTES].into());
    });
    let have = |piece_idx| has_first || piece_idx >= PIECES;
    fixture.source.fake.set_haves(torrent, Bitfield::from_fn(2 * PIECES, have).unwrap());
    fixture.apply();
    fixture.source.fake.hold(first_file());
    fixture
}

/// Makes the kernel read ahead in the first file for this thread. The thread then reads pages of
/// the second one until `is_enough`.
fn read_ahead_and_elsewhere(fixture: &Fixture, mount: &FuseMount, is_enough: impl Fn() -> bool) {
    let path = |name: &str| mount.mountpoint().join("t").join(name);
    let first = File::open(path("first")).unwrap();
    fadvise(&first, 0, None, Advice::WillNeed).unwrap();
    eventually("a stream is opened for it", || fixture.source.fake.open_now() > 0);
    let second = File::open(path("second")).unwrap();
    fadvise(&second, 0, None, Advice::Random).unwrap();
    let mut offsets = (0..FILE_BYTES).step_by(4096);
    eventually("that is enough", || {
        second.read_exact_at(&mut [0; 10], offsets.next().unwrap()).unwrap();
        is_enough()
    });
}

fn check_first(fixture: &Fixture, path: &Path) {
    fixture.source.fake.let_go(first_file());
    check_file(path, first_file());
}

#[test]
fn what_is_missing_is_left_when_its_thread_goes_elsewhere() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = fixture(false);
        let mount = fixture.mount(dir);
        read_ahead_and_elsewhere(&fixture, &mount, || fixture.source.fake.open_now() == 0);
        let counters = mount.counters();
        assert!(counters.reads_left > 0, "{counters:?}");
        assert_eq!((counters.reads_failed, counters.reads_interrupted), (0, 0));
        // A later reader reads it as if it had never been read.
        check_first(&fixture, &mount.mountpoint().join("t/first"));
        fixture.finish(mount);
    });
}

#[test]
fn what_is_there_comes_although_its_thread_goes_elsewhere() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = fixture(true);
        let mount = fixture.mount(dir);
        let start = Instant::now();
        read_ahead_and_elsewhere(&fixture, &mount, || start.elapsed() > TIME_ENOUGH);
        assert!(mount.counters().reads_waiting > 0);
        check_first(&fixture, &mount.mountpoint().join("t/first"));
        assert_eq!(mount.counters().reads_left, 0);
        fixture.finish(mount);
    });
}
