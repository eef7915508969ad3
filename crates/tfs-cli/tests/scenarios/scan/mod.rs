//! What a media scanner costs: the head and the tail of each file of a torrent of which nothing is
//! to be downloaded.

mod probe;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rqbit_client::{ByteRange, Client, Haves};
use tfs_testkit::content::Content;
use tfs_testkit::swarm::{Swarm, SwarmTorrent, TorrentSpec};
use tokio::time::timeout;

use crate::figures::{Report, Want, count, megabytes};
use crate::mount::Mount;
use crate::rqbits::{DOWNLOAD_BPS, MIB, Rqbits, request};
use crate::timing::pause;

const FILES: usize = 50;

/// Large enough that reading all of a file shows.
const FILE_BYTES: u64 = 12 * MIB + 54_321;

/// Pieces of a folder of films: some hundred of them.
const PIECE_BYTES: u32 = 1024 * 1024;

/// Pieces of a torrent of many GB, as most films are.
const LARGE_PIECE_BYTES: u32 = 2 * PIECE_BYTES;

const HEAD_BYTES: u64 = MIB;

const TAIL_BYTES: u64 = 256 * 1024;

/// Reads of the scanner.
const BLOCK_BYTES: usize = 64 * 1024;

/// How long nothing may come before what was asked for has come.
const QUIET: Duration = Duration::from_millis(300);

/// How many files are asked of rqbit itself, for comparison, and with large pieces: each takes
/// seconds.
const FEW_FILES: usize = 20;

/// How long the scan of all files may take, before the rest of them is left out.
const SCAN_MAX: Duration = Duration::from_secs(600);

/// How long a request may be without a byte before it is made again. rqbit may part with a peer
/// that a new request needs in the very moment, and never look for it again.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// What the scan of some files came to.
#[derive(Debug, Default)]
struct Scan {
    /// What was fetched for each file.
    costs: Vec<u64>,
    /// The pieces among it that the ends do not touch.
    beyond: Vec<Vec<String>>,
    took: Duration,
    /// Ends that were not read.
    failures: usize,
    /// Requests that had to be made again.
    silences: usize,
}

pub(crate) fn run(report: &mut Report, dir: &Path) {
    report.step("head and tail of 50 files through the mount");
    through_mount(report, dir, ("mount", PIECE_BYTES, FILES));
    report.step("head and tail of 20 files, asked of rqbit itself");
    directly(report, ("no mount", PIECE_BYTES, FEW_FILES));
    report.step("the same of 20 files with pieces of 2 MiB");
    through_mount(report, dir, ("mount, 2 MiB pieces", LARGE_PIECE_BYTES, FEW_FILES));
    directly(report, ("no mount, 2 MiB pieces", LARGE_PIECE_BYTES, FEW_FILES));
    probe::run(report, dir);
}

