//! `ffprobe` of MP4s with the index at the end, as most encoders leave it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tfs_testkit::swarm::Swarm;
use tfs_testkit::until::until;

use super::{Cost, measure, report_costs};
use crate::figures::{FigureReport, Want, count, megabytes};
use crate::mount::{ReadPath, TfsMount};
use crate::rqbits::{DOWNLOAD_BPS, MIB, Rqbits};
use crate::seeders::Seeders;
use crate::timing::within;

/// Noise of high bit rate: some 20 MB in two minutes of film.
const FFMPEG: &str = "-v error -f lavfi -i testsrc2=size=640x360:rate=25:duration=120 \
    -vf noise=alls=30 -c:v mpeg4 -b:v 1500k -movflags -faststart";

/// The piece length; a film of 20 MB has twenty pieces.
const PIECE_BYTES: u32 = 1024 * 1024;

/// How many films are probed by each access path.
const FILMS: usize = 10;

/// How long ffprobe may take.
const PROBE_MAX: Duration = Duration::from_secs(120);

/// The torrent of the films.
const NAME: &str = "films";

/// ffprobe's statistics of a read file.
#[derive(Debug)]
struct Statistics {
    read_bytes: u64,
    seeks: u64,
}

/// The probe of one film that was not read before.
#[derive(Debug)]
struct FilmProbe {
    way: ReadPath,
    cost: Cost,
    statistics: Option<Statistics>,
}

/// Measures the bytes fetched by probes, if ffmpeg and ffprobe are installed.
pub(super) fn run(report: &mut FigureReport, dir: &Path) {
    let seeds = dir.join(NAME);
    fs::create_dir(&seeds).unwrap();
    let Some(len) = make_films(&seeds) else {
        report.step("no ffprobe: there is no ffmpeg with ffprobe on this machine");
        return;
    };
    report.step("ffprobe of 10 MP4s with their index at the end, and of 10 without a mount");
    let rqbits = Rqbits::start(Swarm::builder().download_bps(1));
    let seeders = Seeders::start(&rqbits, &seeds, 1, PIECE_BYTES);
    seeders.add_to(&rqbits, DOWNLOAD_BPS);
    let mount = TfsMount::new(dir, &rqbits.swarm.api_url(), &[]);
    let torrent = seeders.torrent();
    let films = mount.path.join(NAME);
    until("the films are there", || films.exists().then_some(()));

    report.figure("ffprobe: length of a film", megabytes(len), "MB", Want::Nothing);
    let ways = [ReadPath::Mount, ReadPath::Direct].into_iter().cycle();
    let probes = (0..2 * FILMS).zip(ways).map(|(film, way)| {
        let target = match way {
            ReadPath::Mount => films.join(film_name(film)).into_os_string(),
            ReadPath::Direct => {
                let api = rqbits.swarm.api_url();
                OsString::from(format!("{api}/torrents/{torrent}/stream/{film}"))
            }
        };
        let mut probed = None;
        let look = || probed = within(PROBE_MAX, move || probe(&target));
        let cost = measure(&rqbits, torrent, &mount.path, look);
        FilmProbe { way, cost, statistics: probed.and_then(|(_, statistics)| statistics) }
    });
    let probes: Vec<_> = probes.collect();
    drop(mount);
    drop(seeders);
    for (way, name) in [(ReadPath::Mount, "ffprobe"), (ReadPath::Direct, "ffprobe, no mount")] {
        let probes: Vec<_> = probes.iter().filter(|probe| probe.way == way).collect();
        let costs: Vec<_> = probes.iter().map(|probe| &probe.cost).collect();
        report_costs(report, name, PIECE_BYTES, &costs);
        report_probes(report, name, way, &probes);
    }
}

/// Reports how many probes succeeded, and how many of them fetched only the pieces that they read.
fn report_probes(report: &mut FigureReport, name: &str, way: ReadPath, probes: &[&FilmProbe]) {
    let (piece, mut ended, mut within_count, mut read_bytes) = (u64::from(PIECE_BYTES), 0, 0, 0);
    for FilmProbe { cost, statistics, .. } in probes {
        let Some(Statistics { read_bytes: read, seeks }) = statistics else { continue };
        // Each run of reads begins and ends inside a piece, and may cost one more.
        let pieces_max = read.div_ceil(piece) + 2 * (seeks + 1);
        ended += 1;
        read_bytes += read;
        if cost.fetched_bytes <= pieces_max * piece {
            within_count += 1;
        } else {
            println!("scan: {name}: {pieces_max} pieces allowed, came {:?}", cost.pieces);
        }
    }
    let reads = megabytes(read_bytes) / count(probes.len());
    report.figure(&format!("{name}: reads of each film"), reads, "MB", Want::Nothing);
    let figure = format!("{name}: films within one piece more for each end of a run");
    match way {
        ReadPath::Mount => {
            report.all(&format!("{name}: ends well"), ended, probes.len());
            report.all(&figure, within_count, probes.len());
        }
        ReadPath::Direct => {
            let unit = format!("of {}", probes.len());
            report.figure(&figure, count(within_count), &unit, Want::Nothing);
        }
    }
}

/// Creates films that differ only in their names. Returns their length, or `None` without ffmpeg,
/// or if ffprobe finds no film in them.
fn make_films(dir: &Path) -> Option<u64> {
    let first = dir.join(film_name(0));
    let made = Command::new("ffmpeg").args(FFMPEG.split_whitespace()).arg(&first).status();
    if !made.is_ok_and(|status| status.success()) {
        return None;
    }
    probe(first.as_os_str())?;
    for film in 1..2 * FILMS {
        fs::copy(&first, dir.join(film_name(film))).unwrap();
    }
    let len = fs::metadata(&first).unwrap().len();
    assert!(len > 16 * MIB, "a film has only {len} bytes");
    Some(len)
}

fn film_name(film: usize) -> String {
    format!("{film:02}.mp4")
}

/// Runs ffprobe, which prints how much it read when it closes a file. Returns `None` if it is not
/// installed or found no film.
fn probe(target: &OsStr) -> Option<Statistics> {
    let mut command = Command::new("ffprobe");
    let command = command.args(["-v", "debug", "-show_streams"]).arg(target).stdin(Stdio::null());
    let output = command.output().ok()?;
    if !String::from_utf8_lossy(&output.stdout).contains("width=640") {
        return None;
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let (_, numbers) = said.rsplit_once("Statistics: ")?;
    let (read_bytes, rest) = numbers.split_once(" bytes read, ")?;
    let (seeks, _) = rest.split_once(" seeks")?;
    Some(Statistics { read_bytes: read_bytes.parse().ok()?, seeks: seeks.parse().ok()? })
}
