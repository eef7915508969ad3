//! The read plan decides which streams are open and which reads they serve. It is pure: it takes
//! events and timestamps and returns actions. It sees offsets, never bytes.
//!
//! ```text
//! on_open, on_release                                  from open files
//! on_read, on_hit, on_cancel, on_facts                 from readers
//! on_direct, on_direct_end                              from the threads of readers
//! on_opened, on_chunk, on_stream_end, on_haves         from the source
//! on_permits                                           from the budget of the server
//! on_time                                              when next_time is reached
//!        `--> next_action (until there is none), demand, stream_demand, next_time
//! ```
//!
//! An event costs O(open streams + affected reads). The stream budget bounds the open streams. The
//! affected reads are those of the event's stream, file or torrent. Other waiting reads cost
//! nothing (`read_index.rs`).
#![warn(clippy::arithmetic_side_effects)]

mod access;
mod action;
mod attach;
mod availability;
mod budget;
#[cfg(test)]
mod check;
mod direct;
mod downloads;
mod events;
mod examine;
mod fail_fast;
mod handles;
mod linger;
mod missing;
mod peers;
mod permits;
mod preload;
mod progress;
mod read_index;
mod readers;
mod reconcile;
mod retry;
mod split;
mod stream;
#[cfg(test)]
mod tests;
mod time_slices;
mod tuning;
mod turn;
mod unasked;

use std::collections::{BTreeMap, VecDeque};

pub(crate) use action::FileFacts;
pub(super) use action::{
    Action, Output, Priority, ReadDeadline, ReadId, ReadRequest, Split, StreamEnd, StreamId,
    WaitPolicy,
};
pub(super) use availability::Availability;
pub(super) use availability::BitfieldStatus;
use availability::PieceAvailability;
use budget::Permits;
use direct::Direct;
pub(super) use direct::DirectEnd;
use downloads::DownloadSums;
use fail_fast::{FailFast, FailedWaits};
use handles::OpenHandles;
use linger::Selections;
use missing::MissingWait;
use peers::PeerWatch;
use preload::PreloadGate;
pub use preload::PreloadWait;
use progress::{Expiry, FetchHistory};
#[cfg(test)]
pub(super) use progress::{SAMPLE_INTERVAL_MIN, fetched_bytes_max};
use read_index::{DirtySet, ReadIndex};
pub(crate) use readers::Activity;
pub use readers::ReaderWait;
use retry::Breaker;
#[cfg(test)]
pub(super) use retry::BreakerTuning;
pub(super) use stream::Demand;
use stream::{Phase, PlannedStream, StreamKind};
pub(super) use tuning::Tuning;
use turn::{Contender, RoundTrip, Turn, TurnSpeed};

use super::counters::EngineCounters;
use super::{BreakerState, MissingPolicy};
use crate::figures::FIRST_BYTE_BOUNDS;
use crate::{
    Bitfield, ByteRange, DurationCounts, FileId, InfoHash, SourceError, SourceErrorKind, Timestamp,
    VfsError,
};

/// A waiting read.
#[derive(Debug)]
struct PlannedRead {
    request: ReadRequest,
    /// The missing bytes: `need` of the request, or more if memory evicted cached bytes.
    need: ByteRange,
    arrived_at: Timestamp,
    /// The queue position. Smaller goes first. The read gets a new one after each time slice.
    place: u64,
    /// The stream that serves the read, and the time since when.
    stream: Option<(StreamId, Timestamp)>,
    /// The deadline, extended by progress.
    expiry: Expiry,
    /// Whether its reader is not known to read in order. Such a read returns its permit soon.
    is_brief: bool,
    /// The earliest time at which a stream is opened for it.
    retry_at: Timestamp,
    /// The last error of the source for this read.
    last_error: Option<SourceError>,
    /// Whether it requests its whole range again because memory evicted bytes that it had.
    is_whole: bool,
    /// Whether its reply is being assembled.
    is_answered: bool,
    wait_policy: WaitPolicy,
    /// Whether it may only be answered with present bytes: it causes no download.
    is_present_only: bool,
    /// Whether it may end with [`VfsError::Partial`].
    split: Split,
    /// The reason to fail on missing data, if a recent wait of its handle failed.
    fail_fast: Option<FailFast>,
    /// Whether it was counted as a read that waited for a permit.
    has_waited: bool,
    /// The number of consecutive stream stalls.
    silence_count: u32,
    /// How often the server fetched too much ahead of its stream since it last got bytes.
    unasked_count: u32,
    /// Its wait for missing pieces, for monitoring.
    missing: MissingWait,
}

