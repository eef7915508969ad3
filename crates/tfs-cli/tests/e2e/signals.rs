//! Signals to a mount: in the foreground, on a terminal, in the background, and while it starts.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tfs_testkit::content::Content;
use tfs_testkit::hermetic::hermetic;
use tfs_testkit::isolate;
use tfs_testkit::skip;
use tfs_testkit::swarm::{Swarm, TorrentSpec};
use tfs_testkit::until::until;

use crate::support::{Mounted, Rqbits, is_mounted, run, tfs};

const LIMIT: Duration = Duration::from_secs(90);

/// So long that polling has no effect during a test.
const NEVER: [&str; 2] = ["--poll-interval", "1h"];

/// A magnet link of a torrent without peers.
const UNKNOWN: &str = "magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567";

fn small(name: &str, seed: u64) -> TorrentSpec {
    TorrentSpec::file(name, Content::new(seed, 50_000))
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).unwrap())
}

// rclone/rclone#8607, #4992, #1376, plexdrive#176: users send HUP to trigger a poll.
#[test]
fn a_hangup_in_the_background_looks_at_the_server_and_opens_the_log_anew() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let mut rqbits = Rqbits::start(Swarm::builder().torrent(small("first.bin", 1)));
        let (log, moved) = (dir.join("log"), dir.join("log.1.moved"));
        let flags = [&NEVER[..], &["--log-file", log.to_str().unwrap(), "-vv"]].concat();
        let mounted = Mounted::with(dir, &rqbits.swarm.api_url(), &flags);
        let Rqbits { runtime, swarm } = &mut rqbits;
        runtime.block_on(swarm.add(small("second.bin", 2))).unwrap();
        assert!(!mounted.path.join("second.bin").exists());
        fs::rename(&log, &moved).unwrap();
        let process = mounted.pid().unwrap();
        kill(process, Signal::SIGHUP).unwrap();
        until("it is seen", || mounted.path.join("second.bin").exists().then_some(()));
        until("it is logged", || {
            fs::read_to_string(&log).ok()?.contains("after SIGHUP").then_some(())
        });
        // Many signals cause only a few polls, and end nothing.
        for _ in 0..50 {
            kill(process, Signal::SIGHUP).unwrap();
        }
        run(tfs(dir).arg("refresh").arg(&mounted.path));
        assert_eq!(mounted.pid(), Some(process));
        mounted.unmount();
    });
}

#[test]
fn a_hangup_in_the_foreground_ends_a_mount_only_with_its_terminal() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = Rqbits::start(Swarm::builder().torrent(small("first.bin", 1)));
        let (url, path) = (rqbits.swarm.api_url(), dir.join("mnt"));
        fs::create_dir(&path).unwrap();

        // As a service manager starts it: in its own session.
        let mut service = hermetic("setsid", dir);
        service.arg(env!("CARGO_BIN_EXE_tfs")).args(["mount", "-f", "--server", &url]).arg(&path);
        let mut service = service.spawn().unwrap();
        until("it is mounted", || is_mounted(&path).then_some(()));
        let mounted = Mounted::at(path.clone(), dir);
        let process = mounted.pid().unwrap();
        kill(process, Signal::SIGHUP).unwrap();
        run(tfs(dir).arg("refresh").arg(&path));
        kill(process, Signal::SIGTERM).unwrap();
        service.wait().unwrap();
        until("it is unmounted", || (!is_mounted(&path)).then_some(()));

        // script(1) creates a terminal, which ends with it.
        if Command::new("script").arg("--version").output().is_err() {
            skip::for_lack_of("script(1)", test);
            return;
        }
        let command = format!("exec '{}' mount -f --server {url} mnt", env!("CARGO_BIN_EXE_tfs"));
        let mut terminal = hermetic("script", dir);
        terminal.args(["-qec", &command, "/dev/null"]).current_dir(dir);
        terminal.env("SHELL", "/bin/sh").stdout(Stdio::null());
        let mut terminal = terminal.stdin(Stdio::piped()).spawn().unwrap();
        until("it is mounted", || is_mounted(&path).then_some(()));
        terminal.kill().unwrap();
        terminal.wait().unwrap();
        until("it is unmounted", || (!is_mounted(&path)).then_some(()));
    });
}

/// Starts a background mount that waits for the metadata of a torrent, and returns when its process
/// has started.
fn start(dir: &Path, path: &Path) -> std::process::Child {
    let mut mount = tfs(dir);
    mount.args(["mount", "--offline", "--embedded"]).arg(dir.join("store")).arg(path);
    let waiting = mount.args(["--add", UNKNOWN]).spawn().unwrap();
    // The background process, besides the one that was started.
    until("the background process has made its directory", || {
        dir.join("store").exists().then_some(())
    });
    waiting
}

#[test]
fn ctrl_c_while_a_mount_starts_in_the_background_leaves_nothing() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let path = dir.join("mnt");
        fs::create_dir(&path).unwrap();
        let mounted = Mounted::at(path.clone(), dir);
        // The last signal leaves no time for cleanup.
        for (signal, code) in
            [(Signal::SIGINT, Some(130)), (Signal::SIGTERM, Some(130)), (Signal::SIGKILL, None)]
        {
            let mut typed = start(dir, &path);
            kill(pid(typed.id()), signal).unwrap();
            assert_eq!(typed.wait().unwrap().code(), code, "{signal}");
            until("no process is left", || mounted.pid().is_none().then_some(()));
            assert!(!is_mounted(&path), "{signal}");
            fs::remove_dir_all(dir.join("store")).unwrap();
        }
    });
}
