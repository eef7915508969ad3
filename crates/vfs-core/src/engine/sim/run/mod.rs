//! One run of the simulation: events in virtual time, with checks after each.

mod checks;
mod direct;
mod on_demand;
mod peers;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

use bytes::Bytes;

use super::download::Downloads;
use super::random::SimRandom;
use super::server::{SimServer, error};
use super::shared::Share;
use super::summary::Summary;
use super::world::{Expected, Preload, Preloader, SimReader, tuning};
use crate::engine::core::{Core, Started};
use crate::engine::plan::{
    Demand, Output, Priority, ReadDeadline, ReadId, Split, StreamEnd, StreamId,
};
use crate::engine::store::BlockCache;
use crate::engine::{BreakerState, MissingPolicy};
use crate::{ByteRange, InfoHash, SourceErrorKind, Timestamp, TorrentState, VfsError};

/// The time-out of a read.
const TIMEOUT: Duration = Duration::from_secs(60);

/// When faults end in most runs.
const CALM_AT: Timestamp = Timestamp::from_start(Duration::from_secs(20));

/// The percentage of runs without any faults. In these no read may fail, except for missing data
/// that must not be waited for.
const CALM_PERCENT: u64 = 10;

/// More events than any run needs: above it the run is in an endless loop.
const EVENTS_MAX: usize = 300_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    Act(usize),
    Preload(usize),
    Opened(StreamId),
    Step(StreamId),
    Closed(StreamId),
    /// A direct read ends.
    Direct(usize),
    Haves(InfoHash),
    Progress(InfoHash),
    Peers(InfoHash),
    Download,
    Trouble,
    /// A controller or another client selects or deselects files.
    Select,
    List,
    Calm,
    /// A scan of the other members of the budget.
    Scan,
}

pub(super) struct Run {
    random: SimRandom,
    pub(super) now: Timestamp,
    pub(super) core: Core,
    pub(super) server: SimServer,
    readers: Vec<SimReader>,
    preloaders: Vec<Preloader>,
    /// The direct reads in flight: the reader and the range. Their indices do not change.
    pub(super) directs: Vec<Option<(usize, ByteRange)>>,
    expected: BTreeMap<ReadId, Expected>,
    events: BinaryHeap<Reverse<(Timestamp, u64, Event)>>,
    event_count: u64,
    streams_max: usize,
    is_calm: bool,
    /// When faults end.
    calm_at: Timestamp,
    /// Whether pieces may have been lost.
    has_crashed: bool,
    bitfield_requests: BTreeMap<InfoHash, Timestamp>,
    /// The torrents with a read that failed or was cancelled at this event, and those with a read
    /// that was answered.
    failed: BTreeSet<InfoHash>,
    answered: BTreeSet<InfoHash>,
    /// The last search for the peers of each torrent.
    searches: BTreeMap<InfoHash, Timestamp>,
    /// When the last bitfield of each torrent was requested that arrived.
    haves_at: BTreeMap<InfoHash, Timestamp>,
    /// When a torrent or the server last changed.
    trouble_at: Timestamp,
    downloads: Downloads,
    /// The unit of bytes that a torrent fetches at a time.
    fetch_bytes: u64,
    /// The longest time to open a stream, in milliseconds.
    round_trip_millis: u64,
    pub(super) summary: Summary,
    /// Its membership in a shared budget.
    pub(super) share: Option<Share>,
}

/// Runs one seed.
pub(super) fn run(seed: u64) -> Summary {
    let mut random = SimRandom::new(seed);
    let streams_max = usize::try_from(random.range(1, 5)).unwrap();
    // Most runs are small, so that there can be many of them.
    let is_large = random.range(0, 199) == 0;
    let reader_count = if is_large { random.range(100, 300) } else { random.range(1, 12) };
    let mut run = Run::new(random, streams_max, reader_count);
    run.begin();
    while run.step() {}
    run.check_end();
    run.summary
}