/// Availability of a range on one server, before a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ServerAvailability {
    /// Whether the server has the bytes.
    pub(super) presence: Availability,
    /// The end of the bytes known to be present, counted from the start of the range.
    pub(super) here_until: u64,
    /// Whether the server's circuit breaker is open.
    pub(super) is_refusing: bool,
}

/// The state of all reads and streams of one source.
#[derive(Debug)]
pub(super) struct Plan {
    tuning: Tuning,
    missing: MissingPolicy,
    reads: BTreeMap<ReadId, PlannedRead>,
    /// An index of `reads`.
    index: ReadIndex,
    dirty: DirtySet,
    streams: BTreeMap<StreamId, PlannedStream>,
    files: BTreeMap<FileId, FileFacts>,
    /// The open handles, with the access pattern of those that were read.
    handles: OpenHandles,
    availability: PieceAvailability,
    breaker: Breaker,
    preload_gate: PreloadGate,
    permits: Permits,
    /// The round trip to the server.
    round_trip: RoundTrip,
    turn_speed: TurnSpeed,
    direct: Direct,
    failed_waits: FailedWaits,
    samples: FetchHistory,
    selections: Selections,
    downloads: DownloadSums,
    peers: PeerWatch,
    actions: VecDeque<Action>,
    /// Whether the plan needs another reconciliation pass.
    is_dirty: bool,
    next_time: Option<Timestamp>,
    last_place: u64,
    last_stream: u64,
    pub(super) tally: EngineCounters,
    pub(super) bitfield_requests: u64,
    /// Bytes that preloads received and discarded.
    pub(super) preloaded_bytes: u64,
    /// Times from the request of a stream to its first byte, if that was present.
    pub(super) first_bytes: DurationCounts,
    /// The number of reads examined.
    #[cfg(test)]
    look_count: u64,
}

impl Plan {
    pub(super) fn new(tuning: Tuning, missing: MissingPolicy) -> Self {
        Self {
            tuning,
            missing,
            reads: BTreeMap::new(),
            index: ReadIndex::default(),
            dirty: DirtySet::default(),
            streams: BTreeMap::new(),
            files: BTreeMap::new(),
            handles: OpenHandles::default(),
            availability: PieceAvailability::default(),
            breaker: Breaker::new(tuning.breaker),
            preload_gate: PreloadGate::default(),
            permits: Permits::unshared(tuning.streams_max),
            round_trip: RoundTrip::default(),
            turn_speed: TurnSpeed::default(),
            direct: Direct::default(),
            failed_waits: FailedWaits::default(),
            samples: FetchHistory::default(),
            selections: Selections::default(),
            downloads: DownloadSums::default(),
            peers: PeerWatch::default(),
            actions: VecDeque::new(),
            is_dirty: false,
            next_time: None,
            last_place: 0,
            last_stream: 0,
            tally: EngineCounters::default(),
            bitfield_requests: 0,
            preloaded_bytes: 0,
            first_bytes: DurationCounts::new(FIRST_BYTE_BOUNDS),
            #[cfg(test)]
            look_count: 0,
        }
    }

    /// Returns the next action, or `None` when there is none until the next event.
    pub(super) fn next_action(&mut self, now: Timestamp) -> Option<Action> {
        if self.actions.is_empty() {
            self.release_passed();
        }
        if self.actions.is_empty() && self.is_dirty {
            while self.actions.is_empty() && self.is_dirty {
                self.is_dirty = false;
                self.reconcile(now);
            }
            #[cfg(test)]
            self.assert_reconciled(now);
        }
        self.actions.pop_front()
    }

    /// Returns the latest time at which [`on_time`](Self::on_time) must be called.
    pub(super) fn next_time(&self) -> Option<Timestamp> {
        self.next_time
    }

