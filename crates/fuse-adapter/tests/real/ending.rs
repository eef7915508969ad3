//! The end of a mount, as seen by its own process: requested, or caused externally.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

use fuse_adapter::{MountError, MountpointError, Unmount, mount, unmount};
use rustix::mount::{MountFlags, UnmountFlags};
use tfs_testkit::fake::{directory, file_id, single_file};

use crate::support::{
    Fixture, TestReader, check_file, first_file, mounts_at, options, quickly, run, run_as_root,
};

#[test]
fn a_mount_ends_when_asked_and_can_come_again() {
    run(tfs_testkit::test_name!(), |dir| {
        for _ in 0..3 {
            let fixture = Fixture::new([single_file(1, "file", 100)]);
            let mount = fixture.mount(dir);
            let file = mount.mountpoint().join("file");
            check_file(&file, file_id(1, 0));
            fixture.finish(mount);
            assert!(!file.exists());
        }
    });
}

#[test]
fn a_read_that_waits_does_not_hold_up_the_end() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = Fixture::new([directory(1, "t", &[("file", 50_000)])]);
        let mount = fixture.mount(dir);
        let path = mount.mountpoint().to_owned();
        let reader = TestReader::start(&fixture, &path.join("t/file"), first_file());
        quickly(|| fixture.runtime.block_on(mount.unmount())).unwrap();
        assert!(reader.complaint().contains("Input/output error"));
        assert_eq!(mounts_at(&path), [""; 0]);
    });
}

#[test]
fn an_open_file_does_not_hold_up_the_end() {
    run_as_root(tfs_testkit::test_name!(), |dir| {
        let fixture = Fixture::new([single_file(1, "file", 50_000)]);
        let mount = fixture.mount(dir);
        let path = mount.mountpoint().to_owned();
        let mut file = File::open(path.join("file")).unwrap();
        quickly(|| fixture.runtime.block_on(mount.unmount())).unwrap();
        assert_eq!(mounts_at(&path), [""; 0]);
        assert!(quickly(|| file.read(&mut [0; 10])).is_err());
    });
}

#[test]
fn a_mount_that_is_dropped_leaves_nothing() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = Fixture::new([directory(1, "t", &[("file", 50_000)])]);
        let mount = fixture.mount(dir);
        let path = mount.mountpoint().to_owned();
        let reader = TestReader::start(&fixture, &path.join("t/file"), first_file());
        quickly(|| drop(mount));
        assert_eq!(mounts_at(&path), [""; 0]);
        assert!(reader.complaint().contains("Input/output error"));
    });
}

#[test]
fn a_mount_notices_that_others_unmount_it() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = Fixture::new([single_file(1, "file", 100)]);
        for how in [Unmount::Clean, Unmount::Lazy, Unmount::Force] {
            let mount = fixture.mount(dir);
            unmount(mount.mountpoint(), how).unwrap();
            quickly(|| fixture.runtime.block_on(mount.wait())).unwrap();
            assert_eq!(mounts_at(mount.mountpoint()), [""; 0]);
            quickly(|| fixture.runtime.block_on(mount.unmount())).unwrap();
        }
    });
}

/// fuser 0.18 alone unmounts the path a second time.
#[test]
fn what_is_underneath_stays() {
    run_as_root(tfs_testkit::test_name!(), |dir| {
        let path = dir.join("mnt");
        fs::create_dir(&path).unwrap();
        rustix::mount::mount("none", &path, "tmpfs", MountFlags::empty(), None).unwrap();
        fs::write(path.join("below"), "still here").unwrap();
        let mut options = options();
        options.allow_non_empty = true;
        for end in ["others", "drop", "unmount"] {
            let fixture = Fixture::new([single_file(1, "file", 100)]);
            let mount = fixture.mount_at(&path, &options);
            check_file(&path.join("file"), file_id(1, 0));
            assert_eq!(mounts_at(&path), ["tmpfs", "fuse.tfs"]);
            match end {
                "others" => {
                    rustix::mount::unmount(&path, UnmountFlags::empty()).unwrap();
                    fixture.runtime.block_on(mount.wait()).unwrap();
                    drop(mount);
                }
                "drop" => drop(mount),
                _ => fixture.runtime.block_on(mount.unmount()).unwrap(),
            }
            assert_eq!(mounts_at(&path), ["tmpfs"], "{end}");
            assert_eq!(fs::read_to_string(path.join("below")).unwrap(), "still here");
        }
        rustix::mount::unmount(&path, UnmountFlags::empty()).unwrap();
    });
}

/// A mount covered by another one cannot be reached by its path.
#[test]
fn what_is_above_stays() {
    run_as_root(tfs_testkit::test_name!(), |dir| {
        let fixture = Fixture::new([single_file(1, "file", 100)]);
        let mount = fixture.mount(dir);
        let path = mount.mountpoint().to_owned();
        rustix::mount::mount("none", &path, "tmpfs", MountFlags::empty(), None).unwrap();
        quickly(|| fixture.runtime.block_on(mount.unmount())).unwrap();
        // The mount is dead now, and can be removed once the other is gone.
        assert_eq!(mounts_at(&path), ["fuse.tfs", "tmpfs"]);
        rustix::mount::unmount(&path, UnmountFlags::empty()).unwrap();
        unmount(&path, Unmount::Clean).unwrap();
        assert_eq!(mounts_at(&path), [""; 0]);
    });
}

#[test]
fn a_second_mount_is_refused() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = Fixture::new([single_file(1, "file", 100)]);
        let first = fixture.mount(dir);
        let mut options = options();
        options.allow_non_empty = true;
        let again = |path: &PathBuf| {
            let runtime = fixture.runtime.handle().clone();
            mount(Arc::clone(&fixture.vfs), runtime, path, &options).unwrap_err()
        };
        let path = first.mountpoint().to_owned();
        let refused = again(&path);
        let MountError::Mountpoint(MountpointError::AlreadyMounted { path: at }) = &refused else {
            panic!("{refused:?}");
        };
        assert_eq!(at, &path);
        assert_eq!(mounts_at(&path), ["fuse.tfs"]);
        check_file(&path.join("file"), file_id(1, 0));
        fixture.finish(first);

        let refused = again(&dir.join("missing"));
        assert_eq!(
            refused.to_string(),
            format!("mount on {}: it does not exist", dir.join("missing").display())
        );
    });
}