/// What is scanned: what to call it, the length of its pieces, and the number of files.
type Subject = (&'static str, u32, usize);

fn through_mount(report: &mut Report, dir: &Path, subject: Subject) {
    let (name, piece_bytes, files) = subject;
    let rqbits = nothing_selected(piece_bytes);
    let torrent = rqbits.swarm.torrents()[0].clone();
    let mount = Mount::new(dir, &rqbits.swarm.api_url(), &[]);
    let tracker = rqbits.runtime.block_on(async { rqbits.swarm.track(&torrent) }).unwrap();
    let scanned = scan(&rqbits, piece_bytes, files, |file, scan| {
        read_ends(&mount.path, &torrent, file, scan);
    });
    let within = report_scan(report, subject, &torrent, &scanned);
    report.all(&format!("{name}: files within one piece more for each end"), within, files);
    let failed = format!("{name}: ends that failed");
    report.figure(&failed, count(scanned.failures), "", Want::AtMost(0.0));
    drop(tracker);
}

/// The same as two requests for each file, which is what a program that knows the ends would do.
fn directly(report: &mut Report, subject: Subject) {
    let (name, piece_bytes, files) = subject;
    let rqbits = nothing_selected(piece_bytes);
    let torrent = rqbits.swarm.torrents()[0].clone();
    let tracker = rqbits.runtime.block_on(async { rqbits.swarm.track(&torrent) }).unwrap();
    let scanned = scan(&rqbits, piece_bytes, files, |file, scan| {
        rqbits.runtime.block_on(ask_ends(rqbits.swarm.client(), &torrent, file, scan));
    });
    let within = report_scan(report, subject, &torrent, &scanned);
    let figure = format!("{name}: files within one piece more for each end");
    report.figure(&figure, count(within), &format!("of {files}"), Want::Nothing);
    report.figure(&format!("{name}: asked again"), count(scanned.silences), "times", Want::Nothing);
    drop(tracker);
}

/// Scans one file after the other, and looks what each costs.
fn scan(
    rqbits: &Rqbits,
    piece_bytes: u32,
    files: usize,
    mut scan_file: impl FnMut(usize, &mut Scan),
) -> Scan {
    let mut scan = Scan::default();
    let start = Instant::now();
    let torrent = &rqbits.swarm.torrents()[0];
    for file in 0..files {
        let (before, had) = (rqbits.fetched_bytes(), pieces(rqbits, torrent));
        scan_file(file, &mut scan);
        scan.costs.push(settled_bytes(rqbits) - before);
        let have = pieces(rqbits, torrent);
        scan.beyond.push(beyond(torrent, file, piece_bytes, &had, &have));
        if start.elapsed() > SCAN_MAX {
            break;
        }
    }
    scan.took = start.elapsed();
    scan
}

/// Returns the pieces that the server has.
fn pieces(rqbits: &Rqbits, torrent: &SwarmTorrent) -> Haves {
    let haves = rqbits.swarm.client().torrent_haves(torrent.info_hash.into());
    rqbits.runtime.block_on(haves).unwrap()
}

/// Returns the pieces that came and that the ends of a file do not touch, by how far they are
/// behind the head or the tail.
fn beyond(
    torrent: &SwarmTorrent,
    file: usize,
    piece_bytes: u32,
    had: &Haves,
    have: &Haves,
) -> Vec<String> {
    let start: u64 = torrent.files[..file].iter().map(|file| file.content.len()).sum();
    let piece_of = |offset: u64| (start + offset) / u64::from(piece_bytes);
    let [head, tail] = ends().map(|(start, end)| (piece_of(start), piece_of(end - 1)));
    let count = torrent.files.iter().map(|file| file.content.len()).sum::<u64>();
    let came = (0..count.div_ceil(u64::from(piece_bytes))).filter(|piece| {
        let piece = u32::try_from(*piece).unwrap();
        have.has(piece) && !had.has(piece)
    });
    let names = came.filter_map(|piece| match piece {
        _ if piece < head.0 => Some(format!("head-{}", head.0 - piece)),
        _ if piece <= head.1 => None,
        _ if piece < tail.0 => Some(format!("head+{}", piece - head.1)),
        _ if piece <= tail.1 => None,
        _ => Some(format!("tail+{}", piece - tail.1)),
    });
    names.collect()
}

/// Returns rqbits with a torrent of which no file is selected.
fn nothing_selected(piece_bytes: u32) -> Rqbits {
    let files = (0..).take(FILES);
    let files = files.map(|idx| (format!("{idx:02}.mkv"), Content::new(idx, FILE_BYTES)));
    let mut spec = TorrentSpec::directory("films", files).paused();
    spec.seed.piece_length = Some(piece_bytes);
    let rqbits = Rqbits::start(Swarm::builder().torrent(spec).download_bps(DOWNLOAD_BPS));
    let torrent = &rqbits.swarm.torrents()[0];
    let nothing = rqbits.swarm.client().update_only_files(torrent.info_hash.into(), &[]);
    rqbits.runtime.block_on(nothing).unwrap();
    rqbits.unpause(torrent);
    rqbits
}

/// Returns what was fetched in all when nothing comes any more.
fn settled_bytes(rqbits: &Rqbits) -> u64 {
    let mut before = rqbits.fetched_bytes();
    loop {
        pause(QUIET);
        let now = rqbits.fetched_bytes();
        if now == before {
            return now;
        }
        before = now;
    }
}

fn read_ends(mount: &Path, torrent: &SwarmTorrent, file: usize, scan: &mut Scan) {
    let content = torrent.files[file].content;
    let opened = File::open(mount.join(&torrent.name).join(torrent.files[file].path())).unwrap();
    for (start, end) in ends() {
        if let Err(error) = read_end(&opened, content, start, end) {
            println!("scan: file {file} at {start}: {error}");
            scan.failures += 1;
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

async fn ask_ends(client: &Client, torrent: &SwarmTorrent, file: usize, scan: &mut Scan) {
    for (mut start, end) in ends() {
        while start < end {
            let mut stream = request(client, torrent, file, ByteRange::new(start, end)).await;
            while start < end {
                let Ok(chunk) = timeout(SILENCE_MAX, stream.next_chunk()).await else {
                    scan.silences += 1;
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

/// Says what a scan costs. Returns how many files cost at most the pieces touched, and one more for
/// each end.
fn report_scan(
    report: &mut Report,
    (name, piece_bytes, _): Subject,
    torrent: &SwarmTorrent,
    scan: &Scan,
) -> usize {
    let piece = u64::from(piece_bytes);
    let (mut file_start, mut touched_bytes, mut extra_bytes_max, mut within) = (0, 0, 0, 0);
    let scanned = scan.costs.iter().zip(&scan.beyond);
    for (file, (cost, beyond)) in torrent.files.iter().zip(scanned) {
        let pieces_of = |(start, end): (u64, u64)| {
            (file_start + end).div_ceil(piece) - (file_start + start) / piece
        };
        let touched = ends().map(pieces_of).iter().sum::<u64>() * piece;
        let extra = cost.saturating_sub(touched);
        touched_bytes += touched;
        extra_bytes_max = extra_bytes_max.max(extra);
        if extra <= 2 * piece {
            within += 1;
        } else {
            println!("scan: {name}: file {} costs {}", file.path(), beyond.join(", "));
        }
        file_start += file.content.len();
    }
    let files = count(scan.costs.len());
    let mut show = |what: &str, value: f64, unit: &str| {
        report.figure(&format!("{name}: {what}"), value, unit, Want::Nothing);
    };
    show("files scanned", files, "");
    show("a file takes", scan.took.as_secs_f64() / files, "s");
    show("pieces touched of each file", megabytes(touched_bytes) / files, "MB");
    show("fetched for each file", megabytes(scan.costs.iter().sum()) / files, "MB");
    let most = scan.costs.iter().copied().max().unwrap_or(0);
    show("fetched for one file at most", megabytes(most), "MB");
    let extra_max = megabytes(extra_bytes_max) / megabytes(piece);
    show("pieces beyond those touched at most", extra_max, "");
    within
}
