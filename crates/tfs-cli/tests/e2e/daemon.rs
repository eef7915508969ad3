//! `tfs daemon`: several independent mounts, configuration changes, and a crash.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::libc::{ECONNABORTED, EIO, ENOENT, ENOTCONN, ETIMEDOUT};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::skip;
use tfs_testkit::swarm::{Swarm, TorrentSpec};
use tfs_testkit::until::until;

use crate::service_manager::{Manager, check_silence_without_answers};
use crate::support::{Rqbits, check_file, describe, is_mounted, run, status_below, tfs};

const LIMIT: Duration = Duration::from_secs(120);

/// How long shutdown may take with any readers, even on a loaded machine.
const END_TIME_MAX: Duration = Duration::from_secs(15);

fn rqbits() -> Rqbits {
    Rqbits::start(Swarm::builder().torrent(TorrentSpec::file("a.bin", Content::new(1, 50_000))))
}

/// A daemon with a configuration file of the test. Killed on drop.
struct DaemonProcess {
    dir: PathBuf,
    process: Child,
}

impl DaemonProcess {
    /// Starts it, with the test as the service manager.
    fn start(dir: &Path) -> Self {
        Self::start_with(dir, &[])
    }

    /// Like [`start`](Self::start), with additional environment variables.
    fn start_with(dir: &Path, variables: &[(&str, &str)]) -> Self {
        let mut daemon = tfs(dir);
        daemon.envs(variables.iter().copied());
        daemon.args(["daemon", "--config"]).arg(dir.join("t.toml"));
        daemon.env("NOTIFY_SOCKET", dir.join("notify"));
        Self { dir: dir.to_owned(), process: daemon.spawn().unwrap() }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.process.id()).unwrap()), signal).unwrap();
    }

    /// Runs `tfs config reload`, and returns its exit code and output.
    fn reload(&self) -> String {
        said(&self.dir, &["config", "reload"])
    }

    /// Ends it as a service manager does, and checks that nothing is left behind.
    #[track_caller]
    fn end(mut self, manager: &Manager) {
        let start = Instant::now();
        self.signal(Signal::SIGTERM);
        manager.hear_until("STOPPING=1\n");
        assert!(self.process.wait().unwrap().success());
        assert!(start.elapsed() < END_TIME_MAX, "{:?}", start.elapsed());
        for name in ["a", "b", "c"] {
            assert!(!is_mounted(&self.dir.join(name)), "{name}");
        }
    }
}

impl Drop for DaemonProcess {
    fn drop(&mut self) {
        // It has ended, unless the test failed.
        if matches!(self.process.try_wait(), Ok(None)) {
            drop(self.process.kill());
            drop(self.process.wait());
        }
        for name in ["a", "b", "c"] {
            if is_mounted(&self.dir.join(name)) {
                drop(Command::new("umount").arg("-l").arg(self.dir.join(name)).output());
            }
        }
    }
}

fn said(dir: &Path, args: &[&str]) -> String {
    let output = tfs(dir).args(args).output().unwrap();
    describe(&output).replace(dir.to_str().unwrap(), "DIR")
}

/// Writes a configuration with two servers and these mounts, each of one server.
fn configure(dir: &Path, rqbits: &Rqbits, mounts: &[(&str, &str)], more: &str) {
    let mut text = format!(
        "{more}\n[[server]]\nname = \"one\"\nurl = \"{}\"\n[[server]]\nname = \"two\"\nurl = \
         \"{}\"\n",
        rqbits.swarm.api_url(),
        rqbits.swarm.seeder_url(),
    );
    for (name, server) in mounts {
        let path = dir.join(name);
        let path = path.display();
        writeln!(text, "[[mount]]\npath = \"{path}\"\nservers = [\"{server}\"]").unwrap();
    }
    fs::write(dir.join("t.toml"), text).unwrap();
}

fn make_dirs(dir: &Path, names: &[&str]) {
    for name in names {
        fs::create_dir(dir.join(name)).unwrap();
    }
}

fn content_is_there(path: &Path) {
    check_file(&path.join("a.bin"), Content::new(1, 50_000), 4096);
}

/// Returns the device number of the filesystem that is mounted at a path.
fn device(path: &Path) -> (String, String) {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let path = format!(" {} ", path.display());
    let line = table.lines().find(|line| line.contains(&path)).unwrap();
    let (major, minor) = line.split(' ').nth(2).unwrap().split_once(':').unwrap();
    (major.to_owned(), minor.to_owned())
}

