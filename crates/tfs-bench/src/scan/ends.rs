//! The head and the tail of each file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rqbit_client::RequestedRange;
use tfs_testkit::content::Content;
use tfs_testkit::swarm::{Swarm, SwarmTorrent, TorrentSpec};
use tokio::time::timeout;

use super::{Cost, measure, report_costs};
use crate::figures::{FigureReport, Want, count, megabytes};
use crate::mount::{ReadPath, TfsMount};
use crate::rqbits::{DOWNLOAD_BPS, MIB, Rqbits, request};

/// How many files are scanned by each access path, for each piece length.
const FILES: usize = 50;

/// Large enough that reading a whole file is visible in the figures.
const FILE_BYTES: u64 = 12 * MIB + 54_321;

/// How much rqbit requests from one peer at a time (`librqbit`, 128 chunks of 16 KiB). When a
/// stream is closed, up to this much is in flight, from any part of the torrent.
const UNDER_WAY_BYTES: u64 = 2 * MIB;

/// The piece length of a torrent of many GB, as for most films.
const PIECE_BYTES: u32 = 2 * 1024 * 1024;

/// The piece length of a torrent of a few GB: less than the bytes in flight.
const SMALL_PIECE_BYTES: u32 = PIECE_BYTES / 2;

const HEAD_BYTES: u64 = MIB;

const TAIL_BYTES: u64 = 256 * 1024;

/// The block size of the scanner.
const BLOCK_BYTES: usize = 64 * 1024;

/// The time limit for the scan of all files; the rest of them is skipped.
const SCAN_MAX: Duration = Duration::from_secs(600);

/// How long a request may be without a byte before it is repeated. rqbit may drop a peer at the
/// moment when a new request needs it, and never reconnect.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// Failures of a scan.
#[derive(Debug, Default)]
struct ScanFailures {
    /// Heads and tails that were not read.
    failures: usize,
    /// Requests that were repeated.
    silences: usize,
}

pub(super) fn run(report: &mut FigureReport, dir: &Path) {
    report.step("head and tail of 50 files through the mount, and of 50 asked of rqbit itself");
    look(report, dir, "2 MiB pieces", PIECE_BYTES);
    report.step("the same with pieces of 1 MiB");
    look(report, dir, "1 MiB pieces", SMALL_PIECE_BYTES);
}

/// Reads the heads and tails of files by both access paths, in turns.
fn look(report: &mut FigureReport, dir: &Path, what: &str, piece_bytes: u32) {
    let rqbits = nothing_selected(piece_bytes, 2 * FILES);
    let torrent = rqbits.swarm.torrents()[0].clone();
    let mount = TfsMount::new(dir, &rqbits.swarm.api_url(), &[]);
    let tracker = rqbits.runtime.block_on(async { rqbits.swarm.track(&torrent) }).unwrap();
    let (mut trouble, mut costs, start) = (ScanFailures::default(), Vec::new(), Instant::now());
    for (file, way) in (0..2 * FILES).zip([ReadPath::Mount, ReadPath::Direct].into_iter().cycle()) {
        if start.elapsed() > SCAN_MAX {
            break;
        }
        let look = || match way {
            ReadPath::Mount => read_ends(&mount.path, &torrent, file, &mut trouble),
            ReadPath::Direct => {
                let asked = ask_ends(&rqbits, &torrent, file, &mut trouble);
                rqbits.runtime.block_on(asked);
            }
        };
        costs.push((way, file, measure(&rqbits, torrent.info_hash, &mount.path, look)));
    }
    for (way, name) in [(ReadPath::Direct, "no mount"), (ReadPath::Mount, "mount")] {
        let costs: Vec<_> = costs.iter().filter(|(of, ..)| *of == way).collect();
        let name = format!("{name}, {what}");
        report_extra(report, &name, way, piece_bytes.into(), &costs);
        let costs: Vec<_> = costs.iter().map(|(_, _, cost)| cost).collect();
        report_costs(report, &name, piece_bytes, &costs);
    }
    let failed = format!("mount, {what}: ends that failed");
    report.figure(&failed, count(trouble.failures), "", Want::AtMost(0.0));
    let again = format!("no mount, {what}: asked again");
    report.figure(&again, count(trouble.silences), "times", Want::Nothing);
    drop(tracker);
}

