//! Commands that talk to a running mount: status, refresh, cache, search, unmount.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use expect_test::expect;
use nix::sys::signal::{Signal, kill};
use serde_json::Value;
use tfs_testkit::content::Content;
use tfs_testkit::hermetic::hermetic;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Swarm, TorrentSpec};
use tfs_testkit::until::until;

use crate::support::{
    Mounted, Rqbits, check_file, describe, is_mounted, run, status_below, status_json_below, tfs,
};

const LIMIT: Duration = Duration::from_secs(90);

/// So long that polling has no effect during a test.
const NEVER: [&str; 2] = ["--poll-interval", "1h"];

fn small(name: &str, seed: u64) -> TorrentSpec {
    TorrentSpec::file(name, Content::new(seed, 50_000))
}

/// Runs a command of tfs, and returns its exit code and output.
fn said(dir: &Path, args: &[&str]) -> String {
    let output = tfs(dir).args(args).output().unwrap();
    describe(&output).replace(dir.to_str().unwrap(), "DIR")
}

#[track_caller]
fn json(dir: &Path, args: &[&str]) -> Value {
    serde_json::from_str(&run(tfs(dir).args(args).arg("--json"))).unwrap()
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn reader(path: &Path) -> Child {
    let mut cat = Command::new("cat");
    cat.arg(path).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_refresh_shows_at_once_what_came_and_went() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let mut rqbits = Rqbits::start(Swarm::builder().torrent(small("first.bin", 1)));
        let mounted = Mounted::with(dir, &rqbits.swarm.api_url(), &NEVER);
        assert_eq!(names(&mounted.path), ["first.bin"]);
        // The kernel caches this name as a negative dentry.
        assert!(!mounted.path.join("second.bin").exists());

        let Rqbits { runtime, swarm } = &mut rqbits;
        runtime.block_on(swarm.add(small("second.bin", 2))).unwrap();
        assert_eq!(names(&mounted.path), ["first.bin"]);
        let asked_at = Instant::now();
        assert_eq!(said(dir, &["refresh"]), "exit 0\nadded second.bin\n");
        until("it is seen", || mounted.path.join("second.bin").exists().then_some(()));
        println!("seen {:?} after the refresh was asked for", asked_at.elapsed());
        assert_eq!(names(&mounted.path), ["first.bin", "second.bin"]);

        let first = swarm.torrents()[0].clone();
        runtime.block_on(swarm.forget(&first)).unwrap();
        // A list from a server that has run for less than a second is not accepted immediately.
        let refreshed = until("the server is believed", || {
            let refreshed = json(dir, &["refresh", mounted.path.to_str().unwrap()]);
            (refreshed["torrents"] == 1).then_some(refreshed)
        });
        let want = serde_json::json!({
            "added": [],
            "removed": ["first.bin"],
            "torrents": 1,
            "servers": ["default"],
            "failed": [],
        });
        assert_eq!(refreshed, want);
        until("it is gone", || (names(&mounted.path) == ["second.bin"]).then_some(()));
        assert_eq!(said(dir, &["refresh"]), "exit 0\nno changes; torrents: 1\n");

        runtime.block_on(swarm.kill_downloader());
        let down = said(dir, &["refresh"]);
        assert!(down.starts_with("exit 20\nerror: failed to list the torrents"), "{down}");
        assert_eq!(names(&mounted.path), ["second.bin"]);
        mounted.unmount();
    });
}

