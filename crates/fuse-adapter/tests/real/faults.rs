//! Errors and bugs behind the mount: one request fails, and in the words of the errno table.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use rustix::io::Errno;
use tfs_testkit::fake::{Misbehaviour, directory, file_id};
use vfs_core::SourceErrorKind;

use crate::support::{Fixture, check_file, errno, eventually, quickly, run};

#[test]
fn errors_of_the_source_arrive_as_they_are() {
    run("faults::errors_of_the_source_arrive_as_they_are", |dir| {
        let kinds = [
            (SourceErrorKind::NotFound, Errno::STALE),
            (SourceErrorKind::Unreachable, Errno::IO),
            (SourceErrorKind::TimedOut, Errno::TIMEDOUT),
            (SourceErrorKind::Denied, Errno::ACCESS),
            (SourceErrorKind::Protocol, Errno::IO),
            (SourceErrorKind::Failed, Errno::IO),
        ];
        let names = ["0", "1", "2", "3", "4", "5"];
        // Some of them are tried again until the deadline.
        let files = names.map(|name| (name, 50_000));
        let fixture = Fixture::with_timeout([directory(1, "t", &files)], Duration::from_secs(1));
        let mount = fixture.mount(dir);
        for ((kind, want), (index, name)) in kinds.into_iter().zip((0..).zip(names)) {
            let path = mount.mountpoint().join("t").join(name);
            fixture.source.fake.fail_opens(file_id(1, index), Some(kind));
            assert_eq!(errno(fs::read(&path)), want, "{kind}");
            fixture.source.fake.fail_opens(file_id(1, index), None);
            check_file(&path, file_id(1, index));
        }
        fixture.finish(mount);
    });
}

#[test]
fn a_source_that_lies_never_gives_wrong_bytes() {
    run("faults::a_source_that_lies_never_gives_wrong_bytes", |dir| {
        let fixture = Fixture::new([directory(1, "t", &[("file", 50_000)])]);
        fixture.source.fake.set_chunk_bytes(1000);
        let mount = fixture.mount(dir);
        let path = mount.mountpoint().join("t/file");
        for misbehaviour in
            [Misbehaviour::WrongOffset, Misbehaviour::EndsEarly, Misbehaviour::GoesOn]
        {
            fixture.source.fake.misbehave(Some(misbehaviour));
            assert_eq!(errno(fs::read(&path)), Errno::IO, "{misbehaviour:?}");
        }
        // What breaks is opened again where it broke.
        fixture.source.fake.misbehave(Some(Misbehaviour::Breaks));
        check_file(&path, file_id(1, 0));
        fixture.source.fake.misbehave(None);
        check_file(&path, file_id(1, 0));
        fixture.finish(mount);
    });
}

#[test]
fn a_panic_is_one_error_and_the_mount_lives() {
    run("faults::a_panic_is_one_error_and_the_mount_lives", |dir| {
        let fixture = Fixture::new([directory(1, "t", &[("bad", 50_000), ("good", 50_000)])]);
        fixture.source.panic_at(file_id(1, 0));
        let mount = fixture.mount(dir);
        let path = |name: &str| mount.mountpoint().join("t").join(name);
        for _ in 0..3 {
            assert_eq!(errno(fs::read(path("bad"))), Errno::IO);
            check_file(&path("good"), file_id(1, 1));
        }
        // The engine contains it, so that no reply is lost.
        fixture.finish(mount);
    });
}

#[test]
fn a_file_that_never_answers_does_not_hold_up_others() {
    run("faults::a_file_that_never_answers_does_not_hold_up_others", |dir| {
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