impl Run {
    /// Returns a run before its first event.
    pub(super) fn new(mut random: SimRandom, streams_max: usize, reader_count: u64) -> Self {
        let random = &mut random;
        let tuning = tuning(random, streams_max);
        let missing = if random.chance(15) { MissingPolicy::Fail } else { MissingPolicy::Wait };
        let server = SimServer::new(random);
        let readers = (1..=reader_count).map(|handle| {
            let file = usize::try_from(random.range(0, server.files.len() as u64 - 1)).unwrap();
            SimReader::new(random, handle, file, server.files[file].len)
        });
        let readers: Vec<_> = readers.collect();
        let preloaders = (0..random.range(0, 3))
            .map(|_| Preloader { left: random.range(1, 4), current: None })
            .collect();
        let calm_at = if random.chance(CALM_PERCENT) { Timestamp::ZERO } else { CALM_AT };
        Self {
            now: Timestamp::ZERO,
            core: Core::new(tuning, missing, BlockCache::new(tuning.cache_bytes)),
            server,
            readers,
            preloaders,
            directs: Vec::new(),
            expected: BTreeMap::new(),
            events: BinaryHeap::new(),
            event_count: 0,
            streams_max: tuning.streams_max,
            is_calm: false,
            calm_at,
            has_crashed: false,
            bitfield_requests: BTreeMap::new(),
            failed: BTreeSet::new(),
            answered: BTreeSet::new(),
            searches: BTreeMap::new(),
            haves_at: BTreeMap::new(),
            trouble_at: Timestamp::ZERO,
            downloads: Downloads::default(),
            fetch_bytes: 1 << (10 * random.range(0, 2)),
            round_trip_millis: [1, 30, 150][usize::try_from(random.range(0, 2)).unwrap()],
            summary: Summary::default(),
            share: None,
            random: random.clone(),
        }
    }

    pub(super) fn begin(&mut self) {
        self.readers.iter().for_each(|reader| self.core.plan.on_open(reader.handle));
        for reader in 0..self.readers.len() {
            self.later(2000, Event::Act(reader));
        }
        for preloader in 0..self.preloaders.len() {
            self.later(2000, Event::Preload(preloader));
        }
        for event in [Event::Download, Event::Trouble, Event::Select, Event::List] {
            self.later(100, event);
        }
        self.at(self.now.max(self.calm_at), Event::Calm);
    }

    /// Returns the time of the next event.
    pub(super) fn next_at(&self) -> Option<Timestamp> {
        let event = self.events.peek().map(|Reverse((at, _, _))| *at);
        let next = event.into_iter().chain(self.core.plan.next_time()).min();
        next.map(|next| next.max(self.now))
    }

    /// Runs the next event. Returns false if there is none.
    pub(super) fn step(&mut self) -> bool {
        self.summary.events += 1;
        assert!(self.summary.events < EVENTS_MAX as u64, "it goes in circles");
        let is_over = self.is_calm
            && self.directs.iter().flatten().next().is_none()
            && self.expected.is_empty()
            && self.readers.iter().all(|reader| reader.reads_left == 0 && reader.is_released)
            && self.preloaders.iter().all(|it| it.left == 0 && it.current.is_none());
        let event = self.events.peek().map(|Reverse((at, _, _))| *at);
        let alarm = self.core.plan.next_time();
        if is_over && self.server.streams.is_empty() {
            return false;
        }
        match (event, alarm) {
            (Some(at), alarm) if alarm.is_none_or(|alarm| at < alarm) => {
                let Some(Reverse((at, _, event))) = self.events.pop() else { return false };
                self.now = at;
                self.happen(event);
            }
            (_, Some(alarm)) => {
                self.now = self.now.max(alarm);
                self.core.plan.on_time(self.now);
            }
            (_, None) => return false,
        }
        self.pump();
        self.check();
        true
    }

    fn at(&mut self, at: Timestamp, event: Event) {
        self.event_count += 1;
        self.events.push(Reverse((at, self.event_count, event)));
    }

