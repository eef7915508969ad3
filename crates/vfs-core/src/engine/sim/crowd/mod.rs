//! More readers than permits, at complete files behind a line with a round trip and a speed.
//!
//! Nothing fails here. What counts is the use of the line, the streams that are opened for it, and
//! that every reader gets its turn. Sizes are a 64th of real ones, so that a run moves little.

mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use bytes::Bytes;

use super::random::SimRandom;
use crate::engine::MissingPolicy;
use crate::engine::core::{Core, Started};
use crate::engine::plan::{
    Demand, FileFacts, Output, Priority, ReadDeadline, ReadId, StreamEnd, StreamId, Tuning,
};
use crate::engine::store::BlockCache;
use crate::tree::FileState;
use crate::{ByteRange, FileId, FileIndex, HandleId, InfoHash, Timestamp, TorrentState};

const KIB: u64 = 1024;

/// A request of the kernel: 256 KiB.
const REQUEST_BYTES: u64 = 4 * KIB;

/// What a stream delivers at a time: 64 KiB.
const CHUNK_BYTES: u64 = KIB;

/// A long file: 64 MiB.
pub(super) const FILE_BYTES: u64 = 1024 * KIB;

/// How many requests the kernel keeps in flight for a reader in order.
const DEPTH: usize = 2;

/// How long a program takes for the bytes of a request.
const THINK: Duration = Duration::from_micros(200);

/// How long the source takes to close a stream.
const CLOSE_TIME: Duration = Duration::from_micros(200);

/// More events than any run needs.
const EVENTS_MAX: usize = 2_000_000;

/// A line to the server.
#[derive(Debug, Clone, Copy)]
pub(super) struct SimLine {
    pub(super) round_trip: Duration,
    pub(super) bytes_per_second: u64,
}

/// What a reader does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    /// Reads a file in order, as fast as it can.
    Order { file_bytes: u64 },
    /// Reads anywhere, one request at a time, until the others have finished.
    Random,
    /// Plays a film: a request at a time, at a constant rate, until the others have finished.
    Film { interval: Duration },
}

/// What happened to the readers of one habit.
#[derive(Debug, Default, Clone)]
pub(super) struct Waits {
    pub(super) bytes: u64,
    /// The times of all reads that memory could not answer.
    pub(super) times: Vec<Duration>,
}

impl Waits {
    pub(super) fn longest(&self) -> Duration {
        self.times.iter().max().copied().unwrap_or_default()
    }

    pub(super) fn mean(&self) -> Duration {
        let count = u32::try_from(self.times.len()).unwrap().max(1);
        self.times.iter().sum::<Duration>() / count
    }

    fn add(&mut self, bytes: u64, time: Option<Duration>) {
        self.bytes += bytes;
        self.times.extend(time);
    }
}

/// What came of a run.
#[derive(Debug, Default, Clone)]
pub(super) struct CrowdOutcome {
    pub(super) order: Waits,
    pub(super) random: Waits,
    pub(super) film: Waits,
    /// How long the readers in order took together.
    pub(super) time: Duration,
    pub(super) opens: u64,
    pub(super) bytes_fetched: u64,
}

impl CrowdOutcome {
    /// Returns the bytes a second of the readers in order.
    pub(super) fn speed(&self) -> f64 {
        self.order.bytes as f64 / self.time.as_secs_f64()
    }
}

