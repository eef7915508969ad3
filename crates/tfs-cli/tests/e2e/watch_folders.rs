//! Watch folders: what is put into them, as programs do it, and what becomes of it.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use expect_test::{Expect, expect};
use nix::unistd::geteuid;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tfs_testkit::isolate;
use tfs_testkit::skip;
use tfs_testkit::swarm::Swarm;
use tfs_testkit::until::until;

use crate::support::{Mounted, Rqbits, describe, run, status_below, status_json_below, tfs};

const LIMIT: Duration = Duration::from_secs(120);

/// Returns a `.torrent` file with one file of 5 bytes, which no peer has.
fn torrent(name: &str) -> Vec<u8> {
    let len = name.len();
    let start = format!("d4:infod6:lengthi5e4:name{len}:{name}12:piece lengthi16384e6:pieces20:");
    [start.as_bytes(), [7; 20].as_slice(), b"ee"].concat()
}

/// A watch folder, and a server without torrents.
struct WatchFixture {
    dir: PathBuf,
    watch: PathBuf,
    rqbits: Rqbits,
}

impl WatchFixture {
    fn new(dir: &Path, more: &str) -> Self {
        let watch = dir.join("watch");
        fs::create_dir(&watch).unwrap();
        let rqbits = Rqbits::start(Swarm::builder().remembering());
        let it = Self { dir: dir.to_owned(), watch, rqbits };
        it.configure(more);
        it
    }

    fn configure(&self, more: &str) {
        let config = self.dir.join("config/tfs");
        fs::create_dir_all(&config).unwrap();
        let text = format!("[[watch]]\ndir = {:?}\n{more}", self.watch);
        fs::write(config.join("config.toml"), text).unwrap();
    }

    fn mount(&self) -> Mounted {
        Mounted::new(&self.dir, &self.rqbits.swarm.api_url())
    }

    /// Writes a file as browsers do: under another name first.
    fn put(&self, name: impl AsRef<Path>, bytes: &[u8]) {
        let path = self.watch.join(name);
        let temporary = path.with_extension("part");
        fs::write(&temporary, bytes).unwrap();
        fs::rename(&temporary, &path).unwrap();
    }

    /// Makes tfs look at once, by an event of a folder that it watches.
    fn wake(dir: &Path) {
        fs::write(dir.join("wake"), "").unwrap();
    }

    fn exists(&self, name: &str) -> bool {
        self.watch.join(name).exists()
    }

    #[track_caller]
    fn wait_for(&self, name: &str) {
        until(name, || self.exists(name).then_some(()));
    }

    /// Returns the names of the server's torrents.
    fn torrents(&self) -> Vec<String> {
        let listed = self.rqbits.swarm.client().torrents();
        let listed = self.rqbits.runtime.block_on(listed).unwrap();
        let mut names: Vec<_> = listed.into_iter().filter_map(|torrent| torrent.name).collect();
        names.sort();
        names
    }

    /// Returns the status of the folder as JSON.
    fn status(&self) -> serde_json::Value {
        status_json_below(&self.dir)[0]["intake"]["watch_folders"][0].clone()
    }

    /// Checks the lines about the folder in `tfs status`.
    #[track_caller]
    fn check_status(&self, want: &Expect) {
        let text = status_below(&self.dir).replace(&self.rqbits.swarm.api_url(), "URL");
        let is_about = |line: &&str| {
            ["watch ", "retried ", "rejected "].iter().any(|name| line.starts_with(name))
        };
        let lines: Vec<_> = text.lines().filter(is_about).collect();
        want.assert_eq(&lines.join("\n"));
    }
}

/// Returns the names in a folder, in their order.
fn names(dir: &Path) -> String {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| format!("{name:?}\n")).collect();
    names.sort();
    names.concat()
}