#[test]
fn one_that_fails_takes_no_other_with_it_and_comes_up_later() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = rqbits();
        let manager = Manager::new(dir);
        make_dirs(dir, &["a", "b"]);
        configure(dir, &rqbits, &[("a", "one"), ("b", "two"), ("c", "one")], "");
        let daemon = DaemonProcess::start(dir);
        let missing = dir.join("c").display().to_string();
        let why = format!("{missing}: cannot mount on {missing}: it does not exist");
        manager.hear_until(&format!("READY=1\nSTATUS=2 of 3 mounts answer; {why}\n"));
        content_is_there(&dir.join("a"));
        content_is_there(&dir.join("b"));
        let status = status_below(dir);
        assert_eq!(status.matches("all is well").count(), 2, "{status}");
        let line = "\nmissing  DIR/c: cannot mount on DIR/c: it does not exist; retrying\n";
        assert!(status.contains(line), "{status}");

        make_dirs(dir, &["c"]);
        manager.hear_until("STATUS=3 of 3 mounts answer\n");
        content_is_there(&dir.join("c"));
        // One socket serves all of them.
        let status = status_below(dir);
        assert_eq!(status.matches("all is well").count(), 3, "{status}");
        daemon.end(&manager);
    });
}

#[test]
fn a_reload_brings_and_takes_mounts() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        assert!(said(dir, &["config", "reload"]).starts_with("exit 48\n"));
        let rqbits = rqbits();
        let manager = Manager::new(dir);
        make_dirs(dir, &["a", "b", "c"]);
        configure(dir, &rqbits, &[("a", "one"), ("b", "one")], "");
        let daemon = DaemonProcess::start(dir);
        manager.hear_until("READY=1\nSTATUS=2 of 2 mounts answer\n");

        // One of the mounts to be removed is in use.
        let file = File::open(dir.join("b/a.bin")).unwrap();
        let more = "[monitoring]\nlisten = \"127.0.0.1:0\"\n[logging]\nlevel = \"error\"\n";
        configure(dir, &rqbits, &[("c", "two")], more);
        let text = daemon.reload();

        assert!(text.starts_with("exit 49\nremoved                 DIR/a\n"), "{text}");
        assert!(
            text.contains("\nstays as it was         DIR/b: failed to unmount DIR/b: it is in use"),
            "{text}"
        );
        assert!(text.contains("\nmounted                 DIR/c\n"), "{text}");
        assert!(
            text.ends_with(
                "\napplied                 [logging]\napplied                 [monitoring]\n"
            ),
            "{text}"
        );
        assert!(!is_mounted(&dir.join("a")));
        content_is_there(&dir.join("b"));
        content_is_there(&dir.join("c"));

        // Once it is not in use, the same configuration removes it. A signal has the same effect.
        drop(file);
        manager.forget();
        daemon.signal(Signal::SIGHUP);
        let told = manager.hear_until_begins("RELOADING=1\n");
        assert!(told.contains("MONOTONIC_USEC="), "{told}");
        manager.hear_until("READY=1\nSTATUS=1 of 1 mounts answer\n");
        assert!(!is_mounted(&dir.join("b")));

        // A mount with changed settings is replaced.
        let more = "[read]\nreadahead = \"64KiB\"\n[cache]\nmemory_bytes = \"1MiB\"\n";
        configure(dir, &rqbits, &[("c", "two")], more);
        let text = daemon.reload();
        assert_eq!(
            text,
            "exit 0\nmounted anew            DIR/c\napplied                 [logging]\n\
             applied                 [monitoring]\n"
        );
        let (major, minor) = device(&dir.join("c"));
        let window = fs::read_to_string(format!("/sys/class/bdi/{major}:{minor}/read_ahead_kb"));
        assert_eq!(window.unwrap(), "64\n");
        let stats: serde_json::Value =
            serde_json::from_str(&run(tfs(dir).args(["cache", "stats", "--json"]))).unwrap();
        let limit = stats["memory_bytes_max"].as_u64().unwrap();
        assert!(limit < 64 << 20, "the cache has a share of 1 MiB: {limit}");
        content_is_there(&dir.join("c"));
        daemon.end(&manager);
    });
}

