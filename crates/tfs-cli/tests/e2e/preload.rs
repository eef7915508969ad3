//! `tfs preload` and the patterns of the configuration, with a server that downloads nothing by
//! itself.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use expect_test::expect;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rqbit_client::ErrorKind;
use serde_json::Value;
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Swarm, SwarmTorrent, TorrentSpec, Tracker};
use tfs_testkit::until::until;

use crate::support::{Mounted, Rqbits, check_range, describe, run, tfs};

const LIMIT: Duration = Duration::from_secs(120);

const MIB: u64 = 1 << 20;

/// Smaller pieces cost more requests, larger ones give less precision.
const PIECE_BYTES: u32 = 256 << 10;

const FILM: Content = Content::new(1, 96 * MIB);

const OTHER: Content = Content::new(2, 8 * MIB);

/// Slow enough that the server's read-ahead is visible, and a test can act during the download.
const DOWNLOAD_BPS: u32 = 8 << 20;

fn films(name: &str) -> TorrentSpec {
    let files = [("film.mkv", FILM), ("other.mkv", OTHER)];
    let mut spec = TorrentSpec::directory(name, files).paused();
    spec.seed.piece_length = Some(PIECE_BYTES);
    spec
}

/// Returns rqbits with a torrent without selected files.
fn nothing_selected(bps: u32) -> Rqbits {
    let builder = Swarm::builder().torrent(films("films")).download_bps(bps);
    // The number of permits on a machine with one core.
    let rqbits = Rqbits::start(builder.blocking_permits(8));
    unselect(&rqbits, &rqbits.swarm.torrents()[0]);
    rqbits
}

/// Announces the seeder to rqbit again after a disconnect.
fn track(rqbits: &Rqbits) -> Tracker {
    rqbits.runtime.block_on(async { rqbits.swarm.track(&rqbits.swarm.torrents()[0]) }).unwrap()
}

fn unselect(rqbits: &Rqbits, torrent: &SwarmTorrent) {
    let client = rqbits.swarm.client();
    let torrent = torrent.info_hash.into();
    rqbits.runtime.block_on(client.update_only_files(torrent, &[])).unwrap();
    rqbits.runtime.block_on(client.start(torrent)).unwrap();
}

/// Returns how many pieces of a range of the film are present, and how many it has.
fn pieces(rqbits: &Rqbits, start: u64, end: u64) -> (usize, usize) {
    let torrent = &rqbits.swarm.torrents()[0];
    let haves = rqbits.swarm.client().torrent_haves(torrent.info_hash.into());
    let haves = match rqbits.runtime.block_on(haves) {
        Ok(haves) => Some(haves),
        Err(error) if matches!(error.kind(), ErrorKind::Initializing) => None,
        Err(error) => panic!("{error}"),
    };
    let piece_bytes = u64::from(PIECE_BYTES);
    let all = start / piece_bytes..end.div_ceil(piece_bytes);
    let has =
        |piece: &u64| haves.as_ref().is_some_and(|haves| haves.has(u32::try_from(*piece).unwrap()));
    (all.clone().filter(has).count(), all.count())
}

/// Runs a command of tfs, and returns its exit code and output.
fn said(dir: &Path, args: &[&str]) -> String {
    let output = tfs(dir).args(args).output().unwrap();
    describe(&output).replace(dir.to_str().unwrap(), "DIR")
}

