//! Errors and bugs behind the mount: one request fails, with an errno of the table.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use tfs_testkit::fake::{FakeSource, Misbehaviour, directory, file_id};
use tfs_testkit::until::until;
use vfs_core::{ControlFile, SourceErrorKind};

use crate::support::{Fixture, check_file, errno, eventually, quickly, run};

#[test]
fn errors_of_the_source_arrive_as_they_are() {
    run(tfs_testkit::test_name!(), |dir| {
        let kinds = [
            (SourceErrorKind::NotFound, Errno::STALE),
            (SourceErrorKind::Unreachable, Errno::IO),
            (SourceErrorKind::TimedOut, Errno::TIMEDOUT),
            (SourceErrorKind::Denied, Errno::ACCESS),
            (SourceErrorKind::Protocol, Errno::IO),
            (SourceErrorKind::Failed, Errno::IO),
        ];
        let names = ["0", "1", "2", "3", "4", "5"];
        // Retryable errors are retried until the deadline of the read.
        let torrent = directory(1, "t", &names.map(|name| (name, 50_000)));
        let fixture = Fixture::with([torrent], 16, Duration::from_millis(300));
        let mount = fixture.mount(dir);
        for ((kind, want), (index, name)) in kinds.into_iter().zip((0..).zip(names)) {
            let path = mount.mountpoint().join("t").join(name);
            fixture.source.fake.fail_opens(file_id(1, index), Some(kind));
            assert_eq!(errno(fs::read(&path)), want, "{kind}");
            fixture.source.fake.fail_opens(file_id(1, index), None);
            eventually("the failure is forgotten", || fs::read(&path).is_ok());
            check_file(&path, file_id(1, index));
        }
        fixture.finish(mount);
    });
}

#[test]
fn a_source_that_lies_never_gives_wrong_bytes() {
    run(tfs_testkit::test_name!(), |dir| {
        let names = ["0", "1", "2", "3"];
        let fixture = Fixture::new([directory(1, "t", &names.map(|name| (name, 50_000)))]);
        fixture.source.fake.set_chunk_bytes(1000);
        let mount = fixture.mount(dir);
        let misbehaviours = [
            Misbehaviour::WrongOffset,
            Misbehaviour::EndsEarly,
            Misbehaviour::GoesOn,
            Misbehaviour::Breaks,
        ];
        for (misbehaviour, (index, name)) in misbehaviours.into_iter().zip((0..).zip(names)) {
            let path = mount.mountpoint().join("t").join(name);
            fixture.source.fake.misbehave(Some(misbehaviour));
            // Bytes before the detected error may be right.
            match fs::read(&path) {
                Ok(bytes) => {
                    let content = FakeSource::content(file_id(1, index), 50_000);
                    assert!(content.check(0, &bytes).is_ok() && bytes.len() == 50_000);
                }
                Err(error) => assert_eq!(errno::<()>(Err(error)), Errno::IO, "{misbehaviour:?}"),
            }
            fixture.source.fake.misbehave(None);
            eventually("the failure is forgotten", || fs::read(&path).is_ok());
            check_file(&path, file_id(1, index));
        }
        fixture.finish(mount);
    });
}

#[test]
fn a_panic_is_one_error_and_the_mount_lives() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = Fixture::new([directory(1, "t", &[("bad", 50_000), ("good", 50_000)])]);
        fixture.source.panic_at(file_id(1, 0));
        let mount = fixture.mount(dir);
        let path = |name: &str| mount.mountpoint().join("t").join(name);
        for _ in 0..3 {
            assert_eq!(errno(fs::read(path("bad"))), Errno::IO);
            check_file(&path("good"), file_id(1, 1));
        }
        // The core catches the panic before it costs an answer.
        fixture.finish(mount);
    });
}

#[test]
fn a_panic_on_the_kernels_own_thread_is_one_error_and_is_logged() {
    run(tfs_testkit::test_name!(), |dir| {
        let log = dir.join("log");
        let file = File::create(&log).unwrap();
        tracing_subscriber::fmt().with_writer(file).with_ansi(false).init();
        // Callbacks of a front end run on the thread that answers the kernel's request.
        let render = Arc::new(|| panic!("the panic of a test"));
        let control = ControlFile { name: "bad", render };
        let fixture =
            Fixture::with_control_files([directory(1, "t", &[("good", 50_000)])], vec![control]);
        let mount = fixture.mount(dir);
        let bad = mount.mountpoint().join(".tfs/bad");
        let times = 5;
        // More often than there are threads: without containment, none would be left.
        for _ in 0..times {
            assert_eq!(errno(File::open(&bad)), Errno::IO);
            check_file(&mount.mountpoint().join("t/good"), file_id(1, 0));
        }
        // The answer is sent while the panic unwinds; the log line is written afterwards.
        until("every panic is logged", || {
            let text = fs::read_to_string(&log).unwrap();
            let said = text.lines().filter(|line| line.contains("ERROR"));
            let panics = said.filter(|line| line.contains("panic in a request")).count();
            (panics == 5).then_some(())
        });
        assert_eq!(mount.counters().faults, times);
        fixture.runtime.block_on(mount.unmount()).unwrap();
    });
}

#[test]
fn a_file_that_never_answers_does_not_hold_up_others() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = Fixture::new([directory(1, "t", &[("stuck", 50_000), ("good", 50_000)])]);
        let mount = fixture.mount(dir);
        let path = |name: &str| mount.mountpoint().join("t").join(name);
        let stuck = file_id(1, 0);
        fixture.source.fake.hold(stuck);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| File::open(path("stuck")).unwrap().read_at(&mut [0; 9], 0));
            eventually("the read is under way", || fixture.source.fake.open_now() > 0);
            quickly(|| check_file(&path("good"), file_id(1, 1)));
            assert_eq!(quickly(|| fs::read_dir(path("")).unwrap().count()), 2);
            assert!(quickly(|| path("stuck").metadata()).is_ok());
            assert!(!reader.is_finished());
            fixture.source.fake.let_go(stuck);
            assert_eq!(reader.join().unwrap().unwrap(), 9);
        });
        fixture.finish(mount);
    });
}
