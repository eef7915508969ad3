//! What the page shows: readers, piece maps, the plot, lists, searches, bytes of files.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Rqbits, Swarm, SwarmTorrent, TorrentSpec};
use tfs_testkit::until::until;

use super::client::{PageClient, mounted};
use super::{LIMIT, MIB};

const SEASON: [(&str, Content); 2] =
    [("e1.mkv", Content::new(1, MIB)), ("sub/e2.mkv", Content::new(2, 300_000))];

const HALF: Content = Content::new(3, 8 * MIB);

/// A season that is there, and a file whose second half never comes.
fn rqbits() -> (Rqbits, SwarmTorrent, SwarmTorrent) {
    let builder = Swarm::builder()
        .torrent(TorrentSpec::directory("Show.S01", SEASON))
        .torrent(TorrentSpec::file("half.mkv", HALF).paused());
    let mut rqbits = Rqbits::start(builder);
    let [season, half] = rqbits.swarm.torrents() else { unreachable!("two were added") };
    let (season, half) = (season.clone(), half.clone());
    rqbits.wait_finished(&season);
    let half = rqbits
        .runtime
        .block_on(rqbits.swarm.keep_only(&half, std::slice::from_ref(&(0..4 * MIB))))
        .unwrap();
    rqbits.unpause(&half);
    (rqbits, season, half)
}

/// Reads a byte on a thread of its own.
fn start_read(path: PathBuf, offset: u64) -> JoinHandle<bool> {
    thread::spawn(move || File::open(path).is_ok_and(|file| file.read_at(&mut [0], offset).is_ok()))
}

/// Returns the readers of the only mount.
fn readers(overview: &Value) -> Vec<Value> {
    overview["mounts"][0]["readers"].as_array().unwrap().clone()
}

#[test]
fn the_page_shows_who_waits_for_which_piece() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let (rqbits, _season, half) = rqbits();
        let (it, page) = mounted(dir, &rqbits.swarm.api_url(), "", &["--read-timeout", "20s"]);
        assert_eq!(readers(&page.overview()), [] as [Value; 0]);
        let reading = start_read(it.path.join("half.mkv"), 6 * MIB);
        let overview = until("the page shows that it waits", || {
            let overview = page.overview();
            readers(&overview).iter().any(|it| it["waits"].is_object()).then_some(overview)
        });
        let reader = &readers(&overview)[0];
        assert_eq!(reader["path"], "half.mkv");
        assert!(reader["waits"]["piece"].is_u64(), "{reader}");
        assert_eq!(overview["control"], false);
        // Its map: the first half, the missing rest, and where it waits.
        let file = &overview["maps"][0];
        let hash = half.info_hash.to_string();
        assert_eq!((file["info_hash"].as_str(), &file["file_index"]), (Some(&*hash), &json!(0)));
        let have = file["map"]["have"].as_str().unwrap();
        let (first, rest) = have.split_at(have.len() / 2);
        assert!(first.bytes().all(|it| it == b'9') && rest.bytes().all(|it| it == b'0'), "{have}");
        assert_eq!(file["map"]["pieces"].as_u64(), Some(have.len() as u64));
        let wanted = file["map"]["wanted"][0][0].as_u64().unwrap();
        assert_eq!(wanted, have.len() as u64 * 3 / 4, "{file}");
        let place = format!("/api/pieces?info_hash={hash}&file_index=0&buckets=2");
        assert_eq!(page.get(&place).json()["have"], "90");

        // The same by events, which go on.
        let mut events = page.events();
        let event = events.next();
        assert_eq!(readers(&event)[0]["path"], "half.mkv");
        assert!(events.next()["now"].as_i64() >= event["now"].as_i64());
        // The plot fills without an open page.
        let history = until("there are samples", || {
            let history = page.get("/api/history").json();
            (history["given_bps"].as_array().unwrap().len() >= 2).then_some(history)
        });
        let len = |key: &str| history[key].as_array().unwrap().len();
        assert!(
            ["fetched_bps", "local_bps", "waiting", "failures"]
                .iter()
                .all(|key| { len(key) == len("given_bps") })
        );
        assert!(history["waiting"].as_array().unwrap().contains(&json!(1)), "{history}");
        assert!(!reading.join().unwrap(), "the byte is nowhere");
        // The failure is one of the last day, and of one second.
        let failures = until("an overview has the failure", || {
            // One may be a second old.
            let failures = page.overview()["mounts"][0]["recent"]["failures"].clone();
            (failures != json!([])).then_some(failures)
        });
        assert_eq!(failures, json!([{"reason": "timed_out", "count": 1}]));
        until("a sample has it", || {
            let history = page.get("/api/history").json();
            history["failures"].as_array().unwrap().contains(&json!(1)).then_some(())
        });
        it.unmount();
    });
}

