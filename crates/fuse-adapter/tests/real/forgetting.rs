//! Ranges whose reads failed: the error is reported once and soon, and leaves no state behind.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use fuse_adapter::{Unmount, unmount};
use rustix::io::Errno;
use tfs_testkit::fake::{directory, file_id};

use crate::support::{
    Fixture, check_file, errno, eventually, first_file, mounts_at, quickly, run, run_as_root,
};

/// Deadline of reads. Short, since each test waits for it.
const TIMEOUT: Duration = Duration::from_millis(300);

const FILE_BYTES: u64 = 3_000_000;

fn fixture(timeout: Duration) -> Fixture {
    Fixture::with([directory(1, "t", &[("file", FILE_BYTES)])], 64, timeout)
}

/// Returns the lengths of the ranges requested from the source.
fn lengths(fixture: &Fixture) -> Vec<u64> {
    fixture.source.fake.opened().iter().map(|(_, range)| range.len()).collect()
}

/// Checks that no range was requested from the source twice: the kernel's retry of the page failed
/// at once.
#[track_caller]
fn check_nothing_twice(fixture: &Fixture) {
    let mut ranges: Vec<_> = fixture.source.fake.opened().into_iter().map(|(_, r)| r).collect();
    ranges.sort_unstable_by_key(|range| range.start());
    assert!(ranges.windows(2).all(|pair| pair[0].end() <= pair[1].start()), "{ranges:?}");
}

fn read_page(path: &Path) -> std::io::Result<()> {
    File::open(path)?.read_exact_at(&mut [0; 10], 0)
}

#[test]
fn a_range_that_timed_out_is_read_as_if_never_before() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = fixture(TIMEOUT);
        let mount = fixture.mount(dir);
        let path = mount.mountpoint().join("t/file");
        fixture.source.fake.hold(first_file());
        assert_eq!(errno(fs::read(&path)), Errno::TIMEDOUT);
        check_nothing_twice(&fixture);
        println!("asked for {:?} and timed out", lengths(&fixture));
        fixture.source.fake.let_go(first_file());
        eventually("the failure is forgotten", || read_page(&path).is_ok());
        let before = lengths(&fixture).len();
        check_file(&path, first_file());
        let asked = lengths(&fixture).split_off(before);
        println!("then asked for {asked:?}");
        // Page by page, the failed MiB alone would be 256 requests.
        assert!(asked.len() <= 100, "{asked:?}");
        fixture.finish(mount);
    });
}

#[test]
fn who_waits_for_the_same_gets_the_error_at_the_same_time() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = fixture(TIMEOUT * 3);
        let mount = fixture.mount(dir);
        let path = mount.mountpoint().join("t/file");
        fixture.source.fake.hold(first_file());
        thread::scope(|scope| {
            let readers: Vec<_> = (0..8).map(|_| scope.spawn(|| read_page(&path))).collect();
            for reader in readers {
                assert_eq!(errno(quickly(|| reader.join().unwrap())), Errno::TIMEDOUT);
            }
        });
        check_nothing_twice(&fixture);
        fixture.source.fake.let_go(first_file());
        eventually("the failure is forgotten", || read_page(&path).is_ok());
        check_file(&path, first_file());
        fixture.finish(mount);
    });
}

/// The kernel returns the bytes before a failed page, and drops the error.
#[test]
fn an_error_behind_good_bytes_does_not_take_a_second_deadline() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = fixture(TIMEOUT);
        let mount = fixture.mount(dir);
        let file = File::open(mount.mountpoint().join("t/file")).unwrap();
        let mut buf = [0; 8192];
        file.read_exact_at(&mut buf[..4096], 0).unwrap();
        let cached = fixture.source.fake.opened()[0].1.end();
        fixture.source.fake.hold(first_file());
        assert_eq!(file.read_at(&mut buf, cached - 4096).unwrap(), 4096);
        let asked = lengths(&fixture);
        assert_eq!(errno(file.read_at(&mut buf, cached)), Errno::TIMEDOUT);
        assert_eq!(lengths(&fixture), asked);
        drop(file);
        fixture.finish(mount);
    });
}

/// A killed reader does not affect another that waits for the same range.
#[test]
fn an_interrupted_range_is_not_failed_for_others() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = fixture(TIMEOUT * 100);
        let mount = fixture.mount(dir);
        let path = mount.mountpoint().join("t/file");
        let killed = crate::support::TestReader::start(&fixture, &path, first_file());
        thread::scope(|scope| {
            let other = scope.spawn(|| check_file(&path, first_file()));
            let before = lengths(&fixture).len();
            killed.kill();
            eventually("the read of the killed is cancelled", || {
                lengths(&fixture).len() > before || fixture.source.fake.open_now() == 0
            });
            fixture.source.fake.let_go(first_file());
            quickly(|| other.join().unwrap());
        });
        println!("asked for {:?}", lengths(&fixture));
        fixture.finish(mount);
    });
}

/// Fails a range and leaves a reader waiting in it, so that the kernel cannot drop it.
fn fail_and_wait(fixture: &Fixture, path: &Path) -> thread::JoinHandle<std::io::Result<()>> {
    fixture.source.fake.hold(first_file());
    assert_eq!(errno(read_page(path)), Errno::TIMEDOUT);
    let before = lengths(fixture).len();
    let path = path.to_owned();
    let reader = thread::spawn(move || File::open(path)?.read_exact_at(&mut [0; 10], 2_000_000));
    eventually("another read is under way", || lengths(fixture).len() > before);
    reader
}

#[test]
fn failed_ranges_do_not_hold_up_the_end() {
    run_as_root(tfs_testkit::test_name!(), |dir| {
        for how in [None, Some(Unmount::Force), Some(Unmount::Lazy)] {
            let fixture = fixture(TIMEOUT * 3);
            let mount = fixture.mount(dir);
            let path = mount.mountpoint().to_owned();
            let reader = fail_and_wait(&fixture, &path.join("t/file"));
            match how {
                None => quickly(|| fixture.runtime.block_on(mount.unmount())).unwrap(),
                Some(how) => {
                    quickly(|| unmount(&path, how)).unwrap();
                    quickly(|| fixture.runtime.block_on(mount.wait())).unwrap();
                }
            }
            assert!(quickly(|| reader.join().unwrap()).is_err(), "{how:?}");
            assert_eq!(mounts_at(&path), [""; 0]);
        }
    });
}

#[test]
fn a_server_that_fails_everything_leaves_no_trace() {
    run(tfs_testkit::test_name!(), |dir| {
        let names: Vec<_> = (0..50).map(|index| index.to_string()).collect();
        let files: Vec<_> = names.iter().map(|name| (name.as_str(), FILE_BYTES)).collect();
        let fixture = Fixture::with([directory(1, "t", &files)], 300, TIMEOUT);
        let mount = fixture.mount(dir);
        let path = |name: &str| mount.mountpoint().join("t").join(name);
        (0..50).for_each(|index| fixture.source.fake.hold(file_id(1, index)));
        thread::scope(|scope| {
            for name in &names {
                scope.spawn(|| assert_eq!(errno(fs::read(path(name))), Errno::TIMEDOUT));
            }
        });
        (0..50).for_each(|index| fixture.source.fake.let_go(file_id(1, index)));
        let is_readable = || names.iter().all(|name| read_page(&path(name)).is_ok());
        eventually("all failures are forgotten", is_readable);
        for (index, name) in (0..).zip(&names) {
            check_file(&path(name), file_id(1, index));
        }
        fixture.finish(mount);
    });
}