fn start(dir: &Path, args: &[&str]) -> Child {
    let mut command = tfs(dir);
    command.arg("preload").args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn status(dir: &Path) -> Value {
    let text = run(tfs(dir).args(["status", "--json"]));
    serde_json::from_str::<Value>(&text).unwrap()[0].clone()
}

#[test]
fn the_ends_of_a_file_come_and_not_much_more() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = nothing_selected(DOWNLOAD_BPS);
        let _tracker = track(&rqbits);
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        let film = mounted.path.join("films/film.mkv");
        let film = film.to_str().unwrap();
        let began_at = Instant::now();
        let ends = ["preload", "--head", "8MiB", "--tail", "1MiB", film];
        // rqbit itself may disconnect its only peer for ten seconds. The preload reports that.
        let output = said(dir, &ends).replace("films/film.mkv: no peer sends data\n", "");
        assert_eq!(output, "exit 0\nfilms/film.mkv (9.0 MiB)\nfiles present: 1\n");
        let took = began_at.elapsed();
        assert_eq!(pieces(&rqbits, 0, 8 * MIB), (32, 32));
        assert_eq!(pieces(&rqbits, 95 * MIB, 96 * MIB), (4, 4));
        let more = pieces(&rqbits, 8 * MIB, 95 * MIB).0 as u64 * u64::from(PIECE_BYTES);
        println!("9 MiB in {took:?}, and {} KiB more", more >> 10);
        // The server decides how far it reads ahead of a stream; the stream is not held for longer.
        assert!(more <= 8 * MIB, "{more}");

        // A second run opens no stream, even if the cached bitfield was older.
        run(tfs(dir).args(["cache", "clear", "--metadata"]));
        let opened = status(dir)["reads"]["streams_opened"].as_u64().unwrap();
        assert!(said(dir, &ends).starts_with("exit 0\n"));
        let events = run(tfs(dir).args(ends).arg("--json"));
        let events: Vec<Value> =
            events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            events[0],
            serde_json::json!({"event": "began", "files": 1, "total_bytes": 9 * MIB})
        );
        let ended = serde_json::json!({"event": "ended", "done": 1, "failed": 0});
        assert_eq!(events.last(), Some(&ended));
        assert_eq!(status(dir)["reads"]["streams_opened"], opened);
        mounted.unmount();
    });
}

#[test]
fn a_reader_comes_first_and_a_stopped_preload_goes_on() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        // On a busy machine the preload must not end before it is stopped.
        let rqbits = nothing_selected(DOWNLOAD_BPS / 2);
        let _tracker = track(&rqbits);
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        let path = mounted.path.join("films");
        let preload = start(dir, &["--head", "40MiB", path.to_str().unwrap()]);
        until("it has begun", || (pieces(&rqbits, 0, 4 * MIB).0 > 4).then_some(()));
        let seen = status(dir);
        assert_eq!(
            (&seen["preloads"]["running"], &seen["preloads"]["waiting"]),
            (&2.into(), &0.into())
        );
        assert_eq!(seen["preloads"]["total_bytes"], 48 * MIB);
        let film = &seen["preloading"][0];
        assert_eq!(
            (&film["path"], &film["total_bytes"]),
            (&"films/film.mkv".into(), &(40 * MIB).into())
        );
        let text = said(dir, &["status"]);
        assert!(text.contains("\npreload  2 files in progress, 0 queued; "), "{text}");

        // At another place without data: a read takes as long as one piece, and does not wait for
        // the read-ahead.
        let film = File::open(path.join("film.mkv")).unwrap();
        let mut times = [60 * MIB, 70 * MIB, 80 * MIB].map(|offset| {
            let began_at = Instant::now();
            check_range(&path, &film, FILM, offset, 100_000);
            let reads = &status(dir)["reads"];
            assert!(reads["streams_open"].as_u64() <= reads["streams_max"].as_u64(), "{reads}");
            began_at.elapsed()
        });
        println!("reads of what is missing took {times:?} beside a preload");
        // Not the maximum: rqbit itself may disconnect its peers between two reads, and finds them
        // again after ten seconds.
        times.sort();
        assert!(times[1] < Duration::from_secs(5), "{times:?}");
        drop(film);

        // Ctrl-C: exit code, a message, and no effect on the server.
        until("it goes on", || (pieces(&rqbits, 0, 20 * MIB).0 > 40).then_some(()));
        kill(Pid::from_raw(preload.id().cast_signed()), Signal::SIGINT).unwrap();
        let stopped = describe(&preload.wait_with_output().unwrap());
        assert!(stopped.starts_with("exit 130\n"), "{stopped}");
        assert!(
            stopped.ends_with(
                "stopped; downloaded data is kept; the same command resumes the preload\n"
            )
        );
        until("its stream is closed", || (status(dir)["reads"]["streams_open"] == 0).then_some(()));
        let there = pieces(&rqbits, 0, 40 * MIB).0;
        // The cached bitfield may be a second old.
        run(tfs(dir).args(["cache", "clear", "--metadata"]));
        let events = run(tfs(dir).args(["preload", "--json", "--head", "40MiB"]).arg(&path));
        let first = events.lines().find(|line| {
            line.contains("\"progress\"") && line.contains("film.mkv") && !line.contains("es\":0,")
        });
        let first: Value = serde_json::from_str(first.unwrap()).unwrap();
        let resumed = first["there_bytes"].as_u64().unwrap();
        assert!(resumed >= (there as u64 - 1) * u64::from(PIECE_BYTES), "{first} of {there}");
        assert_eq!(pieces(&rqbits, 0, 40 * MIB), (160, 160));
        mounted.unmount();
    });
}

