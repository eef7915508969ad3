//! Stream permits: assigns the limited streams of a server to reads.
//!
//! The order is foreground, read-ahead, preload; within a priority, first come, first served. While
//! reads wait, a stream has a time slice. It ends when its piece has arrived or its time is over.
//! Streams at missing data never take the last permit, so present data is always readable at once.

use std::collections::BTreeSet;
use std::time::Duration;

use super::read_index::{Queue, QueuePosition, ReadIndex};
use super::{
    Contender, Output, Phase, Plan, PlannedRead, PlannedStream, Priority, ReadId, StreamId,
    StreamKind, Turn,
};
use crate::engine::BreakerState;
use crate::{ByteRange, Timestamp};

/// Permits still available in this pass.
#[derive(Debug)]
pub(super) struct FreePermits {
    /// Free permits.
    pub(super) permits: usize,
    /// Permits of closing streams that are not promised yet.
    coming: usize,
}

/// The position of this pass in one queue.
#[derive(Debug)]
struct QueueCursor {
    queue: Queue,
    after: Option<QueuePosition>,
    /// Whether no permit is left for the rest of the queue.
    is_over: bool,
}

impl QueueCursor {
    fn new(queue: Queue) -> Self {
        Self { queue, after: None, is_over: false }
    }

    fn peek(&self, waiting: &ReadIndex) -> Option<QueuePosition> {
        if self.is_over { None } else { waiting.next_turn(self.queue, self.after) }
    }
}

impl Plan {
    /// Reopens failed streams at their positions.
    fn reopen_failed(&mut self, now: Timestamp) {
        let broken = self.streams.iter().filter(|(_, stream)| match stream.phase {
            Phase::Broken { retry_at } => retry_at <= now,
            Phase::Opening | Phase::Open | Phase::Closing => false,
        });
        let broken: Vec<_> = broken.map(|(id, _)| *id).collect();
        for id in broken {
            if self.breaker_forbids(now) {
                return;
            }
            let Some(stream) = self.streams.get_mut(&id) else { continue };
            let Some(facts) = self.files.get(&stream.file) else { continue };
            (stream.phase, stream.asked_at) = (Phase::Opening, now);
            if stream.is_preload() {
                // Its stall timer restarts. A reader's time slice does not, or it would never end.
                stream.moved_at = now;
            }
            let (file, file_len, asked_end) = (stream.file, facts.len, stream.asked_end);
            let rest = stream.range.end().saturating_sub(stream.pos);
            let range = ByteRange::clamped(stream.pos, rest, file_len);
            self.tally.count(file, |count| count.opens = count.opens.saturating_add(1));
            self.output(Output::Open {
                stream: id,
                file,
                file_len,
                range,
                asked_end,
                is_reopened: true,
            });
        }
    }

    /// Grants permits to waiting reads, and preempts streams whose time slice is over.
    pub(super) fn grant(&mut self, now: Timestamp) {
        self.permits.begin();
        self.reopen_failed(now);
        self.give_way(now);
        let closing = self.streams.values().filter(|stream| !stream.is_live()).count();
        let (taken, usable) = (self.permits_taken(), self.permits.usable());
        // Permits recalled by the budget are deducted first from those that come back.
        let coming = closing.saturating_sub(taken.saturating_sub(usable));
        let mut free = FreePermits { permits: usable.saturating_sub(taken), coming };
        let mut brief = QueueCursor::new(Queue::Brief);
        let mut here = QueueCursor::new(Queue::Here);
        let mut missing = QueueCursor::new(Queue::Missing);
        loop {
            if self.breaker_forbids(now) {
                return;
            }
            let lanes = [&mut brief, &mut here, &mut missing].into_iter();
            let next = lanes.filter_map(|lane| Some((lane.peek(&self.index)?, lane)));
            let Some((turn, lane)) = next.min_by_key(|(turn, _)| *turn) else { break };
            lane.after = Some(turn);
            lane.is_over = !self.grant_one(turn, lane.queue, &mut free, now);
        }
        self.count_newcomers();
        self.grant_preloads(&mut free, now);
    }

    /// Counts the reads that must wait for a permit, each once.
    fn count_newcomers(&mut self) {
        while let Some(id) = self.dirty.newcomers.pop_first() {
            if !self.index.is_in_queue(id) {
                continue;
            }
            let Some(read) = self.reads.get_mut(&id) else { continue };
            read.has_waited = true;
            let file = read.request.file;
            self.tally.count(file, |count| count.waits = count.waits.saturating_add(1));
        }
    }

