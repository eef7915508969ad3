//! Unmounts by another process: `tfs unmount`.

use std::env;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use fuse_adapter::{Liveness, Unmount, UnmountError, check_mountpoint, liveness, unmount};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tfs_sys::mountinfo::MountTable;
use tfs_testkit::fake::{directory, file_id, single_file};

use crate::support::{
    Fixture, TestReader, check_file, eventually, first_file, mounts_at, options, quickly, run,
    run_as_root,
};

#[test]
fn a_busy_mount_names_who_holds_it() {
    run_as_root(tfs_testkit::test_name!(), |dir| {
        let fixture = Fixture::new([directory(1, "t", &[("file", 50_000)])]);
        let mount = fixture.mount(dir);
        let path = mount.mountpoint().to_owned();
        let reader = TestReader::start(&fixture, &path.join("t/file"), first_file());
        let busy = quickly(|| unmount(&path, Unmount::Clean)).unwrap_err();
        let UnmountError::Busy { holders, .. } = &busy else { panic!("{busy:?}") };
        let holder = holders.iter().find(|holder| holder.pid == reader.pid()).unwrap();
        assert_eq!((holder.command.as_str(), &holder.path), ("cat", &path.join("t/file")));
        assert!(busy.to_string().contains("it is in use by cat (process "), "{busy}");
        assert_eq!(liveness(&path), Liveness::Alive);

        quickly(|| unmount(&path, Unmount::Force)).unwrap();
        let complaint = quickly(|| reader.complaint());
        assert!(complaint.contains("Transport endpoint is not connected"), "{complaint}");
        assert_eq!(mounts_at(&path), [""; 0]);
        quickly(|| fixture.runtime.block_on(mount.wait())).unwrap();
    });
}

#[test]
fn a_lazy_unmount_lets_readers_end() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = Fixture::new([directory(1, "t", &[("file", 50_000)])]);
        let mount = fixture.mount(dir);
        let path = mount.mountpoint().to_owned();
        let mut open = fs::File::open(path.join("t/file")).unwrap();
        unmount(&path, Unmount::Lazy).unwrap();
        assert_eq!(mounts_at(&path), [""; 0]);
        let mut bytes = Vec::new();
        open.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len(), 50_000);
        drop(open);
        quickly(|| fixture.runtime.block_on(mount.wait())).unwrap();
    });
}

#[test]
fn a_dead_mount_is_cleaned_up() {
    run(tfs_testkit::test_name!(), |dir| {
        let path = dir.join("mnt");
        fs::create_dir(&path).unwrap();
        for how in [Unmount::Clean, Unmount::Lazy, Unmount::Force] {
            kill_a_daemon_at(&path);
            unmount(&path, how).unwrap();
            assert_eq!(mounts_at(&path), [""; 0]);
        }

        // Also if a process has its working directory in it.
        let daemon = TestDaemon::start(&path);
        let mut holder = Command::new("sleep");
        let mut holder = holder.arg("1000").current_dir(path.join("t")).spawn().unwrap();
        daemon.kill();
        unmount(&path, Unmount::Clean).unwrap();
        assert_eq!(mounts_at(&path), [""; 0]);
        holder.kill().unwrap();
        holder.wait().unwrap();
    });
}

#[test]
fn a_dead_mount_does_not_prevent_the_next() {
    run(tfs_testkit::test_name!(), |dir| {
        let path = dir.join("mnt");
        fs::create_dir(&path).unwrap();
        kill_a_daemon_at(&path);
        check_mountpoint(&path, false).unwrap();
        assert_eq!(mounts_at(&path), [""; 0]);

        kill_a_daemon_at(&path);
        let fixture = Fixture::new([single_file(1, "file", 100)]);
        // To create the directory again would fail: a dead mount has no attributes, unless the
        // kernel has cached them.
        let mount = fixture.mount_at(&path, &options());
        check_file(&path.join("file"), file_id(1, 0));
        fixture.finish(mount);
    });
}

#[test]
fn a_stopped_daemon_does_not_hang_those_who_ask() {
    run(tfs_testkit::test_name!(), |dir| {
        let path = dir.join("mnt");
        fs::create_dir(&path).unwrap();
        let daemon = TestDaemon::start(&path);
        daemon.stop();
        assert_eq!(quickly(|| liveness(&path)), Liveness::Silent);
        assert!(quickly(|| check_mountpoint(&path, true)).is_err());
        quickly(|| unmount(&path, Unmount::Force)).unwrap();
        assert_eq!(mounts_at(&path), [""; 0]);
        daemon.kill();
    });
}

/// Leaves a dead mount at `path`.
fn kill_a_daemon_at(path: &Path) {
    TestDaemon::start(path).kill();
    assert_eq!(mounts_at(path), ["fuse.tfs"]);
    assert_eq!(quickly(|| liveness(path)), Liveness::Dead);
}

/// Variable with the mount point for [`daemon`].
const DAEMON_PATH: &str = "TFS_TEST_DAEMON_PATH";

/// The daemon that other tests start and kill.
#[test]
#[ignore = "a process that other tests start"]
fn daemon() {
    let path = env::var_os(DAEMON_PATH).expect("only a test starts it");
    let fixture = Fixture::new([directory(1, "t", &[("file", 50_000)])]);
    let mount = fixture.mount_at(Path::new(&path), &options());
    fixture.runtime.block_on(mount.wait()).unwrap();
}

/// Another process with a mount.
#[derive(Debug)]
struct TestDaemon {
    child: Child,
}

impl TestDaemon {
    fn start(path: &Path) -> Self {
        let child = Command::new(env::current_exe().unwrap())
            .args(["unmounting::daemon", "--exact", "--ignored"])
            .env(DAEMON_PATH, path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // An entry in the mount table is not enough: the session has to answer.
        eventually("the daemon answers", || {
            MountTable::read().unwrap().at(path).is_some() && path.join("t/file").exists()
        });
        Self { child }
    }

    /// Stops the process, and returns when it has stopped on every CPU.
    fn stop(&self) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::STOP).unwrap();
        waitpid(Some(pid), WaitOptions::UNTRACED).unwrap();
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
