//! `tfs add`, `pause`, `start`, `forget`, `delete`, and `list --watch`, directly at a real rqbit.

use std::fs;
use std::io::{self, BufRead as _, BufReader, PipeWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use expect_test::expect;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Swarm, SwarmTorrent, TorrentSpec};
use tfs_testkit::until::until;

use crate::support::{Rqbits, describe, run, tfs};

/// How long `list --watch` may take to end.
const LIMIT: Duration = Duration::from_secs(60);

struct TorrentsStage {
    home: tempfile::TempDir,
    rqbits: Rqbits,
    url: String,
}

impl TorrentsStage {
    fn new() -> Self {
        let swarm = Swarm::builder()
            .torrent(TorrentSpec::file("film one.mkv", Content::new(1, 200_000)))
            .torrent(TorrentSpec::file("film two\u{1b}[31m.mkv", Content::new(2, 70_000)));
        let rqbits = Rqbits::start(swarm);
        for torrent in rqbits.swarm.torrents() {
            rqbits.wait_finished(torrent);
        }
        let url = rqbits.swarm.api_url();
        Self { home: tempfile::tempdir().unwrap(), rqbits, url }
    }

    fn tfs(&self, args: &[&str]) -> Command {
        let mut command = tfs(self.home.path());
        command.args(args).env("TFS_SERVER", &self.url);
        command
    }

    fn said(&self, args: &[&str]) -> String {
        describe(&self.tfs(args).output().unwrap())
    }

    fn torrent(&self, idx: usize) -> &SwarmTorrent {
        &self.rqbits.swarm.torrents()[idx]
    }

    fn listed(&self) -> serde_json::Value {
        serde_json::from_str(&run(&mut self.tfs(&["list", "--json"]))).unwrap()
    }
}

