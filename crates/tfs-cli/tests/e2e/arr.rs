//! Sonarr and Radarr: the calls of their client for rqbit (Sonarr #7990, `Clients/RQBit`), to rqbit
//! itself and to the listener of tfs, from the test of the connection to the removal.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Swarm, SwarmBuilder, SwarmTorrent, TorrentSpec};
use tfs_testkit::until::until;

use crate::support::{Mounted, Rqbits, check_file, run, status_json_below, tfs};

const LIMIT: Duration = Duration::from_secs(120);

const EPISODE: Content = Content::new(1, 400_000);
const FILM: Content = Content::new(2, 300_000);

/// Sends one request, as .NET's HttpClient does, and returns the status and the body.
fn call(address: SocketAddr, head: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let len = body.len();
    let request = format!(
        "{head} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: Sonarr/4.0\r\n\
         Accept: */*\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(&[request.as_bytes(), body].concat()).unwrap();
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        // The server may close the connection while a large body is on its way.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{head}: {error}"),
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, body.to_owned())
}

/// What Sonarr makes of a torrent in the list (`RQbitProxy.GetTorrents`).
#[derive(Debug, Clone, PartialEq, Eq)]
struct ArrItem {
    hash: String,
    path: PathBuf,
    remaining: i64,
    is_finished: bool,
}

/// A client as Sonarr's.
#[derive(Debug, Clone, Copy)]
struct ArrClient {
    address: SocketAddr,
}

impl ArrClient {
    /// The test of the connection and of the version.
    #[track_caller]
    fn test(self) -> String {
        let (status, body) = call(self.address, "GET /", b"");
        assert_eq!(status, 200, "{body}");
        let root: Value = body_json(&body);
        let version = root["version"].as_str().unwrap().to_owned();
        assert!(version.split('.').next().unwrap().parse::<u32>().unwrap() >= 8, "{version}");
        version
    }

