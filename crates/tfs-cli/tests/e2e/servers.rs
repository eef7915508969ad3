//! Several servers in one mount: a torrent from two halves, and one server that goes down.

use std::fs::{self, File};
use std::io::Read as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rqbit_client::{AddOptions, AddSource};
use serde_json::Value;
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Swarm, SwarmTorrent, TorrentSpec};
use tfs_testkit::until::until;

use crate::support::{Mounted, Rqbits, check_file, check_range, describe, run, tfs};

const LIMIT: Duration = Duration::from_secs(180);

/// Both files of the torrent that two servers share: several windows of a reader each.
const HALF_BYTES: u64 = 3 << 20;

/// How soon reads fail that need a server which is down.
const FLAGS: [&str; 2] = ["--read-timeout", "3s"];

/// Two servers. Both have the torrent `shared`, each with one of its files, and one torrent of its
/// own.
struct ServerPair {
    home: Rqbits,
    away: Rqbits,
}

impl ServerPair {
    fn start() -> Self {
        let server = |name: &str, half: &str, seed| {
            let mut shared = TorrentSpec::directory("shared", [("a.bin", a()), ("b.bin", b())]);
            shared.download.only_files = Some(vec![half.to_owned()]);
            let own = TorrentSpec::file(format!("{name}.bin"), Content::new(seed, 300_000));
            let rqbits = Rqbits::start(Swarm::builder().torrent(shared).torrent(own));
            rqbits.swarm.torrents().iter().for_each(|torrent| rqbits.wait_finished(torrent));
            rqbits
        };
        let pair = Self { home: server("home", "a.bin", 3), away: server("away", "b.bin", 4) };
        assert_eq!(shared(&pair.home).info_hash, shared(&pair.away).info_hash);
        pair
    }

    /// Returns the two in the form of `--server`.
    fn named(&self) -> [String; 2] {
        [("home", &self.home), ("away", &self.away)]
            .map(|(name, rqbits)| format!("{name}={}", rqbits.swarm.api_url()))
    }

    fn mount(&self, dir: &Path, flags: &[&str]) -> Mounted {
        let [home, away] = self.named();
        let flags = [&["--server", &away][..], &FLAGS, flags].concat();
        Mounted::with(dir, &home, &flags)
    }
}

fn a() -> Content {
    Content::new(1, HALF_BYTES)
}

fn b() -> Content {
    Content::new(2, HALF_BYTES)
}

fn shared(rqbits: &Rqbits) -> SwarmTorrent {
    rqbits.swarm.torrents()[0].clone()
}

/// Makes a server have only this file of the shared torrent, without its previous data.
fn have_only(rqbits: &Rqbits, path: &str) {
    let Rqbits { runtime, swarm } = rqbits;
    let torrent = shared(rqbits);
    runtime.block_on(async {
        let client = swarm.client();
        client.delete(torrent.info_hash.into()).await.unwrap();
        let options = AddOptions {
            only_files: Some(vec![torrent.file(path).unwrap().idx]),
            initial_peers: vec![swarm.peer_addr().unwrap()],
            ..AddOptions::default()
        };
        let source = AddSource::TorrentFile(torrent.torrent_file.clone());
        client.add_torrent(&source, &options).await.unwrap();
        swarm.wait_finished(&torrent).await.unwrap();
    });
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

fn json(command: &mut Command) -> Value {
    serde_json::from_str(&run(command)).unwrap()
}

/// Drops the mount's caches and makes it poll its servers.
fn forget(dir: &Path, mounted: &Mounted) {
    run(tfs(dir).args(["cache", "clear"]).arg(&mounted.path));
}

#[test]
fn halves_on_two_servers_read_as_a_whole_while_one_comes_and_goes() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let mut pair = ServerPair::start();
        let mounted = pair.mount(dir, &[]);
        let path = |name: &str| mounted.path.join(name);
        assert_eq!(names(&mounted.path), ["away.bin", "home.bin", "shared"]);
        check_file(&path("shared/a.bin"), a(), 100_000);
        check_file(&path("shared/b.bin"), b(), 100_000);
        check_file(&path("home.bin"), Content::new(3, 300_000), 100_000);
        check_file(&path("away.bin"), Content::new(4, 300_000), 100_000);

        // One server goes down while a file is read that the other has.
        forget(dir, &mounted);
        let half = File::open(path("shared/a.bin")).unwrap();
        check_range(&path("shared/a.bin"), &half, a(), 0, 1 << 20);
        pair.away.kill_downloader();
        check_range(&path("shared/a.bin"), &half, a(), 1 << 20, 2 << 20);
        drop(half);
        check_file(&path("home.bin"), Content::new(3, 300_000), 100_000);
        let mut byte = [0];
        let gone = File::open(path("away.bin")).and_then(|mut file| file.read(&mut byte));
        assert!(gone.is_err(), "{gone:?}");
        // Torrents of only that server stay listed.
        until("tfs sees that a server is away", || {
            let status = json(tfs(dir).args(["status", "--json"]));
            let servers = &status[0]["servers"];
            let reachable = [&servers[0]["reachable"], &servers[1]["reachable"]];
            (reachable == [true, false]).then_some(())
        });
        assert_eq!(names(&mounted.path), ["away.bin", "home.bin", "shared"]);
        let status = run(tfs(dir).arg("status"));
        assert!(status.contains("home at http://"), "{status}");
        assert!(status.contains("the server away does not answer"), "{status}");

        pair.away.start_downloader();
        until("the server is found again", || fs::read(path("away.bin")).ok().map(drop));
        check_file(&path("shared/b.bin"), b(), 4096);
        check_file(&path("away.bin"), Content::new(4, 300_000), 4096);

        // Each gets the half that the other has.
        have_only(&pair.home, "b.bin");
        have_only(&pair.away, "a.bin");
        run(tfs(dir).arg("refresh").arg(&mounted.path));
        forget(dir, &mounted);
        check_file(&path("shared/a.bin"), a(), 100_000);
        check_file(&path("shared/b.bin"), b(), 100_000);
        mounted.unmount();
    });
}