// Regression: `tfs preload --json P | head -1` continued until everything was present.
#[test]
fn a_preload_ends_with_the_reader_of_its_output() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        // The whole preload would take ten minutes.
        let rqbits = nothing_selected(128 << 10);
        let _tracker = track(&rqbits);
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        let film = mounted.path.join("films/film.mkv");
        let film = film.to_str().unwrap();
        for args in [&["--json", film][..], &[film]] {
            let mut preload = start(dir, args);
            until("it has begun", || (status(dir)["preloads"]["running"] == 1).then_some(()));
            let mut output = preload.stdout.take().unwrap();
            if args.len() > 1 {
                let mut first = [0; 16];
                std::io::Read::read_exact(&mut output, &mut first).unwrap();
                assert_eq!(&first, br#"{"event":"began""#);
            }
            drop(output);
            let stopped = describe(&preload.wait_with_output().unwrap());
            let want = "exit 130\nstopped: the output was closed; downloaded data is kept; the \
                        same command resumes the preload\n";
            assert_eq!(stopped, want, "{args:?}");
            until("its stream is closed", || {
                (status(dir)["reads"]["streams_open"] == 0).then_some(())
            });
        }
        mounted.unmount();
    });
}

// Regression: it showed "0s left" for a minute.
#[test]
fn a_preload_without_peers_says_so() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = nothing_selected(DOWNLOAD_BPS);
        let torrent = rqbits.swarm.torrents()[0].info_hash.into();
        rqbits.runtime.block_on(rqbits.swarm.seeder_client().pause(torrent)).unwrap();
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        let film = mounted.path.join("films/film.mkv");
        let mut preload = start(dir, &["--head", "4MiB", film.to_str().unwrap()]);
        until("status says why", || {
            (status(dir)["preloading"][0]["waits_for"] == "peers").then_some(())
        });
        let text = said(dir, &["status"]);
        assert!(text.contains("films/film.mkv (no peer sends data)"), "{text}");
        let mut stderr = preload.stderr.take().unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(&mut stderr), &mut line).unwrap();
        assert_eq!(line, "films/film.mkv: no peer sends data\n");
        kill(Pid::from_raw(preload.id().cast_signed()), Signal::SIGINT).unwrap();
        preload.wait().unwrap();
        mounted.unmount();
    });
}

/// Returns a torrent with a small selected file. An added torrent keeps the selection across a
/// restart.
fn little_selected() -> TorrentSpec {
    let files = [("film.mkv", FILM), ("other.mkv", OTHER), ("small.txt", Content::new(3, 9))];
    let mut spec = TorrentSpec::directory("films", files);
    spec.download.only_files = Some(vec!["small.txt".to_owned()]);
    spec.seed.piece_length = Some(PIECE_BYTES);
    spec
}

#[test]
fn a_server_that_restarts_costs_a_preload_time_and_nothing_else() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let builder = Swarm::builder().torrent(little_selected()).download_bps(DOWNLOAD_BPS);
        let mut rqbits = Rqbits::start(builder);
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        let film = mounted.path.join("films/film.mkv");
        let preload = start(dir, &["--head", "24MiB", film.to_str().unwrap()]);
        until("it has begun", || (pieces(&rqbits, 0, 8 * MIB).0 > 8).then_some(()));
        rqbits.kill_downloader();
        rqbits.start_downloader();
        let done = describe(&preload.wait_with_output().unwrap());
        assert_eq!(done, "exit 0\nfilms/film.mkv (24.0 MiB)\nfiles present: 1\n");
        assert_eq!(pieces(&rqbits, 0, 24 * MIB), (96, 96));
        mounted.unmount();
    });
}