    pub(super) fn later(&mut self, millis_max: u64, event: Event) {
        let delay = Duration::from_micros(self.random.range(0, millis_max * 1000));
        self.at(self.now + delay, event);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Act(reader) => self.act(reader),
            Event::Preload(preloader) => self.preload(preloader),
            Event::Opened(stream) => self.opened(stream),
            Event::Step(stream) => self.stream_step(stream),
            Event::Closed(stream) => {
                if self.server.streams.remove(&stream).is_some() {
                    self.core.plan.on_stream_end(self.now, stream, StreamEnd::Closed);
                }
            }
            Event::Direct(place) => self.direct_end(place),
            Event::Haves(torrent) => {
                let answer = self.server.haves(torrent);
                if answer.is_ok() {
                    self.haves_at.insert(torrent, self.bitfield_requests[&torrent]);
                }
                self.core.plan.on_haves(self.now, torrent, answer);
            }
            Event::Progress(torrent) => {
                let answer = self.server.tells_progress(torrent);
                let answer = answer.then(|| self.downloads.answer(self.now, torrent));
                self.downloads.on_answer(self.now, torrent, answer.is_some());
                self.core.plan.on_download(self.now, torrent, answer);
            }
            Event::Peers(torrent) => self.tell_peers(torrent),
            Event::Download => {
                let fetched = self.server.download(&mut self.random, self.now, self.is_calm);
                if let Some(torrent) = fetched {
                    let bytes = self.fetch_bytes * self.random.range(1, 20);
                    self.downloads.fetch(self.now, torrent, bytes);
                }
                let millis = if self.is_calm { 20 } else { 200 };
                self.later(millis, Event::Download);
            }
            Event::Trouble => self.trouble(),
            Event::Select => self.select(),
            Event::List => {
                if !self.server.is_down {
                    self.server.list();
                    for file in self.core.plan.files() {
                        let state =
                            self.server.files.iter().find(|it| it.id == file).unwrap().state;
                        self.core.plan.on_facts(file, state);
                    }
                }
                self.later(2000, Event::List);
            }
            Event::Calm => self.calm(),
            Event::Scan => self.scan(),
        }
    }

    fn trouble(&mut self) {
        if self.is_calm {
            return;
        }
        self.trouble_at = self.now;
        let which = self.random.range(0, self.server.torrents.len() as u64 - 1);
        let torrent = &mut self.server.torrents[usize::try_from(which).unwrap()];
        match self.random.range(0, 12) {
            0 if !self.server.is_down => {
                self.has_crashed = true;
                self.server.crash(&mut self.random);
                self.downloads.crash(self.now);
            }
            0..=3 => self.server.is_down = false,
            4 => torrent.state = TorrentState::Paused,
            5 => torrent.state = TorrentState::Initializing,
            6 => torrent.state = TorrentState::Failed,
            7 => torrent.is_there = false,
            _ => (torrent.state, torrent.is_there) = (TorrentState::Live, true),
        }
        self.later(3000, Event::Trouble);
    }

    /// Ends all faults: the server works, and missing data arrives where a read waits for it.
    fn calm(&mut self) {
        self.is_calm = true;
        self.trouble_at = self.now;
        self.server.is_down = false;
        for torrent in &mut self.server.torrents {
            (torrent.state, torrent.is_there) = (TorrentState::Live, true);
        }
        self.server.list();
        for file in self.core.plan.files() {
            let state = self.server.files.iter().find(|it| it.id == file).unwrap().state;
            self.core.plan.on_facts(file, state);
        }
    }

    fn act(&mut self, index: usize) {
        let reader = &mut self.readers[index];
        let (handle, file) = (reader.handle, reader.file);
        if reader.reads_left == 0 || self.random.chance(1) {
            reader.reads_left = 0;
            if !reader.is_released {
                reader.is_released = true;
                self.core.plan.on_release(handle);
            }
            return;
        }
        if self.random.chance(3) {
            let own = self.expected.iter().find(|(_, it)| it.reader == index).map(|(id, _)| *id);
            if let Some(id) = own {
                self.summary.cancelled += 1;
                let expected = self.expected.remove(&id).unwrap();
                self.readers[index].in_flight -= 1;
                let missing = self.core.plan.on_cancel(self.now, id);
                self.failed.insert(self.server.files[expected.file].id.torrent);
                self.check_missing(&expected, missing, false);
            }
        }
        let reader = &mut self.readers[index];
        if reader.in_flight < reader.depth {
            reader.reads_left -= 1;
            let file_len = self.server.files[file].len;
            let range = reader.next(&mut self.random, file_len);
            if !range.is_empty() && !self.read_directly(index, range) {
                self.read(index, range);
            }
        }
        self.later(if self.is_calm { 20 } else { 300 }, Event::Act(index));
    }

    fn preload(&mut self, index: usize) {
        let preloader = &mut self.preloaders[index];
        match &preloader.current {
            Some(preload) => {
                let counted = self.core.plan.preloaded_bytes(preload.id);
                assert!(counted <= preload.range.len(), "{counted} bytes of {preload:?}");
                self.core.plan.check_preload_wait(preload.id, self.now);
                if !self.is_calm && self.random.chance(5) {
                    self.core.plan.on_cancel(self.now, preload.id);
                    preloader.current = None;
                }
            }
            None if preloader.left == 0 => return,
            None => {
                preloader.left -= 1;
                let file =
                    usize::try_from(self.random.range(0, self.server.files.len() as u64 - 1))
                        .unwrap();
                let (id, len) = (self.server.files[file].id, self.server.files[file].len);
                let range = ByteRange::clamped(
                    self.random.range(0, 1) * self.random.range(0, len),
                    self.random.range(1, len),
                    len,
                );
                let facts = self.server.facts(file);
                self.tell_selection(file);
                let read = self.core.preload(self.now, (id, facts), range).unwrap();
                let is_calm = self.is_calm;
                let preload = Preload { id: read, file, range, is_calm };
                self.preloaders[index].current = Some(preload);
                self.summary.preloads += 1;
            }
        }
        self.later(500, Event::Preload(index));
    }

    fn preloaded(&mut self, preload: &Preload, result: &Result<Vec<Bytes>, VfsError>) {
        self.summary.preload_ends += u64::from(result.is_ok());
        match result {
            Ok(parts) => {
                assert!(parts.is_empty(), "nobody wants the bytes");
                let mut wanted = preload.range.start()..preload.range.end();
                let is_there = wanted.all(|at| self.server.has(preload.file, at));
                assert!(is_there || self.has_crashed, "{preload:?} has not come");
            }
            Err(error) => assert!(!preload.is_calm, "{error:?} for {preload:?} {:#?}", self.core),
        }
    }

    fn read(&mut self, reader: usize, range: ByteRange) {
        let (handle, file) = (self.readers[reader].handle, self.readers[reader].file);
        let id = self.server.files[file].id;
        let is_short = !self.is_calm && self.random.chance(50);
        let timeout = if is_short { TIMEOUT / 20 } else { TIMEOUT };
        let first = self.now + timeout;
        let deadline = first + timeout * u32::try_from(self.random.range(0, 3)).unwrap();
        let until = ReadDeadline { timeout, first, latest: deadline };
        let facts = self.server.facts(file);
        let priority = self.readers[reader].priority;
        let is_refused = self.core.counters(self.now).breaker == BreakerState::Open;
        let fails_fast = self.core.plan.fail_fast_error(self.now, (handle, id), &facts).is_some();
        self.tell_selection(file);
        match self.core.read(self.now, until, (handle, id, priority), facts, range).unwrap() {
            Started::Done(parts) => {
                self.summary.hits += 1;
                self.check_bytes(file, range, &parts);
            }
            Started::Waits(read) => {
                let is_present_only = self.readers[reader].is_present_only;
                if is_present_only {
                    self.core.plan.set_present_only(read);
                }
                if self.readers[reader].may_split {
                    self.core.plan.set_split(read, Split::Pages);
                }
                let arrived_at = self.now;
                self.readers[reader].in_flight += 1;
                // A read of lower priority may starve.
                let is_urgent = priority == Priority::Foreground;
                let is_patient = !is_refused && !fails_fast && !is_present_only;
                let is_calm = self.is_calm && is_patient && is_urgent;
                let expected = Expected {
                    reader,
                    file,
                    range,
                    arrived_at,
                    timeout,
                    deadline,
                    is_calm,
                    fails_fast,
                    is_present_only,
                    haves_at: self.haves_at.get(&id.torrent).copied(),
                };
                self.expected.insert(read, expected);
            }
        }
    }

    fn opened(&mut self, id: StreamId) {
        let Some(stream) = self.server.streams.get_mut(&id) else { return };
        stream.is_busy = false;
        if stream.is_closing {
            return;
        }
        match self.server.opened(id, &mut self.random) {
            None => {
                self.server.streams.get_mut(&id).unwrap().is_busy = true;
                self.later(50, Event::Opened(id));
            }
            Some(Ok(_)) if !self.is_calm && self.random.chance(2) => self.fail(id),
            Some(Ok(pos)) => {
                self.server.streams.get_mut(&id).unwrap().is_open = true;
                self.core.plan.on_opened(self.now, id, pos);
            }
            Some(Err(error)) => {
                self.server.streams.remove(&id);
                self.core.plan.on_stream_end(self.now, id, StreamEnd::Failed(error));
            }
        }
    }

    fn fail(&mut self, id: StreamId) {
        self.server.streams.remove(&id);
        let kind = match self.random.range(0, 9) {
            0..=4 => SourceErrorKind::Unreachable,
            5..=7 => SourceErrorKind::TimedOut,
            8 => SourceErrorKind::Failed,
            _ => SourceErrorKind::Protocol,
        };
        self.core.plan.on_stream_end(self.now, id, StreamEnd::Failed(error(kind)));
    }

    fn stream_step(&mut self, id: StreamId) {
        let Some(stream) = self.server.streams.get_mut(&id) else { return };
        stream.is_busy = false;
        if stream.is_closing {
            return;
        }
        if self.server.is_down || !self.is_calm && self.random.chance(1) {
            return self.fail(id);
        }
        match self.core.plan.demand(id) {
            Demand::Closed | Demand::Nothing => {}
            Demand::End => {
                self.server.streams.remove(&id);
                self.core.plan.on_stream_end(self.now, id, StreamEnd::Over);
            }
            Demand::Bytes(most) if !self.is_calm && self.random.chance(1) => {
                // A protocol violation: bytes of another offset.
                let offset = self.server.streams[&id].pos + 1;
                let lie = vec![0; usize::try_from(most.min(5)).unwrap()];
                self.core.on_chunk(self.now, id, offset, &lie);
            }
            Demand::Bytes(most) => {
                let most = most.min(self.random.range(1, 150));
                let offset = self.server.streams[&id].pos;
                if let Some(chunk) = self.server.chunk(id, most) {
                    self.server.streams.get_mut(&id).unwrap().pos += chunk.len() as u64;
                    self.core.on_chunk(self.now, id, offset, &chunk);
                }
            }
        }
    }

    pub(super) fn pump(&mut self) {
        self.carry_out();
        self.negotiate();
        // Schedules the streams that have demand.
        let idle = self.server.streams.iter().filter(|(id, stream)| {
            stream.is_open
                && !stream.is_busy
                && !stream.is_closing
                && match self.core.plan.demand(**id) {
                    Demand::Bytes(_) | Demand::End => true,
                    Demand::Nothing | Demand::Closed => false,
                }
        });
        let idle: Vec<_> = idle.map(|(id, _)| *id).collect();
        for id in idle {
            self.server.streams.get_mut(&id).unwrap().is_busy = true;
            self.later(10, Event::Step(id));
        }
    }

    pub(super) fn carry_out(&mut self) {
        let mut outputs = Vec::new();
        self.core.pump(self.now, |output| {
            outputs.push(output);
            assert!(outputs.len() < 10_000, "it goes in circles: {:?}", outputs.last());
        });
        for output in outputs {
            self.summary.on_output(self.now, &output);
            match output {
                Output::Answer { read, result, missing } => self.answer(read, result, missing),
                Output::Open { stream, file, range, asked_end, .. } => {
                    self.check_open(file, range);
                    self.open(stream, file, range, asked_end);
                    self.later(self.round_trip_millis, Event::Opened(stream));
                }
                Output::Close { stream } => {
                    if let Some(stream) = self.server.streams.get_mut(&stream) {
                        stream.is_closing = true;
                    }
                    self.later(5, Event::Closed(stream));
                }
                Output::AskProgress { torrent } => {
                    let files = &self.server.files;
                    let of_torrent = |it: &&Expected| files[it.file].id.torrent == torrent;
                    let waiting = self.expected.values().filter(of_torrent);
                    let is_late = self.random.chance(5);
                    self.downloads.on_asked(self.now, (torrent, is_late), waiting);
                    self.summary.samples += 1;
                    let millis = if is_late { 4000 } else { 20 };
                    self.later(millis, Event::Progress(torrent));
                }
                Output::AskPeers { torrent } => self.later(20, Event::Peers(torrent)),
                Output::AddPeers { .. } => {}
                Output::FindPeers { torrent } => self.search_peers(torrent),
                Output::AskHaves { torrent } => {
                    let last = self.bitfield_requests.insert(torrent, self.now);
                    let gap = last.map(|last| self.now - last);
                    assert!(gap.is_none_or(|gap| gap >= Duration::from_secs(1)), "asked too often");
                    let millis = if self.random.chance(5) { 4000 } else { 20 };
                    self.later(millis, Event::Haves(torrent));
                }
            }
        }
    }
}
