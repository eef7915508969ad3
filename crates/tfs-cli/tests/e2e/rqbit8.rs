//! rqbit 8.1.1: what works with it. `docs/reference/rqbit-versions.md` lists the limits.

use std::fs::{self, File};
use std::time::Duration;

use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Swarm, TorrentSpec};
use tfs_testkit::until::until;

use crate::support::{Mounted, Rqbits, check_file, check_range, run, tfs};

const LIMIT: Duration = Duration::from_secs(120);

/// Longer than the 4 MiB that are skipped at most if a server sends a whole file for a range.
const FILM: Content = Content::new(80, 12_000_003);

/// The server process of the other tests.
#[test]
#[ignore = "a process that other tests start"]
fn rqbit() {
    assert!(tfs_testkit::swarm::serve_if_asked(), "only a test starts it");
}

fn start(film: TorrentSpec) -> Rqbits {
    let swarm = Swarm::builder().torrent(film).remembering();
    Rqbits::start(swarm.rqbit8(&["rqbit8::rqbit", "--exact", "--nocapture", "--ignored"]))
}

#[test]
fn its_torrents_are_read_from_anywhere() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let files = [("film.mkv", FILM), ("note.txt", Content::new(81, 77))];
        let mut rqbits = start(TorrentSpec::directory("Film", files));
        let version = rqbits.runtime.block_on(rqbits.swarm.client().server_info()).unwrap().version;
        assert_eq!(version, "8.1.1");
        rqbits.wait_finished(&rqbits.swarm.torrents()[0]);
        let mounted = Mounted::with(dir, &rqbits.swarm.api_url(), &[]);
        let path = mounted.path.join("Film/film.mkv");
        let open = File::open(&path).unwrap();
        // Far into the file first: the server would send all of it, and the start is not skipped.
        for offset in [11_000_000, 6_000_000, 0, 9_000_000] {
            check_range(&path, &open, FILM, offset, 300_000);
        }
        drop(open);
        run(tfs(dir).args(["cache", "clear", "--data"]).arg(&mounted.path));
        check_file(&path, FILM, 100_000);
        check_file(&mounted.path.join("Film/note.txt"), Content::new(81, 77), 100);

        // It is detected again after a restart.
        rqbits.kill_downloader();
        rqbits.start_downloader();
        run(tfs(dir).args(["cache", "clear", "--data"]).arg(&mounted.path));
        until("it is read again", || fs::read(&path).ok());
        check_file(&path, FILM, 100_000);
        mounted.unmount();
    });
}

#[test]
fn reads_of_what_it_downloads_wait_for_it() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let film = TorrentSpec::file("film.mkv", FILM);
        let swarm = Swarm::builder().torrent(film).download_bps(2_000_000);
        let rqbits =
            Rqbits::start(swarm.rqbit8(&["rqbit8::rqbit", "--exact", "--nocapture", "--ignored"]));
        let mounted = Mounted::with(dir, &rqbits.swarm.api_url(), &[]);
        let path = mounted.path.join("film.mkv");
        let open = until("the torrent shows", || File::open(&path).ok());
        check_range(&path, &open, FILM, 10_000_000, 100_000);
        check_file(&path, FILM, 100_000);
        drop(open);
        mounted.unmount();
    });
}