#[test]
fn what_a_pattern_wants_comes_when_the_torrent_appears() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let mut rqbits = Rqbits::start(Swarm::builder());
        fs::create_dir_all(dir.join("config/tfs")).unwrap();
        let config = "[preload]\npatterns = [\"film*\"]\nhead = \"2MiB\"\ntail = \"1MiB\"\n";
        fs::write(dir.join("config/tfs/config.toml"), config).unwrap();
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        let Rqbits { runtime, swarm } = &mut rqbits;
        runtime.block_on(swarm.add(little_selected())).unwrap();
        let _tracker = track(&rqbits);
        until("the head is there", || (pieces(&rqbits, 0, 2 * MIB) == (8, 8)).then_some(()));
        until("the tail is there", || {
            (pieces(&rqbits, 95 * MIB, 96 * MIB) == (4, 4)).then_some(())
        });
        until("no files are preloaded any more", || {
            (status(dir)["reads"]["streams_open"] == 0).then_some(())
        });
        // The other file matches no pattern. Pieces beside the tail may have been in flight.
        let other = FILM.len() + 5 * MIB;
        assert_eq!(pieces(&rqbits, other, other + 2 * MIB).0, 0);
        mounted.unmount();
    });
}

#[test]
fn paths_that_lead_nowhere_and_torrents_that_do_not_run_are_told() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = Rqbits::start(Swarm::builder().torrent(films("films")));
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        let at = |path: &str| mounted.path.join(path).to_str().unwrap().to_owned();
        expect![[r#"
            exit 46
            error: cannot find /proc/self in a mount of tfs
            hint: list mounts with: tfs status
        "#]]
        .assert_eq(&said(dir, &["preload", "/proc/self"]));
        expect![[r#"
            exit 47
            error: failed to find films/nothing in the mount: no such file or directory
        "#]]
        .assert_eq(&said(dir, &["preload", &at("films/nothing")]));
        // A directory of the path is missing.
        let lost = said(dir, &["preload", dir.join("nowhere/film.mkv").to_str().unwrap()]);
        assert!(lost.starts_with("exit 47\nerror: cannot find DIR/nowhere/"), "{lost}");
        expect![[r#"
            exit 56
            error: films/other.mkv: failed to get missing data: the torrent is paused
            files that were not preloaded: 1
        "#]]
        .assert_eq(&said(dir, &["preload", &at("films/other.mkv")]));
        let wrong = said(dir, &["preload", "--head", "much", &at("films")]);
        assert!(wrong.starts_with("exit 2\n") && wrong.contains("such as 64MiB or 1GB"), "{wrong}");

        // A hanging process does not delay other mounts.
        let pid = mounted.pid().unwrap();
        kill(pid, Signal::SIGSTOP).unwrap();
        let stopped = said(dir, &["preload", &at("films/film.mkv")]);
        assert!(stopped.starts_with("exit 43\n"), "{stopped}");
        kill(pid, Signal::SIGCONT).unwrap();
        mounted.unmount();
    });
}

#[test]
fn a_terminal_shows_bars() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = nothing_selected(DOWNLOAD_BPS);
        let _tracker = track(&rqbits);
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        let film = mounted.path.join("films/film.mkv");
        let preload = format!(
            "stty cols 80; {} preload --head 24MiB {}",
            env!("CARGO_BIN_EXE_tfs"),
            film.display()
        );
        let output = Command::new("script")
            .args(["--quiet", "--return", "--command", &preload, "/dev/null"])
            .env("XDG_RUNTIME_DIR", dir.join("run"))
            .env("TERM", "xterm")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", describe(&output));
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("of 24.00 MiB") && text.contains("left, 1 file left"), "{text}");
        assert!(text.contains("films/film.mkv (24.0 MiB)"), "{text}");
        mounted.unmount();
    });
}
