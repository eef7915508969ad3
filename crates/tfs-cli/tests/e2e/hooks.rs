//! Hooks and `tfs events`: what they get from a real mount, over restarts of all parts.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Swarm, TorrentSpec};
use tfs_testkit::until::until;

use crate::support::{Mounted, Rqbits, describe, run, status_below, status_json_below, tfs};

const LIMIT: Duration = Duration::from_secs(180);

/// `tfs events --follow --json`, killed on drop.
struct Follower {
    process: Child,
    out: PathBuf,
}

impl Follower {
    /// Starts it, and waits until it says that it follows, or that it waits for a process.
    fn start(dir: &Path, name: &str, note: &str) -> Self {
        let (out, err) = (dir.join(name), dir.join(format!("{name}.err")));
        let mut command = tfs(dir);
        command.args(["events", "--follow", "--json"]).stdin(Stdio::null());
        command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
        let process = command.spawn().unwrap();
        until(note, || fs::read_to_string(&err).unwrap().contains(note).then_some(()));
        Self { process, out }
    }

    /// Returns the kind and the name of each event.
    fn events(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.out).unwrap();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let events = whole.lines().map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            let name = event["name"].as_str().or(event["server"].as_str()).unwrap_or("-");
            format!("{} {name}", event["event"].as_str().unwrap())
        });
        events.collect()
    }

    #[track_caller]
    fn wait_for(&self, want: &str) {
        until(want, || self.events().iter().any(|event| event == want).then_some(()));
    }

    /// Ends it as Ctrl-C does.
    fn end(mut self) {
        kill(Pid::from_raw(i32::try_from(self.process.id()).unwrap()), Signal::SIGINT).unwrap();
        assert_eq!(self.process.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn configure(dir: &Path, text: &str) {
    fs::create_dir_all(dir.join("config/tfs")).unwrap();
    fs::write(dir.join("config/tfs/config.toml"), text).unwrap();
}

/// Returns the lines that a hook has written.
fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Returns a `.torrent` file with one file of 5 bytes, which no peer has.
fn torrent(name: &str) -> Vec<u8> {
    let len = name.len();
    let start = format!("d4:infod6:lengthi5e4:name{len}:{name}12:piece lengthi16384e6:pieces20:");
    [start.as_bytes(), [7; 20].as_slice(), b"ee"].concat()
}

fn add(dir: &Path, server: &str, name: &str) {
    let file = dir.join("new.torrent");
    fs::write(&file, torrent(name)).unwrap();
    run(tfs(dir).args(["add", "--server", server]).arg(&file));
}

#[test]
fn hooks_get_what_changes_and_nothing_of_restarts() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let out = dir.join("out");
        let line = format!("echo \"$TFS_EVENT $TFS_EVENTS $TFS_PATH\" >> {}", out.display());
        configure(
            dir,
            &format!(
                "[[hook]]\nname = \"out\"\non = [\"torrent_added\", \"torrent_finished\", \
                 \"torrent_removed\", \"server_down\"]\ncommand = [\"sh\", \"-c\", {line:?}]\n"
            ),
        );
        let film = TorrentSpec::file("Film.mkv", Content::new(1, 200_000));
        let mut rqbits = Rqbits::start(Swarm::builder().torrent(film).remembering());
        // Otherwise its end is an event.
        rqbits.swarm.torrents().iter().for_each(|torrent| rqbits.wait_finished(torrent));
        let url = rqbits.swarm.api_url();
        let follower = Follower::start(dir, "events", "no process of tfs runs");
        let mount = Mounted::new(dir, &url);
        until("it follows the mount", || {
            let err = fs::read_to_string(dir.join("events.err")).unwrap();
            err.contains("waiting for events").then_some(())
        });
        let name = "New 'film' \"$(id)\"";
        add(dir, &url, name);
        follower.wait_for(&format!("torrent_added {name}"));
        follower.wait_for("tree_changed -");
        until("a call", || (!lines(&out).is_empty()).then_some(()));
        assert_eq!(lines(&out), [format!("torrent_added 1 {}/{name}", mount.path.display())]);
        // rqbit is gone for some seconds, and then there again.
        rqbits.kill_downloader();
        until("the server is down", || {
            let status = status_json_below(dir);
            (status[0]["server"]["reachable"] == false).then_some(())
        });
        rqbits.start_downloader();
        until("the server is up", || {
            let status = status_json_below(dir);
            (status[0]["server"]["reachable"] == true).then_some(())
        });
        let path = mount.path.clone();
        mount.unmount();
        let mount = Mounted::new(dir, &url);
        run(tfs(dir).arg("refresh").arg(&path));
        assert_eq!(lines(&out).len(), 1);
        let mut events = follower.events();
        events.retain(|event| event != "tree_changed -");
        assert_eq!(events, [format!("torrent_added {name}")]);
        follower.end();
        let follower = Follower::start(dir, "later", "waiting for events");
        run(tfs(dir).args(["forget", "--server", &url, name]));
        follower.wait_for(&format!("torrent_removed {name}"));
        until("a second call", || (lines(&out).len() == 2).then_some(()));
        assert_eq!(lines(&out)[1], format!("torrent_removed 1 {}/{name}", path.display()));
        // A server that stays away.
        rqbits.kill_downloader();
        follower.wait_for("server_down default");
        until("a third call", || (lines(&out).len() == 3).then_some(()));
        until("its end", || {
            (status_json_below(dir)[0]["intake"]["hooks"][0]["running"] == false).then_some(())
        });
        assert_eq!(lines(&out)[2], "server_down 1 ");
        let hook = status_json_below(dir)[0]["intake"]["hooks"][0].clone();
        // Those of this mount: the removal and the outage.
        assert_eq!((hook["calls"].as_u64(), hook["failures"].as_u64()), (Some(2), Some(0)));
        rqbits.start_downloader();
        follower.wait_for("server_up default");
        mount.unmount();
        follower.end();
    });
}

#[test]
fn a_hook_that_fails_is_in_status_and_doctor() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        configure(
            dir,
            "[[hook]]\nname = \"mail\"\non = \"torrent_added\"\n\
             command = [\"sh\", \"-c\", \"echo no route >&2; exit 7\"]\n\
             [[hook]]\nname = \"post\"\non = \"torrent_added\"\nurl = \"http://127.0.0.1:9/\"\n\
             headers = [\"X-Token: file:/nonexistent\"]\n",
        );
        let rqbits = Rqbits::start(Swarm::builder().remembering());
        let url = rqbits.swarm.api_url();
        let mount = Mounted::new(dir, &url);
        add(dir, &url, "film");
        until("a failure", || status_below(dir).contains("code 7").then_some(()));
        let status = status_below(dir);
        let hooks: Vec<_> = status.lines().filter(|line| line.starts_with("hook")).collect();
        assert_eq!(hooks.len(), 2, "{status}");
        assert!(hooks[0].contains("mail for sh; 1 call, 1 failed: sh ended with code 7: no route"));
        assert!(hooks[1].contains("no value for the header X-Token: cannot read /nonexistent"));
        let doctor = describe(&tfs(dir).args(["doctor", "--server", &url]).output().unwrap());
        assert!(doctor.contains("the last call of mail failed"), "{doctor}");
        mount.unmount();
    });
}

#[test]
fn events_without_follow_prints_its_help() {
    let dir = tempfile::tempdir().unwrap();
    let output = describe(&tfs(dir.path()).arg("events").output().unwrap());
    assert!(output.starts_with("exit 2\n") && output.contains("--follow"), "{output}");
}
