//! `tfs list`, directly from a server.

use tfs_testkit::content::Content;
use tfs_testkit::swarm::{Swarm, TorrentSpec};

use crate::support::{Rqbits, run, tfs};

#[test]
fn torrents_are_listed_for_people_and_for_scripts() {
    let home = tempfile::tempdir().unwrap();
    let swarm = Swarm::builder()
        .torrent(TorrentSpec::file("film.mkv", Content::new(1, 3 << 20)))
        .torrent(TorrentSpec::file("Red \u{1b}[31m.txt", Content::new(2, 70_000)).paused());
    let rqbits = Rqbits::start(swarm);
    let film = rqbits.swarm.torrents()[0].clone();
    rqbits.wait_finished(&film);
    let url = rqbits.swarm.api_url();

    let table = run(tfs(home.path()).args(["list", "--server", &url]));
    let words: Vec<Vec<_>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        words[0],
        ["ID", "STATE", "DONE", "SIZE", "SELECTED", "DOWN", "UP", "ETA", "PEERS", "NAME"]
    );
    assert_eq!(words[1][1..6], ["seeding", "100%", "3.0", "MiB", "all"], "{table}");
    assert_eq!(words[1].last(), Some(&"film.mkv"));
    assert_eq!(words[2][1..5], ["paused", "0%", "68.4", "KiB"], "{table}");
    assert!(words[2].join(" ").ends_with("Red \\u{1b}[31m.txt"), "{table}");
    assert!(words[4].join(" ").starts_with("2 torrents, 3.0 MiB of 3.1 MiB, "), "{table}");
    let chosen = ["list", "--server", &url, "--columns", "name,state", "--sort", "name", "-r"];
    let chosen = run(tfs(home.path()).args(chosen).args(["--filter", "state!=resolving"]));
    let lines: Vec<_> = chosen.lines().take(3).collect();
    assert_eq!(
        lines,
        ["NAME                STATE", "Red \\u{1b}[31m.txt  paused", "film.mkv            seeding",]
    );
    let none = run(tfs(home.path()).args(["list", "--server", &url, "*.avi"]));
    assert_eq!(none, "");

    let json = run(tfs(home.path()).args(["ls", "--json", "FILM"]).env("TFS_SERVER", &url));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 1);
    assert_eq!(json[0]["info_hash"], film.info_hash.to_string());
    assert_eq!(json[0]["name"], "film.mkv");
    assert_eq!(json[0]["progress"], 1.0);
    assert_eq!(json[0]["total_bytes"], 3 << 20);
    assert_eq!(json[0]["error"], serde_json::Value::Null);
}

// With nothing selected, rqbit reports "finished" with 0 bytes. tfs reports what is downloaded.
#[test]
fn with_nothing_selected_the_true_size_and_what_is_there_show() {
    let home = tempfile::tempdir().unwrap();
    let (a, b) = (Content::new(1, 3 << 20), Content::new(2, 5 << 20));
    let spec = TorrentSpec::directory("films", vec![("a.mkv", a), ("b.mkv", b)]);
    let rqbits = Rqbits::start(Swarm::builder().torrent(spec));
    let torrent = rqbits.swarm.torrents()[0].clone();
    rqbits.wait_finished(&torrent);
    let list = |selected: &[usize]| {
        rqbits.runtime.block_on(rqbits.swarm.select_files(&torrent, selected)).unwrap();
        let url = rqbits.swarm.api_url();
        let list = |args: &[&str]| run(tfs(home.path()).args(args).args(["--server", &url]));
        let json: serde_json::Value = serde_json::from_str(&list(&["list", "--json"])).unwrap();
        (list(&["list"]), json[0].clone())
    };
    let (table, row) = list(&[]);
    let line: Vec<_> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(line[1..6], ["seeding", "100%", "8.0", "MiB", "none"], "{table}");
    for (key, want) in [
        ("total_bytes", 8 << 20),
        ("have_bytes", 8 << 20),
        ("size_bytes", 8 << 20),
        ("selected_bytes", 0),
    ] {
        assert_eq!(row[key], want, "{key} {row}");
    }
    let (table, row) = list(&[0]);
    let line: Vec<_> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(line[2..8], ["100%", "8.0", "MiB", "3.0", "MiB,", "100%"], "{table}");
    assert_eq!((&row["there_bytes"], &row["total_bytes"]), (&(8 << 20).into(), &(3 << 20).into()));
}