    /// Grants a permit to the first read of a queue, or reserves one that comes back. Returns false
    /// if none is available; then none is available for the rest of the queue either.
    fn grant_one(
        &mut self,
        turn: QueuePosition,
        queue: Queue,
        free: &mut FreePermits,
        now: Timestamp,
    ) -> bool {
        #[cfg(test)]
        self.count_look();
        let QueuePosition { read: id, priority, .. } = turn;
        let is_missing = queue == Queue::Missing;
        // The limit of streams at missing data is reached.
        let is_crowded = is_missing && self.missing_count() >= self.permits.usable_missing();
        if !is_crowded && free.permits > 0 {
            free.permits = free.permits.saturating_sub(1);
            self.open_for(id, is_missing, now);
            return true;
        }
        if self.permits.ask(queue, now) {
            return false;
        }
        if !is_crowded && free.coming > 0 {
            free.coming = free.coming.saturating_sub(1);
            return true;
        }
        let Some(victim) = self.preemption_candidate(priority, queue, now) else {
            self.permits.wait(queue);
            return false;
        };
        if let Some(stream) = self.streams.get(&victim).filter(|stream| !stream.reads.is_empty()) {
            let file = stream.file;
            self.tally.count(file, |count| count.turns = count.turns.saturating_add(1));
        }
        self.close(victim, now);
        if !self.streams.contains_key(&victim) {
            // The stream was broken, so its permit is free at once.
            self.open_for(id, is_missing, now);
        }
        true
    }

    /// Returns whether the breaker blocks requests: it is open, or a probe is pending.
    pub(super) fn breaker_forbids(&self, now: Timestamp) -> bool {
        match self.breaker.state(now) {
            BreakerState::Closed => false,
            BreakerState::Open => true,
            BreakerState::HalfOpen => {
                self.streams.values().any(|stream| stream.phase == Phase::Opening)
            }
        }
    }

    pub(super) fn missing_count(&self) -> usize {
        self.streams.values().filter(|stream| stream.is_live() && stream.is_missing).count()
    }

    /// Returns the stream to preempt for a waiting read, if there is one.
    fn preemption_candidate(
        &self,
        priority: Priority,
        queue: Queue,
        now: Timestamp,
    ) -> Option<StreamId> {
        let is_missing = queue == Queue::Missing;
        let contender = if queue == Queue::Brief { Contender::Brief } else { Contender::Long };
        let length = self.turn_length();
        let missing_count = self.missing_count();
        let is_over = missing_count > self.permits.missing();
        let is_crowded = is_missing && missing_count >= self.permits.usable_missing();
        let can_go = |stream: &PlannedStream| {
            stream.is_live()
                // At the limit of streams at missing data, only the end of such a stream helps.
                && (!is_crowded || stream.is_missing)
                && (stream.priority > priority
                    || ((stream.reads.is_empty() || stream.priority == priority)
                        && self.yields_at(stream, &length, contender) <= now)
                    || (is_over && !is_missing && stream.is_missing))
        };
        let victims = self.streams.iter().filter(|(_, stream)| can_go(stream));
        let victim = victims.min_by_key(|(_, stream)| self.usefulness(stream, &length, now));
        victim.map(|(id, _)| *id)
    }

    /// Opens a stream for a read, and attaches adjoining reads.
    fn open_for(&mut self, id: ReadId, is_missing: bool, now: Timestamp) {
        let Some(read) = self.reads.get(&id) else { return };
        let (file, need) = (read.request.file, read.need);
        let Some(file_len) = self.files.get(&file).map(|facts| facts.len) else { return };
        // Beyond it, bytes may be missing that its reader must not cause to be fetched.
        let is_exact = read.is_present_only && !self.is_here_ahead(file, need.start());
        let is_sequential = !is_exact && self.is_sequential(read, is_missing);
        let end = match is_sequential {
            true if is_missing => file_len,
            true => self.window_end(file, need, file_len),
            false if is_exact => need.end(),
            false => self.joined_end(read),
        };
        let rest_end = self.rest_end(read, end).filter(|_| !is_sequential && !is_exact);
        let kind = match rest_end {
            _ if is_sequential => self.new_window(need.start()),
            Some(_) => StreamKind::ToPieceEnd,
            None => StreamKind::Bounded,
        };
        let end = rest_end.unwrap_or(end);
        let range = ByteRange::clamped(need.start(), end.saturating_sub(need.start()), file_len);
        self.open_stream(id, range, kind, is_missing, now);
    }

