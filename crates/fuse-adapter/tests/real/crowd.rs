//! Many readers wait for missing data: all other operations continue, and so does the unmount.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use fuse_adapter::{FuseMount, Unmount, unmount};
use rustix::fs::{AtFlags, CWD, StatxFlags, statvfs, statx};
use tfs_testkit::fake::{directory, file_id};

use crate::support::{
    CALL_TIME_MAX, Fixture, check_file, eventually, mounts_at, quickly, run_as_root, run_long,
};

/// Number of timed calls of each metadata operation.
const CALLS: usize = 200;

/// A reader in a thread of this process.
type Thread = JoinHandle<std::io::Result<usize>>;

/// A mount with one complete file, and unresponsive files with one reader each.
struct Crowd {
    fixture: Fixture,
    mount: FuseMount,
    threads: Vec<Thread>,
    processes: Vec<Child>,
}

impl Crowd {
    fn new(dir: &Path, threads: u32, processes: u32) -> Self {
        let count = threads + processes;
        let names: Vec<_> = (0..=count).map(|index| index.to_string()).collect();
        let files: Vec<_> = names.iter().map(|name| (name.as_str(), 500_000)).collect();
        let fixture = Fixture::with([directory(1, "t", &files)], 1000, Duration::from_secs(1000));
        let mount = fixture.mount(dir);
        let held: Vec<_> = (1..=count).collect();
        held.iter().for_each(|index| fixture.source.fake.hold(file_id(1, *index)));
        let mut paths = held.iter().map(|index| path_of(&mount, *index));
        let by_threads = paths.by_ref().take(threads.try_into().unwrap());
        let threads = by_threads.map(|path| thread::spawn(move || read(&path))).collect();
        let processes = paths.enumerate().map(|(index, path)| spawn(index, &path)).collect();
        eventually("all wait", || fixture.source.fake.open_now() >= held.len());
        Self { fixture, mount, threads, processes }
    }

    /// Checks that metadata operations and the complete file respond as if no reader waited.
    fn check_others(&self) {
        let path = self.mount.mountpoint();
        // The kernel would answer from its cache.
        let stat = || statx(CWD, path.join("t/1"), AtFlags::STATX_FORCE_SYNC, StatxFlags::ALL);
        check_time("stat", || assert!(stat().is_ok()));
        check_time("ls", || assert!(fs::read_dir(path.join("t")).unwrap().count() > 100));
        check_time("statfs", || assert!(statvfs(path).is_ok()));
        check_time("open", || drop(File::open(path.join("t/2")).unwrap()));
        quickly(|| check_file(&path_of(&self.mount, 0), file_id(1, 0)));
    }
}

fn path_of(mount: &FuseMount, index: u32) -> PathBuf {
    mount.mountpoint().join("t").join(index.to_string())
}

fn read(path: &Path) -> std::io::Result<usize> {
    File::open(path)?.read_at(&mut [0; 9], 0)
}

/// Starts a reader that no signal releases, or one that some do.
fn spawn(index: usize, path: &Path) -> Child {
    let mut command = if index.is_multiple_of(2) {
        let mut dd = Command::new("dd");
        dd.arg(format!("if={}", path.display())).args(["iflag=direct", "of=/dev/null"]);
        dd
    } else {
        let mut cat = Command::new("cat");
        cat.arg(path);
        cat
    };
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Times a call and prints the median and the 99th percentile.
#[expect(clippy::print_stdout, reason = "figures for who asks for them")]
fn check_time(what: &str, mut call: impl FnMut()) {
    let mut times: Vec<_> = (0..CALLS)
        .map(|_| {
            let start = Instant::now();
            call();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!("{what}: median {:?}, p99 {:?}", times[CALLS / 2], times[CALLS * 99 / 100]);
    assert!(times[CALLS - 1] < CALL_TIME_MAX);
}

/// Checks that all readers end with an error. One in state D would not.
fn check_gone(threads: Vec<Thread>, processes: Vec<Child>) {
    quickly(|| {
        for thread in threads {
            assert!(thread.join().unwrap().is_err());
        }
        for mut process in processes {
            assert!(!process.wait().unwrap().success());
        }
    });
}

#[test]
fn a_hundred_readers_do_not_hold_up_the_end() {
    run_as_root(tfs_testkit::test_name!(), |dir| {
        for how in [None, Some(Unmount::Force)] {
            let crowd = Crowd::new(dir, 50, 50);
            crowd.check_others();
            let Crowd { fixture, mount, threads, processes } = crowd;
            let path = mount.mountpoint().to_owned();
            let start = Instant::now();
            match how {
                None => quickly(|| fixture.runtime.block_on(mount.unmount())).unwrap(),
                Some(how) => {
                    quickly(|| unmount(&path, how)).unwrap();
                    println!("unmount from outside: {:?}", start.elapsed());
                    quickly(|| fixture.runtime.block_on(mount.wait())).unwrap();
                }
            }
            println!("unmounted {how:?} in {:?}", start.elapsed());
            check_gone(threads, processes);
            println!("all readers gone after {:?}", start.elapsed());
            assert_eq!(mounts_at(&path), [""; 0]);
        }
    });
}

#[test]
fn a_hundred_readers_are_killed_at_once() {
    run_long(tfs_testkit::test_name!(), |dir| {
        let Crowd { fixture, mount, threads, mut processes } = Crowd::new(dir, 0, 100);
        let start = Instant::now();
        processes.iter_mut().for_each(|process| process.kill().unwrap());
        check_gone(threads, processes);
        println!("all processes gone after {:?}", start.elapsed());
        eventually("their streams are closed", || fixture.source.fake.open_now() == 0);
        println!("all streams closed after {:?}", start.elapsed());
        fixture.finish(mount);
    });
}

#[test]
fn two_hundred_and_forty_readers_do_not_hold_up_others() {
    run_long(tfs_testkit::test_name!(), |dir| {
        let crowd = Crowd::new(dir, 240, 0);
        crowd.check_others();
        (1..=240).for_each(|index| crowd.fixture.source.fake.let_go(file_id(1, index)));
        for thread in crowd.threads {
            assert_eq!(quickly(|| thread.join().unwrap()).unwrap(), 9);
        }
        crowd.fixture.finish(crowd.mount);
    });
}