#[test]
fn a_reload_changes_what_is_logged_of_a_mount_in_use() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = rqbits();
        let manager = Manager::new(dir);
        make_dirs(dir, &["a"]);
        let log = dir.join("log");
        let logging = |more: &str| format!("[logging]\nfile = \"{}\"\n{more}", log.display());
        let configure = |more: &str| configure(dir, &rqbits, &[("a", "one")], &logging(more));
        let opens_logged = || {
            content_is_there(&dir.join("a"));
            let text = fs::read_to_string(&log).unwrap();
            text.lines().filter(|line| line.contains("path=\"a.bin\"")).count()
        };
        configure("level = \"error\"\n");
        let daemon = DaemonProcess::start(dir);
        manager.hear_until("READY=1\nSTATUS=1 of 1 mounts answer\n");
        let _in_use = File::open(dir.join("a/a.bin")).unwrap();
        assert_eq!(opens_logged(), 0);

        configure("level = \"debug\"\n");
        let want = "exit 0\nunchanged               DIR/a\napplied                 [logging]\n";
        assert_eq!(daemon.reload(), want);
        let opens = opens_logged();
        assert!(opens > 0, "{}", fs::read_to_string(&log).unwrap());
        assert_eq!(daemon.reload(), "exit 0\nunchanged               DIR/a\n");

        // The log format does not change.
        configure("level = \"error\"\nformat = \"json\"\n");
        let want = "exit 49\nunchanged               DIR/a\n\
                    needs a restart         [logging]: except for its level, which is applied\n";
        assert_eq!(daemon.reload(), want);
        assert_eq!(opens_logged(), opens);
        let text = fs::read_to_string(&log).unwrap();
        assert!(!text.lines().any(|line| line.starts_with('{')), "{text}");
        daemon.end(&manager);
    });
}

#[test]
fn a_mistake_in_the_file_leaves_all_as_it_was() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = rqbits();
        let manager = Manager::new(dir);
        make_dirs(dir, &["a"]);
        configure(dir, &rqbits, &[("a", "one")], "");
        let daemon = DaemonProcess::start(dir);
        manager.hear_until("READY=1\nSTATUS=1 of 1 mounts answer\n");
        let file = dir.join("t.toml");
        let before = fs::read(&file).unwrap();
        for (text, want) in [
            (
                "[read]\ntimeuot = \"1s\"\n",
                "error: DIR/t.toml:2:1: unknown key `read.timeuot` (did you mean `",
            ),
            ("[[[", "error: DIR/t.toml:1:"),
            ("", "error: the configuration has no [[mount]]"),
        ] {
            fs::write(&file, text).unwrap();
            let text = daemon.reload();
            assert!(text.starts_with(&format!("exit 3\n{want}")), "{text}");
            content_is_there(&dir.join("a"));
        }
        fs::write(&file, before).unwrap();
        assert_eq!(daemon.reload(), "exit 0\nunchanged               DIR/a\n");
        daemon.end(&manager);
    });
}

#[test]
fn what_is_unmounted_stays_away_and_what_is_lost_comes_back() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = rqbits();
        let manager = Manager::new(dir);
        make_dirs(dir, &["a", "b", "control"]);
        configure(dir, &rqbits, &[("a", "one"), ("b", "one")], "");
        let daemon = DaemonProcess::start(dir);
        manager.hear_until("READY=1\nSTATUS=2 of 2 mounts answer\n");

        // By each method.
        let path = dir.join("a").display().to_string();
        let away = format!("STATUS=1 of 2 mounts answer; {path}: unmounted\n");
        for unmount in [
            Command::new("umount").arg(&path),
            Command::new("umount").args(["-f", &path]),
            tfs(dir).args(["unmount", &path]),
            tfs(dir).args(["unmount", "--force", &path]),
        ] {
            run(unmount);
            manager.hear_until(&away);
            assert!(!is_mounted(&dir.join("a")));
            assert_eq!(
                daemon.reload(),
                "exit 0\nmounted                 DIR/a\nunchanged               DIR/b\n"
            );
        }

        // As an administrator aborts a connection that is stuck.
        let control = dir.join("control");
        run(Command::new("mount").args(["-t", "fusectl", "none"]).arg(&control));
        let (_, minor) = device(&dir.join("a"));
        fs::write(control.join(minor).join("abort"), "1").unwrap();
        let lost = format!(
            "STATUS=1 of 2 mounts answer; {path}: its connection to the kernel was aborted\n"
        );
        manager.hear_until(&lost);
        manager.hear_until("STATUS=2 of 2 mounts answer\n");
        content_is_there(&dir.join("a"));
        run(Command::new("umount").arg(&control));
        daemon.end(&manager);
    });
}