    #[track_caller]
    fn add(self, body: &[u8]) -> String {
        let (status, text) = call(self.address, "POST /torrents?overwrite=true", body);
        assert_eq!(status, 200, "{text}");
        body_json(&text)["details"]["info_hash"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    fn items(self) -> Vec<ArrItem> {
        let (status, text) = call(self.address, "GET /torrents?with_stats=true", b"");
        assert_eq!(status, 200, "{text}");
        let list = body_json(&text);
        let items = list["torrents"].as_array().unwrap().iter().map(|torrent| {
            let text = |key: &str| torrent[key].as_str().unwrap().to_owned();
            let (name, mut path) = (text("name"), text("output_folder"));
            if !path.ends_with(&name) {
                path += &name;
            }
            let stats = &torrent["stats"];
            let number = |key: &str| stats[key].as_i64().unwrap();
            let states = ["live", "initializing", "paused", "error"];
            assert!(states.contains(&stats["state"].as_str().unwrap()), "{stats}");
            ArrItem {
                hash: text("info_hash"),
                path: path.into(),
                remaining: number("total_bytes") - number("progress_bytes"),
                is_finished: stats["finished"].as_bool().unwrap(),
            }
        });
        items.collect()
    }

    #[track_caller]
    fn item(self, hash: &str) -> ArrItem {
        self.items().into_iter().find(|item| item.hash == hash).unwrap()
    }

    fn has(self, hash: &str) -> bool {
        call(self.address, &format!("GET /torrents/{hash}"), b"").0 == 200
    }

    #[track_caller]
    fn remove(self, hash: &str, action: &str) {
        let (status, text) = call(self.address, &format!("POST /torrents/{hash}/{action}"), b"");
        assert_eq!(status, 200, "{text}");
    }
}

/// Adds a torrent as Sonarr does.
#[track_caller]
pub(crate) fn add_torrent(address: SocketAddr, torrent_file: &[u8]) {
    ArrClient { address }.add(torrent_file);
}

/// Returns the JSON of a body, which may come in chunks.
#[track_caller]
fn body_json(body: &str) -> Value {
    let (start, end) = (body.find('{').unwrap(), body.rfind('}').unwrap());
    serde_json::from_str(body.get(start..=end).unwrap())
        .unwrap_or_else(|error| panic!("{error}: {body}"))
}

fn swarm() -> SwarmBuilder {
    let season =
        TorrentSpec::directory("Show.S01", [("e1.mkv", EPISODE), ("e2.mkv", Content::new(3, 99))]);
    Swarm::builder().torrent(season).torrent(TorrentSpec::file("Film.mkv", FILM)).remembering()
}

/// A server and a mount, with the listener of tfs.
struct ArrFixture {
    rqbits: Rqbits,
    mounted: Mounted,
    rqbit: ArrClient,
    tfs: ArrClient,
}

impl ArrFixture {
    fn new(dir: &Path, swarm: SwarmBuilder, more: &str) -> Self {
        let rqbits = Rqbits::start(swarm);
        let config = dir.join("config/tfs");
        fs::create_dir_all(&config).unwrap();
        let text = format!("[arr]\nlisten = \"127.0.0.1:0\"\n{more}");
        fs::write(config.join("config.toml"), text).unwrap();
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        let address = |text: &str| ArrClient { address: text.parse().unwrap() };
        let rqbit = address(rqbits.swarm.api_url().trim_start_matches("http://"));
        let arr = status_json_below(dir)[0]["intake"]["arr"]["address"].clone();
        Self { rqbits, mounted, rqbit, tfs: address(arr.as_str().unwrap()) }
    }

    fn torrent(&self, idx: usize) -> SwarmTorrent {
        self.rqbits.swarm.torrents()[idx].clone()
    }

    /// Imports the files of a finished item as Sonarr does: by links in a library, and by copies.
    #[track_caller]
    fn import(&self, item: &ArrItem, library: &Path, files: &[(&str, Content)]) {
        fs::create_dir(library).unwrap();
        for (idx, (name, content)) in files.iter().enumerate() {
            let on_disk = if item.path.is_dir() { item.path.join(name) } else { item.path.clone() };
            check_file(&on_disk, *content, 70_000);
            let folder = item.path.file_name().unwrap();
            let in_mount = match item.path.is_dir() {
                true => self.mounted.path.join(folder).join(name),
                false => self.mounted.path.join(name),
            };
            let link = library.join(format!("link {idx}.mkv"));
            symlink(&in_mount, &link).unwrap();
            check_file(&link, *content, 70_000);
            // Sonarr moves and hard-links what it has imported.
            let moved = library.join(format!("moved {idx}.mkv"));
            fs::rename(&link, &moved).unwrap();
            let copy = library.join(format!("copy {idx}.mkv"));
            fs::copy(&in_mount, &copy).unwrap();
            check_file(&copy, *content, 70_000);
            let hard = fs::hard_link(&in_mount, library.join("hard.mkv")).unwrap_err();
            assert_eq!(hard.kind(), io::ErrorKind::CrossesDevices);
            let moved = fs::rename(&in_mount, library.join("moved.mkv")).unwrap_err();
            assert_eq!(moved.kind(), io::ErrorKind::CrossesDevices);
        }
    }
}

/// Runs the whole cycle, with a client of rqbit itself or of the listener.
fn cycle(dir: &Path, it: &mut ArrFixture, client: ArrClient, version: &str, label: &str) {
    assert_eq!(client.test(), version);
    let (season, film) = (it.torrent(0), it.torrent(1));
    let hash = season.info_hash.to_string();
    // It is on the server already, from the start of the test: forget and add it anew. A server
    // that forgets it forgets the peer too, so all of it must be there.
    until("it is complete at first", || client.item(&hash).is_finished.then_some(()));
    client.remove(&hash, "forget");
    assert!(!client.has(&hash));
    until("the mount no longer has it", || {
        (!it.mounted.path.join("Show.S01").exists()).then_some(())
    });
    assert_eq!(client.add(&season.torrent_file), hash);
    assert!(client.has(&hash));
    // A second time is the same.
    assert_eq!(client.add(&season.torrent_file), hash);
    let item = until("it is complete", || Some(client.item(&hash)).filter(|it| it.is_finished));
    assert_eq!(item.remaining, 0);
    until("the mount has it", || it.mounted.path.join("Show.S01/e1.mkv").exists().then_some(()));
    let files = [("e1.mkv", EPISODE), ("e2.mkv", Content::new(3, 99))];
    it.import(&item, &dir.join(format!("library {label}")), &files);

    let film_hash = film.info_hash.to_string();
    let item = until("the film is complete", || {
        Some(client.item(&film_hash)).filter(|item| item.is_finished)
    });
    if client.address == it.tfs.address {
        it.import(&item, &dir.join(format!("films {label}")), &[("Film.mkv", FILM)]);
    } else {
        println!("{label}: rqbit's path of a single file, as Sonarr reads it: {:?}", item.path);
    }
}

#[test]
fn sonarrs_cycle_with_rqbit_9() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let mut it = ArrFixture::new(dir, swarm(), "");
        let (rqbit, tfs) = (it.rqbit, it.tfs);
        cycle(dir, &mut it, rqbit, "9.1.0", "rqbit");
        cycle(dir, &mut it, tfs, "9.1.0", "tfs");
        it.mounted.unmount();
    });
}

