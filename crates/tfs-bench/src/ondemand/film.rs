//! A film of a torrent with other files, watched from its start to its end while it downloads.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;
use std::time::{Duration, Instant};

use rqbit_client::InfoHash;
use tfs_testkit::content::Content;
use tfs_testkit::until::until;
use tokio::runtime::Runtime;

use super::cost::settle;
use super::library::SeedLibrary;
use super::server::{MountedServer, runtime};
use crate::figures::{FigureReport, Want, count};
use crate::timing::pause;

const MIB: u64 = 1 << 20;

const PIECE_BYTES: u32 = 2 * 1024 * 1024;

const SEEDERS: usize = 2;

/// The speed of each seeder: both together are a line of 10 MiB/s.
const SEEDER_BPS: u64 = 5 * 1024 * 1024;

/// The files in the order of the torrent. Their lengths are no multiple of a piece.
const FILES: [(&str, u64); 4] = [
    ("a-before.bin", 40 * MIB + 123_456),
    (FILM, 400 * MIB + 345_678),
    ("c-behind.bin", 40 * MIB + 77_777),
    ("d-last.bin", 10 * MIB + 99),
];

const FILM: &str = "b-film.mkv";

/// A reader that is slower than the line, in bytes a second.
const PLAYER_BPS: f64 = 5e6;

/// The bytes of one read.
const BLOCK_BYTES: usize = 256 * 1024;

/// The longest wait after the first, in seconds.
const WAIT_MAX: f64 = 1.0;

/// How long a film may take.
const FILM_MAX: Duration = Duration::from_secs(300);

/// One reading of the film.
#[derive(Debug)]
struct Watched {
    first: Duration,
    longest: Duration,
    late: usize,
    took: Duration,
}

pub(crate) fn run(report: &mut FigureReport, dir: &Path) {
    let runtime = runtime();
    let mut library = runtime.block_on(SeedLibrary::far(dir, SEEDERS, SEEDER_BPS));
    let mut trials = Vec::new();
    for mode in ["pieces", "file"] {
        for (reader, bps) in [("at line speed", None), ("at 5 MB/s", Some(PLAYER_BPS))] {
            let folder = dir.join(format!("{mode} {reader}").replace(['/', ' '], "-"));
            fs::create_dir(&folder).unwrap();
            let number = u64::try_from(trials.len()).unwrap();
            for (idx, (name, len)) in (0..).zip(FILES) {
                Content::new(number * 10 + idx, len).write_to(&folder.join(name)).unwrap();
            }
            let torrent = runtime.block_on(library.seed(&folder, PIECE_BYTES));
            trials.push((mode, reader, bps, folder, torrent));
        }
    }
    let server = MountedServer::start(&runtime, dir);
    runtime.block_on(library.add_to(&server.client, 0));
    for (mode, reader, bps, folder, torrent) in trials {
        let name = format!("film {reader}, mode {mode}");
        report.step(&name);
        let film = server.mount.path.join(folder.file_name().unwrap()).join(FILM);
        until("the film is there", || film.exists().then_some(()));
        if mode == "file" && !select_mode(&server, torrent) {
            report.step("this tfs has no mode file");
            continue;
        }
        let watched = watch(&film, &folder.join(FILM), bps).unwrap();
        report.time(&format!("{name}: first wait"), watched.first, Want::Nothing);
        let figure = format!("{name}: longest wait after the first");
        report.time(&figure, watched.longest, Want::AtMost(WAIT_MAX));
        let late = format!("{name}: waits over a second after the first");
        report.figure(&late, count(watched.late), "", Want::AtMost(0.0));
        report.time(&format!("{name}: all of it"), watched.took, Want::Nothing);
        settle(&runtime, &server);
        let others = others(&runtime, &server, torrent);
        let figure = format!("{name}: pieces of other files");
        report.figure(&figure, count(others), "", Want::AtMost(0.0));
    }
}

/// Makes a torrent one of mode `file`; false if this tfs has no such command.
fn select_mode(server: &MountedServer, torrent: InfoHash) -> bool {
    let mut command = server.mount.command();
    let torrent = torrent.to_string();
    command.args(["on-demand", &torrent, "on", "--mode", "file"]);
    let url = server.client.base_url().to_string();
    let output = command.env("TFS_SERVER", url).output().unwrap();
    if !output.status.success() {
        println!("film: {}", String::from_utf8_lossy(&output.stderr));
    }
    output.status.success()
}

/// Reads a film in order, at most at a speed, and compares it with the original.
fn watch(film: &Path, original: &Path, bps: Option<f64>) -> io::Result<Watched> {
    let (mut film, mut original) = (File::open(film)?, File::open(original)?);
    let (mut block, mut wanted) = (vec![0; BLOCK_BYTES], vec![0; BLOCK_BYTES]);
    let start = Instant::now();
    let mut watched =
        Watched { first: Duration::ZERO, longest: Duration::ZERO, late: 0, took: Duration::ZERO };
    let mut offset = 0_u64;
    loop {
        let begun = Instant::now();
        let len = film.read(&mut block)?;
        let took = begun.elapsed();
        if len == 0 || start.elapsed() > FILM_MAX {
            break;
        }
        if offset == 0 {
            watched.first = took;
        } else {
            watched.longest = watched.longest.max(took);
            watched.late += usize::from(took.as_secs_f64() > WAIT_MAX);
            if took.as_secs_f64() > WAIT_MAX {
                println!("film: at {offset} after {took:?}");
            }
        }
        original.read_exact(&mut wanted[..len])?;
        assert!(block[..len] == wanted[..len], "wrong bytes at {offset}");
        offset += u64::try_from(len).unwrap();
        if let Some(bps) = bps {
            let due = Duration::from_secs_f64(seconds(offset, bps));
            if let Some(early) = due.checked_sub(start.elapsed()).filter(|it| !it.is_zero()) {
                pause(early);
            }
        }
    }
    watched.took = start.elapsed();
    Ok(watched)
}

/// Returns how long a reader of this speed takes for some bytes.
fn seconds(bytes: u64, bps: f64) -> f64 {
    crate::figures::megabytes(bytes) * 1e6 / bps
}

/// Returns how many pieces came that have no byte of the film.
fn others(runtime: &Runtime, server: &MountedServer, torrent: InfoHash) -> usize {
    let have = server.pieces(runtime, torrent);
    let piece = u64::from(PIECE_BYTES);
    let (start, end) = (FILES[0].1, FILES[0].1 + FILES[1].1);
    let is_film = |idx: u32| u64::from(idx + 1) * piece > start && u64::from(idx) * piece < end;
    (0..have.piece_count()).filter(|idx| have.has(*idx) && !is_film(*idx)).count()
}
