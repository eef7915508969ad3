//! Tags, times and selections, as a user sees them.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Swarm, TorrentSpec};
use tfs_testkit::until::until;

use crate::support::{Mounted, Rqbits, describe, run, tfs};

const LIMIT: Duration = Duration::from_secs(120);

/// Returns an extended attribute; `None` if there is none.
fn xattr(path: &Path, name: &str) -> Option<String> {
    let mut value = vec![0; 4096];
    let len = rustix::fs::getxattr(path, name, &mut value[..]).ok()?;
    value.truncate(len);
    Some(String::from_utf8(value).unwrap())
}

/// Returns the log of the only server, and the file of the tags.
fn state(home: &Path) -> (String, PathBuf) {
    let dir = home.join("state/tfs");
    let servers = fs::read_dir(dir.join("servers")).into_iter().flatten();
    let logs: Vec<_> = servers.map(|server| server.unwrap().path().join("state.log")).collect();
    assert!(logs.len() <= 1, "{logs:?}");
    // It is written a moment after the mount has started.
    let log = logs.first().and_then(|log| fs::read_to_string(log).ok());
    (log.unwrap_or_default(), dir.join("tags"))
}

#[test]
fn tags_show_at_once_and_after_a_restart() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let file = |name: &str, seed| TorrentSpec::file(name, Content::new(seed, 40_000)).paused();
        let builder = Swarm::builder().torrent(file("Film One.mkv", 1));
        let rqbits = Rqbits::start(builder.torrent(file("Film Two.mkv", 2)));
        let url = rqbits.swarm.api_url();
        let output = |arguments: &[&str]| {
            tfs(dir).args(["tag", "--server", &url]).args(arguments).output().unwrap()
        };
        // Mounts of other tests may have warnings.
        let tag = |arguments: &[&str]| {
            let output = Output { stderr: Vec::new(), ..output(arguments) };
            describe(&output)
        };
        // Without a mount, and of a torrent that no server has.
        let other = "07".repeat(20);
        assert_eq!(tag(&["one", "Kids", "to watch"]), "exit 0\nFilm One.mkv: kids, to watch\n");
        assert_eq!(tag(&[&other, "later"]), format!("exit 0\n{other}: later\n"));
        let mounted = Mounted::new(dir, &url);
        let tags = |name: &str| xattr(&mounted.path.join(name), "user.tfs.tags");
        let one = || tags("Film One.mkv");
        let two = || tags("Film Two.mkv");
        assert_eq!((one().as_deref(), two()), (Some("kids,to watch"), None));
        assert_eq!(
            xattr(&mounted.path.join("Film One.mkv"), "user.tfs.name").as_deref(),
            Some("Film One.mkv")
        );
        // The command ends when the mount shows it.
        assert_eq!(
            tag(&["*film*", "HD"]),
            "exit 0\nFilm One.mkv: hd, kids, to watch\nFilm Two.mkv: hd\n"
        );
        assert_eq!((one().as_deref(), two().as_deref()), (Some("hd,kids,to watch"), Some("hd")));
        assert_eq!(tag(&["two", "--remove"]), "exit 0\nFilm Two.mkv has no tags\n");
        assert_eq!(two(), None);
        assert_eq!(
            tag(&[]),
            "exit 0\nTAG       TORRENTS\nhd               1\nkids             1\n\
             later            1\nto watch         1\n"
        );
        let list = |filter: &str| {
            run(tfs(dir).args(["list", "--server", &url, "--json", "--filter", filter]))
        };
        let rows: serde_json::Value = serde_json::from_str(&list("tag=Kids")).unwrap();
        let [row] = rows.as_array().unwrap().as_slice() else { panic!("{rows}") };
        assert_eq!(row["name"], "Film One.mkv");
        assert_eq!(row["tags"], serde_json::json!(["hd", "kids", "to watch"]));
        assert_eq!(list("tag=none").trim(), "[]");
        let columns = ["list", "--server", &url, "--columns", "name,tags"];
        assert!(run(tfs(dir).args(columns)).contains("Film One.mkv  hd,kids,to watch"));

        // A text that fits no torrent, or two, changes nothing.
        assert!(tag(&["film", "x"]).starts_with("exit 53"));
        assert!(tag(&["nothing", "x"]).starts_with("exit 52"));
        assert!(tag(&["one", "a,b"]).starts_with("exit 2"));

        // A line that was damaged is named, and stays.
        let (_, file) = state(dir);
        let text = fs::read_to_string(&file).unwrap() + "garbage\n";
        fs::write(&file, text).unwrap();
        let warned = describe(&output(&["two", "4k"]));
        assert!(warned.contains("garbage") && warned.contains(file.to_str().unwrap()), "{warned}");
        assert!(fs::read_to_string(&file).unwrap().ends_with("garbage\n"));
        assert_eq!(two().as_deref(), Some("4k"));
        mounted.unmount();
        let mounted = Mounted::new(dir, &url);
        let tags = |name: &str| xattr(&mounted.path.join(name), "user.tfs.tags");
        assert_eq!(tags("Film One.mkv").as_deref(), Some("hd,kids,to watch"));
        // A change of the file by hand shows by a refresh.
        let text = fs::read_to_string(&file).unwrap().replace("garbage\n", "");
        fs::write(&file, text.replace(" 4k\n", " 4k,mine\n")).unwrap();
        run(tfs(dir).arg("refresh").arg(&mounted.path));
        assert_eq!(tags("Film Two.mkv").as_deref(), Some("4k,mine"));
        mounted.unmount();
    });
}