    /// Opens a stream for a read over a range.
    pub(super) fn open_stream(
        &mut self,
        id: ReadId,
        range: ByteRange,
        kind: StreamKind,
        is_missing: bool,
        now: Timestamp,
    ) {
        let Some(read) = self.reads.get(&id) else { return };
        let (file, priority) = (read.request.file, read.request.priority);
        let Some(facts) = self.files.get(&file).copied() else { return };
        let file_len = facts.len;
        let piece_end = facts.geometry.map(|geometry| geometry.piece_end(range.start()));
        let keeps_peers =
            kind != StreamKind::Preload && is_missing && self.drops_peers(file.torrent);
        let may_fetch = self.drops_peers(file.torrent)
            && (is_missing || !self.is_here_ahead(file, range.start()));
        let asked_end = if keeps_peers { file_len } else { range.end() };
        self.last_stream = self.last_stream.saturating_add(1);
        let stream_id = StreamId(self.last_stream);
        let stream = PlannedStream {
            file,
            range,
            asked_end,
            keeps_peers,
            may_fetch,
            unasked_bytes: 0,
            kind,
            phase: Phase::Opening,
            priority,
            low: range.start(),
            pos: range.start(),
            consumed: range.start(),
            reads: BTreeSet::new(),
            owners: BTreeSet::new(),
            is_missing,
            class_until: piece_end.unwrap_or(u64::MAX),
            turn: Turn::new(now, range.start()),
            moved_at: now,
            wait_max: Duration::ZERO,
            asked_at: now,
            idle_since: now,
            kept_at: now,
            has_moved: false,
            has_grown: true,
            failure_count: 0,
            last_error: None,
        };
        self.streams.insert(stream_id, stream);
        self.tally.count(file, |count| count.opens = count.opens.saturating_add(1));
        self.output(Output::Open {
            stream: stream_id,
            file,
            file_len,
            range,
            asked_end,
            is_reopened: false,
        });
        self.join(id, stream_id, now);
        self.attach_grown(now);
    }

    fn is_sequential(&self, read: &PlannedRead, is_missing: bool) -> bool {
        let Some(access) = self.handles.access(read.request.handle) else { return false };
        // The read ends where an open window of the same reader begins. Only the gap is requested,
        // to avoid two windows over the same bytes.
        let is_gap = self.streams.values().any(|stream| {
            stream.is_live()
                && stream.ahead_bytes() > 0
                && stream.owners.contains(&read.request.handle)
                && (read.need.start()..=read.need.end()).contains(&stream.low)
        });
        if is_gap {
            return false;
        }
        let is_costly = is_missing || !self.is_here_ahead(read.request.file, read.need.start());
        let bytes_min = if is_costly { self.tuning.sequential_bytes_missing_min } else { 0 };
        access.read_count() >= super::tuning::SEQUENTIAL_READS_MIN
            && access.run_bytes() >= bytes_min
    }

    /// Returns the end of the run of adjoining waiting reads.
    fn joined_end(&self, read: &PlannedRead) -> u64 {
        let mut end = read.need.end();
        let most = read.need.start().saturating_add(self.tuning.join_bytes_max);
        let near = ByteRange::clamped(read.need.start(), self.tuning.join_bytes_max, u64::MAX);
        let others = self.index.starting_in(read.request.file, near);
        for other in others.filter_map(|id| self.reads.get(&id)) {
            let (start, other_end) = (other.need.start(), other.need.end());
            if start <= end && other_end <= most {
                end = end.max(other_end);
            }
        }
        end
    }

    /// Returns how far a stream may read beyond `end` without a wait, if that is useful. The next
    /// read probably needs these bytes, and another request would make the server fetch more.
    ///
    /// Present bytes are read ahead only for a sequential reader. Other reads transfer no byte
    /// beyond their request.
    fn rest_end(&self, read: &PlannedRead, end: u64) -> Option<u64> {
        let file = read.request.file;
        let facts = self.files.get(&file)?;
        // Without a cache the extra bytes could not be kept.
        let most = self.tuning.rest_bytes_max.min(self.tuning.cache_bytes);
        let rest = ByteRange::clamped(end, most, facts.len);
        let last = end.checked_sub(1)?;
        let rest_end = if self.availability.is_pending_piece(file, facts, last) {
            facts.geometry?.piece_end(last).min(rest.end())
        } else {
            let access = self.handles.access(read.request.handle)?;
            let is_in_order = access.read_count() >= super::tuning::SEQUENTIAL_READS_MIN;
            // If nothing ahead is missing, a window serves sequential reads.
            if !is_in_order || self.is_here_ahead(file, end) {
                return None;
            }
            self.availability.here_until(file, facts, rest)
        };
        // The cache keeps only whole blocks.
        let part = rest_end.checked_rem(self.tuning.block_bytes).unwrap_or(0);
        let whole = if rest_end == facts.len { rest_end } else { rest_end.saturating_sub(part) };
        (whole > end).then_some(whole)
    }

    /// Returns a window with a fair share of the memory. Other windows shrink if necessary.
    fn new_window(&mut self, start: u64) -> StreamKind {
        let min = self.tuning.window_bytes_min;
        if self.free_window_bytes() < min {
            let windows = self.streams.values().filter(|stream| stream.ahead_bytes() > 0).count();
            let shares = u64::try_from(windows.saturating_add(1)).unwrap_or(u64::MAX);
            let share = self.tuning.windows_bytes.checked_div(shares).unwrap_or(0);
            for stream in self.streams.values_mut() {
                if let StreamKind::Window { ahead_bytes, .. } = &mut stream.kind {
                    *ahead_bytes = (*ahead_bytes).min(share);
                }
            }
        }
        // Bytes already read ahead by other windows stay allocated until they are read.
        let ahead_bytes = min.min(self.free_window_bytes());
        StreamKind::Window { ahead_bytes, grown_at: start }
    }
}
