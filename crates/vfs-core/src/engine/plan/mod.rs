//! The read plan: which streams are open when, and who gets their bytes. Pure: events and the time
//! go in, actions come out; it sees offsets, never bytes.
//!
//! ```text
//! on_read, on_hit, on_cancel, on_release, on_facts     from readers
//! on_opened, on_chunk, on_stream_end, on_haves         from the source
//! on_time                                              when next_time has come
//!        `--> next_action (until there is none), demand, next_time
//! ```
//!
//! Every event costs the number of reads that wait and streams that are open, at most; a chunk
//! that answers no read costs the reads of its stream.
#![warn(clippy::arithmetic_side_effects)]

mod access;
mod action;
#[cfg(test)]
mod check;
mod permits;
mod presence;
mod retry;
mod settle;
mod stream;
#[cfg(test)]
mod tests;
mod tuning;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use access::Access;
pub(super) use action::{Action, FileFacts, Priority, ReadId, ReadRequest, StreamEnd, StreamId};
use presence::{Haves, Presence};
use retry::Breaker;
#[cfg(test)]
pub(super) use retry::BreakerTuning;
pub(super) use stream::Demand;
use stream::{Phase, Stream, StreamKind};
pub(super) use tuning::Tuning;

use super::counters::Tally;
use super::{BreakerState, MissingPolicy};
use crate::tree::FileState;
use crate::{
    Bitfield, ByteRange, FileId, HandleId, InfoHash, SourceError, SourceErrorKind, VfsError,
};

/// A read that waits.
#[derive(Debug)]
struct Read {
    request: ReadRequest,
    /// What is still to come: `need` of the request, or more if memory lost what it had.
    need: ByteRange,
    arrived_at: Duration,
    /// The place in the queue: smaller is first, a new one after each turn.
    place: u64,
    /// The stream whose bytes it waits for, and since when.
    stream: Option<(StreamId, Duration)>,
    /// Before this no stream is opened for it.
    retry_at: Duration,
    /// Why it is not there yet, if the source failed.
    last_error: Option<SourceError>,
    /// Whether it asks for all its bytes again as memory lost those that it had.
    is_whole: bool,
    /// Whether its answer is being put together.
    is_answered: bool,
    /// Whether it was counted as one that waits for its turn.
    has_waited: bool,
}

/// The state of all reads and streams of one source.
#[derive(Debug)]
pub(super) struct Plan {
    tuning: Tuning,
    missing: MissingPolicy,
    reads: BTreeMap<ReadId, Read>,
    streams: BTreeMap<StreamId, Stream>,
    files: BTreeMap<FileId, FileFacts>,
    accesses: BTreeMap<HandleId, Access>,
    haves: Haves,
    breaker: Breaker,
    actions: VecDeque<Action>,
    /// Whether something happened after which the queue is to be looked at.
    is_dirty: bool,
    next_time: Option<Duration>,
    last_place: u64,
    last_stream: u64,
    pub(super) tally: Tally,
    pub(super) haves_asked: u64,
}

impl Plan {
    pub(super) fn new(tuning: Tuning, missing: MissingPolicy) -> Self {
        Self {
            tuning,
            missing,
            reads: BTreeMap::new(),
            streams: BTreeMap::new(),
            files: BTreeMap::new(),
            accesses: BTreeMap::new(),
            haves: Haves::default(),
            breaker: Breaker::new(tuning.breaker),
            actions: VecDeque::new(),
            is_dirty: false,
            next_time: None,
            last_place: 0,
            last_stream: 0,
            tally: Tally::default(),
            haves_asked: 0,
        }
    }

    /// Takes a read that memory could not answer. The plan answers it by its deadline.
    pub(super) fn on_read(&mut self, now: Duration, id: ReadId, request: ReadRequest) {
        self.accesses.entry(request.handle).or_default().on_read(request.range);
        self.tally.count(request.file, |count| {
            count.reads = count.reads.saturating_add(1);
            count.misses = count.misses.saturating_add(1);
        });
        self.files.insert(request.file, request.facts);
        let place = self.next_place();
        let read = Read {
            request,
            need: request.need,
            arrived_at: now,
            place,
            stream: None,
            retry_at: now,
            last_error: None,
            is_whole: false,
            is_answered: false,
            has_waited: false,
        };
        self.reads.insert(id, read);
        self.is_dirty = true;
        if let Some(error) = self.breaker.refusal(now).cloned() {
            self.fail(id, now, error.into());
        }
    }