/// Reports what was fetched beyond the touched pieces, and how many files cost at most one more
/// piece at each end. No file through the mount may cost more than that or than the bytes in
/// flight.
fn report_extra(
    report: &mut FigureReport,
    name: &str,
    way: ReadPath,
    piece: u64,
    costs: &[&(ReadPath, usize, Cost)],
) {
    let (mut touched_bytes, mut extra_bytes, mut extra_bytes_max) = (0, 0, 0);
    let (mut within, mut within_under_way) = (0, 0);
    for (_, file, cost) in costs {
        let [head, tail] = touched(*file, piece);
        let touched = (head.1 - head.0 + 1 + tail.1 - tail.0 + 1) * piece;
        let extra = cost.fetched_bytes.saturating_sub(touched);
        touched_bytes += touched;
        extra_bytes += extra;
        extra_bytes_max = extra_bytes_max.max(extra);
        if extra <= 2 * piece {
            within += 1;
        } else {
            println!("scan: {name}: file {file} costs {}", beyond(*file, piece, cost).join(", "));
        }
        if extra <= 2 * piece.max(UNDER_WAY_BYTES) {
            within_under_way += 1;
        }
    }
    let (files, in_piece) = (count(costs.len()), megabytes(piece));
    let mut show = |what: &str, value: f64, unit: &str| {
        report.figure(&format!("{name}: {what}"), value, unit, Want::Nothing);
    };
    show("pieces touched of each file", megabytes(touched_bytes) / files, "MB");
    show("pieces beyond those for each file", megabytes(extra_bytes) / files / in_piece, "");
    show("pieces beyond those at most", megabytes(extra_bytes_max) / in_piece, "");
    let figure = format!("{name}: files within one piece more for each end");
    if way == ReadPath::Mount && piece >= UNDER_WAY_BYTES {
        report.all(&figure, within, FILES);
        return;
    }
    report.figure(&figure, count(within), &format!("of {files}"), Want::Nothing);
    if way == ReadPath::Mount {
        let figure = format!("{name}: files within 2 MiB more for each end");
        report.all(&figure, within_under_way, FILES);
    }
}

/// Returns the first and the last piece of the head, and of the tail.
fn touched(file: usize, piece: u64) -> [(u64, u64); 2] {
    let start = u64::try_from(file).unwrap() * FILE_BYTES;
    ends().map(|(from, to)| ((start + from) / piece, (start + to - 1) / piece))
}

/// Returns the fetched pieces that the head and the tail do not touch, by their distance behind the
/// head or the tail.
fn beyond(file: usize, piece: u64, cost: &Cost) -> Vec<String> {
    let [head, tail] = touched(file, piece);
    let names = cost.pieces.iter().filter_map(|piece| match u64::from(*piece) {
        piece if piece < head.0 => Some(format!("head-{}", head.0 - piece)),
        piece if piece <= head.1 => None,
        piece if piece < tail.0 => Some(format!("head+{}", piece - head.1)),
        piece if piece <= tail.1 => None,
        piece => Some(format!("tail+{}", piece - tail.1)),
    });
    names.collect()
}

/// Returns rqbits with a torrent without selected files.
fn nothing_selected(piece_bytes: u32, files: usize) -> Rqbits {
    let files = (0..).take(files);
    let files = files.map(|idx| (format!("{idx:03}.mkv"), Content::new(idx, FILE_BYTES)));
    let mut spec = TorrentSpec::directory("films", files).paused();
    spec.seed.piece_length = Some(piece_bytes);
    let rqbits = Rqbits::start(Swarm::builder().torrent(spec).download_bps(DOWNLOAD_BPS));
    let torrent = &rqbits.swarm.torrents()[0];
    let nothing = rqbits.swarm.client().update_only_files(torrent.info_hash.into(), &[]);
    rqbits.runtime.block_on(nothing).unwrap();
    rqbits.unpause(torrent);
    rqbits
}

fn read_ends(mount: &Path, torrent: &SwarmTorrent, file: usize, trouble: &mut ScanFailures) {
    let content = torrent.files[file].content;
    let opened = File::open(mount.join(&torrent.name).join(torrent.files[file].path())).unwrap();
    for (start, end) in ends() {
        if let Err(error) = read_end(&opened, content, start, end) {
            println!("scan: file {file} at {start}: {error}");
            trouble.failures += 1;
        }
    }
}

fn read_end(file: &File, content: Content, start: u64, end: u64) -> io::Result<()> {
    let mut block = vec![0; BLOCK_BYTES];
    let mut offset = start;
    while offset < end {
        let len = BLOCK_BYTES.min(usize::try_from(end - offset).unwrap());
        file.read_exact_at(&mut block[..len], offset)?;
        content.check(offset, &block[..len]).map_err(io::Error::other)?;
        offset += u64::try_from(len).unwrap();
    }
    Ok(())
}

async fn ask_ends(
    rqbits: &Rqbits,
    torrent: &SwarmTorrent,
    file: usize,
    trouble: &mut ScanFailures,
) {
    for (mut start, end) in ends() {
        while start < end {
            let range = RequestedRange::new(start, end);
            let mut stream = request(rqbits.swarm.client(), torrent, file, range).await;
            while start < end {
                let Ok(chunk) = timeout(SILENCE_MAX, stream.next_chunk()).await else {
                    trouble.silences += 1;
                    break;
                };
                let bytes = chunk.unwrap().unwrap();
                torrent.files[file].content.check(start, &bytes).unwrap();
                start = stream.position();
            }
        }
    }
}

fn ends() -> [(u64, u64); 2] {
    [(0, HEAD_BYTES), (FILE_BYTES - TAIL_BYTES, FILE_BYTES)]
}
