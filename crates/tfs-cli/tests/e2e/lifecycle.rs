//! Lifecycle of mounts and torrents: mounts that are in use, in the way or killed, and torrents
//! that come and go.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Swarm, TorrentSpec};
use tfs_testkit::until::until;

use crate::support::{Mounted, Rqbits, check_file, describe, is_mounted, run, status_below, tfs};

const LIMIT: Duration = Duration::from_secs(90);

fn small(name: &str, seed: u64) -> TorrentSpec {
    TorrentSpec::file(name, Content::new(seed, 50_000))
}

/// The slowest possible download: data read from it does not arrive during a test.
const HARDLY_ANYTHING_BPS: u32 = 16 << 10;

/// Returns rqbits of which one downloads `slow.bin`, at almost no speed.
fn slow_download() -> Rqbits {
    let slow = TorrentSpec::file("slow.bin", Content::new(1, 50_000_000));
    Rqbits::start(Swarm::builder().torrent(slow).download_bps(HARDLY_ANYTHING_BPS))
}

fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Starts a program that waits for a byte that never comes.
fn stuck_reader(path: &Path) -> Child {
    let mut reader = Command::new("cat");
    let reader = reader.arg(path).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let open_files = format!("/proc/{}/fd", reader.id());
    until("the reader has opened the file", || {
        let links = fs::read_dir(&open_files).ok()?;
        let targets = links.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        targets.into_iter().any(|target| target == path).then_some(())
    });
    reader
}

/// The kernel may cache for an hour, so all changes seen here are due to notifications.
#[test]
fn torrents_come_and_go_while_mounted() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let mut rqbits = Rqbits::start(Swarm::builder().torrent(small("first.bin", 1)));
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        for _ in 0..2 {
            assert_eq!(names(&mounted.path), ["first.bin"]);
            assert!(!mounted.path.join("second.bin").exists());
        }

        let Rqbits { runtime, swarm } = &mut rqbits;
        let second = runtime.block_on(swarm.add(small("second.bin", 2))).unwrap();
        until("the new torrent is seen", || {
            (names(&mounted.path) == ["first.bin", "second.bin"]).then_some(())
        });
        let path = mounted.path.join("second.bin");
        check_file(&path, second.files[0].content, 4096);
        until("it is seen to be complete", || {
            (fs::metadata(&path).unwrap().blocks() == 50_000_u64.div_ceil(512)).then_some(())
        });

        runtime.block_on(swarm.forget(&second)).unwrap();
        until("the old torrent is gone", || (names(&mounted.path) == ["first.bin"]).then_some(()));
        until("its name is gone", || (!mounted.path.join("second.bin").exists()).then_some(()));
        mounted.unmount();
    });
}

#[test]
fn a_server_that_goes_away_leaves_the_tree_and_comes_back() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let mut rqbits = Rqbits::start(Swarm::builder().torrent(small("a.bin", 1)));
        let torrent = rqbits.swarm.torrents()[0].clone();
        rqbits.wait_finished(&torrent);
        let flags = ["--read-timeout", "2s"];
        let mounted = Mounted::with(dir, &rqbits.swarm.api_url(), &flags);
        rqbits.kill_downloader();
        let file = mounted.path.join("a.bin");
        let error = fs::read(&file).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(nix::libc::EIO), "{error}");
        assert_eq!(names(&mounted.path), ["a.bin"]);

        // The same torrent with another id.
        rqbits.start_downloader();
        until("the file reads again", || fs::read(&file).ok());
        check_file(&file, torrent.files[0].content, 4096);
        mounted.unmount();
    });
}

#[test]
fn a_mount_in_use_is_not_unmounted_but_by_force() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = slow_download();
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        let mut reader = stuck_reader(&mounted.path.join("slow.bin"));

        let refused = tfs(dir).arg("unmount").arg(&mounted.path).output().unwrap();
        let text = describe(&refused);
        assert!(text.starts_with("exit 41\n"), "{text}");
        assert!(text.contains(&format!("cat (process {})", reader.id())), "{text}");
        assert!(is_mounted(&mounted.path));
        assert_eq!(names(&mounted.path), ["slow.bin"]);
        assert!(reader.try_wait().unwrap().is_none());

        run(tfs(dir).args(["unmount", "--force"]).arg(&mounted.path));
        assert!(!is_mounted(&mounted.path));
        assert!(!reader.wait().unwrap().success());
        until("the process behind the mount ends", || mounted.pid().is_none().then_some(()));
        assert_eq!(names(&mounted.path), [] as [&str; 0]);
    });
}