#[test]
fn torrents_are_listed_with_their_files() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let (mut rqbits, season, half) = rqbits();
        let (it, page) = mounted(dir, &rqbits.swarm.api_url(), "", &[]);
        let list = page.get("/api/torrents").json();
        let names: Vec<_> =
            list["torrents"].as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
        assert_eq!(
            (names.as_slice(), &list["failed"]),
            (&[json!("Show.S01"), json!("half.mkv")][..], &json!([]))
        );
        let of_half = &list["torrents"][1];
        assert_eq!(of_half["size_bytes"], 8 * MIB);
        assert_eq!(
            (&of_half["have_bytes"], &of_half["eta_seconds"]),
            (&json!(4 * MIB), &Value::Null)
        );
        let detail = page.torrent(&season.info_hash.to_string());
        let files = json!([
            {"file_index": 0, "path": "e1.mkv", "mount_path": "Show.S01/e1.mkv",
                "size_bytes": MIB, "have_bytes": MIB, "selected": true},
            {"file_index": 1, "path": "sub/e2.mkv", "mount_path": "Show.S01/sub/e2.mkv",
                "size_bytes": 300_000, "have_bytes": 300_000, "selected": true},
        ]);
        assert_eq!((&detail["name"], &detail["files"]), (&json!("Show.S01"), &files));
        let found = page.get("/api/search?q=e2+mkv&limit=5").json();
        assert_eq!(found["hits"][0]["path"], "Show.S01/sub/e2.mkv");
        assert_eq!(found["hits"].as_array().unwrap().len(), 1);
        // What is not there.
        assert_eq!(page.get(&format!("/api/torrents/{}", "0".repeat(40))).status, 404);
        assert_eq!(page.get("/api/torrents/x").status, 404);
        assert_eq!(page.get("/api/torrents?mountpoint=/nowhere").status, 404);
        let place = format!("/api/pieces?info_hash={}&file_index=7", half.info_hash);
        assert_eq!(page.get(&place).status, 404);
        // A server that is down fails alone, with its reason.
        rqbits.kill_downloader();
        let list = until("the list is a new one", || {
            let list = page.get("/api/torrents").json();
            (list["torrents"] == json!([])).then_some(list)
        });
        let error = list["failed"][0]["error"].as_str().unwrap();
        assert!(error.contains("cannot reach rqbit"), "{error}");
        assert_eq!(page.get(&format!("/api/torrents/{}", half.info_hash)).status, 502);
        rqbits.start_downloader();
        it.unmount();
    });
}

/// Returns the start of the path of a file for players.
fn file_path(torrent: &SwarmTorrent, index: usize) -> String {
    format!("/file/{}/{index}/x.mkv", torrent.info_hash)
}

#[test]
fn a_player_gets_the_bytes_of_a_file() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let (rqbits, season, half) = rqbits();
        let (it, page) = mounted(dir, &rqbits.swarm.api_url(), "", &["--read-timeout", "2s"]);
        for (index, (_, content)) in SEASON.iter().enumerate() {
            let answer = page.get(&file_path(&season, index));
            assert_eq!((answer.status, answer.body.len() as u64), (200, content.len()));
            content.check(0, &answer.body).unwrap();
        }
        let range = |first: u64, last: u64| {
            let line = format!("GET {}", file_path(&season, 1));
            page.request(&line, &format!("Range: bytes={first}-{last}\r\n"), b"")
        };
        for (first, last) in [(0, 0), (1, 99_999), (65_530, 65_545), (299_999, 299_999)] {
            let answer = range(first, last);
            assert_eq!((answer.status, answer.body.len() as u64), (206, last - first + 1));
            SEASON[1].1.check(first, &answer.body).unwrap();
        }
        assert_eq!(range(300_000, 300_001).status, 416);
        assert_eq!(page.get(&format!("/file/{}/9/x", season.info_hash)).status, 404);

        // What does not come in time has a status, and what comes meanwhile is sent.
        let line = format!("GET {}", file_path(&half, 0));
        let late = page.request(&line, "Range: bytes=6000000-\r\n", b"");
        assert_eq!(late.status, 504, "{}", late.head);
        // A paused torrent is not waited for.
        let hash = half.info_hash.into();
        rqbits.runtime.block_on(rqbits.swarm.client().pause(hash)).unwrap();
        until("the mount knows that it is paused", || {
            let answer = page.request(&line, "Range: bytes=6000000-\r\n", b"");
            (answer.status == 503).then_some(())
        });
        it.unmount();
    });
}

#[test]
fn a_file_is_closed_when_its_player_goes() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let (rqbits, _season, half) = rqbits();
        let (it, page) = mounted(dir, &rqbits.swarm.api_url(), "", &["--read-timeout", "100s"]);
        // It gets most of the first half, and then waits.
        let line = format!("GET {}", file_path(&half, 0));
        let mut player = page.send(&line, "", b"");
        let mut first = vec![0; 3_000_000];
        player.read_exact(&mut first).unwrap();
        let reader = until("the reader is shown", || {
            let readers = readers(&page.overview());
            readers.into_iter().find(|it| it["waits"].is_object())
        });
        assert_eq!((&reader["front"], &reader["path"]), (&json!("page"), &json!("half.mkv")));
        assert_eq!(reader["pid"], Value::Null);
        drop(player);
        until("the file is closed", || readers(&page.overview()).is_empty().then_some(()));
        it.unmount();
    });
}

#[test]
fn a_page_with_a_token_shows_nothing_without_it() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let (rqbits, season, _half) = rqbits();
        let (it, page) = mounted(dir, &rqbits.swarm.api_url(), "TOKEN", &[]);
        let stranger = page.without_token();
        let file = file_path(&season, 0);
        let paths = ["/api/overview", "/api/history", "/api/torrents", "/events", &file];
        for path in paths {
            let answer = stranger.get(path);
            assert_eq!(answer.status, 401, "{path}");
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert!(!text.contains("half") && !text.contains("Show"), "{text}");
        }
        let wrong = PageClient { token: Some("a wrong token".to_owned()), ..page.clone() };
        assert_eq!(wrong.get("/api/overview").status, 401);
        assert_eq!(readers(&page.overview()), [] as [Value; 0]);
        // A page of another name for this address, as in DNS rebinding.
        let forged = page.request("GET /api/overview", "Host: evil.example\r\n", b"");
        assert!([400, 403].contains(&forged.status), "{}", forged.head);
        it.unmount();
    });
}
