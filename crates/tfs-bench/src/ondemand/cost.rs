//! What one program costs: the pieces that its reads touch, and the bytes that come.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rqbit_client::InfoHash;
use tokio::runtime::Runtime;

use super::server::MountedServer;
use crate::timing::pause;

/// How long nothing may arrive until all requested data counts as arrived.
const QUIET: Duration = Duration::from_millis(700);

/// How long to wait for that at most.
const SETTLE_MAX: Duration = Duration::from_secs(60);

/// The cost of one program.
#[derive(Debug)]
pub(crate) struct ProgramCost {
    pub(crate) took: Duration,
    pub(crate) fetched_bytes: u64,
    /// The pieces that came.
    pub(crate) pieces: BTreeSet<u32>,
    /// The streams that the mount opened.
    pub(crate) streams: u64,
}

/// Measures what `work` costs.
pub(crate) fn measure(
    runtime: &Runtime,
    server: &MountedServer,
    torrent: InfoHash,
    work: impl FnOnce(),
) -> ProgramCost {
    let had = server.pieces(runtime, torrent);
    let (fetched, opened) = (server.fetched_bytes(runtime), server.streams_opened());
    let start = Instant::now();
    work();
    let took = start.elapsed();
    let fetched_bytes = settle(runtime, server) - fetched;
    let have = server.pieces(runtime, torrent);
    let pieces = (0..have.piece_count()).filter(|it| have.has(*it) && !had.has(*it)).collect();
    ProgramCost { took, fetched_bytes, pieces, streams: server.streams_opened() - opened }
}

/// Waits until nothing arrives any more, and returns the total of fetched bytes.
pub(crate) fn settle(runtime: &Runtime, server: &MountedServer) -> u64 {
    let start = Instant::now();
    let mut before = server.fetched_bytes(runtime);
    loop {
        pause(QUIET);
        let now = server.fetched_bytes(runtime);
        if now == before || start.elapsed() > SETTLE_MAX {
            return now;
        }
        before = now;
    }
}