#[test]
fn what_is_put_into_a_watch_folder_is_added() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let it = WatchFixture::new(dir, "recursive = true\n");
        fs::create_dir(it.watch.join("sub")).unwrap();
        it.put("before.torrent", &torrent("before"));
        let mounted = it.mount();
        it.wait_for("before.torrent.added");
        until("the mount shows it", || mounted.path.join("before").exists().then_some(()));

        // Two halves with a pause, as a slow copy. The pause ends when tfs has seen the first.
        let (start, end) = (torrent("half"), torrent("half").split_off(50));
        let mut half = File::create(it.watch.join("half.torrent")).unwrap();
        half.write_all(&start[..50]).unwrap();
        until("it waits", || (it.status()["waiting"] == 1).then_some(()));
        half.write_all(&end).unwrap();
        drop(half);
        it.wait_for("half.torrent.added");

        // Names that are hard, a second copy, an empty file, and one in a folder below.
        let name = std::ffi::OsStr::from_bytes(b"\xff\n\x1b[31m.TORRENT");
        it.put(name, &torrent("odd"));
        it.put("before.torrent", &torrent("before"));
        it.put("sub/below.torrent", &torrent("below"));
        it.put("reserved.torrent", b"");
        it.wait_for("sub/below.torrent.added");
        it.wait_for("before.torrent.2.added");
        until("all are added", || (it.torrents().len() == 4).then_some(()));
        assert_eq!(it.torrents(), ["before", "below", "half", "odd"]);
        until("it is renamed", || names(&it.watch).contains("TORRENT.added").then_some(()));
        expect![[r#"
            "\xFF\n\u{1b}[31m.TORRENT.added"
            "before.torrent.2.added"
            "before.torrent.added"
            "half.torrent.added"
            "reserved.torrent"
            "sub"
        "#]]
        .assert_eq(&names(&it.watch));
        it.check_status(&expect![
            "watch    DIR/watch for default (all is well); 5 added, 0 rejected, 0 files waiting"
        ]);
        mounted.unmount();
    });
}

