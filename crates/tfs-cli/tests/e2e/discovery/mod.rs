//! Libraries with one unavailable torrent, over a slow connection, or of a server that was started
//! without its disk.

mod failed;
mod server;
mod silent;

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::rqbit::Target;
use tfs_testkit::swarm::{Swarm, TorrentSpec};
use tfs_testkit::until::until;

use self::server::film;
use crate::support::{Mounted, Rqbits, describe, run, tfs};

const LIMIT: Duration = Duration::from_secs(120);

fn names(path: &Path) -> Vec<String> {
    let names =
        fs::read_dir(path).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

fn films(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    let mut films: Vec<_> = numbers.into_iter().map(|number| format!("film {number}")).collect();
    films.sort();
    films
}

/// Starts a server with the torrents `one.bin` and `other.bin`.
fn two_torrents() -> Rqbits {
    Rqbits::start(
        Swarm::builder()
            .torrent(TorrentSpec::file("one.bin", Content::new(1, 40_000)))
            .torrent(TorrentSpec::file("other.bin", Content::new(2, 40_000))),
    )
}

fn healthy(mounted: &Mounted) -> String {
    fs::read_to_string(mounted.path.join(".tfs/healthy")).unwrap()
}

/// Returns the discovery section of `status.json` of the only server.
fn discovery(mounted: &Mounted) -> Value {
    let text = fs::read_to_string(mounted.path.join(".tfs/status.json")).unwrap();
    let status: Value = serde_json::from_str(&text).unwrap();
    status["servers"][0]["discovery"].clone()
}

// https://github.com/rclone/rclone/issues/3023, https://github.com/rclone/rclone/issues/897
#[test]
fn a_first_mount_over_a_slow_line_shows_all_and_keeps_what_came() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        // Six megabytes of metadata take thirty seconds on this connection.
        let server = server::behind_a_line(60, 100_000, Some(200_000));
        let never = 59;
        server.always(Target::Path(film(never)), server::SILENT);
        let mounted = Mounted::with(dir, &server.url(), &["--daemon-timeout", "20s"]);
        until("the tree is there", || fs::read_dir(&mounted.path).ok().map(drop));
        assert_eq!(names(&mounted.path), films(0..59));
        let is_metadata = |path: &str| path.ends_with("/metadata");
        assert!(server.asked(is_metadata) < 40, "the tree waited for the metadata");
        let before = discovery(&mounted);
        assert_eq!(before["left_out"]["count"], 1, "{before}");
        assert!(healthy(&mounted).starts_with("ok\n1 torrent is left out: film 59 ("));

        let dated = |path: &Path| {
            let times = fs::read_dir(path).unwrap().map(|it| it.unwrap().metadata().unwrap());
            times
                .filter(|it| it.modified().unwrap().elapsed().unwrap().as_secs() > 1_000_000)
                .count()
        };
        until("some metadata came", || (dated(&mounted.path) >= 6).then_some(()));
        // Recent data may not be written yet.
        let came = server.asked(is_metadata);
        until("more metadata came", || (server.asked(is_metadata) >= came + 12).then_some(()));
        mounted.crash();
        let details = |path: &str| path.len() == film(0).len();
        let (details_before, metadata_before) = (server.asked(details), server.asked(is_metadata));
        run(tfs(dir).arg("unmount").arg(&mounted.path));
        let mounted = Mounted::with(dir, &server.url(), &[]);
        assert_eq!(names(&mounted.path), films(0..59));
        assert!(dated(&mounted.path) >= came - 3, "{} {came}", dated(&mounted.path));
        // Only the metadata that never came is requested again.
        let again = server.asked(details) - details_before;
        assert_eq!(again, server.asked(|path| path == film(never)) - 1, "{again}");
        let all = 59;
        let left = discovery(&mounted)["metadata_pending"].as_u64().unwrap();
        assert!(usize::try_from(left).unwrap() <= all - (came - 3), "{left} {metadata_before}");
        mounted.unmount();
    });
}

#[test]
fn one_torrent_hides_no_other() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let server = server::start(5);
        let targets = [film(2), film(3) + "/metadata"].map(Target::Path);
        for (what, fault) in server::spoiled() {
            let home = dir.join(what);
            fs::create_dir(&home).unwrap();
            targets.iter().for_each(|it| server.always(it.clone(), fault.clone()));
            let mounted = Mounted::new(&home, &server.url());
            assert_eq!(names(&mounted.path), films([0, 1, 3, 4]), "{what}");
            let text = healthy(&mounted);
            assert!(text.starts_with("ok\n1 torrent is left out: film 2 ("), "{what}: {text}");
            let told = discovery(&mounted)["left_out"].clone();
            assert_eq!(told["torrents"][0]["name"], "film 2", "{what}: {told}");
            assert!(!told["torrents"][0]["why"].as_str().unwrap().is_empty());
            let status = run(tfs(&home).arg("status"));
            assert!(status.contains("left out film 2: "), "{status}");
            let doctor =
                tfs(&home).args(["doctor", "--json", "--server", &server.url()]).output().unwrap();
            assert!(describe(&doctor).contains("left out: film 2"), "{}", describe(&doctor));

            targets.iter().for_each(|it| server.heal(it));
            run(tfs(&home).arg("refresh"));
            until("the torrent shows", || (names(&mounted.path).len() == 5).then_some(()));
            assert_eq!(healthy(&mounted), "ok\n", "{what}");
            mounted.unmount();
        }
    });
}