#[test]
fn torrents_are_paused_and_started_by_any_name() {
    let stage = TorrentsStage::new();
    let hash: String = stage.torrent(0).info_hash.to_string().chars().take(8).collect();
    assert_eq!(stage.said(&["pause", "film one.mkv"]), "exit 0\npaused film one.mkv\n");
    assert_eq!(stage.listed()[0]["state"], "paused");
    assert_eq!(stage.said(&["pause", "ONE"]), "exit 0\nfilm one.mkv is already paused\n");
    assert_eq!(stage.said(&["start", &hash]), "exit 0\nstarted film one.mkv\n");
    assert_eq!(stage.said(&["start", "0"]), "exit 0\nfilm one.mkv is already running\n");
    // One torrent, named twice; its name cannot control a terminal.
    let json = run(&mut stage.tfs(&["pause", "--json", "two", "1"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 1);
    assert_eq!((&json[0]["action"], &json[0]["changed"]), (&"pause".into(), &true.into()));
    assert_eq!(json[0]["name"], "film two\u{1b}[31m.mkv");
    assert_eq!(stage.said(&["start", "two"]), "exit 0\nstarted film two\\u{1b}[31m.mkv\n");

    let said = stage.said(&["forget", "film"]);
    let hashes = [0, 1].map(|idx| stage.torrent(idx).info_hash.to_string());
    let said = said.replace(&hashes[0], "HASH").replace(&hashes[1], "HASH");
    expect![[r#"
        exit 53
        error: 2 torrents fit "film"
        hint: use the id or the info hash of one of them:
             0  HASH  film one.mkv
             1  HASH  film two\u{1b}[31m.mkv
    "#]]
    .assert_eq(&said);
    // A typing error in the second name leaves the first torrent unchanged.
    expect![[r#"
        exit 52
        error: no torrent matches "three"
        hint: list all torrents with: tfs list
    "#]]
    .assert_eq(&stage.said(&["forget", "one", "three"]));
    assert_eq!(stage.listed().as_array().unwrap().len(), 2);
}

#[test]
fn torrents_are_forgotten_added_and_deleted() {
    let stage = TorrentsStage::new();
    let torrent = stage.torrent(0);
    let on_disk = torrent.disk_path(&torrent.files[0]);
    let file = stage.home.path().join("one.torrent");
    fs::write(&file, &torrent.torrent_file).unwrap();
    let file = file.to_str().unwrap();

    let forgot = "exit 0\nremoved film one.mkv; its files are kept\n";
    assert_eq!(stage.said(&["forget", "one"]), forgot);
    assert!(on_disk.exists());
    assert_eq!(stage.listed().as_array().unwrap().len(), 1);
    let json = run(&mut stage.tfs(&["add", "--overwrite", "--json", file]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["info_hash"], torrent.info_hash.to_string());
    assert_eq!((&json[0]["name"], &json[0]["added"]), (&"film one.mkv".into(), &true.into()));
    assert_eq!(stage.said(&["add", file]), "exit 0\nfilm one.mkv is already on the server\n");
    let nothing = "exit 0\nno torrent matches; list all with: tfs list\n";
    assert_eq!(stage.said(&["list", "nowhere"]), nothing);

    // A preview asks nothing and changes nothing.
    let preview = stage.said(&["delete", "--dry-run", "one"]);
    let shown = preview.replace(on_disk.to_str().unwrap(), "PATH");
    expect![[r#"
        exit 0
        would delete film one.mkv: 1 file, 195.3 KiB (195.3 KiB downloaded)
           195.3 KiB  PATH
        nothing was deleted: --dry-run
    "#]]
    .assert_eq(&shown);
    let json = run(&mut stage.tfs(&["delete", "-n", "--json", "one"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["files"][0]["path"], on_disk.to_str().unwrap());
    assert_eq!(
        (&json[0]["size_bytes"], &json[0]["there_bytes"]),
        (&200_000.into(), &200_000.into())
    );
    assert!(on_disk.exists());
    assert_eq!(stage.listed().as_array().unwrap().len(), 2);
    expect![[r#"
        exit 54
        error: no terminal to ask for confirmation
        hint: skip the question with --yes
    "#]]
    .assert_eq(&stage.said(&["delete", "one"]));
    assert!(on_disk.exists());
    let deleted = "exit 0\ndeleted film one.mkv and its files\n";
    assert_eq!(stage.said(&["delete", "--yes", "one"]), deleted);
    assert!(!on_disk.exists());

    let missing = stage.said(&["add", "missing.torrent"]);
    assert!(
        missing.starts_with("exit 51\nerror: cannot add missing.torrent: No such file"),
        "{missing}"
    );
}

/// Returns the torrent with the flag of a private one (BEP 27), and so with another info hash.
fn as_private(torrent_file: &[u8]) -> Vec<u8> {
    const KEY: &[u8] = b"6:pieces";
    let key = torrent_file.windows(KEY.len()).position(|window| window == KEY).unwrap();
    let after_key = key + KEY.len();
    let colon =
        after_key + torrent_file[after_key..].iter().position(|byte| *byte == b':').unwrap();
    let len = str::from_utf8(&torrent_file[after_key..colon]).unwrap();
    let mut changed = torrent_file.to_vec();
    let end = colon + 1 + len.parse::<usize>().unwrap();
    changed.splice(end..end, *b"7:privatei1e");
    changed
}

/// Both torrents would write to one file.
#[test]
fn a_second_torrent_at_one_path_is_refused() {
    let stage = TorrentsStage::new();
    let file = stage.home.path().join("other.torrent");
    fs::write(&file, as_private(&stage.torrent(0).torrent_file)).unwrap();
    let file = file.to_str().unwrap();
    let said = stage.said(&["add", "--overwrite", file]);
    expect![[r#"
        exit 51
        error: cannot add FILE: files of it are files of another torrent of the server: film one.mkv
        hint: two torrents at one path overwrite each other: remove the other one first (tfs forget keeps its files), or add this one to another rqbit
    "#]]
    .assert_eq(&said.replace(file, "FILE"));
    assert_eq!(stage.listed().as_array().unwrap().len(), 2);
}

#[test]
fn a_watched_list_goes_on_until_a_signal() {
    // The caller of the tests may ignore signals, and then nothing would end the list.
    isolate::run(tfs_testkit::test_name!(), LIMIT, |_dir| {
        let stage = TorrentsStage::new();
        let mut watch = stage.tfs(&["list", "--watch", "--json"]);
        let mut child = watch.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for _ in 0..2 {
            let line: serde_json::Value =
                serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
            assert_eq!(line.as_array().unwrap().len(), 2);
        }
        kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));

        // Nor does it wait for a reader that has stopped reading.
        let (unread, mut pipe) = io::pipe().unwrap();
        fill(&mut pipe);
        let mut child = stage.tfs(&["list", "--watch"]).stdout(pipe).spawn().unwrap();
        let tasks = PathBuf::from(format!("/proc/{}/task", child.id()));
        until("it waits for the pipe", || is_writing(&tasks).then_some(()));
        kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
        drop(unread);

        // A reader closes the pipe when it has enough.
        let mut child = stage.tfs(&["list", "--watch"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.next().unwrap().unwrap().starts_with("ID"));
        drop(lines);
        assert_eq!(child.wait().unwrap().code(), Some(0));
    });
}

/// Fills a pipe.
fn fill(pipe: &mut PipeWriter) {
    let set = |pipe: &PipeWriter, flags| fcntl(pipe, FcntlArg::F_SETFL(flags)).unwrap();
    set(pipe, OFlag::O_NONBLOCK);
    while pipe.write(&[0; 4096]).is_ok() {}
    set(pipe, OFlag::empty());
}

/// Returns whether one of the threads of a process writes a frame.
fn is_writing(tasks: &Path) -> bool {
    let tasks = fs::read_dir(tasks).into_iter().flatten().flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names.into_iter().any(|name| name.trim() == "output")
}