#[test]
fn what_cannot_be_added_is_refused_with_the_reason() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let it = WatchFixture::new(dir, "");
        let mounted = it.mount();
        // Names of programs that are not done, and entries that are no files, stay as they are.
        for name in [".x.torrent.AbCdEf", ".x.torrent", "x.torrent.part", "x.torrent~", "x.url"] {
            fs::write(it.watch.join(name), torrent("no")).unwrap();
        }
        fs::create_dir(it.watch.join("dir.torrent")).unwrap();
        symlink("x.torrent~", it.watch.join("link.torrent")).unwrap();
        mknodat(CWD, it.watch.join("pipe.torrent"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        let others = names(&it.watch);
        it.put("page.torrent", b"<html>log in</html>");
        it.put("cut.torrent", &torrent("cut")[..60]);
        File::create(it.watch.join("large.torrent")).unwrap().set_len(11 << 20).unwrap();
        let magnet = format!("magnet:?xt=urn:btih:{}&dn=Film\n", "ab".repeat(20));
        it.put("links.magnet", (magnet.clone() + "nonsense\n").as_bytes());
        // The server has no DHT, and the link no tracker.
        it.put("lost.magnet", magnet.as_bytes());
        // One whose tracker does not answer may be added later.
        let tracked = format!("{}&tr=http://127.0.0.1:9/announce", magnet.trim_end());
        it.put("tracked.magnet", tracked.as_bytes());
        it.put("notes.txt", b"not a link\n");
        // A file of the torrent is on the server's disk already.
        fs::write(it.rqbits.swarm.download_dir().join("there"), "12345").unwrap();
        it.put("there.torrent", &torrent("there"));
        let rejected = [
            "page.torrent",
            "cut.torrent",
            "large.torrent",
            "links.magnet",
            "lost.magnet",
            "there.torrent",
        ];
        let mut reasons = String::new();
        for name in rejected {
            it.wait_for(&format!("{name}.rejected.reason"));
            let reason = fs::read_to_string(it.watch.join(format!("{name}.rejected.reason")));
            write!(reasons, "{name}: {}", reason.unwrap()).unwrap();
            assert!(it.exists(&format!("{name}.rejected")) && !it.exists(name));
        }
        expect![[r#"
            page.torrent: it is a web page, not a .torrent file
            cut.torrent: it is a truncated or damaged .torrent file
            large.torrent: it is larger than 10 MiB, the limit of rqbit
            links.magnet: line 2: it is not a magnet link
            lost.magnet: rqbit cannot find peers: the link has no trackers, and its DHT is off
            there.torrent: files of it already exist on the server's disk; to use those files, add it with: tfs add --overwrite
        "#]]
        .assert_eq(&reasons);
        let left = names(&it.watch);
        assert!(others.lines().all(|name| left.contains(name)), "{left}");
        assert!(left.contains("notes.txt"), "{left}");
        assert_eq!(it.torrents(), [""; 0]);
        let status = until("the last is tried", || {
            let status = it.status();
            (status["failed"][0]["name"] == "tracked.magnet").then_some(status)
        });
        assert_eq!((&status["rejected"], &status["waiting"]), (&6.into(), &1.into()), "{status}");
        let why = status["failed"][0]["why"].as_str().unwrap();
        assert_eq!(why, "no tracker of the link answers, and rqbit's DHT is off");
        assert!(it.exists("tracked.magnet"));
        let metrics = fs::read_to_string(mounted.path.join(".tfs/metrics")).unwrap();
        let metric = format!(
            "tfs_watch_folder_rejected_total{{dir=\"{}\",server=\"default\"}} 6\n",
            it.watch.display()
        );
        assert!(metrics.contains(&metric), "{metrics}");
        mounted.unmount();
    });
}

#[test]
fn files_wait_for_their_server_and_survive_a_crash() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let mut it = WatchFixture::new(dir, "paused = true\nremove_added = true\n");
        let mounted = it.mount();
        it.rqbits.kill_downloader();
        it.put("a.torrent", &torrent("a"));
        let trouble = until("the status names the trouble", || {
            let status = it.status();
            let is_waiting = status["waiting"] == 1 && !status["trouble"].is_null();
            is_waiting.then(|| status["trouble"].to_string())
        });
        assert!(trouble.contains("cannot reach rqbit"), "{trouble}");
        let doctor = describe(&tfs(dir).arg("doctor").output().unwrap());
        assert!(doctor.contains("watch-folders"), "{doctor}");
        assert!(it.exists("a.torrent"));

        // A crash of the mount loses nothing either.
        mounted.crash();
        run(tfs(dir).arg("unmount").arg(&mounted.path));
        it.put("b.torrent", &torrent("b"));
        it.rqbits.start_downloader();
        let mounted = it.mount();
        until("both are taken", || (names(&it.watch).is_empty()).then_some(()));
        assert_eq!(it.torrents(), ["a", "b"]);
        let listed = it.rqbits.swarm.client().torrents_with_stats();
        let listed = it.rqbits.runtime.block_on(listed).unwrap();
        for torrent in listed {
            let state = torrent.stats.unwrap().state;
            assert_eq!(format!("{state:?}"), "Paused", "{:?}", torrent.name);
        }
        // It is paused once, and not again by another copy of its file.
        let a = it.rqbits.swarm.client().torrents();
        let a = it.rqbits.runtime.block_on(a).unwrap();
        let a = a.iter().find(|torrent| torrent.name.as_deref() == Some("a")).unwrap().info_hash;
        it.rqbits.runtime.block_on(it.rqbits.swarm.client().start(a.into())).unwrap();
        it.put("a.torrent", &torrent("a"));
        until("it is taken", || (names(&it.watch).is_empty()).then_some(()));
        let stats = it.rqbits.swarm.client().torrent_stats(a.into());
        assert_ne!(format!("{:?}", it.rqbits.runtime.block_on(stats).unwrap().state), "Paused");
        mounted.unmount();
    });
}

