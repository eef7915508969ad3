//! What the page changes, and for whom.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use serde_json::json;
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Rqbits, Swarm, TorrentSpec};
use tfs_testkit::until::until;

use super::LIMIT;
use super::client::{PageClient, mounted};
use crate::support::{Mounted, check_file, run, tfs};

const EPISODES: [(&str, Content); 2] =
    [("e1.mkv", Content::new(1, 400_000)), ("e2.mkv", Content::new(2, 300_000))];

/// A season that is there, and a page.
fn season(dir: &std::path::Path, web: &str) -> (Rqbits, Mounted, PageClient, String) {
    let season = TorrentSpec::directory("Show.S01", EPISODES);
    let rqbits = Rqbits::start(Swarm::builder().torrent(season));
    let torrent = rqbits.swarm.torrents()[0].clone();
    rqbits.wait_finished(&torrent);
    let (it, page) = mounted(dir, &rqbits.swarm.api_url(), web, &[]);
    (rqbits, it, page, torrent.info_hash.to_string())
}

#[test]
fn a_torrent_is_controlled_by_the_page() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let (rqbits, it, page, hash) = season(dir, "TOKEN\ncontrol = true");
        let torrent = rqbits.swarm.torrents()[0].clone();
        assert_eq!(page.overview()["control"], true);
        let act = |action| page.act(&hash, &action).json();
        let is_state = |state: &str| (page.torrent(&hash)["state"] == state).then_some(());
        act(json!({"action": "pause"}));
        until("it is paused", || is_state("paused"));
        act(json!({"action": "pause"}));
        act(json!({"action": "start"}));
        until("it is live", || is_state("live"));

        act(json!({"action": "select", "files": [1, 1]}));
        let selected = || {
            let detail = page.torrent(&hash);
            let files = detail["files"].as_array().unwrap();
            files.iter().map(|file| file["selected"].as_bool().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(selected(), [false, true]);
        assert_eq!(page.act(&hash, &json!({"action": "select", "files": [2]})).status, 400);
        act(json!({"action": "select", "files": [0, 1]}));
        assert_eq!(selected(), [true, true]);
        act(json!({"action": "preload", "file_index": 0}));
        act(json!({"action": "preload", "file_index": 0}));
        assert_eq!(page.act(&hash, &json!({"action": "preload", "file_index": 9})).status, 404);

        // Forgotten: it leaves the mount at once, and its files stay.
        let on_disk = torrent.disk_path(&torrent.files[0]);
        act(json!({"action": "forget"}));
        assert!(!it.path.join("Show.S01").exists());
        assert!(on_disk.exists());
        assert_eq!(page.act(&hash, &json!({"action": "start"})).status, 404);
        // Its files are there: it is not added over them.
        let refused = page.add("", &torrent.torrent_file);
        assert_eq!(refused.status, 409, "{}", String::from_utf8_lossy(&refused.body));
        fs::remove_dir_all(on_disk.parent().unwrap()).unwrap();
        let added = page.add("?paused=true", &torrent.torrent_file).json();
        assert_eq!(added, json!({"info_hash": hash, "name": "Show.S01", "added": true}));
        assert!(it.path.join("Show.S01/e1.mkv").exists());
        until("it is paused", || is_state("paused"));
        assert_eq!(page.add("", &torrent.torrent_file).json()["added"], false);
        act(json!({"action": "start"}));
        // The page knows no peers; the test does.
        let peers = [rqbits.swarm.peer_addr().unwrap()];
        let added = rqbits.swarm.client().add_peers(torrent.info_hash.into(), &peers);
        rqbits.runtime.block_on(added).unwrap();
        check_file(&it.path.join("Show.S01/e2.mkv"), EPISODES[1].1, 100_000);

        // Deleted only by its whole name.
        for name in ["", "Show", "show.s01", "Show.S01 ", &hash] {
            let answer = page.act(&hash, &json!({"action": "delete", "name": name}));
            assert_eq!(answer.status, 400, "{name:?}");
        }
        assert_eq!(page.act(&hash, &json!({"action": "delete"})).status, 400);
        assert!(on_disk.exists());
        act(json!({"action": "delete", "name": "Show.S01"}));
        assert!(!it.path.join("Show.S01").exists() && !on_disk.exists());
        it.unmount();
    });
}

#[test]
fn what_is_no_torrent_is_not_added() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let (_rqbits, it, page, _hash) = season(dir, "TOKEN\ncontrol = true");
        let add = |content: &[u8]| {
            let answer = page.add("", content);
            (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
        };
        for content in [&b""[..], b"<html>", b"de", b"http://127.0.0.1:1/a.torrent", b"\xff\0"] {
            let (status, text) = add(content);
            assert_eq!(status, 400, "{content:?}: {text}");
            let is_why = text.contains("not a .torrent file") || text.contains("it is empty");
            assert!(is_why, "{content:?}: {text}");
        }
        let (status, text) = add(b"magnet:?dn=x");
        assert_eq!((status, text.contains("no info hash")), (400, true), "{text}");
        // No peer is known, and the servers of tests ask none.
        let (status, text) = add(format!("magnet:?xt=urn:btih:{}", "ab".repeat(20)).as_bytes());
        assert_eq!((status, text.contains("cannot find peers")), (400, true), "{text}");
        let (status, text) = {
            let answer = page.add("?server=nas", b"x");
            (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
        };
        assert_eq!((status, text.contains("no server")), (400, true), "{text}");
        assert_eq!(page.get("/api/torrents").json()["torrents"].as_array().unwrap().len(), 1);
        it.unmount();
    });
}

#[test]
fn only_a_token_and_the_switch_give_control() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let (rqbits, it, page, hash) = season(dir, "control = true");
        let torrent = rqbits.swarm.torrents()[0].clone();
        // tfs has made a token, which only this user can read, and says where it is.
        let file = dir.join("state/tfs/web-token");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(page.token.as_ref().map(String::len), Some(32));
        let status = run(tfs(dir).arg("status").arg(&it.path));
        assert!(status.contains(file.to_str().unwrap()), "{status}");
        let stranger = page.without_token();
        let pause = json!({"action": "pause"});
        assert_eq!(stranger.act(&hash, &pause).status, 401);
        assert_eq!(stranger.add("", &torrent.torrent_file).status, 401);
        // A form of another page cannot send JSON.
        let line = format!("POST /api/torrents/{hash}");
        let form =
            page.request(&line, "Content-Type: text/plain\r\n", pause.to_string().as_bytes());
        assert_eq!(form.status, 415);
        let foreign = "Content-Type: application/json\r\nOrigin: http://evil.example\r\n";
        assert_eq!(page.request(&line, foreign, pause.to_string().as_bytes()).status, 403);
        assert_eq!(page.torrent(&hash)["state"], "live");
        page.act(&hash, &pause).json();
        it.unmount();
        // The token stays the same. Without the switch it gives no control.
        super::client::configure(
            dir,
            &format!("listen = \"127.0.0.1:0\"\ntoken_file = {file:?}\n"),
        );
        let it = Mounted::new(dir, &rqbits.swarm.api_url());
        let again = PageClient::of(dir);
        assert_eq!(again.token, page.token);
        assert_eq!(again.act(&hash, &json!({"action": "start"})).status, 403);
        assert_eq!(again.add("", &torrent.torrent_file).status, 403);
        assert_eq!(again.torrent(&hash)["state"], "paused");
        it.unmount();
    });
}