#[test]
fn a_directory_for_each_server_and_a_list_of_all() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let pair = ServerPair::start();
        let mounted = pair.mount(dir, &["--layout", "by-server"]);
        let path = |name: &str| mounted.path.join(name);
        assert_eq!(names(&mounted.path), ["away", "home"]);
        assert_eq!(names(&path("home")), ["home.bin", "shared"]);
        assert_eq!(names(&path("away")), ["away.bin", "shared"]);
        check_file(&path("home/shared/a.bin"), a(), 100_000);
        check_file(&path("away/shared/b.bin"), b(), 100_000);
        check_file(&path("away/away.bin"), Content::new(4, 300_000), 100_000);
        mounted.unmount();

        let [home, away] = pair.named();
        let list = |more: &[&str]| {
            let mut list = tfs(dir);
            list.args(["list", "--server", &home, "--server", &away]).args(more);
            list
        };
        let table = run(&mut list(&[]));
        let line = table.lines().find(|line| line.ends_with("shared")).unwrap();
        assert_eq!(line.split_whitespace().rev().nth(1), Some("home,away"), "{table}");
        let rows = json(&mut list(&["--json"]));
        assert_eq!(rows.as_array().unwrap().len(), 3);
        let servers = |name: &str| {
            let row = rows.as_array().unwrap().iter().find(|row| row["name"] == name);
            row.unwrap()["servers"].clone()
        };
        assert_eq!(servers("shared"), serde_json::json!(["home", "away"]));
        assert_eq!(servers("away.bin"), serde_json::json!(["away"]));
    });
}

#[test]
fn a_server_that_is_down_takes_only_its_own() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let pair = ServerPair::start();
        // A port without a listener.
        let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let down = format!("down=http://{unused}");
        let [home, _] = pair.named();
        let mounted = Mounted::with(dir, &home, &["--server", &down]);
        assert_eq!(names(&mounted.path), ["home.bin", "shared"]);
        check_file(&mounted.path.join("home.bin"), Content::new(3, 300_000), 100_000);
        let health = fs::read_to_string(mounted.path.join(".tfs/healthy")).unwrap();
        assert!(health.starts_with("the server down does not answer"), "{health}");
        let refreshed = describe(&tfs(dir).arg("refresh").output().unwrap());
        let want = "exit 20\nno changes; torrents: 2\npolled: home\n\
            error: cannot poll the server down: failed to list the torrents";
        assert!(refreshed.starts_with(want), "{refreshed}");
        let refreshed = tfs(dir).args(["refresh", "--json"]).output().unwrap();
        let refreshed: Value = serde_json::from_slice(&refreshed.stdout).unwrap();
        assert_eq!(refreshed["servers"], serde_json::json!(["home"]));
        assert_eq!(refreshed["failed"][0]["server"], "down");
        let listed = tfs(dir).args(["list", "--server", &home, "--server", &down]).output();
        let listed = describe(&listed.unwrap());
        assert!(listed.contains("home.bin"), "{listed}");
        assert!(listed.contains("error: cannot reach rqbit at http://127.0.0.1"), "{listed}");
        mounted.unmount();

        let mount = ["mount", "--server", &home, "--server", &home.replace("home=", "")];
        let twice = tfs(dir).args(mount).arg(dir.join("mnt")).output().unwrap();
        assert!(describe(&twice).contains("is named twice"), "{}", describe(&twice));
        let other = format!("home=http://{unused}");
        let mount = ["mount", "--server", &home, "--server", &other];
        let same = tfs(dir).args(mount).arg(dir.join("mnt")).output().unwrap();
        assert!(describe(&same).contains("two servers are named `home`"), "{}", describe(&same));
    });
}
