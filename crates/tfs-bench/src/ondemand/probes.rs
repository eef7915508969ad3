//! What scanners and players cost: a torrent for each program and container, never read before.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rqbit_client::InfoHash;
use tfs_testkit::until::until;
use tokio::runtime::Runtime;

use super::cost::{ProgramCost, measure};
use super::library::SeedLibrary;
use super::minidlna::Minidlna;
use super::server::{MountedServer, runtime};
use super::tools::{MediaTool, TOOLS};
use super::traced::{TracedReads, traced};
use crate::compare::find;
use crate::figures::{FigureReport, Want, count, megabytes};
use crate::mount::wait_for;

const PIECE_BYTES: u32 = 2 * 1024 * 1024;

const SEEDERS: usize = 2;

/// What rqbit requests from one peer at a time, which comes after a stream is closed.
const UNDER_WAY_BYTES: u64 = 2 * 1024 * 1024;

/// The speed of each seeder: both together are a line of 10 MiB/s.
const SEEDER_BPS: u64 = 5 * 1024 * 1024;

/// How long one program may take.
const PROGRAM_MAX: Duration = Duration::from_secs(180);

/// How often the pieces that a program touches may come at most, apart from those in flight when
/// a program leaves a place.
const RATIO_MAX: f64 = 2.0;

/// The length of a film.
const SECONDS: u32 = 120;

/// Noise of a high bit rate: some 80 MB.
const FFMPEG: &str = "-v error -f lavfi -i testsrc2=size=854x480:rate=24 \
    -f lavfi -i sine=frequency=440 -vf noise=alls=40:allf=t -c:v mpeg4 -b:v 5500k -g 48 -c:a mp2";

/// The containers: the name, and the options of ffmpeg.
const FILMS: [(&str, &str); 5] = [
    ("first.mp4", "-movflags +faststart"),
    ("last.mp4", "-movflags -faststart"),
    ("film.mkv", ""),
    ("film.avi", ""),
    ("film.ts", ""),
];

/// The torrent with a film of each container, for a media server.
const FOLDER: &str = "folder";

/// A program with a film of its own.
struct ProbedFilm {
    tool: MediaTool,
    container: &'static str,
    name: String,
    torrent: InfoHash,
}

/// The figures of a program, summed up over its films.
#[derive(Default)]
struct Sums {
    asked: u64,
    touched: u64,
    fetched: u64,
    came: usize,
    streams: u64,
}

pub(crate) fn run(report: &mut FigureReport, dir: &Path) {
    if [MediaTool::Ffprobe.program(), "ffmpeg", "strace"].iter().any(|it| find(it).is_none()) {
        report.step("nothing: ffmpeg, ffprobe and strace must be installed");
        return;
    }
    report.step("films of five containers");
    let films = make(&dir.join("films"));
    let len = |film: &PathBuf| fs::metadata(film).unwrap().len();
    let lens: u64 = films.iter().map(len).sum();
    report.figure("length of a film", megabytes(lens) / count(films.len()), "MB", Want::Nothing);
    let runtime = runtime();
    let mut library = runtime.block_on(SeedLibrary::far(dir, SEEDERS, SEEDER_BPS));
    let mut probes = Vec::new();
    for tool in TOOLS.into_iter().filter(|tool| find(tool.program()).is_some()) {
        for ((container, _), film) in FILMS.iter().zip(&films) {
            let name = format!("{}-{container}", tool.name());
            let path = dir.join(&name);
            fs::hard_link(film, &path).unwrap();
            let torrent = runtime.block_on(library.seed(&path, PIECE_BYTES));
            probes.push(ProbedFilm { tool, container, name, torrent });
        }
    }
    let folder = dir.join(FOLDER);
    fs::create_dir(&folder).unwrap();
    for ((container, _), film) in FILMS.iter().zip(&films) {
        fs::hard_link(film, folder.join(container)).unwrap();
    }
    let folder = runtime.block_on(library.seed(&folder, PIECE_BYTES));
    let server = MountedServer::start(&runtime, dir);
    runtime.block_on(library.add_to(&server.client, 0));
    println!("probes: asked MB / touched pieces / come pieces / MB fetched / streams / seconds");
    for tool in TOOLS {
        let of_tool = probes.iter().filter(|probe| probe.tool == tool);
        let mut sums = Sums::default();
        for probe in of_tool {
            report_probe(report, &runtime, dir, &server, probe, &mut sums);
        }
        let all = format!("{}, all containers", tool.name());
        report.figure(&format!("{all}: asked"), megabytes(sums.asked), "MB", Want::Nothing);
        let touched = megabytes(sums.touched);
        report.figure(&format!("{all}: pieces touched"), touched, "MB", Want::Nothing);
        let fetched = megabytes(sums.fetched);
        report.figure(&format!("{all}: fetched"), fetched, "MB", Want::Nothing);
        println!("probes: | {} | {} pieces came | {} streams", all, sums.came, sums.streams);
    }
    if find(Minidlna::PROGRAM).is_some() {
        media_server(report, &runtime, dir, &server, folder);
    }
}