#[test]
fn several_mounts_are_refreshed_and_unmounted_at_once() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let rqbits = Rqbits::start(Swarm::builder().torrent(small("a.bin", 1)));
        let url = rqbits.swarm.api_url();
        let paths = ["one", "two"].map(|name| dir.join(name));
        let mounted = paths.map(|path| {
            fs::create_dir(&path).unwrap();
            // As rclone's users type it.
            let address = url.strip_prefix("http://").unwrap();
            run(tfs(dir).args(["mount", "-q", address, "-o", "poll_interval=1h"]).arg(&path));
            Mounted::at(path, dir)
        });
        expect![[r#"
            exit 0
            DIR/one:
            no changes; torrents: 1
            DIR/two:
            no changes; torrents: 1
        "#]]
        .assert_eq(&said(dir, &["refresh"]));
        let refreshed = json(dir, &["refresh"]);
        for mounted in &mounted {
            assert_eq!(refreshed[mounted.path.to_str().unwrap()]["torrents"], 1, "{refreshed}");
        }
        let [one, two] = mounted.each_ref().map(|mounted| mounted.path.to_str().unwrap());
        expect![[r#"
            exit 40
            error: cannot unmount DIR/none: nothing is mounted there
            hint: see what is mounted with: findmnt -t fuse.tfs
        "#]]
        .assert_eq(&said(dir, &["unmount", one, &format!("{}/none", dir.display()), two]));
        assert!(names(&mounted[0].path).is_empty() && names(&mounted[1].path).is_empty());
    });
}

#[test]
fn what_was_cleared_comes_from_the_server_again() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let content = Content::new(1, 3_000_000);
        let rqbits = Rqbits::start(Swarm::builder().torrent(TorrentSpec::file("a.bin", content)));
        rqbits.wait_finished(&rqbits.swarm.torrents()[0]);
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        let file = mounted.path.join("a.bin");
        let fetched = || json(dir, &["cache", "stats"])["fetched_bytes"].as_u64().unwrap();

        check_file(&file, content, 65536);
        let before = fetched();
        assert!(before >= content.len(), "{before}");
        check_file(&file, content, 65536);
        assert_eq!(fetched(), before, "the kernel has all of it");

        let cleared = json(dir, &["cache", "clear", "--data"]);
        assert!(cleared["memory_bytes"].as_u64().unwrap() > 0, "{cleared}");
        assert_eq!((&cleared["kernel_files"], &cleared["files_in_use"]), (&1.into(), &0.into()));
        assert_eq!(cleared["kernel_names"], 0);
        let stats = json(dir, &["cache", "stats"]);
        assert_eq!((&stats["cached_bytes"], &stats["buffered_bytes"]), (&0.into(), &0.into()));
        let memory = json(dir, &["status"])[0]["memory"].clone();
        assert_eq!((&memory["cached_bytes"], &memory["buffered_bytes"]), (&0.into(), &0.into()));
        check_file(&file, content, 65536);
        assert!(fetched() >= before + content.len());

        let cleared = json(dir, &["cache", "clear", "--metadata"]);
        assert_eq!((&cleared["kernel_names"], &cleared["memory_bytes"]), (&1.into(), &0.into()));
        assert_eq!(cleared["server_asked"], true);
        assert_eq!(names(&mounted.path), ["a.bin"]);
        let text = said(dir, &["cache", "clear"]);
        assert!(text.starts_with("exit 0\nfreed "), "{text}");
        mounted.unmount();
    });
}

#[test]
fn the_status_tells_who_waits_for_which_piece() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let slow = TorrentSpec::file("slow.bin", Content::new(1, 50_000_000));
        let rqbits = Rqbits::start(Swarm::builder().torrent(slow).download_bps(16 << 10));
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        let mut cat = reader(&mounted.path.join("slow.bin"));
        let waits = |status: &Value| {
            let reader = status[0]["readers"][0].clone();
            (reader["waits"]["for_millis"].as_u64()? > 500).then_some(reader)
        };
        let reader = until("the reader waits", || waits(&json(dir, &["status"])));
        assert_eq!(reader["pid"], cat.id());
        assert_eq!((&reader["command"], &reader["path"]), (&"cat".into(), &"slow.bin".into()));
        assert!(reader["waits"]["piece"].is_u64(), "{reader}");
        assert_eq!(reader["file_bytes"], 50_000_000);

        let status = &json(dir, &["status", mounted.path.to_str().unwrap()])[0];
        assert_eq!(status["mountpoint"], mounted.path.to_str().unwrap());
        assert_eq!((&status["version"], &status["trouble"]), (&1.into(), &Value::Null));
        assert_eq!(status["reads"]["open_files"], 1);
        let text = said(dir, &["status"]);
        assert!(text.contains("mount    DIR/mnt (all is well)"), "{text}");
        assert!(text.contains("for piece ") && text.contains("slow.bin"), "{text}");

        // These files are still open.
        let cleared = json(dir, &["cache", "clear"]);
        assert_eq!(cleared["files_in_use"], 1, "{cleared}");
        cat.kill().unwrap();
        cat.wait().unwrap();
        until("nobody reads", || {
            (json(dir, &["status"])[0]["readers"] == serde_json::json!([])).then_some(())
        });
        mounted.unmount();
    });
}

