//! `--bwlimit`: readers and a preload of a real mount together.

use std::fs::File;
use std::io::Read as _;
use std::thread;
use std::time::{Duration, Instant};

use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Swarm, TorrentSpec};

use crate::support::{Mounted, Rqbits, check_file, run, status_json_below, tfs};

const LIMIT: Duration = Duration::from_secs(180);

const MIB: u64 = 1 << 20;

/// How long the readers read.
const READ_TIME: Duration = Duration::from_secs(10);

/// Returns how many bytes a mount has received from its server.
fn fetched(dir: &std::path::Path) -> u64 {
    status_json_below(dir)[0]["reads"]["bytes_fetched"].as_u64().unwrap()
}

#[test]
fn two_readers_and_a_preload_stay_below_the_limit_and_none_fails() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let films = ["one.mkv", "two.mkv"];
        let swarm = Swarm::builder()
            .torrent(TorrentSpec::file(films[0], Content::new(1, 64 * MIB)))
            .torrent(TorrentSpec::file(films[1], Content::new(2, 64 * MIB)))
            .torrent(TorrentSpec::file("more.bin", Content::new(3, 48 * MIB)).paused())
            // So slow that the preload has something to wait for.
            .download_bps(12 << 20);
        let rqbits = Rqbits::start(swarm);
        for torrent in &rqbits.swarm.torrents()[..2] {
            rqbits.wait_finished(torrent);
        }
        let rate = 4 * MIB;
        // A read that the limit could hold up for that long would fail.
        let flags = ["--bwlimit", "4MiB", "--read-timeout", "3s"];
        let mounted = Mounted::with(dir, &rqbits.swarm.api_url(), &flags);
        rqbits.unpause(&rqbits.swarm.torrents()[2]);
        run(tfs(dir).arg("refresh").arg(&mounted.path));
        let preload = {
            let (path, dir) = (mounted.path.join("more.bin"), dir.to_owned());
            thread::spawn(move || run(tfs(&dir).arg("preload").arg(path)))
        };
        let readers = films.map(|name| {
            let path = mounted.path.join(name);
            thread::spawn(move || {
                let mut file = File::open(&path).unwrap();
                let (mut block, start, mut read) = (vec![0; 128 * 1024], Instant::now(), 0);
                while start.elapsed() < READ_TIME {
                    read += file.read(&mut block).unwrap() as u64;
                }
                (read, start.elapsed())
            })
        });
        let [one, two] = readers.map(|reader| reader.join().unwrap());
        let received = fetched(dir);
        let seconds = one.1.max(two.1).as_secs_f64();
        println!(
            "{} and {} bytes read, {received} received in {seconds:.2} s: {:.1} % of the limit",
            one.0,
            two.0,
            received as f64 / seconds / rate as f64 * 100.0
        );
        // Slower is a matter of the machine, faster never is.
        let most = rate as f64 * (seconds + 0.5);
        assert!((received as f64) < most, "{received} of {most}");
        // Neither reader is pushed aside by the other.
        assert!(one.0 * 2 > two.0 && two.0 * 2 > one.0, "{one:?} {two:?}");
        preload.join().unwrap();
        mounted.unmount();
    });
}

#[test]
fn no_limit_and_a_high_one_change_nothing() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let content = Content::new(1, 24 * MIB);
        let rqbits = Rqbits::start(Swarm::builder().torrent(TorrentSpec::file("a.mkv", content)));
        rqbits.wait_finished(&rqbits.swarm.torrents()[0]);
        for limit in ["off", "0", "1GiB"] {
            let mounted = Mounted::with(dir, &rqbits.swarm.api_url(), &["--bwlimit", limit]);
            check_file(&mounted.path.join("a.mkv"), content, 1 << 20);
            mounted.unmount();
        }
    });
}