#[test]
fn sonarrs_cycle_with_rqbit_8() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let process = ["rqbit8::rqbit", "--exact", "--nocapture", "--ignored"];
        let mut it = ArrFixture::new(dir, swarm().rqbit8(&process), "");
        let (rqbit, tfs) = (it.rqbit, it.tfs);
        cycle(dir, &mut it, rqbit, "8.1.1", "rqbit");
        cycle(dir, &mut it, tfs, "8.1.1", "tfs");
        it.mounted.unmount();
    });
}

#[test]
fn a_torrent_without_selected_files_is_not_finished() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let mut season =
            TorrentSpec::directory("Show.S01", [("e1.mkv", EPISODE), ("e2.mkv", FILM)]);
        season = season.paused();
        let it = ArrFixture::new(dir, Swarm::builder().torrent(season), "");
        let season = it.torrent(0);
        let hash = season.info_hash.to_string();
        it.rqbits.runtime.block_on(it.rqbits.swarm.select_files(&season, &[])).unwrap();
        it.rqbits.unpause(&season);
        // rqbit misleads Sonarr, which imports holes then.
        let of_rqbit = until("rqbit calls it finished", || {
            Some(it.rqbit.item(&hash)).filter(|item| item.is_finished)
        });
        assert_eq!(of_rqbit.remaining, 0);
        let of_tfs = it.tfs.item(&hash);
        assert!(!of_tfs.is_finished, "{of_tfs:?}");
        assert_eq!(of_tfs.remaining, 700_000);

        // One of two files: still not finished.
        it.rqbits.runtime.block_on(it.rqbits.swarm.select_files(&season, &[0])).unwrap();
        // The piece that both files share has a part of the second.
        let is_half = |remaining: i64| (1..=300_000).contains(&remaining);
        until("the first is there", || {
            let is_first = is_half(it.tfs.item(&hash).remaining);
            (is_first && it.rqbit.item(&hash).is_finished).then_some(())
        });
        assert!(it.rqbit.item(&hash).is_finished && !it.tfs.item(&hash).is_finished);

        // Reading the rest in the mount downloads it, although it is not selected. The mount must
        // know that the torrent is not paused any more.
        run(tfs(dir).arg("refresh").arg(&it.mounted.path));
        check_file(&it.mounted.path.join("Show.S01/e2.mkv"), FILM, 100_000);
        until("it is finished", || it.tfs.item(&hash).is_finished.then_some(()));
        assert_eq!(it.tfs.item(&hash).remaining, 0);
        it.mounted.unmount();
    });
}

