//! Figures of reads: waits for missing pieces with their peers, failures by reason, requests, and
//! scans.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Swarm, TorrentSpec};
use tfs_testkit::until::until;

use crate::support::{Mounted, Rqbits, run, status_json_below};

const LIMIT: Duration = Duration::from_secs(180);

const PIECE_BYTES: u32 = 4 << 20;

/// A piece takes longer than the first look at the progress of its torrent, a second.
const DOWNLOAD_BPS: u32 = PIECE_BYTES / 6;

/// The files of a scan.
const EPISODES: [&str; 4] = ["1.mkv", "2.mkv", "3.mkv", "4.mkv"];

fn status(dir: &Path) -> Value {
    status_json_below(dir).pop().unwrap()
}

fn count(value: &Value, reason: &str) -> u64 {
    let counts = value.as_array().unwrap();
    let found = counts.iter().find(|it| it["reason"] == reason);
    found.unwrap_or_else(|| panic!("{reason} is not in {value}"))["count"].as_u64().unwrap()
}

fn sum(counts: &Value) -> u64 {
    counts.as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).sum()
}

#[test]
fn a_wait_tells_its_peers_and_is_remembered_with_how_it_ended() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let content = Content::new(1, u64::from(PIECE_BYTES) * 9);
        let mut film = TorrentSpec::file("film.mkv", content);
        film.seed.piece_length = Some(PIECE_BYTES);
        let rqbits = Rqbits::start(Swarm::builder().torrent(film).download_bps(DOWNLOAD_BPS));
        let flags = ["--read-timeout", "8s", "--read-timeout-max", "150s"];
        let mounted = Mounted::with(dir, &rqbits.swarm.api_url(), &flags);
        let path = mounted.path.join("film.mkv");

        let reader = thread::spawn({
            let path = path.clone();
            move || File::open(path).unwrap().read_exact(&mut [0; 4096])
        });
        until("the wait tells its peers", || {
            let peers = status(dir)["readers"][0]["waits"]["peers"].as_u64();
            (peers == Some(1) || reader.is_finished()).then_some(())
        });
        assert!(!reader.is_finished(), "the piece came too soon, so that this shows nothing");
        reader.join().unwrap().unwrap();

        let told = status(dir);
        assert!(sum(&told["figures"]["missing_wait"]["counts"]) >= 1, "{told}");
        assert!(sum(&told["figures"]["read"]["counts"]) >= 1, "{told}");
        let longest = &told["recent"]["longest_waits"][0];
        assert_eq!((&longest["path"], &longest["failure"]), (&"film.mkv".into(), &Value::Null));
        assert!(longest["for_millis"].as_u64().unwrap() > 1000, "{longest}");
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let ended_ago = now.cast_signed() - longest["ended_at"].as_i64().unwrap();
        assert!((0..=LIMIT.as_secs().cast_signed()).contains(&ended_ago), "{longest}");
        let server = &told["servers"][0];
        assert!(server["requests"].as_u64().unwrap() > 3, "{server}");
        assert_eq!(
            (count(&server["errors"], "refused"), told["reads"]["failures"].as_u64()),
            (0, Some(0))
        );

        // A program that is killed while it waits at the end of the file.
        let mut tail = Command::new("tail")
            .args(["-c", "100"])
            .arg(&path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        until("it has waited", || {
            let waits = status(dir)["readers"][0]["waits"]["for_millis"].as_u64();
            waits.is_some_and(|millis| millis > 600).then_some(())
        });
        tail.kill().unwrap();
        tail.wait().unwrap();
        let told = until("it is counted", || {
            let told = status(dir);
            (count(&told["figures"]["failures"], "interrupted") > 0).then_some(told)
        });
        assert_eq!(told["reads"]["failures"], count(&told["figures"]["failures"], "interrupted"));
        let waits = told["recent"]["longest_waits"].as_array().unwrap();
        assert!(waits.iter().any(|wait| wait["failure"] == "interrupted"), "{waits:?}");
        mounted.unmount();
    });
}

#[test]
fn a_program_that_looks_at_several_files_is_a_scan() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let files = (1..).zip(EPISODES).map(|(seed, name)| (name, Content::new(seed, 300_000)));
        let season = TorrentSpec::directory("season", files);
        let rqbits = Rqbits::start(Swarm::builder().torrent(season));
        rqbits.wait_finished(&rqbits.swarm.torrents()[0]);
        let mounted = Mounted::with(dir, &rqbits.swarm.api_url(), &[]);
        let season = mounted.path.join("season");
        // Twice the same file, and a file of tfs.
        for name in ["1.mkv", "1.mkv", "2.mkv"] {
            run(Command::new("sha256sum").arg(season.join(name)));
        }
        for name in EPISODES {
            run(Command::new("cksum").arg(season.join(name)));
        }
        let scans = until("the scan is seen", || {
            let scans = status(dir)["recent"]["scans"].take();
            // The kernel sends the last release later.
            (scans[0]["files_per_minute"].as_u64() >= Some(4)).then_some(scans)
        });
        let scan = &scans[0];
        assert_eq!((&scan["command"], &scan["files_per_minute"]), (&"cksum".into(), &4.into()));
        assert!(scan["pid"].is_u64(), "{scan}");
        assert_eq!(scans.as_array().unwrap().len(), 1, "{scans}");
        mounted.unmount();
    });
}