#[test]
fn after_a_kill_the_mounts_are_back_and_readers_got_errors() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let stuck = TorrentSpec::file("stuck.bin", Content::new(2, 50_000_000));
        let builder = Swarm::builder().torrent(stuck).download_bps(16 << 10);
        let rqbits = Rqbits::start(builder);
        let manager = Manager::new(dir);
        make_dirs(dir, &["a", "b"]);
        // The first has almost no data, the second has all of it.
        configure(dir, &rqbits, &[("a", "one"), ("b", "two")], "");
        let mut daemon = DaemonProcess::start(dir);
        manager.hear_until("READY=1\nSTATUS=2 of 2 mounts answer\n");

        let waiting = waiting_reader(dir);
        let reads = AtomicBool::new(false);
        thread::scope(|scope| {
            let reads = &reads;
            let spawn = |seed| scope.spawn(move || read_until_error(dir, reads, seed));
            let readers: Vec<_> = (0..4).map(spawn).collect();
            until("readers are busy", || reads.load(Ordering::Acquire).then_some(()));
            let killed_at = Instant::now();
            daemon.signal(Signal::SIGKILL);
            daemon.process.wait().unwrap();
            for reader in readers {
                let errno = reader.join().unwrap();
                let known = [ENOTCONN, ECONNABORTED, EIO];
                assert!(known.contains(&errno), "{}", std::io::Error::from_raw_os_error(errno));
            }
            let output = waiting.wait_with_output().unwrap();
            println!(
                "all readers got errors {:?} after the kill: {}",
                killed_at.elapsed(),
                describe(&output)
            );
            assert!(!output.status.success());
            assert!(killed_at.elapsed() < Duration::from_secs(5));
        });
        assert!(is_mounted(&dir.join("a")) && is_mounted(&dir.join("b")));

        manager.forget();
        let started_at = Instant::now();
        let daemon = DaemonProcess::start(dir);
        manager.hear_until("READY=1\nSTATUS=2 of 2 mounts answer\n");
        println!("back {:?} after the start", started_at.elapsed());
        let file = File::open(dir.join("b/stuck.bin")).unwrap();
        crate::support::check_range(
            &dir.join("b"),
            &file,
            Content::new(2, 50_000_000),
            1 << 20,
            1 << 20,
        );
        assert_eq!(fs::read_dir(dir.join("a")).unwrap().count(), 1);
        drop(file);
        // Readers do not delay the shutdown.
        let waiting = waiting_reader(dir);
        daemon.end(&manager);
        assert!(!waiting.wait_with_output().unwrap().status.success());
    });
}

/// Starts a program that waits for a byte that never comes.
fn waiting_reader(dir: &Path) -> Child {
    let mut cat = Command::new("cat");
    let cat = cat.arg(dir.join("a/stuck.bin")).stdout(Stdio::null()).stderr(Stdio::piped());
    let cat = cat.spawn().unwrap();
    until("a read waits", || said(dir, &["status"]).contains(" s for piece ").then_some(()));
    cat
}

/// Reads at random offsets until a read fails, and returns the errno.
fn read_until_error(dir: &Path, reads: &AtomicBool, seed: u64) -> i32 {
    // The kill may come before all readers have opened the file.
    let file = match File::open(dir.join("b/stuck.bin")) {
        Ok(file) => file,
        Err(error) => return error.raw_os_error().unwrap(),
    };
    let mut block = vec![0; 100_000];
    for step in 0_u64.. {
        let offset = (seed * 7_000_003 + step * 1_234_577) % 49_000_000;
        match file.read_at(&mut block, offset) {
            Ok(_) => reads.store(true, Ordering::Release),
            Err(error) => {
                let errno = error.raw_os_error().unwrap();
                assert!(![ETIMEDOUT, ENOENT].contains(&errno), "{error}");
                return errno;
            }
        }
    }
    0
}

