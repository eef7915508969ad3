//! A server with a torrent of which nothing is selected, and its one to four seeds: the three
//! faults of rqbit with peers (`docs/dev/upstream.md`), seeds that move to other addresses, and the
//! plan's cures.
//!
//! The model follows `torrent_state/live/mod.rs` of librqbit 9.1.0. A peer is an entry of a table
//! with a state. A connection that ends changes the state of the entry, also if that has meanwhile
//! become the state of a newer connection to the same peer.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::num::NonZeroU32;
use std::time::Duration;

use super::random::SimRandom;
use super::server::byte_at;
use crate::engine::MissingPolicy;
use crate::engine::core::{Core, Started};
use crate::engine::plan::{
    Demand, FileFacts, Output, Priority, ReadDeadline, ReadId, StreamEnd, StreamId, Tuning,
};
use crate::engine::store::BlockCache;
use crate::tree::FileState;
use crate::{
    Bitfield, ByteRange, FileId, FileIndex, Geometry, HandleId, InfoHash, PeerCounts, Timestamp,
    TorrentState,
};

/// The number of runs for each number of seeds.
const SEEDS: u64 = 40;

const SEEDERS_MAX: usize = 4;

/// The opens of a run, each with one read.
const OPENS: u64 = 60;

const PIECE_LEN: u64 = 200;
const PIECES: u64 = 500;

/// How far ahead of a stream the server fetches.
const AHEAD_PIECES: u64 = 16;

/// How long a requester without a piece to request sleeps.
const SLEEP_TIME: Duration = Duration::from_secs(5);

/// The longest wait of a read: the sleep of a requester, and a piece.
const WAIT_MAX: Duration = Duration::from_secs(6);

/// The longest wait of a read after all seeds have moved: three looks, a search, and as above.
const MOVED_WAIT_MAX: Duration = Duration::from_secs(10);

/// When rqbit tries a peer again that failed: after this, then after six times as much and so on.
const BACK_OFF: Duration = Duration::from_secs(10);

/// The time after the last read in which lost peers must be found.
const SETTLE_TIME: Duration = Duration::from_secs(5);