    /// Takes note of a read that memory answered.
    pub(super) fn on_hit(
        &mut self,
        now: Duration,
        handle: HandleId,
        file: FileId,
        range: ByteRange,
    ) {
        self.accesses.entry(handle).or_default().on_read(range);
        self.tally.count(file, |count| {
            count.reads = count.reads.saturating_add(1);
            count.hits = count.hits.saturating_add(1);
            count.bytes_given = count.bytes_given.saturating_add(range.len());
        });
        let streams = self.streams.values_mut();
        for stream in streams.filter(|stream| stream.file == file && stream.is_live()) {
            if range.start() <= stream.pos && range.end() > stream.consumed {
                stream.consume(range.end().min(stream.pos));
                stream.idle_since = now;
            }
        }
    }

    /// Forgets a read whose reader is gone.
    pub(super) fn on_cancel(&mut self, now: Duration, id: ReadId) {
        if self.reads.contains_key(&id) {
            self.leave_stream(id, now);
            self.reads.remove(&id);
            self.is_dirty = true;
        }
    }

    /// Forgets a handle. Its reads go on, but when they are over it has no stream.
    pub(super) fn on_release(&mut self, handle: HandleId) {
        self.accesses.remove(&handle);
        for stream in self.streams.values_mut() {
            stream.owners.remove(&handle);
        }
        self.is_dirty = true;
    }

    /// Takes over what a listing says of a file that is being read.
    pub(super) fn on_facts(&mut self, file: FileId, state: Option<FileState>) {
        if let Some(facts) = self.files.get_mut(&file)
            && facts.state != state
        {
            facts.state = state;
            self.is_dirty = true;
        }
    }

    /// Takes the news that the source has confirmed a stream at `offset`.
    pub(super) fn on_opened(&mut self, now: Duration, id: StreamId, offset: u64) {
        self.breaker.on_success();
        self.is_dirty = true;
        let (here, missing) = (self.tuning.turn_time_here, self.tuning.turn_time_missing);
        let Some(stream) = self.live_stream(id) else { return };
        let turn_time = if stream.is_missing { missing } else { here };
        stream.phase = Phase::Open;
        stream.moved_at = now;
        stream.turn_until = now.saturating_add(turn_time);
        let want = stream.pos;
        if offset != want {
            let error = violation(format!("the stream is at offset {offset} instead of {want}"));
            self.drop_stream(now, id, error);
        }
    }

    /// Takes the news that `len` bytes came. Returns whether they are good: then memory takes them
    /// before the next action is asked for.
    pub(super) fn on_chunk(&mut self, now: Duration, id: StreamId, offset: u64, len: u64) -> bool {
        let Some(stream) = self.live_stream(id) else { return false };
        let (want, end) = (stream.pos, stream.range.end());
        let pos = offset.saturating_add(len);
        if offset != want || len == 0 {
            let error = violation(format!("the stream is at offset {offset} instead of {want}"));
            self.drop_stream(now, id, error);
            return false;
        }
        if pos > end {
            let error = violation(format!("the stream goes on after offset {end}"));
            self.drop_stream(now, id, error);
            return false;
        }
        stream.pos = pos;
        // Its reads may all be further on; then these bytes need not be kept.
        stream.has_moved = true;
        stream.moved_at = now;
        (stream.failure_count, stream.last_error) = (0, None);
        let (file, reads) = (stream.file, stream.reads.clone());
        let is_crossing = pos >= stream.class_until;
        self.tally.count(file, |count| {
            count.bytes_fetched = count.bytes_fetched.saturating_add(len);
        });
        for read_id in reads {
            let Some(read) = self.reads.get(&read_id) else { continue };
            // The last bytes count when the source says that there are no more.
            if read.need.end() <= pos && read.need.end() < end {
                self.reply(read_id, now);
            }
        }
        if is_crossing {
            self.classify(now, id);
        }
        true
    }