/// Lets a media server read a folder.
fn media_server(
    report: &mut FigureReport,
    runtime: &Runtime,
    dir: &Path,
    server: &MountedServer,
    torrent: InfoHash,
) {
    let folder = server.mount.path.join(FOLDER);
    until("the folder is there", || folder.exists().then_some(()));
    let trace = dir.join("trace");
    let media_server = Minidlna::new(dir, &folder);
    let mut is_ended = false;
    let cost = measure(runtime, server, torrent, || {
        is_ended = media_server.scan(&trace, PROGRAM_MAX);
    });
    let paths = FILMS.iter().map(|(container, _)| folder.join(container));
    let reads: Vec<_> = paths.map(|path| TracedReads::parse(&trace, &path)).collect();
    let (mut start, mut touched) = (0, BTreeSet::new());
    // The files of the torrent are in the order of their names.
    let mut order: Vec<_> = FILMS.iter().map(|(container, _)| *container).zip(&reads).collect();
    order.sort_by_key(|(container, _)| *container);
    for (container, reads) in order {
        touched.extend(reads.pieces_from(start, PIECE_BYTES));
        start += fs::metadata(folder.join(container)).unwrap().len();
    }
    let asked = reads.iter().map(TracedReads::bytes).sum();
    println!(
        "probes: minidlna: {} pieces, {} streams, ended: {is_ended}",
        cost.pieces.len(),
        cost.streams
    );
    report.figure("minidlna, a folder: asked", megabytes(asked), "MB", Want::Nothing);
    let closes = run_count(&touched);
    let touched = u64::try_from(touched.len()).unwrap() * u64::from(PIECE_BYTES);
    report.figure("minidlna, a folder: pieces touched", megabytes(touched), "MB", Want::Nothing);
    let fetched = cost.fetched_bytes;
    report.figure("minidlna, a folder: fetched", megabytes(fetched), "MB", Want::Nothing);
    let ratio = ratio(fetched, touched, closes);
    report.figure(
        "minidlna, a folder: fetched to touched",
        ratio,
        "times",
        Want::AtMost(RATIO_MAX),
    );
    report.time("minidlna, a folder: takes", cost.took, Want::Nothing);
}

/// Returns how many runs of consecutive pieces there are. A stream is closed at the end of each.
fn run_count(pieces: &BTreeSet<u32>) -> u64 {
    let begins = |piece: &&u32| piece.checked_sub(1).is_none_or(|before| !pieces.contains(&before));
    u64::try_from(pieces.iter().filter(begins).count()).unwrap()
}

/// Returns how often the touched pieces came, apart from what was in flight at some closes.
fn ratio(fetched: u64, touched: u64, closes: u64) -> f64 {
    let in_flight = closes * UNDER_WAY_BYTES * u64::try_from(SEEDERS).unwrap();
    megabytes(fetched.saturating_sub(in_flight)) / megabytes(touched.max(u64::from(PIECE_BYTES)))
}

/// Runs a program, and reports its ratio.
fn report_probe(
    report: &mut FigureReport,
    runtime: &Runtime,
    dir: &Path,
    server: &MountedServer,
    probe: &ProbedFilm,
    sums: &mut Sums,
) {
    let path = server.mount.path.join(&probe.name);
    until("the film is there", || path.exists().then_some(()));
    let trace = dir.join("trace");
    let command = probe.tool.command(&path, SECONDS, &dir.join("seeks.lua"));
    let command: Vec<_> = command.iter().map(String::as_str).collect();
    let mut is_ended = false;
    let cost = measure(runtime, server, probe.torrent, || {
        let mut program = traced(&trace, &command);
        program.stdin(Stdio::null()).stdout(Stdio::null());
        is_ended = wait_for(&mut program.spawn().unwrap(), PROGRAM_MAX).is_some();
    });
    let reads = TracedReads::parse(&trace, &path);
    let touched = reads.pieces(PIECE_BYTES);
    let touched_bytes = u64::try_from(touched.len()).unwrap() * u64::from(PIECE_BYTES);
    let ProgramCost { took, fetched_bytes, pieces, streams } = cost;
    println!(
        "probes: | {} | {} | {:.1} | {} | {} | {:.1} | {streams} | {:.1} | {}",
        probe.tool.name(),
        probe.container,
        megabytes(reads.bytes()),
        touched.len(),
        pieces.len(),
        megabytes(fetched_bytes),
        took.as_secs_f64(),
        if is_ended { "ended" } else { "KILLED" },
    );
    sums.asked += reads.bytes();
    sums.touched += touched_bytes;
    sums.fetched += fetched_bytes;
    sums.came += pieces.len();
    sums.streams += streams;
    let ratio = ratio(fetched_bytes, touched_bytes, run_count(&touched));
    let figure = format!("{}, {}: fetched to touched", probe.tool.name(), probe.container);
    report.figure(&figure, ratio, "times", Want::AtMost(RATIO_MAX));
}

/// Makes the films, and returns their paths.
fn make(dir: &Path) -> Vec<PathBuf> {
    fs::create_dir(dir).unwrap();
    let first = dir.join("source.mkv");
    let mut encode = Command::new("ffmpeg");
    encode.args(FFMPEG.split_whitespace()).args(["-t", &SECONDS.to_string()]).arg(&first);
    assert!(encode.status().unwrap().success());
    let films = FILMS.map(|(name, options)| {
        let film = dir.join(name);
        let mut copy = Command::new("ffmpeg");
        copy.args(["-v", "error", "-i"]).arg(&first).args(["-c", "copy"]);
        assert!(copy.args(options.split_whitespace()).arg(&film).status().unwrap().success());
        film
    });
    films.into()
}