#[derive(Debug)]
struct CrowdReader {
    habit: Habit,
    at: u64,
    in_flight: usize,
    /// Whether an [`CrowdEvent::Act`] of it is scheduled.
    is_busy: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum CrowdEvent {
    Act(usize),
    Opened(StreamId),
    Chunk(StreamId),
    Closed(StreamId),
}

#[derive(Debug)]
struct CrowdStream {
    pos: u64,
    is_open: bool,
    is_busy: bool,
}

/// A run of readers against one server.
#[derive(Debug)]
struct CrowdRun {
    line: SimLine,
    permits: usize,
    random: SimRandom,
    now: Timestamp,
    core: Core,
    readers: Vec<CrowdReader>,
    streams: BTreeMap<StreamId, CrowdStream>,
    /// When the line has delivered all that it was given.
    line_free_at: Timestamp,
    waiting: BTreeMap<ReadId, (usize, Timestamp, u64)>,
    events: BinaryHeap<Reverse<(Timestamp, usize, CrowdEvent)>>,
    event_count: usize,
    outcome: CrowdOutcome,
}

/// Runs readers against a server with this many permits. Each of them has a file of its own.
pub(super) fn run(line: SimLine, permits: usize, habits: &[Habit], seed: u64) -> CrowdOutcome {
    let tuning = tuning(permits);
    let cache = BlockCache::new(tuning.cache_bytes);
    let readers = habits.iter().map(|habit| CrowdReader {
        habit: *habit,
        at: 0,
        in_flight: 0,
        is_busy: false,
    });
    let mut crowd = CrowdRun {
        line,
        permits,
        random: SimRandom::new(seed),
        now: Timestamp::ZERO,
        core: Core::new(tuning, MissingPolicy::Wait, cache),
        readers: readers.collect(),
        streams: BTreeMap::new(),
        line_free_at: Timestamp::ZERO,
        waiting: BTreeMap::new(),
        events: BinaryHeap::new(),
        event_count: 0,
        outcome: CrowdOutcome::default(),
    };
    for reader in 0..crowd.readers.len() {
        crowd.core.plan.on_open(handle(reader));
        let at = crowd.now + Duration::from_micros(crowd.random.range(0, 5000));
        crowd.act_at(reader, at);
    }
    while !crowd.is_over() {
        crowd.step();
    }
    let total = crowd.core.counters(crowd.now).total;
    (crowd.outcome.opens, crowd.outcome.bytes_fetched) = (total.opens, total.bytes_fetched);
    crowd.outcome
}

/// Returns the limits of a mount with 128 MiB, scaled.
fn tuning(permits: usize) -> Tuning {
    let mut tuning = Tuning::new(permits, 0);
    let streams = u64::try_from(permits).unwrap();
    tuning.read_bytes_max = 16 * KIB;
    tuning.block_bytes = 2 * KIB;
    tuning.chunk_bytes_max = 4 * KIB;
    tuning.window_bytes_min = 8 * KIB;
    tuning.window_bytes_max = 128 * KIB;
    tuning.windows_bytes = streams * 128 * KIB;
    tuning.cache_bytes = 1400 * KIB;
    tuning.skip_bytes_max = 8 * KIB;
    tuning.join_bytes_max = 64 * KIB;
    tuning.rest_bytes_max = 16 * KIB;
    tuning.turn_bytes = 256 * KIB;
    tuning
}

fn handle(reader: usize) -> HandleId {
    HandleId(reader as u64 + 1)
}

impl CrowdRun {
    fn is_over(&self) -> bool {
        self.readers.iter().all(|reader| match reader.habit {
            Habit::Order { file_bytes } => reader.at == file_bytes && reader.in_flight == 0,
            Habit::Random | Habit::Film { .. } => true,
        })
    }

    fn act_at(&mut self, reader: usize, at: Timestamp) {
        if !std::mem::replace(&mut self.readers[reader].is_busy, true) {
            self.at(at, CrowdEvent::Act(reader));
        }
    }

    fn at(&mut self, at: Timestamp, event: CrowdEvent) {
        self.event_count += 1;
        assert!(self.event_count < EVENTS_MAX, "it goes in circles");
        self.events.push(Reverse((at, self.event_count, event)));
    }

    fn step(&mut self) {
        let event = self.events.peek().map(|Reverse((at, _, _))| *at);
        match (event, self.core.plan.next_time()) {
            (Some(at), alarm) if alarm.is_none_or(|alarm| at < alarm) => {
                let Some(Reverse((at, _, event))) = self.events.pop() else { return };
                self.now = at;
                self.happen(event);
            }
            (_, Some(alarm)) => {
                self.now = self.now.max(alarm);
                self.core.plan.on_time(self.now);
            }
            (_, None) => panic!("nothing will ever happen: {:?}", self.waiting),
        }
        self.pump();
        self.core.plan.check();
        assert!(self.streams.len() <= self.permits, "{:?}", self.streams);
    }