#[test]
fn a_watched_status_goes_on_until_nobody_reads_it() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let rqbits = Rqbits::start(Swarm::builder().torrent(small("a.bin", 1)));
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        let script = format!("{} status --watch --json | head -n 2", env!("CARGO_BIN_EXE_tfs"));
        let output = Command::new("sh")
            .args(["-c", &script])
            .env("XDG_RUNTIME_DIR", dir.join("run"))
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let looks: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(looks.len(), 2);
        assert!(looks.iter().all(|look| look[0]["tree"]["torrents"] == 1));
        mounted.unmount();
    });
}

#[test]
fn files_are_found_by_a_mount_and_without_one() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let rqbits = Rqbits::start(
            Swarm::builder().torrent(small("Big Film.mkv", 1)).torrent(small("notes.txt", 2)),
        );
        for torrent in rqbits.swarm.torrents() {
            rqbits.wait_finished(torrent);
        }
        let url = rqbits.swarm.api_url();
        let check = |flags: &[&str]| {
            let search = |args: &[&str]| said(dir, &[&["search"], args, flags].concat());
            let film = search(&["--relative", "film", "BIG"]);
            assert_eq!(film, "exit 0\nBig Film.mkv\n");
            let notes = search(&["--regex", "^n.*t$", "-0", "--relative"]);
            assert_eq!(notes, "exit 0\nnotes.txt\0");
            assert_eq!(search(&["nothing"]), "exit 0\nnothing found\n");
            let cut = search(&["--glob", "*", "--limit", "1"]);
            assert!(cut.ends_with("there are more; see them with --limit 10\n"), "{cut}");
            let hits = json(dir, &[&["search", "--glob", "*.txt"], flags].concat());
            assert_eq!(hits[0]["path"], "notes.txt");
            assert_eq!(hits[0]["info_hash"], rqbits.swarm.torrents()[1].info_hash.to_string());
            let wrong = search(&["--regex", "("]);
            assert!(wrong.starts_with("exit 55\nerror: "), "{wrong}");
        };
        check(&["--server", &url]);
        expect![[r#"
            exit 0
            notes.txt
            these paths are from the root of a mount of the server; there is none here
        "#]]
        .assert_eq(&said(dir, &["search", "notes", "--server", &url]));
        let mounted = Mounted::new(dir, &url);
        check(&[]);
        assert_eq!(said(dir, &["search", "notes"]), "exit 0\nDIR/mnt/notes.txt\n");
        // As in: mpv "$(tfs search film)"
        let script =
            "cmp \"$($TFS search film)\" mnt/Big\\ Film.mkv && $TFS search -0 f | xargs -0 ls";
        let mut shell = hermetic("sh", dir);
        shell.args(["-euc", script]).env("TFS", env!("CARGO_BIN_EXE_tfs")).current_dir(dir);
        let listed = run(&mut shell).replace(dir.to_str().unwrap(), "DIR");
        assert_eq!(listed, "DIR/mnt/Big Film.mkv\n");
        mounted.unmount();
    });
}

