//! The cost of a media scanner: it reads a part of each file of a torrent without selected files,
//! through the mount and by direct requests to rqbit.
//!
//! Both take turns, file by file, since the extra data that rqbit fetches depends on the machine's
//! load.

mod ends;
mod probe;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rqbit_client::{Bitfield, InfoHash};
use serde_json::Value;

use crate::figures::{FigureReport, Want, count, megabytes};
use crate::rqbits::Rqbits;
use crate::timing::pause;

/// How long nothing may arrive until all requested data counts as arrived.
const QUIET: Duration = Duration::from_millis(300);

/// The cost of one file.
#[derive(Debug)]
struct Cost {
    took: Duration,
    fetched_bytes: u64,
    /// The fetched pieces.
    pieces: Vec<u32>,
    /// The streams that the mount opened for it.
    streams: u64,
}

pub(crate) fn run(report: &mut FigureReport, dir: &Path) {
    ends::run(report, dir);
    probe::run(report, dir);
}

/// Measures the cost of reading one file.
fn measure(rqbits: &Rqbits, torrent: InfoHash, mount: &Path, look: impl FnOnce()) -> Cost {
    let had = pieces(rqbits, torrent);
    let (fetched, opened) = (rqbits.fetched_bytes(), streams_opened(mount));
    let start = Instant::now();
    look();
    let took = start.elapsed();
    let fetched_bytes = settled_bytes(rqbits) - fetched;
    let have = pieces(rqbits, torrent);
    Cost {
        took,
        fetched_bytes,
        pieces: (0..have.piece_count()).filter(|it| have.has(*it) && !had.has(*it)).collect(),
        streams: streams_opened(mount) - opened,
    }
}

/// Reports the costs of one access path.
fn report_costs(report: &mut FigureReport, name: &str, piece_bytes: u32, costs: &[&Cost]) {
    let looks = count(costs.len());
    let mut show = |what: &str, value: f64, unit: &str| {
        report.figure(&format!("{name}: {what}"), value, unit, Want::Nothing);
    };
    show("files looked at", looks, "");
    let took = costs.iter().map(|cost| cost.took).sum::<Duration>();
    show("a look takes", took.as_secs_f64() / looks, "s");
    let fetched = costs.iter().map(|cost| cost.fetched_bytes);
    show("fetched for each file", megabytes(fetched.clone().sum()) / looks, "MB");
    show("fetched for one file at most", megabytes(fetched.clone().max().unwrap_or(0)), "MB");
    let piece = megabytes(piece_bytes.into());
    show("pieces fetched for each file", megabytes(fetched.sum()) / looks / piece, "");
    let streams = costs.iter().map(|cost| cost.streams);
    if streams.clone().any(|streams| streams > 0) {
        let counted = |streams: u64| count(usize::try_from(streams).unwrap());
        show("streams opened for each file", counted(streams.clone().sum()) / looks, "");
        show("streams opened for one file at most", counted(streams.max().unwrap_or(0)), "");
    }
}

/// Returns the pieces that the server has.
fn pieces(rqbits: &Rqbits, torrent: InfoHash) -> Bitfield {
    rqbits.runtime.block_on(rqbits.swarm.client().torrent_haves(torrent.into())).unwrap()
}

/// Returns the total of fetched bytes when nothing arrives any more.
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

/// Returns how many streams a mount has opened.
fn streams_opened(mount: &Path) -> u64 {
    let status = fs::read(mount.join(".tfs/status.json")).unwrap();
    let status: Value = serde_json::from_slice(&status).unwrap();
    status["reads"]["streams_opened"].as_u64().unwrap()
}