    fn happen(&mut self, event: CrowdEvent) {
        match event {
            CrowdEvent::Act(reader) => {
                self.readers[reader].is_busy = false;
                self.act(reader);
            }
            CrowdEvent::Opened(id) => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.is_open = true;
                    self.core.plan.on_opened(self.now, id, stream.pos);
                }
            }
            CrowdEvent::Chunk(id) => self.chunk(id),
            CrowdEvent::Closed(id) => {
                if self.streams.remove(&id).is_some() {
                    self.core.plan.on_stream_end(self.now, id, StreamEnd::Closed);
                }
            }
        }
    }

    fn act(&mut self, reader: usize) {
        let CrowdReader { habit, at, in_flight, .. } = self.readers[reader];
        let (start, depth, pause) = match habit {
            Habit::Order { .. } => (at, DEPTH, THINK),
            Habit::Random => (self.random.range(0, FILE_BYTES - 1), 1, THINK),
            Habit::Film { interval } => (at % FILE_BYTES, 1, interval),
        };
        let range = ByteRange::clamped(start, REQUEST_BYTES, file_bytes(habit));
        if in_flight >= depth || range.is_empty() {
            return;
        }
        self.readers[reader].at += range.len();
        let who = (handle(reader), file(reader), Priority::Foreground);
        let deadline = ReadDeadline::NEVER;
        match self.core.read(self.now, deadline, who, facts(file_bytes(habit)), range).unwrap() {
            Started::Done(_) => {
                self.note(reader, range.len(), None);
                self.act_at(reader, self.now + pause);
            }
            Started::Waits(id) => {
                self.readers[reader].in_flight += 1;
                self.waiting.insert(id, (reader, self.now, range.len()));
                self.act_at(reader, self.now + pause);
            }
        }
    }

    fn note(&mut self, reader: usize, bytes: u64, time: Option<Duration>) {
        match self.readers[reader].habit {
            Habit::Order { .. } => {
                self.outcome.order.add(bytes, time);
                self.outcome.time = self.now.since_start();
            }
            Habit::Random => self.outcome.random.add(bytes, time),
            Habit::Film { .. } => self.outcome.film.add(bytes, time),
        }
    }

    fn chunk(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.is_busy = false;
        match self.core.plan.demand(id) {
            Demand::Closed | Demand::Nothing => {}
            Demand::End => {
                self.streams.remove(&id);
                self.core.plan.on_stream_end(self.now, id, StreamEnd::Over);
            }
            Demand::Bytes(most) => {
                let (offset, len) = (stream.pos, most.min(CHUNK_BYTES));
                stream.pos += len;
                let bytes = vec![0; usize::try_from(len).unwrap()];
                self.core.on_chunk(self.now, id, offset, &bytes);
            }
        }
    }

    fn pump(&mut self) {
        let mut outputs = Vec::new();
        self.core.pump(self.now, |output| outputs.push(output));
        for output in outputs {
            match output {
                Output::Answer { read, result, .. } => self.answer(read, &result.unwrap()),
                Output::Open { stream, range, .. } => {
                    let pos = range.start();
                    self.streams
                        .insert(stream, CrowdStream { pos, is_open: false, is_busy: false });
                    self.at(self.now + self.line.round_trip, CrowdEvent::Opened(stream));
                }
                Output::Close { stream } => {
                    // What is under way when a stream is closed passes the line for nothing.
                    let share = u32::try_from(self.permits).unwrap();
                    let wasted = self.line.round_trip / share;
                    self.line_free_at = self.line_free_at.max(self.now) + wasted;
                    self.at(self.now + CLOSE_TIME, CrowdEvent::Closed(stream));
                }
                Output::AskProgress { .. } => {}
                Output::AskHaves { .. }
                | Output::AskPeers { .. }
                | Output::AddPeers { .. }
                | Output::FindPeers { .. } => panic!("all is there"),
            }
        }
        self.fill_line();
    }

    /// Schedules the next chunk of each stream that has demand.
    fn fill_line(&mut self) {
        let idle = self.streams.iter().filter(|(_, stream)| stream.is_open && !stream.is_busy);
        let idle: Vec<_> = idle.map(|(id, _)| *id).collect();
        for id in idle {
            let bytes = match self.core.plan.demand(id) {
                Demand::Closed | Demand::Nothing => continue,
                Demand::End => 0,
                Demand::Bytes(most) => most.min(CHUNK_BYTES),
            };
            if let Some(stream) = self.streams.get_mut(&id) {
                stream.is_busy = true;
            }
            let time = Duration::from_nanos(bytes * 1_000_000_000 / self.line.bytes_per_second);
            self.line_free_at = self.line_free_at.max(self.now) + time;
            self.at(self.line_free_at, CrowdEvent::Chunk(id));
        }
    }

    fn answer(&mut self, read: ReadId, parts: &[Bytes]) {
        let (reader, arrived_at, len) = self.waiting.remove(&read).expect("an awaited answer");
        assert_eq!(parts.iter().map(|part| part.len() as u64).sum::<u64>(), len);
        self.readers[reader].in_flight -= 1;
        self.note(reader, len, Some(self.now - arrived_at));
        let pause = match self.readers[reader].habit {
            Habit::Film { interval } => interval,
            Habit::Order { .. } | Habit::Random => THINK,
        };
        self.act_at(reader, self.now + pause);
    }
}

fn file(reader: usize) -> FileId {
    let index = FileIndex(u32::try_from(reader).unwrap());
    FileId { torrent: InfoHash::from_bytes([1; InfoHash::BYTES]), index }
}

fn file_bytes(habit: Habit) -> u64 {
    match habit {
        Habit::Order { file_bytes } => file_bytes,
        Habit::Random | Habit::Film { .. } => FILE_BYTES,
    }
}

fn facts(len: u64) -> FileFacts {
    let state = FileState { torrent: TorrentState::Live, have_bytes: len, is_listed: true };
    FileFacts { len, geometry: None, state: Some(state) }
}
