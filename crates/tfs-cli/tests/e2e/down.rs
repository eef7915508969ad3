//! Mounts whose server is down, and remounts: the tree does not change.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use expect_test::expect;
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::rqbit::{FakeRqbit, FakeTorrent, Fault, Target};
use tfs_testkit::swarm::{Swarm, SwarmBuilder, TorrentSpec};
use tfs_testkit::until::until;

use crate::support::{Mounted, Rqbits, check_file, describe, is_mounted, run, tfs};

const LIMIT: Duration = Duration::from_secs(120);

/// Two torrents with the same name, a file, and a folder with all kinds of content.
fn torrents() -> SwarmBuilder {
    let mut second = TorrentSpec::file("same.bin", Content::new(2, 40_000));
    second.download.sub_folder = Some("second".to_owned());
    Swarm::builder()
        .torrent(TorrentSpec::file("same.bin", Content::new(1, 50_000)))
        .torrent(second)
        .torrent(TorrentSpec::directory("folder", [("a/b.bin", Content::new(3, 70_000))]))
        .torrent(TorrentSpec::file("z.bin", Content::new(4, 1)))
}

/// Returns the output of `find` for a mount: numbers, times and names, in its order.
#[track_caller]
fn find(path: &Path) -> String {
    let mut find = Command::new("find");
    run(find.current_dir(path).args([".", "-printf", "%i %T@ %s %p\\n"]))
}

/// Mounts below `dir`, as a user does, and returns the output.
fn mount(dir: &Path, server: &str) -> (Mounted, Output) {
    let path = dir.join("mnt");
    fs::create_dir_all(&path).unwrap();
    let flags = ["mount", "--poll-interval", "200ms", "--read-timeout", "2s", "--server", server];
    let output = tfs(dir).args(flags).arg(&path).output().unwrap();
    (Mounted::at(path, dir), output)
}

/// Returns a text without the address of a server: `URL`, and `HOST` for its address and port.
fn without_address(text: &str, url: &str) -> String {
    text.replace(url, "URL").replace(url.trim_start_matches("http://"), "HOST")
}

#[test]
fn the_same_tree_after_every_restart() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let mut rqbits = Rqbits::start(torrents());
        let url = rqbits.swarm.api_url();
        for torrent in rqbits.swarm.torrents() {
            rqbits.wait_finished(torrent);
        }
        let mounted = Mounted::new(dir, &url);
        let before = find(&mounted.path);
        assert_eq!(before.lines().count(), 1 + 3 + 3, "{before}");
        mounted.unmount();

        let mounted = Mounted::new(dir, &url);
        assert_eq!(find(&mounted.path), before);
        // The same torrents in another order, with other ids.
        rqbits.kill_downloader();
        rqbits.start_downloader();
        until("the server is found again", || {
            fs::read(mounted.path.join("z.bin")).ok().map(|_byte| ())
        });
        assert_eq!(find(&mounted.path), before);
        mounted.unmount();

        let mounted = Mounted::new(dir, &url);
        assert_eq!(find(&mounted.path), before);
        check_file(&mounted.path.join("folder/a/b.bin"), Content::new(3, 70_000), 4096);
        mounted.unmount();
    });
}

#[test]
fn a_mount_comes_up_without_its_server_and_finds_it() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let mut rqbits = Rqbits::start(torrents().remembering());
        let url = rqbits.swarm.api_url();
        for torrent in rqbits.swarm.torrents() {
            rqbits.wait_finished(torrent);
        }
        let mounted = Mounted::new(dir, &url);
        let before = find(&mounted.path);
        rqbits.kill_downloader();
        mounted.unmount();

        let mut required = tfs(dir);
        required.args(["mount", "--require-server", &url]).arg(dir.join("mnt"));
        let required = required.output().unwrap();
        expect![[r#"
            exit 20
            error: cannot reach rqbit at URL/: connection refused
            hint: start it with "rqbit --http-api-listen-addr HOST server start <DIR>", or use --embedded <DIR>
        "#]]
        .assert_eq(&without_address(&describe(&required), &url));
        assert!(!is_mounted(&dir.join("mnt")));

        let (mounted, output) = mount(dir, &url);
        expect![[r#"
            exit 0
            warning: cannot reach rqbit at URL/: connection refused
            hint: the mount shows the torrents as they were last known until it answers; start it with "rqbit --http-api-listen-addr HOST server start <DIR>"
        "#]]
        .assert_eq(&without_address(&describe(&output), &url));
        assert_eq!(find(&mounted.path), before);
        let file = mounted.path.join("folder/a/b.bin");
        let du = run(Command::new("du").arg("--block-size=1").arg(&file));
        assert!(du.starts_with("70144\t"), "{du}");
        let error = fs::read(&file).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(nix::libc::EIO), "{error}");

        rqbits.start_downloader();
        until("the file reads", || fs::read(&file).ok());
        check_file(&file, Content::new(3, 70_000), 4096);
        assert_eq!(find(&mounted.path), before);
        mounted.unmount();
    });
}