#[test]
fn where_there_is_no_mount_or_several_it_is_said() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        assert_eq!(status_below(dir), "exit 0\n");
        assert_eq!(status_json_below(dir), [] as [Value; 0]);
        let text = said(dir, &["refresh"]);
        let nothing = "exit 40\nerror: cannot find a mount: this user has no mounts\nhint: mount \
                       with: tfs mount <MOUNTPOINT>";
        assert!(text.starts_with(nothing), "{text}");
        expect![[r#"
            exit 40
            error: cannot find a mount of tfs at /proc
            hint: list mounts with: tfs status
        "#]]
        .assert_eq(&said(dir, &["cache", "stats", "/proc"]));

        let rqbits = Rqbits::start(Swarm::builder().torrent(small("a.bin", 1)));
        let url = rqbits.swarm.api_url();
        let first = Mounted::new(dir, &url);
        let other = dir.join("other");
        fs::create_dir(&other).unwrap();
        run(tfs(dir).args(["mount", "--server", &url]).arg(&other));
        let second = Mounted::at(other, dir);
        let several = said(dir, &["cache", "stats"]);
        assert!(several.starts_with("exit 44\nerror: cannot choose between the mounts DIR/"));
        assert_eq!(said(dir, &["search", "a.bin"]), "exit 0\nDIR/mnt/a.bin\n");
        assert_eq!(status_json_below(dir).len(), 2);
        assert!(said(dir, &["refresh", first.path.to_str().unwrap()]).starts_with("exit 0\n"));
        second.unmount();
        first.unmount();
    });
}

#[test]
fn sockets_are_private_and_what_a_crash_leaves_is_cleaned_up() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = Rqbits::start(Swarm::builder().torrent(small("a.bin", 1)));
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        let pid = mounted.pid().unwrap();
        let sockets = dir.join("run/tfs");
        let socket = sockets.join(format!("{pid}.sock"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(&sockets), mode(&socket)), (0o700, 0o600));
        mounted.crash();
        assert!(socket.exists());
        let dead = "exit 0\ndead     DIR/mnt: its process is gone; clean it up with: tfs unmount \
            DIR/mnt\n";
        assert_eq!(status_below(dir), dead);
        assert!(!socket.exists());
        expect![[r#"
            exit 43
            error: cannot reach the process behind DIR/mnt: it has ended, and the mount is dead
            hint: clean it up with: tfs unmount DIR/mnt
        "#]]
        .assert_eq(&said(dir, &["refresh", mounted.path.to_str().unwrap()]));
        mounted.unmount();
        // The stream budgets of servers have a directory of their own beside the sockets.
        let left = fs::read_dir(&sockets).unwrap().map(|entry| entry.unwrap().path());
        let left: Vec<_> = left.filter(|path| !path.ends_with("streams")).collect();
        assert!(left.is_empty(), "{left:?}");
    });
}

#[test]
fn a_process_that_is_stopped_holds_up_no_command() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = Rqbits::start(Swarm::builder().torrent(small("a.bin", 1)));
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        let pid = mounted.pid().unwrap();
        kill(pid, Signal::SIGSTOP).unwrap();
        let stopped = said(dir, &["refresh", mounted.path.to_str().unwrap()]);
        assert!(stopped.starts_with("exit 43\nerror: cannot reach the process behind DIR/mnt: "));
        let status = status_below(dir);
        let silent = format!("does not answer; it is stopped (kill -CONT {pid}) or stuck\n");
        assert!(status.starts_with("exit 43\n") && status.contains(&silent), "{status}");
        // No program has a file open, but a request of the unmount itself is in flight.
        let refused = said(dir, &["unmount", mounted.path.to_str().unwrap()]);
        let hint = "\nhint: no program was found that uses it. If tfs status says";
        assert!(refused.starts_with("exit 41\n") && refused.contains(hint), "{refused}");
        run(tfs(dir).args(["unmount", "--force"]).arg(&mounted.path));
        assert!(!is_mounted(&mounted.path));
        until("the process ends", || mounted.pid().is_none().then_some(()));
    });
}

/// An embedded server has saved its state when the unmount returns, so that the next mount of the
/// same directory finds it.
#[test]
fn an_unmount_returns_when_all_of_the_mount_has_ended() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let mnt = dir.join("mnt");
        fs::create_dir(&mnt).unwrap();
        for flags in [&[][..], &["--force"], &[]] {
            run(tfs(dir)
                .args(["mount", "--offline", "--embedded"])
                .arg(dir.join("store"))
                .arg(&mnt));
            run(tfs(dir).arg("unmount").args(flags).arg(&mnt));
            assert!(!is_mounted(&mnt));
        }
        until("the last process ends", || {
            let pids = fs::read_dir(dir.join("run/tfs")).unwrap().count();
            (pids == 0).then_some(())
        });
    });
}