    /// Returns what the driver may request from a stream now.
    pub(super) fn demand(&self, id: StreamId) -> Demand {
        let Some(stream) = self.streams.get(&id) else { return Demand::Closed };
        match stream.phase {
            Phase::Closing | Phase::Broken { .. } => return Demand::Closed,
            Phase::Opening => return Demand::Nothing,
            Phase::Open => {}
        }
        if stream.pos == stream.range.end() {
            // Its end was not asked for, and it lingers.
            return if stream.asked_end > stream.pos { Demand::Nothing } else { Demand::End };
        }
        if stream.is_preload() {
            return match stream.range.end().saturating_sub(stream.pos) {
                _ if self.is_anybody_reading() => Demand::Nothing,
                bytes => Demand::Bytes(bytes),
            };
        }
        let needs = stream.reads.iter().filter_map(|read| self.reads.get(read));
        let wanted = needs.map(|read| read.need.end()).max().unwrap_or(0);
        let is_rest = stream.kind == StreamKind::ToPieceEnd;
        let wanted = if is_rest { stream.range.end() } else { wanted };
        let ahead = self.ahead_until(stream);
        let room = self.tuning.read_bytes_max.saturating_add(stream.ahead_bytes());
        let limit = wanted.max(ahead).min(stream.low.saturating_add(room));
        match limit.min(stream.range.end()).saturating_sub(stream.pos) {
            0 => Demand::Nothing,
            bytes => Demand::Bytes(bytes),
        }
    }

    /// Returns whether a stream is for a preload.
    pub(super) fn is_preload(&self, id: StreamId) -> bool {
        self.streams.get(&id).is_some_and(PlannedStream::is_preload)
    }

    /// Returns the files that are being read.
    pub(super) fn files(&self) -> Vec<FileId> {
        self.files.keys().copied().collect()
    }

    pub(super) fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    /// Returns the file and range of a read.
    pub(super) fn range_of(&self, id: ReadId) -> Option<(FileId, ByteRange)> {
        self.reads.get(&id).map(|read| (read.request.file, read.request.range))
    }

    /// Sets whether a read may fail early so that the caller can try another server.
    pub(super) fn set_wait_policy(&mut self, id: ReadId, wait_policy: WaitPolicy) {
        if let Some(read) = self.reads.get_mut(&id) {
            read.wait_policy = wait_policy;
            self.mark(id);
        }
    }

    /// Makes a read fail on missing bytes and on bytes of unknown availability. No stream is opened
    /// for them.
    pub(super) fn set_present_only(&mut self, id: ReadId) {
        if let Some(read) = self.reads.get_mut(&id) {
            read.is_present_only = true;
            self.mark(id);
        }
    }

    /// Allows a read to end with [`VfsError::Partial`].
    pub(super) fn set_split(&mut self, id: ReadId, split: Split) {
        if let Some(read) = self.reads.get_mut(&id) {
            read.split = split;
            self.mark(id);
        }
    }

    /// Returns when a waiting read last made progress: the time of its arrival, or of the last
    /// bytes on its stream.
    pub(super) fn progress_at(&self, id: ReadId) -> Option<Timestamp> {
        let read = self.reads.get(&id)?;
        let Some((stream, since)) = read.stream else { return Some(read.arrived_at) };
        Some(self.streams.get(&stream).map_or(since, |stream| stream.moved_at.max(since)))
    }

    /// Returns the availability of a range on the server, as far as it is known.
    pub(super) fn availability(
        &self,
        file: FileId,
        facts: &FileFacts,
        range: ByteRange,
        now: Timestamp,
    ) -> ServerAvailability {
        ServerAvailability {
            presence: self.availability.presence(file, facts, range, now, &self.tuning),
            here_until: self.availability.here_until(file, facts, range),
            is_refusing: self.is_refusing(now),
        }
    }

    /// Returns the last bitfield of a torrent, of any age.
    pub(super) fn last_bitfield(&self, torrent: InfoHash) -> Option<Bitfield> {
        self.availability.last_known(torrent)
    }

    /// Returns whether the breaker is open and no probe is due.
    pub(super) fn is_refusing(&self, now: Timestamp) -> bool {
        self.breaker.refusal(now).is_some()
    }

    pub(super) fn streams_open(&self) -> usize {
        self.permits_taken()
    }

    pub(super) fn reads_waiting(&self) -> usize {
        self.reads.len().saturating_sub(self.index.preload_count())
    }

    pub(super) fn breaker(&self, now: Timestamp) -> BreakerState {
        self.breaker.state(now)
    }