    /// Takes the news that a stream is no more.
    pub(super) fn on_stream_end(&mut self, now: Duration, id: StreamId, end: StreamEnd) {
        self.is_dirty = true;
        let Some(stream) = self.streams.get(&id) else { return };
        let (pos, want) = (stream.pos, stream.range.end());
        if !stream.is_live() {
            self.streams.remove(&id);
            if let StreamEnd::Failed(error) = end {
                self.breaker.on_failure(&error, now);
            }
            return;
        }
        let is_harmless = match &end {
            StreamEnd::Over => true,
            // All bytes are out; that the end could not be read takes nothing from them.
            StreamEnd::Failed(error) => retry::is_transient(error),
            StreamEnd::Closed => false,
        };
        match end {
            _ if is_harmless && pos == want => {
                let reads = stream.reads.clone();
                reads.into_iter().for_each(|read| self.reply(read, now));
            }
            StreamEnd::Over => {
                let error = violation(format!("the stream ends at offset {pos} of {want}"));
                self.fail_stream(now, id, error);
            }
            StreamEnd::Failed(error) => {
                self.fail_stream(now, id, error);
                if self.break_off(now, id) {
                    return;
                }
            }
            StreamEnd::Closed => {
                let reads = stream.reads.clone();
                reads.into_iter().for_each(|read| self.requeue(read, now));
            }
        }
        self.streams.remove(&id);
        self.actions.push_back(Action::Ended { stream: id });
    }

    /// Takes the answer to [`Action::AskHaves`].
    pub(super) fn on_haves(
        &mut self,
        now: Duration,
        torrent: InfoHash,
        answer: Result<Bitfield, SourceError>,
    ) {
        self.is_dirty = true;
        let error = match answer {
            Ok(have) => {
                self.breaker.on_success();
                return self.haves.on_answer(torrent, Some(have), now);
            }
            Err(error) => error,
        };
        if error.kind == SourceErrorKind::Unreachable {
            self.haves.forget();
        }
        self.breaker.on_failure(&error, now);
        self.haves.on_answer(torrent, None, now);
        if error.kind == SourceErrorKind::NotFound {
            let reads = self.reads.iter().filter(|(_, it)| it.request.file.torrent == torrent);
            let reads: Vec<_> = reads.map(|(id, _)| *id).collect();
            reads.into_iter().for_each(|read| self.fail(read, now, VfsError::Stale));
        }
    }

    /// Takes the time, when [`next_time`](Self::next_time) has come.
    pub(super) fn on_time(&mut self, now: Duration) {
        if self.next_time.is_some_and(|next| next <= now) {
            self.is_dirty = true;
        }
    }

    /// Takes what a waiting read lacks, as memory is now.
    pub(super) fn on_need(&mut self, now: Duration, id: ReadId, need: ByteRange) {
        let Some(read) = self.reads.get_mut(&id) else { return };
        if read.stream.is_some() || read.is_answered {
            return;
        }
        if need.is_empty() {
            self.reply(id, now);
        } else if !read.is_whole {
            read.need = need;
            self.is_dirty = true;
        }
    }

    /// Takes the news that memory has lost bytes that a read counted on: all are asked for again,
    /// and then kept by one stream until the read is answered.
    pub(super) fn on_evicted(&mut self, id: ReadId) {
        let place = self.next_place();
        if let Some(read) = self.reads.get_mut(&id) {
            read.is_whole = true;
            read.is_answered = false;
            read.need = read.request.range;
            read.place = place;
            self.is_dirty = true;
        }
    }

    /// Takes the news that a read was answered with its bytes.
    pub(super) fn on_answered(&mut self, id: ReadId) {
        if let Some(read) = self.reads.remove(&id) {
            let len = read.request.range.len();
            self.tally.count(read.request.file, |count| {
                count.bytes_given = count.bytes_given.saturating_add(len);
            });
        }
    }