const FILE: FileId =
    FileId { torrent: InfoHash::from_bytes([7; InfoHash::BYTES]), index: FileIndex(0) };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SimEntry {
    Queued,
    Connecting,
    Live,
    NotNeeded,
    /// Failed, and tried again after a back-off.
    Dead,
    /// Removed from the table.
    Forgotten,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Requester {
    Idle,
    Fetching(usize),
    Sleeping,
}

#[derive(Debug)]
struct SimPeer {
    entry: SimEntry,
    requester: Requester,
    /// The number of the connection, which makes events of earlier ones void.
    connection: u64,
    was_live: bool,
    /// Whether it is no longer at its address.
    is_gone: bool,
    failures: u32,
}

#[derive(Debug)]
struct PeersStream {
    pos: u64,
    end: u64,
    is_open: bool,
    is_busy: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum PeersEvent {
    Open,
    Opened(StreamId),
    Step(StreamId),
    Closed(StreamId),
    Haves,
    Progress,
    Peers,
    AddPeers,
    FindPeers,
    /// A peer of that connection goes on.
    Peer(usize, u64),
    /// A connection to a peer has ended.
    Died(usize),
}

/// What came of a run.
#[derive(Debug, Default)]
struct PeersOutcome {
    wait_max: Duration,
    lost: usize,
    /// The pieces that were fetched.
    pieces: u64,
    /// How often each fault occurred.
    faults: [u64; 3],
    searches: u64,
}

struct PeersRun {
    random: SimRandom,
    now: Timestamp,
    core: Core,
    has: Vec<bool>,
    peers: Vec<SimPeer>,
    streams: BTreeMap<StreamId, PeersStream>,
    events: BinaryHeap<Reverse<(Timestamp, u64, PeersEvent)>>,
    event_count: u64,
    /// The read that waits.
    waiting: Option<(ReadId, ByteRange, Timestamp)>,
    opens_left: u64,
    /// The number of opens that are left when all seeds move.
    moves_at: Option<u64>,
    /// Whether streams linger, and the server tells its peers.
    has_cures: bool,
    gap_max: Duration,
    piece_time: Duration,
    outcome: PeersOutcome,
}

impl PeersRun {
    fn new(seed: u64, seeders: usize, has_cures: bool) -> Self {
        let mut random = SimRandom::new(seed);
        let mut tuning = Tuning::new(4, 0);
        (tuning.read_bytes_max, tuning.block_bytes, tuning.rest_bytes_max) = (400, 8, PIECE_LEN);
        tuning.server_ahead_bytes = AHEAD_PIECES * PIECE_LEN;
        (tuning.cache_bytes, tuning.windows_bytes, tuning.window_bytes_min) = (4000, 0, 0);
        if !has_cures {
            (tuning.linger_time_min, tuning.linger_time_max) = (Duration::ZERO, Duration::ZERO);
        }
        let peer = || SimPeer {
            entry: SimEntry::NotNeeded,
            requester: Requester::Idle,
            connection: 0,
            was_live: false,
            is_gone: false,
            failures: 0,
        };
        let gap_max = [20, 20, 500][usize::try_from(random.range(0, 2)).unwrap()];
        Self {
            core: Core::new(tuning, MissingPolicy::Wait, BlockCache::new(tuning.cache_bytes)),
            now: Timestamp::ZERO,
            has: vec![false; usize::try_from(PIECES).unwrap()],
            peers: std::iter::repeat_with(peer).take(seeders).collect(),
            streams: BTreeMap::new(),
            events: BinaryHeap::new(),
            event_count: 0,
            waiting: None,
            opens_left: OPENS,
            moves_at: None,
            has_cures,
            gap_max: Duration::from_millis(gap_max),
            piece_time: Duration::from_millis(random.range(20, 200)),
            outcome: PeersOutcome::default(),
            random,
        }
    }

    fn run(mut self) -> PeersOutcome {
        self.at(self.now, PeersEvent::Open);
        let mut end = Timestamp::MAX;
        loop {
            if self.opens_left == 0 && self.waiting.is_none() {
                end = end.min(self.now + SETTLE_TIME);
            }
            let event = self.events.peek().map(|Reverse((at, _, _))| *at);
            let alarm = self.core.plan.next_time();
            let Some(next) = event.into_iter().chain(alarm).min() else { break };
            if next > end {
                break;
            }
            self.now = self.now.max(next);
            if event == Some(next) {
                let Some(Reverse((_, _, event))) = self.events.pop() else { break };
                self.happen(event);
            } else {
                self.core.plan.on_time(self.now);
            }
            self.pump();
            self.core.plan.check();
        }
        assert!(self.waiting.is_none() && self.streams.is_empty(), "{:?}", self.streams);
        self.outcome.lost = self.peers.iter().filter(|it| it.entry == SimEntry::Forgotten).count();
        self.outcome
    }

    fn at(&mut self, at: Timestamp, event: PeersEvent) {
        self.event_count += 1;
        self.events.push(Reverse((at, self.event_count, event)));
    }

    fn within(&mut self, low: u64, high: u64, event: PeersEvent) {
        let delay = Duration::from_micros(self.random.range(low * 1000, high * 1000));
        self.at(self.now + delay, event);
    }

    fn happen(&mut self, event: PeersEvent) {
        match event {
            PeersEvent::Open => self.open_file(),
            PeersEvent::Opened(id) => self.opened(id),
            PeersEvent::Step(id) => self.step(id),
            PeersEvent::Closed(id) => {
                if self.streams.remove(&id).is_some() {
                    self.core.plan.on_stream_end(self.now, id, StreamEnd::Closed);
                }
            }
            PeersEvent::Haves => {
                let count = u32::try_from(PIECES).unwrap();
                let have = Bitfield::from_fn(count, |piece| self.has[piece as usize]).unwrap();
                self.core.plan.on_haves(self.now, FILE.torrent, Ok(have));
            }
            PeersEvent::Progress => self.core.plan.on_download(self.now, FILE.torrent, None),
            PeersEvent::Peers => {
                let peers = self.peers();
                let answer = Some(peers).filter(|_| self.has_cures);
                self.core.plan.on_peers(self.now, FILE.torrent, answer);
            }
            PeersEvent::AddPeers => {
                for peer in 0..self.peers.len() {
                    if self.peers[peer].entry == SimEntry::Forgotten && self.peers[peer].was_live {
                        self.connect(peer);
                    }
                }
            }
            PeersEvent::FindPeers => {
                for peer in 0..self.peers.len() {
                    let it = &mut self.peers[peer];
                    let is_new = std::mem::replace(&mut it.is_gone, false);
                    if is_new || it.entry == SimEntry::Dead {
                        self.connect(peer);
                    }
                }
            }
            PeersEvent::Peer(peer, connection) if self.peers[peer].connection == connection => {
                self.go_on(peer);
            }
            PeersEvent::Peer(..) => {}
            PeersEvent::Died(peer) => self.died(peer),
        }
    }

    /// Opens the file and reads from a random offset.
    fn open_file(&mut self) {
        self.opens_left -= 1;
        if self.moves_at == Some(self.opens_left) {
            self.move_all();
        }
        let handle = HandleId(OPENS - self.opens_left);
        self.core.plan.on_open(handle);
        let len = PIECES * PIECE_LEN;
        let range = ByteRange::clamped(self.random.range(0, len - 100), 100, len);
        let piece_len = NonZeroU32::new(u32::try_from(PIECE_LEN).unwrap()).unwrap();
        let geometry = Some(Geometry { file_offset: 0, piece_len });
        let state = Some(FileState { torrent: TorrentState::Live, have_bytes: 0, is_listed: true });
        let facts = FileFacts { len, geometry, state };
        let until = self.now + Duration::from_secs(600);
        let until = ReadDeadline { timeout: Duration::from_secs(600), first: until, latest: until };
        self.core.plan.on_selection(FILE.torrent, true);
        let who = (handle, FILE, Priority::Foreground);
        match self.core.read(self.now, until, who, facts, range).unwrap() {
            Started::Done(_) => self.close_file(handle),
            Started::Waits(read) => self.waiting = Some((read, range, self.now)),
        }
    }

    fn close_file(&mut self, handle: HandleId) {
        self.core.plan.on_release(handle);
        if self.opens_left > 0 {
            let gap = u64::try_from(self.gap_max.as_millis()).unwrap();
            self.within(0, gap, PeersEvent::Open);
        }
    }

    fn opened(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        (stream.is_open, stream.is_busy) = (true, false);
        self.core.plan.on_opened(self.now, id, stream.pos);
        for peer in 0..self.peers.len() {
            if self.peers[peer].entry == SimEntry::NotNeeded {
                self.connect(peer);
            }
        }
    }

    /// Sends the next bytes of a stream.
    fn step(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.is_busy = false;
        match self.core.plan.demand(id) {
            Demand::Bytes(most) => {
                let offsets = stream.pos..stream.end.min(stream.pos + most);
                let here = |at: &u64| self.has[usize::try_from(at / PIECE_LEN).unwrap()];
                let bytes: Vec<_> = offsets.take_while(here).map(|at| byte_at(FILE, at)).collect();
                let offset = stream.pos;
                stream.pos += bytes.len() as u64;
                if !bytes.is_empty() {
                    self.core.on_chunk(self.now, id, offset, &bytes);
                }
            }
            Demand::End => {
                self.streams.remove(&id);
                self.core.plan.on_stream_end(self.now, id, StreamEnd::Over);
            }
            Demand::Nothing | Demand::Closed => {}
        }
    }

    fn pump(&mut self) {
        let (mut outputs, mut is_answered) = (Vec::new(), false);
        self.core.pump(self.now, |output| outputs.push(output));
        for output in outputs {
            match output {
                Output::Open { stream, range, asked_end, .. } => {
                    let (pos, end) = (range.start(), asked_end);
                    let opened = PeersStream { pos, end, is_open: false, is_busy: true };
                    assert!(self.streams.insert(stream, opened).is_none());
                    self.within(0, 2, PeersEvent::Opened(stream));
                }
                Output::Close { stream } => self.within(0, 1, PeersEvent::Closed(stream)),
                Output::AskHaves { .. } => self.within(0, 2, PeersEvent::Haves),
                Output::AskProgress { .. } => self.within(0, 2, PeersEvent::Progress),
                Output::AskPeers { .. } => self.within(0, 2, PeersEvent::Peers),
                Output::AddPeers { .. } => self.within(0, 2, PeersEvent::AddPeers),
                Output::FindPeers { .. } => {
                    self.outcome.searches += 1;
                    self.within(20, 1000, PeersEvent::FindPeers);
                }
                Output::Answer { read, result, .. } => {
                    let (waiting, range, since) = self.waiting.take().unwrap();
                    assert_eq!(read, waiting);
                    // Without the cures, some time out.
                    if let Ok(parts) = result {
                        assert_eq!(parts.concat().len() as u64, range.len());
                    }
                    self.outcome.wait_max = self.outcome.wait_max.max(self.now - since);
                    is_answered = true;
                }
            }
        }
        if is_answered {
            self.close_file(HandleId(OPENS - self.opens_left));
            return self.pump();
        }
        let wanting = self.streams.iter_mut().filter(|(id, stream)| {
            let here = || self.has.get(usize::try_from(stream.pos / PIECE_LEN).unwrap());
            stream.is_open
                && !stream.is_busy
                && match self.core.plan.demand(**id) {
                    Demand::Bytes(_) => here() == Some(&true),
                    Demand::End => true,
                    Demand::Nothing | Demand::Closed => false,
                }
        });
        let wanting: Vec<_> = wanting.map(|(id, stream)| (*id, stream.is_busy = true).0).collect();
        wanting.into_iter().for_each(|id| self.within(0, 1, PeersEvent::Step(id)));
    }

    fn is_streaming(&self) -> bool {
        self.streams.values().any(|stream| stream.is_open) && self.has.contains(&false)
    }

    fn peers(&self) -> PeerCounts {
        let count = |entries: &[SimEntry]| {
            self.peers.iter().filter(|peer| entries.contains(&peer.entry)).count()
        };
        let is_known = |it: &&SimPeer| it.was_live && it.entry == SimEntry::Forgotten;
        PeerCounts {
            live: count(&[SimEntry::Live]),
            coming: count(&[SimEntry::Queued, SimEntry::Connecting]),
            not_needed: count(&[SimEntry::NotNeeded]),
            dead: count(&[SimEntry::Dead]),
            forgotten: self.peers.iter().filter(is_known).count(),
        }
    }

    fn connect(&mut self, peer: usize) {
        self.peers[peer].entry = SimEntry::Queued;
        self.peers[peer].requester = Requester::Idle;
        self.peers[peer].connection += 1;
        self.within(0, 2, PeersEvent::Peer(peer, self.peers[peer].connection));
    }

    fn go_on(&mut self, peer: usize) {
        let connection = self.peers[peer].connection;
        let it = &mut self.peers[peer];
        match (it.entry, it.requester) {
            (SimEntry::Queued, _) => {
                it.entry = SimEntry::Connecting;
                self.within(1, 10, PeersEvent::Peer(peer, connection));
            }
            (SimEntry::Connecting, _) if it.is_gone => self.fail(peer),
            (SimEntry::Dead, _) => self.connect(peer),
            (SimEntry::Connecting, _) => {
                (it.entry, it.was_live) = (SimEntry::Live, true);
                self.request(peer);
            }
            (SimEntry::Live, Requester::Fetching(piece)) => {
                it.requester = Requester::Idle;
                self.has[piece] = true;
                self.outcome.pieces += 1;
                if self.is_streaming() {
                    self.request(peer);
                } else {
                    self.disconnect_all();
                }
            }
            (SimEntry::Live, Requester::Idle | Requester::Sleeping) => self.request(peer),
            (SimEntry::NotNeeded | SimEntry::Forgotten, _) => {}
        }
    }

    /// Moves all seeds to other addresses, which ends their connections.
    fn move_all(&mut self) {
        for peer in 0..self.peers.len() {
            self.peers[peer].is_gone = true;
            if self.peers[peer].entry == SimEntry::Live {
                self.fail(peer);
            }
        }
    }

    /// Ends a connection with an error.
    fn fail(&mut self, peer: usize) {
        let is_streaming = self.is_streaming();
        let it = &mut self.peers[peer];
        (it.requester, it.connection) = (Requester::Idle, it.connection + 1);
        it.entry = if is_streaming { SimEntry::Dead } else { SimEntry::NotNeeded };
        if is_streaming {
            let delay = BACK_OFF * 6_u32.pow(it.failures);
            it.failures += 1;
            self.at(self.now + delay, PeersEvent::Peer(peer, self.peers[peer].connection));
        }
    }

    /// Requests a piece that a stream is at or near, or sleeps.
    fn request(&mut self, peer: usize) {
        if !self.is_streaming() {
            // It ends its connection.
            self.peers[peer].requester = Requester::Idle;
            return self.within(0, 2, PeersEvent::Died(peer));
        }
        let mut streams: Vec<_> =
            self.streams.values().filter(|it| it.is_open).map(|it| it.pos / PIECE_LEN).collect();
        let first = usize::try_from(self.random.range(0, streams.len() as u64 - 1)).unwrap();
        streams.rotate_left(first);
        let wanted = streams.into_iter().flat_map(|at| at..(at + AHEAD_PIECES).min(PIECES));
        let mut wanted = wanted.map(|piece| usize::try_from(piece).unwrap());
        let is_taken =
            |piece| self.peers.iter().any(|it| it.requester == Requester::Fetching(piece));
        let piece = wanted.find(|piece| !self.has[*piece] && !is_taken(*piece));
        let connection = self.peers[peer].connection;
        let (requester, time) = match piece {
            Some(piece) => (Requester::Fetching(piece), self.piece_time),
            None => (Requester::Sleeping, SLEEP_TIME),
        };
        self.outcome.faults[1] += u64::from(requester == Requester::Sleeping);
        self.peers[peer].requester = requester;
        self.at(self.now + time, PeersEvent::Peer(peer, connection));
    }

    /// Marks all connected peers as not needed. Their connections end a little later.
    fn disconnect_all(&mut self) {
        for peer in 0..self.peers.len() {
            let it = &mut self.peers[peer];
            if it.entry == SimEntry::Live {
                (it.entry, it.requester) = (SimEntry::NotNeeded, Requester::Idle);
                it.connection += 1;
                self.within(0, 4, PeersEvent::Died(peer));
            }
        }
    }

    /// Handles the end of a connection, which may be an older one than that of the entry.
    fn died(&mut self, peer: usize) {
        let it = &mut self.peers[peer];
        match it.entry {
            SimEntry::NotNeeded | SimEntry::Forgotten => {}
            SimEntry::Connecting | SimEntry::Live => {
                (it.entry, it.requester) = (SimEntry::NotNeeded, Requester::Idle);
                it.connection += 1;
                self.outcome.faults[0] += 1;
            }
            SimEntry::Queued | SimEntry::Dead => {
                it.entry = SimEntry::Forgotten;
                it.connection += 1;
                self.outcome.faults[2] += 1;
            }
        }
    }
}

/// No read waits for longer than a requester sleeps, and no peer is lost. Without the cures both
/// happen. The cures fetch at most one more piece for each open and seed.
#[test]
fn no_read_waits_for_long_and_no_peer_is_lost_with_nothing_selected() {
    let mut faults = [0; 3];
    for seeders in 1..=SEEDERS_MAX {
        let (mut late, mut lost, mut pieces) = (0, 0, [0, 0]);
        for seed in 0..SEEDS {
            let outcome = PeersRun::new(seed, seeders, true).run();
            let what = format!("seed {seed}, {seeders} seeders: {outcome:?}");
            assert!(outcome.wait_max <= WAIT_MAX && outcome.lost == 0, "{what}");
            pieces[0] += outcome.pieces;
            let before = PeersRun::new(seed, seeders, false).run();
            pieces[1] += before.pieces;
            late += u64::from(before.wait_max > WAIT_MAX);
            lost += before.lost;
            faults.iter_mut().zip(before.faults).for_each(|(sum, count)| *sum += count);
        }
        println!("{seeders} seeders without cures: {late} late, {lost} lost, {pieces:?} pieces");
        let more_max = SEEDS * OPENS * seeders as u64;
        assert!(pieces[0] <= pieces[1] + more_max, "{pieces:?} with {seeders} seeders");
    }
    assert!(faults.iter().all(|count| *count > 0), "{faults:?}");
}

/// Seeds that all move at once are found by one search, within seconds. Without the cures the reads
/// time out, since rqbit would ask the tracker after half an hour.
#[test]
fn seeds_that_move_are_found_within_seconds() {
    let (mut searches, mut late) = (0, 0);
    for seeders in 1..=SEEDERS_MAX {
        for seed in 0..SEEDS {
            let moved = |has_cures| {
                let moves_at = Some(1 + seed % (OPENS - 1));
                PeersRun { moves_at, ..PeersRun::new(seed, seeders, has_cures) }.run()
            };
            let outcome = moved(true);
            let what = format!("seed {seed}, {seeders} seeders: {outcome:?}");
            assert!(outcome.wait_max <= MOVED_WAIT_MAX && outcome.lost == 0, "{what}");
            assert!(outcome.searches <= 1, "{what}");
            searches += outcome.searches;
            late += u64::from(moved(false).wait_max > MOVED_WAIT_MAX);
        }
    }
    // The others read only pieces that were there.
    let runs = SEEDS * SEEDERS_MAX as u64;
    println!("{searches} searches, {late} of {runs} runs are late without them");
    assert!(searches > runs / 2 && late > runs / 2, "{searches} searches, {late} late");
}