#[test]
fn a_delete_forgets_unless_it_is_allowed() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        for (name, more, is_kept) in [("no", "", true), ("yes", "allow_delete = true\n", false)] {
            let dir = dir.join(name);
            fs::create_dir(&dir).unwrap();
            let it = ArrFixture::new(&dir, swarm(), more);
            let film = it.torrent(1);
            it.rqbits.wait_finished(&film);
            let on_disk = film.disk_path(&film.files[0]);
            it.tfs.remove(&film.info_hash.to_string(), "delete");
            assert!(!it.rqbit.has(&film.info_hash.to_string()));
            assert_eq!(on_disk.exists(), is_kept, "{name}");
            // Once more, and an unknown one.
            let path = format!("POST /torrents/{}/delete", film.info_hash);
            assert_eq!(call(it.tfs.address, &path, b"").0, 404);
            it.mounted.unmount();
        }
    });
}

#[test]
fn nothing_but_the_five_routes_reaches_the_server() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let it = ArrFixture::new(dir, swarm(), "");
        let hash = it.torrent(0).info_hash.to_string();
        let status = |head: &str| call(it.tfs.address, head, b"").0;
        for head in [
            "GET /stats",
            "GET /torrents",
            "POST /torrents",
            "POST /torrents?overwrite=true&x=1",
            "POST /torrents?overwrite=true&output_folder=/etc",
            "PUT /",
            "DELETE /torrents",
            "GET /torrents?with_stats=true&x",
            "GET /torrents/0",
            "GET /web/",
            "GET //",
            "POST /rust_log",
            "GET /?x",
            "GET /torrents/..%2f..",
        ] {
            assert_eq!(status(head), 404, "{head}");
        }
        for action in ["pause", "start", "update_only_files", "haves", "stream/0", "forget/x", ""] {
            assert_eq!(status(&format!("POST /torrents/{hash}/{action}")), 404, "{action}");
            assert_eq!(status(&format!("GET /torrents/{hash}/{action}")), 404, "{action}");
        }
        assert_eq!(status(&format!("GET /torrents/{}", "0".repeat(40))), 404);
        // What is no torrent, an address, a link that cannot be resolved, and too much.
        let add = |body: &[u8]| call(it.tfs.address, "POST /torrents?overwrite=true", body);
        assert_eq!(add(b"").0, 400);
        assert_eq!(add(b"<html>").0, 400);
        let (code, text) = add(b"http://127.0.0.1:1/a.torrent");
        assert_eq!((code, text.contains("not a .torrent file")), (400, true), "{text}");
        let (code, text) = add(format!("magnet:?xt=urn:btih:{}", "ab".repeat(20)).as_bytes());
        assert_eq!((code, text.contains("cannot find peers")), (400, true), "{text}");
        let (code, _) = add(&vec![b'd'; (10 << 20) + 1]);
        assert!([413, 0].contains(&code), "{code}");
        // Web pages.
        let forged = |line: &str| {
            // `call` ends the line of the request.
            let head = format!("GET / HTTP/1.1\r\n{line}\r\nX: x");
            call(it.tfs.address, &head, b"").0
        };
        assert_eq!(forged("Origin: http://127.0.0.1"), 403);
        assert_eq!(forged("Sec-Fetch-Site: cross-site"), 403);
        let mut stream = TcpStream::connect(it.tfs.address).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n").unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 403");
        // A head without an end is not read for ever.
        let mut stream = TcpStream::connect(it.tfs.address).unwrap();
        stream
            .write_all(&[b"GET / HTTP/1.1\r\nX: ", vec![b'x'; 40_000].as_slice()].concat())
            .unwrap();
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"), "{answer:?}");
        assert_eq!(it.tfs.test(), "9.1.0");
        it.mounted.unmount();
    });
}

#[test]
fn a_server_that_is_down_is_a_bad_gateway() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let mut it = ArrFixture::new(dir, swarm(), "");
        it.rqbits.kill_downloader();
        let (status, body) = call(it.tfs.address, "GET /torrents?with_stats=true", b"");
        assert_eq!(status, 502, "{body}");
        let failure = body_json(&body);
        assert_eq!(failure["error_kind"], "server_failed");
        let text = failure["human_readable"].as_str().unwrap();
        assert!(text.contains("cannot reach rqbit"), "{text}");
        it.rqbits.start_downloader();
        assert_eq!(it.tfs.test(), "9.1.0");
        assert_eq!(it.tfs.items().len(), 2);
        it.mounted.unmount();
    });
}