#[test]
fn a_second_daemon_with_the_same_configuration_is_refused() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = rqbits();
        let manager = Manager::new(dir);
        make_dirs(dir, &["a", "run2"]);
        configure(dir, &rqbits, &[("a", "one")], "");
        let daemon = DaemonProcess::start(dir);
        manager.hear_until("READY=1\nSTATUS=1 of 1 mounts answer\n");
        let id = daemon.process.id();
        std::os::unix::fs::symlink("t.toml", dir.join("link.toml")).unwrap();
        for (file, runtime_dir) in [("t.toml", "run"), ("link.toml", "run2")] {
            let mut second = tfs(dir);
            second.env("XDG_RUNTIME_DIR", dir.join(runtime_dir));
            let output = second.args(["daemon", "--config"]).arg(dir.join(file)).output().unwrap();
            let text = describe(&output);
            let want = format!(
                "exit 59\nerror: a daemon with this configuration is already running: process \
                 {id}\nhint: apply a changed configuration with: tfs config reload; end it with: \
                 kill {id}\n"
            );
            assert_eq!(text, want);
        }
        content_is_there(&dir.join("a"));
        daemon.end(&manager);
        // The next daemon starts.
        manager.forget();
        let daemon = DaemonProcess::start(dir);
        manager.hear_until("READY=1\nSTATUS=1 of 1 mounts answer\n");
        daemon.end(&manager);
    });
}

// util-linux#832, borgbase/vorta#1461: the last component of the mount point is a link.
#[test]
fn a_mount_point_that_is_a_link_comes_back_after_a_kill() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = rqbits();
        let manager = Manager::new(dir);
        make_dirs(dir, &["a"]);
        std::os::unix::fs::symlink("a", dir.join("link")).unwrap();
        configure(dir, &rqbits, &[("link", "one")], "");
        let mut daemon = DaemonProcess::start(dir);
        manager.hear_until("READY=1\nSTATUS=1 of 1 mounts answer\n");
        daemon.signal(Signal::SIGKILL);
        daemon.process.wait().unwrap();
        assert!(is_mounted(&dir.join("a")));

        manager.forget();
        let daemon = DaemonProcess::start(dir);
        manager.hear_until("READY=1\nSTATUS=1 of 1 mounts answer\n");
        content_is_there(&dir.join("a"));
        assert_eq!(daemon.reload(), "exit 0\nunchanged               DIR/link\n");
        configure(dir, &rqbits, &[("link", "two")], "");
        assert_eq!(daemon.reload(), "exit 0\nmounted anew            DIR/link\n");
        daemon.end(&manager);
    });
}

#[test]
fn a_mount_that_is_bound_elsewhere_too_is_in_use() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        if !nix::unistd::geteuid().is_root() {
            skip::test(test, "only root makes bind mounts");
            return;
        }
        let rqbits = rqbits();
        let manager = Manager::new(dir);
        make_dirs(dir, &["a", "bound"]);
        configure(dir, &rqbits, &[("a", "one")], "");
        let daemon = DaemonProcess::start(dir);
        manager.hear_until("READY=1\nSTATUS=1 of 1 mounts answer\n");
        run(Command::new("mount").arg("--bind").args([dir.join("a"), dir.join("bound")]));
        configure(dir, &rqbits, &[("a", "two")], "");
        let text = daemon.reload();
        assert!(text.contains("DIR/a: it is also mounted at DIR/bound\n"), "{text}");
        content_is_there(&dir.join("bound"));
        run(Command::new("umount").arg(dir.join("bound")));
        assert_eq!(daemon.reload(), "exit 0\nmounted anew            DIR/a\n");
        daemon.end(&manager);
    });
}

#[test]
fn the_watchdog_is_fed_only_while_all_mounts_answer() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = rqbits();
        let manager = Manager::new(dir);
        make_dirs(dir, &["a", "b"]);
        configure(dir, &rqbits, &[("a", "one"), ("b", "two")], "");
        let daemon = DaemonProcess::start_with(dir, &[("WATCHDOG_USEC", "200000")]);
        manager.hear_until("READY=1\nSTATUS=2 of 2 mounts answer\n");
        for _ in 0..3 {
            assert_eq!(manager.hear(), "WATCHDOG=1\n");
        }
        check_silence_without_answers(&manager, &daemon.process);
        // An unmounted mount is not polled. The unmount is lazy, since the watchdog may be using
        // the mount.
        run(Command::new("umount").arg("-l").arg(dir.join("a")));
        manager.hear_until_begins("STATUS=1 of 2 mounts answer");
        assert_eq!(manager.hear(), "WATCHDOG=1\n");
        daemon.end(&manager);
    });
}