    /// Returns the read-ahead limit of a window. It ends before missing data, because a request for
    /// missing data makes the server fetch pieces that no reader asked for.
    fn ahead_until(&self, stream: &PlannedStream) -> u64 {
        let StreamKind::Window { ahead_bytes, .. } = stream.kind else { return 0 };
        let until = stream.consumed.saturating_add(ahead_bytes).min(stream.range.end());
        if until <= stream.pos {
            return until;
        }
        let Some(facts) = self.files.get(&stream.file) else { return 0 };
        let len = until.saturating_sub(stream.pos);
        let range = ByteRange::clamped(stream.pos, len, facts.len);
        self.availability.here_until(stream.file, facts, range)
    }

    /// Returns whether all bytes that the server would fetch for a stream at `offset` are known to
    /// be present.
    fn is_here_ahead(&self, file: FileId, offset: u64) -> bool {
        let Some(facts) = self.files.get(&file) else { return false };
        let range = ByteRange::clamped(offset, self.tuning.server_ahead_bytes, facts.len);
        self.availability.here_until(file, facts, range) == range.end()
    }

    fn output(&mut self, output: Output) {
        self.actions.push_back(Action::Output(output));
    }

    fn live_stream(&mut self, id: StreamId) -> Option<&mut PlannedStream> {
        self.streams.get_mut(&id).filter(|stream| stream.is_live())
    }

    fn next_place(&mut self) -> u64 {
        self.last_place = self.last_place.saturating_add(1);
        self.last_place
    }

    /// Hands a read to the driver to be answered. The read leaves its stream, which keeps the bytes
    /// until then.
    fn reply(&mut self, id: ReadId, now: Timestamp) {
        let Some(read) = self.reads.get_mut(&id).filter(|read| !read.is_answered) else { return };
        if read.is_preload() {
            return self.end_run(id, now);
        }
        read.is_answered = true;
        let end = read.need.end();
        let stream = read.stream.map(|(stream, _)| stream);
        self.leave_stream(id, now);
        self.refile(id, now);
        if let Some(stream) = stream.and_then(|stream| self.streams.get_mut(&stream)) {
            stream.consume(end);
            stream.turn.is_useful = true;
        }
        self.actions.push_back(Action::Reply { read: id });
        self.is_dirty = true;
    }

    fn fail(&mut self, id: ReadId, now: Timestamp, error: VfsError) {
        let stream = self.leave_stream(id, now);
        let Some(read) = self.forget_read(id) else { return };
        // Of a split read, the pages follow at once.
        if !matches!(error, VfsError::Partial) {
            self.end_fetch(stream, read.request.file.torrent, now);
        }
        let missing = self.missing_time(&read, now);
        // A split read is no failure: the kernel requests its pages again.
        if !read.is_preload() && !matches!(error, VfsError::Partial) {
            let is_last = read.wait_policy == WaitPolicy::UntilDeadline;
            self.tally.count(read.request.file, |count| {
                let counter = if is_last { &mut count.failures } else { &mut count.moves };
                *counter = counter.saturating_add(1);
            });
        }
        self.output(Output::Answer { read: id, result: Err(error), missing });
        self.is_dirty = true;
    }

    /// Removes a read that has left its stream.
    fn forget_read(&mut self, id: ReadId) -> Option<PlannedRead> {
        let read = self.reads.remove(&id)?;
        self.index.take(id);
        self.dirty.reads.remove(&id);
        self.dirty.newcomers.remove(&id);
        self.dirty.files.insert(read.request.file);
        Some(read)
    }

    /// Removes a stream, which returns its permit.
    fn forget_stream(&mut self, id: StreamId) {
        if let Some(stream) = self.streams.remove(&id) {
            self.dirty.files.insert(stream.file);
        }
    }

    /// Removes a read from its stream, and returns that.
    fn leave_stream(&mut self, id: ReadId, now: Timestamp) -> Option<StreamId> {
        let (stream_id, _) = self.reads.get_mut(&id)?.stream.take()?;
        if let Some(stream) = self.streams.get_mut(&stream_id) {
            stream.reads.remove(&id);
            stream.idle_since = now;
            stream.has_moved = true;
            if stream.keeps_peers {
                let torrent = stream.file.torrent;
                self.keep_others(torrent, now);
            }
        }
        Some(stream_id)
    }

    /// Puts a read at the end of the queue again.
    fn requeue(&mut self, id: ReadId, now: Timestamp) {
        self.leave_stream(id, now);
        let place = self.next_place();
        if let Some(read) = self.reads.get_mut(&id) {
            read.place = place;
            // Skipped for preloads: the content of memory is no evidence of the server's pieces.
            if !read.is_preload() {
                self.actions.push_back(Action::Look { read: id });
            }
            self.mark(id);
        }
    }