// https://github.com/jellyfin/jellyfin/issues/1714, https://github.com/jellyfin/jellyfin/issues/13204
#[test]
fn a_server_without_its_disk_empties_no_library() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let server = server::start(5);
        let mounted = Mounted::new(dir, &server.url());
        assert_eq!(names(&mounted.path), films(0..5));
        server.restart(true, 0);
        let text = until("the torrents are missing", || {
            Some(healthy(&mounted)).filter(|text| text != "ok\n")
        });
        assert!(text.starts_with("5 torrents are missing from the list of the server"), "{text}");
        assert_eq!(names(&mounted.path), films(0..5));
        assert_eq!(discovery(&mounted)["missing"]["count"], 5);
        let doctor =
            tfs(dir).args(["doctor", "--json", "--server", &server.url()]).output().unwrap();
        assert!(describe(&doctor).contains("5 torrents are missing"), "{}", describe(&doctor));
        mounted.unmount();

        // The server has been up for long, but it is not the run that had the torrents.
        server.restart(true, 500);
        let mounted = Mounted::new(dir, &server.url());
        run(tfs(dir).arg("refresh"));
        assert_eq!(names(&mounted.path), films(0..5));
        assert!(healthy(&mounted).starts_with("5 torrents are missing"));
        server.restart(false, 600);
        run(tfs(dir).arg("refresh"));
        assert_eq!(healthy(&mounted), "ok\n");

        server.restart(true, 0);
        run(tfs(dir).arg("refresh"));
        assert_eq!(names(&mounted.path), films(0..5));
        let refreshed = run(tfs(dir).args(["refresh", "--accept-removals"]));
        assert_eq!(refreshed.lines().filter(|line| line.starts_with("removed film")).count(), 5);
        assert_eq!(names(&mounted.path), [""; 0]);
        assert_eq!(healthy(&mounted), "ok\n");
        mounted.unmount();
    });
}

#[test]
fn what_tfs_forgets_leaves_the_mounts_at_once() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = two_torrents();
        let url = rqbits.swarm.api_url();
        // Without help by polling.
        let mounted = Mounted::with(dir, &url, &["--poll-interval", "1h"]);
        assert_eq!(names(&mounted.path), ["one.bin", "other.bin"]);
        run(tfs(dir).args(["forget", "one.bin", "--server", &url]));
        until("it is gone", || (names(&mounted.path) == ["other.bin"]).then_some(()));
        mounted.unmount();
    });
}

#[test]
fn what_tfs_adds_pauses_and_starts_shows_in_the_mounts_at_once() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = two_torrents();
        for torrent in rqbits.swarm.torrents() {
            rqbits.wait_finished(torrent);
        }
        let url = rqbits.swarm.api_url();
        // Without help by polling, and the mount spells the address differently.
        let spelled = url.replace("127.0.0.1", "localhost");
        let mounted = Mounted::with(dir, &spelled, &["--poll-interval", "1h"]);
        run(tfs(dir).args(["forget", "one.bin", "--server", &url]));
        assert_eq!(names(&mounted.path), ["other.bin"]);
        let torrent = dir.join("one.torrent");
        fs::write(&torrent, &rqbits.swarm.torrents()[0].torrent_file).unwrap();
        run(tfs(dir).args(["add", "--overwrite", "--server", &url]).arg(&torrent));
        assert_eq!(names(&mounted.path), ["one.bin", "other.bin"]);
        let state = || {
            let mut value = [0; 64];
            let path = mounted.path.join("other.bin");
            let len = rustix::fs::getxattr(path, "user.tfs.state", &mut value).unwrap();
            String::from_utf8(value[..len].to_vec()).unwrap()
        };
        run(tfs(dir).args(["pause", "other.bin", "--server", &url]));
        assert_eq!(state(), "paused");
        run(tfs(dir).args(["start", "other.bin", "--server", &url]));
        assert_ne!(state(), "paused");
        run(tfs(dir).args(["delete", "--yes", "other.bin", "--server", &url]));
        assert_eq!(names(&mounted.path), ["one.bin"]);
        mounted.unmount();
    });
}

// rqbit 9.1.0 answers a request for the metadata of such a torrent with 500.
#[test]
fn a_name_with_control_characters_is_shown_escaped() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let content = Content::new(7, 50_000);
        let spec = TorrentSpec::file("evil\u{1b}[31m\nname.mkv", content);
        let rqbits = Rqbits::start(Swarm::builder().torrent(spec));
        for torrent in rqbits.swarm.torrents() {
            rqbits.wait_finished(torrent);
        }
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        assert_eq!(names(&mounted.path), ["evil%1B[31m%0Aname.mkv"]);
        until("it has no metadata", || {
            (discovery(&mounted)["metadata_unavailable"] == 1).then_some(())
        });
        assert_eq!(healthy(&mounted), "ok\n");
        crate::support::check_file(&mounted.path.join("evil%1B[31m%0Aname.mkv"), content, 4096);
        mounted.unmount();
    });
}