    /// Takes the news that nothing that was asked for will come any more.
    pub(super) fn on_owner_gone(&mut self, now: Duration) {
        let streams: Vec<_> = self.streams.keys().copied().collect();
        streams.into_iter().for_each(|id| self.on_stream_end(now, id, StreamEnd::Closed));
        self.haves.cancel(now);
    }

    /// Ends everything: all reads fail, all streams are closed.
    pub(super) fn shut_down(&mut self, now: Duration) {
        let reads: Vec<_> = self.reads.keys().copied().collect();
        reads.into_iter().for_each(|read| self.fail(read, now, VfsError::ShuttingDown));
        let streams: Vec<_> = self.streams.keys().copied().collect();
        streams.into_iter().for_each(|stream| self.close(stream, now));
    }

    /// Returns what is to be done next, or `None` when there is nothing until the next event.
    pub(super) fn next_action(&mut self, now: Duration) -> Option<Action> {
        if self.actions.is_empty() {
            self.release_passed();
        }
        if self.actions.is_empty() && self.is_dirty {
            self.is_dirty = false;
            self.settle(now);
        }
        self.actions.pop_front()
    }

    /// Returns when [`on_time`](Self::on_time) is to be called at the latest.
    pub(super) fn next_time(&self) -> Option<Duration> {
        self.next_time
    }

    /// Returns what may be asked of a stream now.
    pub(super) fn demand(&self, id: StreamId) -> Demand {
        let Some(stream) = self.streams.get(&id) else { return Demand::Closed };
        match stream.phase {
            Phase::Closing | Phase::Broken { .. } => return Demand::Closed,
            Phase::Opening => return Demand::Nothing,
            Phase::Open => {}
        }
        if stream.pos == stream.range.end() {
            return Demand::End;
        }
        let needs = stream.reads.iter().filter_map(|read| self.reads.get(read));
        let wanted = needs.map(|read| read.need.end()).max().unwrap_or(0);
        let ahead = self.ahead_until(stream);
        let room = self.tuning.read_bytes_max.saturating_add(stream.ahead_bytes());
        let limit = wanted.max(ahead).min(stream.low.saturating_add(room));
        match limit.min(stream.range.end()).saturating_sub(stream.pos) {
            0 => Demand::Nothing,
            bytes => Demand::Bytes(bytes),
        }
    }

    /// Returns the files that are being read.
    pub(super) fn files(&self) -> impl Iterator<Item = FileId> {
        self.files.keys().copied()
    }

    pub(super) fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    /// Returns the file and range of a read.
    pub(super) fn range_of(&self, id: ReadId) -> Option<(FileId, ByteRange)> {
        self.reads.get(&id).map(|read| (read.request.file, read.request.range))
    }

    pub(super) fn streams_open(&self) -> usize {
        self.streams.len()
    }

    pub(super) fn reads_waiting(&self) -> usize {
        self.reads.len()
    }

    pub(super) fn breaker(&self, now: Duration) -> BreakerState {
        self.breaker.state(now)
    }

    /// Returns where a window may read ahead to: never into what is missing, as that would make
    /// the server fetch what nobody asked for.
    fn ahead_until(&self, stream: &Stream) -> u64 {
        let StreamKind::Window { ahead_bytes, .. } = stream.kind else { return 0 };
        let until = stream.consumed.saturating_add(ahead_bytes).min(stream.range.end());
        if until <= stream.pos {
            return until;
        }
        let Some(facts) = self.files.get(&stream.file) else { return 0 };
        let len = until.saturating_sub(stream.pos);
        let range = ByteRange::clamped(stream.pos, len, facts.len);
        self.haves.here_until(stream.file, facts, range)
    }

    fn live_stream(&mut self, id: StreamId) -> Option<&mut Stream> {
        self.streams.get_mut(&id).filter(|stream| stream.is_live())
    }

    fn next_place(&mut self) -> u64 {
        self.last_place = self.last_place.saturating_add(1);
        self.last_place
    }