#[test]
fn a_watch_folder_comes_and_goes() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        if !geteuid().is_root() {
            skip::test(test, "only root can make a folder read-only for itself");
            return;
        }
        let it = WatchFixture::new(dir, "");
        fs::remove_dir(&it.watch).unwrap();
        let mounted = it.mount();
        let has_trouble = |text: &str| {
            until(text, || {
                it.status()["trouble"].as_str().is_some_and(|it| it.contains(text)).then_some(())
            });
        };
        has_trouble("does not exist");
        fs::create_dir(&it.watch).unwrap();
        it.put("a.torrent", &torrent("a"));
        it.wait_for("a.torrent.added");

        // Another folder has its name, as by a link.
        let real = dir.join("real");
        fs::rename(&it.watch, dir.join("old")).unwrap();
        fs::create_dir(&real).unwrap();
        symlink(&real, &it.watch).unwrap();
        it.put("b.torrent", &torrent("b"));
        it.wait_for("b.torrent.added");
        fs::write(dir.join("old/c.torrent"), torrent("c")).unwrap();

        // A folder that cannot be written to: nothing is taken, since the file would keep its name.
        let fixed = dir.join("fixed");
        fs::create_dir(&fixed).unwrap();
        fs::write(fixed.join("d.torrent"), torrent("d")).unwrap();
        run(Command::new("mount").arg("--bind").args([&fixed, &fixed]));
        run(Command::new("mount").args(["-o", "remount,ro,bind"]).arg(&fixed));
        fs::remove_file(&it.watch).unwrap();
        symlink(&fixed, &it.watch).unwrap();
        WatchFixture::wake(&real);
        has_trouble("cannot rename files in it");
        assert_eq!(it.torrents(), ["a", "b"]);
        until("it is unmounted", || {
            Command::new("umount").arg(&fixed).status().unwrap().success().then_some(())
        });
        it.wait_for("d.torrent.added");
        it.check_status(&expect![
            "watch    DIR/watch for default (all is well); 3 added, 0 rejected, 0 files waiting"
        ]);
        assert_eq!(it.torrents(), ["a", "b", "d"]);
        assert!(dir.join("old/c.torrent").exists());
        mounted.unmount();
    });
}

#[test]
fn a_reload_changes_watch_folders() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let it = WatchFixture::new(dir, "");
        let path = dir.join("mnt");
        fs::create_dir(&path).unwrap();
        let url = it.rqbits.swarm.api_url();
        let mount =
            format!("[[server]]\nname = \"home\"\nurl = {url:?}\n[[mount]]\npath = {path:?}\n");
        it.configure(&mount);
        let mut daemon = tfs(dir).arg("daemon").spawn().unwrap();
        it.put("a.torrent", &torrent("a"));
        it.wait_for("a.torrent.added");
        it.configure(&format!("remove_added = true\n{mount}"));
        let reload = || describe(&tfs(dir).args(["config", "reload"]).output().unwrap());
        let text = until("the reload is done", || {
            let text = reload();
            text.starts_with("exit 0").then_some(text)
        });
        assert!(text.contains("applied                 [watch]\n"), "{text}");
        it.put("b.torrent", &torrent("b"));
        until("it is removed", || (names(&it.watch) == "\"a.torrent.added\"\n").then_some(()));
        assert_eq!(it.torrents(), ["a", "b"]);
        // No folder any more.
        fs::write(dir.join("config/tfs/config.toml"), &mount).unwrap();
        let text = reload();
        assert!(text.contains("applied                 [watch]\n"), "{text}");
        assert_eq!(
            status_json_below(dir)[0]["intake"]["watch_folders"].as_array().unwrap().len(),
            0
        );
        let pid = nix::unistd::Pid::from_raw(i32::try_from(daemon.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        assert!(daemon.wait().unwrap().success());
    });
}

#[test]
fn an_embedded_server_has_a_watch_folder() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let watch = dir.join("watch");
        for name in ["watch", "store", "mnt", "config", "config/tfs"] {
            fs::create_dir(dir.join(name)).unwrap();
        }
        let text = format!("[[watch]]\ndir = {watch:?}\nserver = \"embedded\"\n");
        fs::write(dir.join("config/tfs/config.toml"), text).unwrap();
        let mounted = Mounted::at(dir.join("mnt"), dir);
        let mut mount = tfs(dir);
        mount.args(["mount", "--offline", "--embedded"]).arg(dir.join("store"));
        run(mount.arg(&mounted.path));
        let mut file = OpenOptions::new();
        let mut file = file.write(true).create_new(true).open(watch.join("a.torrent")).unwrap();
        file.write_all(&torrent("film.mkv")).unwrap();
        drop(file);
        until("it is there", || mounted.path.join("film.mkv").exists().then_some(()));
        until("it is renamed", || watch.join("a.torrent.added").exists().then_some(()));
        mounted.unmount();
    });
}