    /// Closes a stream and requeues its reads.
    fn close(&mut self, id: StreamId, now: Timestamp) {
        self.note_turn(id, now);
        let Some(stream) = self.live_stream(id) else { return };
        let phase = std::mem::replace(&mut stream.phase, Phase::Closing);
        let (reads, last_error) = (stream.reads.clone(), stream.last_error.clone());
        if let Phase::Broken { retry_at } = phase {
            self.actions.push_back(Action::Ended { stream: id });
            for read in &reads {
                let Some(read) = self.reads.get_mut(read) else { continue };
                (read.retry_at, read.last_error) = (retry_at, last_error.clone());
            }
        } else {
            self.output(Output::Close { stream: id });
        }
        reads.into_iter().for_each(|read| self.requeue(read, now));
        if let Phase::Broken { .. } = phase {
            self.forget_stream(id);
        }
        self.is_dirty = true;
    }

    /// Closes a stream that violated the protocol.
    fn drop_stream(&mut self, now: Timestamp, id: StreamId, error: SourceError) {
        self.fail_stream(now, id, error);
        self.close(id, now);
    }

    /// Fails the reads of a stream, unless the error is retryable.
    fn fail_stream(&mut self, now: Timestamp, id: StreamId, error: SourceError) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let (file, reads) = (stream.file, stream.reads.clone());
        // It has ended: its failed reads must not close it.
        let may_fetch = std::mem::take(&mut stream.may_fetch);
        let is_once_more = stream.phase == Phase::Opening
            && retry::is_worth_another(&error, stream.last_error.as_ref());
        self.breaker.on_failure(&error, now);
        if error.kind == SourceErrorKind::Unreachable {
            self.forget_haves();
        }
        if error.kind == SourceErrorKind::Protocol && !is_once_more {
            self.actions.push_back(Action::Discard { stream: id });
        }
        if retry::is_final(&error, self.files.get(&file)) && !is_once_more {
            for read in reads {
                let error = self.error_of(file, error.clone());
                self.fail(read, now, error);
            }
            return;
        }
        for read in reads {
            let leaves = |read: &PlannedRead| read.wait_policy != WaitPolicy::UntilDeadline;
            if self.reads.get(&read).is_some_and(leaves) {
                // Not as an expired deadline, which would end the read at all servers.
                self.fail(read, now, VfsError::Source(error.clone()));
            }
        }
        self.tally.count(file, |count| count.retries = count.retries.saturating_add(1));
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.may_fetch = may_fetch;
            stream.failure_count = stream.failure_count.saturating_add(1);
            stream.last_error = Some(error);
        }
    }

    /// Returns the error that an error of the source causes for the reads of a file.
    fn error_of(&self, file: FileId, error: SourceError) -> VfsError {
        if retry::is_gone(&error, self.files.get(&file)) { VfsError::Stale } else { error.into() }
    }

    /// Keeps a failed stream for its reads, to be reopened at its position. Returns false if it has
    /// no reads.
    fn break_off(&mut self, now: Timestamp, id: StreamId) -> bool {
        let Some(stream) = self.live_stream(id).filter(|stream| !stream.reads.is_empty()) else {
            return false;
        };
        let retry_at = now.saturating_add(retry::backoff(stream.failure_count, id.0));
        stream.phase = Phase::Broken { retry_at };
        true
    }

    /// Discards the bitfields of all torrents.
    fn forget_haves(&mut self) {
        self.availability.forget();
        self.mark_all();
    }

    /// Releases the bytes that all readers have passed.
    fn release_passed(&mut self) {
        for (id, stream) in &mut self.streams {
            if !std::mem::take(&mut stream.has_moved) || !stream.is_live() {
                continue;
            }
            let reads = stream.reads.iter().filter_map(|read| self.reads.get(read));
            let first = reads.map(|read| read.need.start()).min();
            // A later read of these bytes is served from the cache.
            let is_rest = stream.kind == StreamKind::ToPieceEnd;
            let passed = if is_rest { stream.pos } else { stream.consumed };
            let low = first.unwrap_or(passed).min(stream.pos);
            if low > stream.low {
                stream.low = low;
                self.actions.push_back(Action::Release { stream: *id, before: low });
            }
        }
    }
}

fn violation(context: String) -> SourceError {
    SourceError::new(SourceErrorKind::Protocol, context)
}
