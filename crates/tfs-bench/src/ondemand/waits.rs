//! What the server says about the peers of a torrent for which a read waits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rqbit_client::wire::{PeerState, TorrentPeer};
use rqbit_client::{Client, InfoHash};
use serde_json::Value;

use crate::timing::pause;

/// How often the waiting reads are looked at.
const INTERVAL: Duration = Duration::from_millis(100);

/// A read that waits this long is looked at.
const WAIT_MIN: Duration = Duration::from_millis(300);

/// A read that waits this long is printed, each second.
const PRINT_MIN: Duration = Duration::from_secs(2);

/// A torrent without a peer for this long, while a read waits for it, has lost its peers.
const LONELY_MIN: Duration = Duration::from_secs(1);

/// A read that waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WaitingRead {
    pub(crate) torrent: InfoHash,
    pub(crate) offset: u64,
    pub(crate) start: Instant,
}

/// The read of each reader that waits at present.
pub(crate) type ReadSlots = Arc<Vec<Mutex<Option<WaitingRead>>>>;

/// A thread that looks at the peers.
pub(crate) struct WaitWatch {
    is_over: Arc<AtomicBool>,
    thread: thread::JoinHandle<usize>,
}

/// One reader, as the thread remembers it.
#[derive(Debug, Default)]
struct SlotWatch {
    lonely_since: Option<Instant>,
    printed_at: Option<Instant>,
    /// The start of the last read that was without a peer.
    counted: Option<Instant>,
}

impl WaitWatch {
    pub(crate) fn start(client: Client, slots: ReadSlots, status: std::path::PathBuf) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.unwrap();
            let mut watches: Vec<_> = slots.iter().map(|_| SlotWatch::default()).collect();
            let mut lonely = 0;
            while !ends.load(Ordering::Relaxed) {
                for (slot, watch) in slots.iter().zip(&mut watches) {
                    let waiting = *slot.lock().unwrap();
                    let waiting = waiting.filter(|read| read.start.elapsed() >= WAIT_MIN);
                    let Some(read) = waiting else {
                        *watch = SlotWatch { counted: watch.counted, ..SlotWatch::default() };
                        continue;
                    };
                    let peers = runtime.block_on(client.torrent_peers(read.torrent.into()));
                    let Ok(peers) = peers else { continue };
                    lonely += usize::from(watch.on_look(read, &peers.peers));
                    let is_due = watch.printed_at.is_none_or(|at| at.elapsed().as_secs() >= 1);
                    if read.start.elapsed() >= PRINT_MIN && is_due {
                        watch.printed_at = Some(Instant::now());
                        let stats = runtime.block_on(client.torrent_stats(read.torrent.into()));
                        let live = stats.ok().and_then(|stats| stats.live);
                        let seen = live.map(|live| format!("{:?}", live.snapshot.peer_stats));
                        print(read, &peers.peers, &seen.unwrap_or_default(), &status);
                    }
                }
                pause(INTERVAL);
            }
            lonely
        });
        Self { is_over, thread }
    }

    /// Ends it, and returns how many reads waited without a peer.
    pub(crate) fn end(self) -> usize {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

impl SlotWatch {
    /// Returns whether the read is without a peer, and was not counted.
    fn on_look(&mut self, read: WaitingRead, peers: &[TorrentPeer]) -> bool {
        let is_coming =
            |state| matches!(state, PeerState::Live | PeerState::Connecting | PeerState::Queued);
        if peers.iter().any(|peer| is_coming(peer.state)) {
            self.lonely_since = None;
            return false;
        }
        let since = *self.lonely_since.get_or_insert_with(Instant::now);
        let is_new = since.elapsed() >= LONELY_MIN && self.counted != Some(read.start);
        if is_new {
            self.counted = Some(read.start);
        }
        is_new
    }
}

/// Prints a read that waits long, with all that the server and the mount say.
fn print(read: WaitingRead, peers: &[TorrentPeer], seen: &str, status: &std::path::Path) {
    let peers: Vec<_> = peers
        .iter()
        .map(|peer| format!("{} {:?} {}", peer.addr, peer.state, peer.fetched_bytes))
        .collect();
    let status = std::fs::read(status).unwrap_or_default();
    let status: Value = serde_json::from_slice(&status).unwrap_or_default();
    let reads = &status["reads"];
    println!(
        "waits {:.1} s: torrent {} at {}: peers [{}] {seen}; streams open {} opened {} retries {}",
        read.start.elapsed().as_secs_f64(),
        read.torrent,
        read.offset,
        peers.join(", "),
        reads["streams_open"],
        reads["streams_opened"],
        reads["retries"],
    );
}
