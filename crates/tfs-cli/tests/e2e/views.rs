//! Views of a real mount, and the test of their rules.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Swarm, TorrentSpec};

use crate::support::{Mounted, Rqbits, check_file, run, tfs};

const LIMIT: Duration = Duration::from_secs(120);

const CONFIG: &str = r#"
[[view]]
name = "Kids"
tag = "kids"
depth = "flatten"
pass_on = true

[[view]]
name = "Films"
kind = "film"
rename = "{title} ({year})"
hide = ["samples", "*.url"]

[[view]]
name = "Shows"
kind = "show"
"#;

const FILM: &str = "A.Film.1999.1080p.BluRay.x264-GRP";

/// Returns the paths of all files below a directory, in order.
fn files(dir: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        match path.is_dir() {
            true => paths.extend(files(&path).into_iter().map(|below| format!("{name}/{below}"))),
            false => paths.push(name),
        }
    }
    paths.sort();
    paths
}

#[test]
fn torrents_are_in_the_views_of_their_rules_and_the_test_of_the_rules_says_so() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let film = Content::new(1, 300_000);
        let of_film = [
            ("film.mkv", film),
            ("Sample/film-sample.mkv", Content::new(2, 9_000)),
            ("Visit.url", Content::new(3, 100)),
        ];
        let swarm = Swarm::builder()
            .torrent(TorrentSpec::directory(FILM, of_film))
            .torrent(TorrentSpec::file("The.Show.S01E02.720p.WEB.mkv", Content::new(4, 70_000)))
            .torrent(TorrentSpec::file("Papers.txt", Content::new(5, 500)));
        let rqbits = Rqbits::start(swarm);
        for torrent in rqbits.swarm.torrents() {
            rqbits.wait_finished(torrent);
        }
        let config = dir.join("views.toml");
        fs::write(&config, CONFIG).unwrap();
        let config = config.to_str().unwrap();
        let server = rqbits.swarm.api_url();
        run(tfs(dir).args(["tag", "--server", &server, "A.Film", "kids"]));

        let rows = run(tfs(dir).args(["views", "test", "--config", config, "--server", &server]));
        let rows: Vec<Vec<&str>> =
            rows.lines().map(|line| line.split_whitespace().take(2).collect()).collect();
        let place = |name, view| vec![name, view];
        assert!(rows.contains(&place(FILM, "Kids")) && rows.contains(&place(FILM, "Films")));
        assert!(rows.contains(&place("The.Show.S01E02.720p.WEB.mkv", "Shows")), "{rows:?}");
        assert!(rows.contains(&place("Papers.txt", "Other")), "{rows:?}");

        let flags = ["--config", config, "--root", "views"];
        let mounted = Mounted::with(dir, &server, &flags);
        let want = [
            "Films/A Film (1999)/film.mkv",
            "Kids/Visit.url",
            "Kids/film-sample.mkv",
            "Kids/film.mkv",
            "Other/Papers.txt",
            "Shows/The.Show.S01E02.720p.WEB.mkv",
        ];
        assert_eq!(files(&mounted.path), want);
        check_file(&mounted.path.join(want[0]), film, 128 << 10);
        mounted.unmount();

        // Both: the flat list beside the views.
        let mounted = Mounted::with(dir, &server, &["--config", config]);
        let flat = files(&mounted.path.join(FILM));
        assert_eq!(flat, ["Sample/film-sample.mkv", "Visit.url", "film.mkv"]);
        assert!(mounted.path.join(want[0]).is_file());
        mounted.unmount();
    });
}

#[test]
fn an_only_server_has_its_name() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let torrent = TorrentSpec::file("a.bin", Content::new(1, 70_000));
        let rqbits = Rqbits::start(Swarm::builder().torrent(torrent));
        let config = dir.join("server.toml");
        let server = format!("[[server]]\nname = \"home\"\nurl = \"{}\"\n", rqbits.swarm.api_url());
        let views = "[[view]]\nname = \"V\"\nserver = \"home\"\n";
        fs::write(&config, server + views).unwrap();
        let config = config.to_str().unwrap();
        let mounted = Mounted::with(dir, "home", &["--config", config]);
        assert_eq!(files(&mounted.path.join("V")), ["a.bin"]);
        let mut value = [0; 16];
        let len = rustix::fs::getxattr(mounted.path.join("V/a.bin"), "user.tfs.server", &mut value);
        assert_eq!(value.get(..len.unwrap()), Some(&b"home"[..]));
        let rows = run(tfs(dir).args(["views", "test", "--config", config]));
        assert!(rows.contains("server home"), "{rows}");
        mounted.unmount();
    });
}