#[test]
fn a_lazy_unmount_lets_readers_finish() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let mut rqbits = slow_download();
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        let mut reader = stuck_reader(&mounted.path.join("slow.bin"));
        run(tfs(dir).args(["unmount", "--lazy"]).arg(&mounted.path));
        assert!(!is_mounted(&mounted.path));
        assert!(mounted.pid().is_some());
        let status = status_below(dir);
        let lazy = "DIR/mnt (unmounted; it ends when its last open file is closed)\n";
        assert!(status.contains(lazy), "{status}");

        let Rqbits { runtime, swarm } = &mut rqbits;
        runtime.block_on(swarm.set_download_limit(None)).unwrap();
        assert!(reader.wait().unwrap().success());
        until("the process behind the mount ends", || mounted.pid().is_none().then_some(()));
    });
}

#[test]
fn signals_end_a_mount_cleanly_whatever_waits() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = slow_download();
        let path = dir.join("mnt");
        fs::create_dir(&path).unwrap();
        for signal in [Signal::SIGINT, Signal::SIGTERM] {
            let url = rqbits.swarm.api_url();
            let mut mount = tfs(dir);
            let mount = mount.args(["mount", "-f", "--server", &url]).arg(&path);
            let mut mount = mount.spawn().unwrap();
            until("it is mounted", || is_mounted(&path).then_some(()));
            let mut reader = stuck_reader(&path.join("slow.bin"));
            kill(Pid::from_raw(i32::try_from(mount.id()).unwrap()), signal).unwrap();
            assert!(mount.wait().unwrap().success(), "{signal}");
            assert!(!is_mounted(&path), "{signal}");
            assert!(!reader.wait().unwrap().success(), "{signal}");
        }
    });
}

#[test]
fn what_a_crash_leaves_is_cleaned_up() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = Rqbits::start(Swarm::builder().torrent(small("a.bin", 1)));
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        mounted.crash();
        until("the mount is dead", || {
            let error = fs::read_dir(&mounted.path).err()?;
            (error.raw_os_error() == Some(nix::libc::ENOTCONN)).then_some(())
        });
        run(tfs(dir).arg("unmount").arg(&mounted.path));
        assert!(!is_mounted(&mounted.path));

        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        mounted.crash();
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        assert_eq!(names(&mounted.path), ["a.bin"]);
        mounted.unmount();
        assert_eq!(names(&dir.join("mnt")), [] as [&str; 0]);
    });
}

#[test]
fn writing_is_refused() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = Rqbits::start(Swarm::builder().torrent(small("a.bin", 1)));
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        let file = mounted.path.join("a.bin");
        let refused = [
            fs::write(&file, "x"),
            fs::write(mounted.path.join("new"), "x"),
            fs::remove_file(&file),
            fs::create_dir(mounted.path.join("folder")),
            fs::rename(&file, mounted.path.join("b.bin")),
        ];
        for result in refused {
            assert_eq!(result.unwrap_err().raw_os_error(), Some(nix::libc::EROFS));
        }
        mounted.unmount();
    });
}

#[test]
fn a_paused_torrent_does_not_let_readers_wait() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = Rqbits::start(Swarm::builder().torrent(small("paused.bin", 1).paused()));
        let torrent = rqbits.swarm.torrents()[0].clone();
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        let file = mounted.path.join("paused.bin");
        let error = fs::read(&file).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(nix::libc::EIO), "{error}");

        let start = rqbits.swarm.client().start(torrent.info_hash.into());
        rqbits.runtime.block_on(start).unwrap();
        until("the file reads", || fs::read(&file).ok());
        check_file(&file, torrent.files[0].content, 4096);
        mounted.unmount();
    });
}