#[test]
fn a_finished_torrent_shows_when_and_a_restart_requests_no_selection() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        // Of several pieces each, so that the size of what is selected tells the files.
        let films = [("a.mkv", Content::new(1, 200_000)), ("b.mkv", Content::new(2, 300_000))];
        let torrent = TorrentSpec::directory("Films", films).paused();
        let rqbits = Rqbits::start(Swarm::builder().torrent(torrent));
        let url = rqbits.swarm.api_url();
        let torrent = &rqbits.swarm.torrents()[0];
        let mounted = Mounted::with(dir, &url, &["--times", "finished"]);
        let path = mounted.path.join("Films");
        let mtime = |path: &Path| fs::metadata(path).unwrap().mtime();
        let first_seen = mtime(&path);
        rqbits.runtime.block_on(rqbits.swarm.select_files(torrent, &[0])).unwrap();
        run(tfs(dir).arg("refresh").arg(&mounted.path));
        until("the selection is recorded", || {
            state(dir).0.contains(r#""count":2,"ranges":[[0,1]]"#).then_some(())
        });
        // A modification time has whole seconds.
        until("the next second begins", || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            (i64::try_from(now.as_secs()).unwrap() > first_seen).then_some(())
        });
        rqbits.unpause(torrent);
        let finished =
            until("the torrent finishes", || (mtime(&path) > first_seen).then(|| mtime(&path)));
        assert_eq!(mtime(&path.join("a.mkv")), finished);
        mounted.unmount();
        let (log, _) = state(dir);
        assert_eq!(log.matches(" finished ").count(), 1, "{log}");
        let mounted = Mounted::with(dir, &url, &["--times", "finished"]);
        assert_eq!(mtime(&path), finished);
        mounted.unmount();
        assert_eq!(state(dir).0.matches(" selected ").count(), log.matches(" selected ").count());
        let mounted = Mounted::with(dir, &url, &["--times", "added"]);
        assert_eq!(mtime(&path), first_seen);
        mounted.unmount();
    });
}

#[test]
fn tags_and_selections_move_torrents_in_views() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let films = [("a.mkv", Content::new(1, 200_000)), ("b.mkv", Content::new(2, 300_000))];
        let torrent = TorrentSpec::directory("Films", films).paused();
        let rqbits = Rqbits::start(Swarm::builder().torrent(torrent));
        let url = rqbits.swarm.api_url();
        let config = dir.join("views.toml");
        let views = "[[view]]\nname = \"Kids\"\ntag = \"Kids\"\npass_on = true\n\
            [[view]]\nname = \"Chosen\"\nhide = [\"unselected\"]\n";
        fs::write(&config, views).unwrap();
        let flags = ["--config", config.to_str().unwrap()];
        let mounted = Mounted::with(dir, &url, &flags);
        let names = |path: &str| {
            let entries = fs::read_dir(mounted.path.join(path)).into_iter().flatten();
            let mut names: Vec<_> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        assert_eq!(names("Chosen/Films"), ["a.mkv", "b.mkv"]);
        assert_eq!(names("Kids"), [""; 0]);
        run(tfs(dir).args(["tag", "--server", &url, "films", "kids"]));
        assert_eq!(names("Kids"), ["Films"]);
        let select = |files: &[usize]| {
            let torrent = &rqbits.swarm.torrents()[0];
            rqbits.runtime.block_on(rqbits.swarm.select_files(torrent, files)).unwrap();
            run(tfs(dir).arg("refresh").arg(&mounted.path));
        };
        select(&[1]);
        until("the other file is hidden", || (names("Chosen/Films") == ["b.mkv"]).then_some(()));
        assert_eq!(names("Kids/Films"), ["a.mkv", "b.mkv"]);
        select(&[0, 1]);
        let both = ["a.mkv", "b.mkv"];
        until("it is there again", || (names("Chosen/Films") == both).then_some(()));
        run(tfs(dir).args(["tag", "--server", &url, "films", "kids", "--remove"]));
        assert_eq!(names("Kids"), [""; 0]);
        mounted.unmount();
    });
}