    /// Hands a read over to be answered. It leaves its stream, whose bytes stay until then.
    fn reply(&mut self, id: ReadId, now: Duration) {
        let Some(read) = self.reads.get_mut(&id).filter(|read| !read.is_answered) else { return };
        read.is_answered = true;
        let end = read.need.end();
        let stream = read.stream.map(|(stream, _)| stream);
        self.leave_stream(id, now);
        if let Some(stream) = stream.and_then(|stream| self.streams.get_mut(&stream)) {
            stream.consume(end);
            stream.is_useful = true;
        }
        self.actions.push_back(Action::Reply { read: id });
        self.is_dirty = true;
    }

    fn fail(&mut self, id: ReadId, now: Duration, error: VfsError) {
        self.leave_stream(id, now);
        let Some(read) = self.reads.remove(&id) else { return };
        self.tally.count(read.request.file, |count| {
            count.failures = count.failures.saturating_add(1);
        });
        self.actions.push_back(Action::Fail { read: id, error });
        self.is_dirty = true;
    }

    fn leave_stream(&mut self, id: ReadId, now: Duration) {
        let Some(read) = self.reads.get_mut(&id) else { return };
        let Some((stream, _)) = read.stream.take() else { return };
        if let Some(stream) = self.streams.get_mut(&stream) {
            stream.reads.remove(&id);
            stream.idle_since = now;
            stream.has_moved = true;
        }
    }

    /// Lets a read wait for a stream again, behind all others.
    fn requeue(&mut self, id: ReadId, now: Duration) {
        self.leave_stream(id, now);
        let place = self.next_place();
        if let Some(read) = self.reads.get_mut(&id) {
            read.place = place;
            self.actions.push_back(Action::Look { read: id });
            self.is_dirty = true;
        }
    }

    /// Closes a stream; its reads wait again.
    fn close(&mut self, id: StreamId, now: Duration) {
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
            self.actions.push_back(Action::Close { stream: id });
        }
        reads.into_iter().for_each(|read| self.requeue(read, now));
        if let Phase::Broken { .. } = phase {
            self.streams.remove(&id);
        }
        self.is_dirty = true;
    }

    /// Closes a stream that broke the rules.
    fn drop_stream(&mut self, now: Duration, id: StreamId, error: SourceError) {
        self.fail_stream(now, id, error);
        self.close(id, now);
    }

    /// Lets the reads of a stream fail, but not if the failure may pass.
    fn fail_stream(&mut self, now: Duration, id: StreamId, error: SourceError) {
        let Some(stream) = self.streams.get(&id) else { return };
        let (file, reads) = (stream.file, stream.reads.clone());
        self.breaker.on_failure(&error, now);
        if error.kind == SourceErrorKind::Unreachable {
            self.haves.forget();
        }
        if error.kind == SourceErrorKind::Protocol {
            self.actions.push_back(Action::Discard { stream: id });
        }
        if !retry::is_transient(&error) {
            for read in reads {
                self.fail(read, now, error.clone().into());
            }
            return;
        }
        self.tally.count(file, |count| count.retries = count.retries.saturating_add(1));
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.failure_count = stream.failure_count.saturating_add(1);
            stream.last_error = Some(error);
        }
    }

    /// Keeps a stream that failed for its reads, to be opened again where it was. Returns false if
    /// there are none.
    fn break_off(&mut self, now: Duration, id: StreamId) -> bool {
        let Some(stream) = self.live_stream(id).filter(|stream| !stream.reads.is_empty()) else {
            return false;
        };
        let retry_at = now.saturating_add(retry::backoff(stream.failure_count, id.0));
        stream.phase = Phase::Broken { retry_at };
        true
    }

    /// Gives up the bytes that readers have passed.
    fn release_passed(&mut self) {
        for (id, stream) in &mut self.streams {
            if !std::mem::take(&mut stream.has_moved) || !stream.is_live() {
                continue;
            }
            let reads = stream.reads.iter().filter_map(|read| self.reads.get(read));
            let first = reads.map(|read| read.need.start()).min();
            let low = first.unwrap_or(stream.consumed).min(stream.pos);
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