#[test]
fn nothing_is_not_shown_as_empty() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let mut rqbits = Rqbits::start(torrents());
        let url = rqbits.swarm.api_url();
        rqbits.kill_downloader();
        let (mounted, output) = mount(dir, &url);
        expect![[r#"
            exit 0
            warning: cannot reach rqbit at URL/: connection refused
            hint: its torrents are unknown, so none show until it answers; start it with "rqbit --http-api-listen-addr HOST server start <DIR>"
        "#]]
        .assert_eq(&without_address(&describe(&output), &url));
        let ls = Command::new("ls").arg(&mounted.path).output().unwrap();
        let text = describe(&ls);
        assert!(text.starts_with("exit 2\n") && text.contains("Input/output error"), "{text}");
        assert!(is_mounted(&mounted.path));
        let search = || describe(&tfs(dir).args(["search", "no such file"]).output().unwrap());
        let unknown = search();
        let why = "nothing found, but files may be missing: the list of torrents is not known yet";
        assert!(unknown.starts_with("exit 0\n") && unknown.contains(why), "{unknown}");

        rqbits.start_downloader();
        until("all torrents are there", || {
            let entries = fs::read_dir(&mounted.path).ok()?;
            (entries.count() == 4).then_some(())
        });
        check_file(&mounted.path.join("z.bin"), Content::new(4, 1), 4096);
        assert_eq!(search(), "exit 0\nnothing found\n");
        mounted.unmount();
    });
}

#[test]
fn a_proxy_without_its_server_is_a_server_that_is_away() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let proxy = FakeRqbit::start(Vec::<FakeTorrent>::new()).unwrap();
        proxy.always(Target::All, Fault::Status(502, ""));
        let (mounted, output) = mount(dir, &proxy.url());
        let text = describe(&output);
        assert!(text.starts_with("exit 0\nwarning: cannot use rqbit at"), "{text}");
        assert!(text.contains("502"), "{text}");
        assert!(fs::read_dir(&mounted.path).is_err());
        mounted.unmount();
    });
}

#[test]
fn a_damaged_state_costs_a_warning() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = Rqbits::start(torrents());
        let url = rqbits.swarm.api_url();
        let mounted = Mounted::new(dir, &url);
        let names = |path: &Path| {
            let mut names: Vec<_> =
                fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let before = names(&mounted.path);
        mounted.unmount();

        let servers = dir.join("state/tfs/servers");
        let server = fs::read_dir(&servers).unwrap().next().unwrap().unwrap().path();
        let log = server.join("state.log");
        let bytes = fs::read_to_string(&log).unwrap();
        let of_a_name = bytes.find(" came ").unwrap();
        let file = fs::File::options().write(true).open(&log).unwrap();
        file.write_all_at(b"garbage", of_a_name as u64 + 60).unwrap();
        let (mounted, output) = mount(dir, &url);
        let text = describe(&output);
        assert!(text.starts_with("exit 0\n") && text.contains("state.log.damaged-1"), "{text}");
        assert_eq!(names(&mounted.path), before);
        mounted.unmount();
        assert!(log.exists());
    });
}

#[test]
fn a_server_that_does_not_speak_does_not_hold_up_what_is_known() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let mut rqbits = Rqbits::start(torrents());
        let url = rqbits.swarm.api_url();
        let mounted = Mounted::new(dir, &url);
        let before = find(&mounted.path);
        mounted.unmount();
        rqbits.kill_downloader();
        // It accepts connections and never answers.
        let _silent = TcpListener::bind(url.trim_start_matches("http://")).unwrap();
        let (mounted, output) = mount(dir, &url);
        let text = describe(&output);
        assert!(text.starts_with("exit 0\nwarning: cannot reach rqbit at"), "{text}");
        assert!(text.contains("no answer within 10 s"), "{text}");
        assert_eq!(find(&mounted.path), before);
        mounted.unmount();
    });
}

#[test]
fn two_mounts_of_one_server_show_the_same() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = Rqbits::start(torrents());
        let url = rqbits.swarm.api_url();
        // The time at which torrents were first seen is written shortly after they are shown, and
        // always by the end of the mount.
        let first = Mounted::new(dir, &url);
        let before = find(&first.path);
        first.unmount();
        let one = Mounted::new(dir, &url);
        let other = dir.join("other");
        fs::create_dir(&other).unwrap();
        run(tfs(dir).args(["mount", "--server", &url]).arg(&other));
        assert_eq!(find(&one.path), before);
        assert_eq!(find(&other), before);
        run(tfs(dir).arg("unmount").arg(&other));
        one.unmount();
        let again = Mounted::new(dir, &url);
        assert_eq!(find(&again.path), before);
        again.unmount();
    });
}
