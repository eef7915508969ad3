//! Event handlers of the plan: reads arrive and leave; streams open, deliver bytes and end.
#![warn(clippy::arithmetic_side_effects)]

use std::time::Duration;

use super::{
    Action, BitfieldStatus, Expiry, MissingWait, Output, Phase, Plan, PlannedRead, ReadId,
    ReadRequest, Split, StreamEnd, StreamId, Turn, WaitPolicy, read_index::ReadIndexEntry, retry,
    tuning, violation,
};
use crate::tree::FileState;
use crate::{
    Bitfield, ByteRange, FileId, HandleId, InfoHash, SourceError, SourceErrorKind, Timestamp,
    VfsError,
};

impl Plan {
    /// Handles a read that memory could not answer. The plan answers it by its deadline.
    pub(in crate::engine) fn on_read(&mut self, now: Timestamp, id: ReadId, request: ReadRequest) {
        self.note_read(request.handle, request.range);
        self.handles.meter_mut(request.handle);
        self.tally.count(request.file, |count| {
            count.reads = count.reads.saturating_add(1);
            count.misses = count.misses.saturating_add(1);
        });
        let fail_fast = self.fail_fast(now, (request.handle, request.file), &request.facts);
        self.enqueue(now, id, request);
        if let Some(read) = self.reads.get_mut(&id) {
            read.fail_fast = fail_fast;
        }
        if let Some(error) = self.breaker.refusal(now).cloned() {
            self.fail(id, now, error.into());
        }
    }

    /// Returns whether a handle is not known to be read in order.
    fn is_brief(&self, handle: HandleId) -> bool {
        let access = self.handles.access(handle);
        access.is_none_or(|access| access.read_count() < tuning::SEQUENTIAL_READS_MIN)
    }

    pub(super) fn enqueue(&mut self, now: Timestamp, id: ReadId, request: ReadRequest) {
        let known = self.files.insert(request.file, request.facts);
        if known.is_some_and(|known| known != request.facts) {
            self.mark_file(request.file);
        }
        let place = self.next_place();
        let read = PlannedRead {
            request,
            need: request.need,
            arrived_at: now,
            place,
            stream: None,
            expiry: Expiry::new(now, &request),
            retry_at: now,
            is_brief: self.is_brief(request.handle),
            last_error: None,
            is_whole: false,
            is_answered: false,
            wait_policy: WaitPolicy::default(),
            is_present_only: false,
            split: Split::default(),
            fail_fast: None,
            has_waited: false,
            silence_count: 0,
            unasked_count: 0,
            missing: MissingWait::default(),
        };
        self.index.file(id, ReadIndexEntry::new(request.file, read.is_preload()));
        self.reads.insert(id, read);
        self.note_missing(id, now);
        self.mark(id);
    }

    /// Records a read that memory answered.
    pub(in crate::engine) fn on_hit(
        &mut self,
        now: Timestamp,
        handle: HandleId,
        file: FileId,
        range: ByteRange,
    ) {
        self.note_read(handle, range);
        self.note_given(now, handle, range);
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

    /// Records bytes that a reader received from the local disk.
    pub(in crate::engine) fn on_local(
        &mut self,
        now: Timestamp,
        handle: HandleId,
        file: FileId,
        range: ByteRange,
    ) {
        self.note_given(now, handle, range);
        self.tally.count(file, |count| {
            count.reads = count.reads.saturating_add(1);
            count.local_reads = count.local_reads.saturating_add(1);
            count.bytes_given = count.bytes_given.saturating_add(range.len());
            count.bytes_local = count.bytes_local.saturating_add(range.len());
        });
    }

    /// Removes a read whose caller has cancelled it. Returns how long it has waited for missing
    /// pieces.
    pub(in crate::engine) fn on_cancel(&mut self, now: Timestamp, id: ReadId) -> Duration {
        if !self.reads.contains_key(&id) {
            return Duration::ZERO;
        }
        let stream = self.leave_stream(id, now);
        self.is_dirty = true;
        let read = self.forget_read(id);
        if let Some(read) = &read {
            self.end_fetch(stream, read.request.file.torrent, now);
        }
        read.map_or(Duration::ZERO, |read| self.missing_time(&read, now))
    }

    /// Records that a handle was opened. Reads of a handle that is not open are answered, but not
    /// recorded.
    pub(in crate::engine) fn on_open(&mut self, handle: HandleId) {
        self.handles.open(handle);
    }

    /// Removes a handle. Its reads continue; after them it owns no stream.
    pub(in crate::engine) fn on_release(&mut self, handle: HandleId) {
        self.handles.release(handle);
        self.failed_waits.on_release(handle);
        self.downloads.on_release(handle);
        for stream in self.streams.values_mut() {
            stream.owners.remove(&handle);
        }
        self.is_dirty = true;
    }

    /// Updates the state of a file from a listing, if the file is being read.
    pub(in crate::engine) fn on_facts(&mut self, file: FileId, state: Option<FileState>) {
        if let Some(facts) = self.files.get_mut(&file)
            && facts.state != state
        {
            facts.state = state;
            self.mark_file(file);
        }
    }

    /// Handles the source's confirmation of a stream at `offset`.
    pub(in crate::engine) fn on_opened(&mut self, now: Timestamp, id: StreamId, offset: u64) {
        self.breaker.on_success();
        self.is_dirty = true;
        let Some(stream) = self.live_stream(id) else { return };
        stream.phase = Phase::Open;
        stream.moved_at = now;
        stream.turn = Turn::new(now, stream.pos);
        let want = stream.pos;
        // A server may confirm a stream at missing data only when it has the first byte.
        let time = (!stream.is_missing).then(|| now.duration_since(stream.asked_at));
        // The confirmation delays their split.
        let reads = stream.reads.clone();
        self.dirty.reads.extend(reads);
        if let Some(time) = time {
            self.round_trip.on_opened(time);
        }
        if offset != want {
            let error = violation(format!("the stream is at offset {offset} instead of {want}"));
            self.drop_stream(now, id, error);
        }
    }

    /// Handles the arrival of `len` bytes. Returns whether they are valid and must be kept: then
    /// memory stores them before the next action is taken.
    pub(in crate::engine) fn on_chunk(
        &mut self,
        now: Timestamp,
        id: StreamId,
        offset: u64,
        len: u64,
    ) -> bool {
        let Some(stream) = self.live_stream(id) else { return false };
        let (want, end, asked_end) = (stream.pos, stream.range.end(), stream.asked_end);
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
        let is_first = want == stream.range.start() && !stream.is_missing;
        let first_time = is_first.then(|| now.duration_since(stream.asked_at));
        // If all reads are past these bytes, they need not be kept.
        stream.has_moved = true;
        stream.has_grown = true;
        stream.wait_max = stream.wait_max.max(now.duration_since(stream.moved_at));
        stream.moved_at = now;
        (stream.failure_count, stream.last_error) = (0, None);
        let (file, reads) = (stream.file, stream.reads.clone());
        let is_crossing = pos >= stream.class_until;
        if let Some(time) = first_time {
            self.first_bytes.add(time);
        }
        let is_queue = self.index.is_anybody_queued();
        self.is_dirty |=
            is_queue && self.streams.get(&id).is_some_and(|it| self.ends_turn(it, len));
        let Some(stream) = self.live_stream(id) else { return false };
        if stream.is_preload() {
            self.on_preloaded_chunk(id, pos, len);
            self.on_preload_bytes(file, len);
            self.on_progress(file);
            if is_crossing {
                self.classify(now, id);
            }
            return false;
        }
        self.tally.count(file, |count| {
            count.bytes_fetched = count.bytes_fetched.saturating_add(len);
        });
        if let Some(facts) = self.files.get(&file) {
            let range = ByteRange::clamped(offset, len, facts.len);
            if self.availability.on_bytes(file, facts, range) {
                // Bytes of a piece that was present say nothing about peers.
                self.peers.on_bytes(file.torrent);
                self.on_progress(file);
                let handles = self.streams.get(&id).map(|stream| self.handles_of(stream));
                let handles: Vec<_> = handles.into_iter().flatten().collect();
                self.on_missing_bytes(file, &handles, len);
            }
        }
        for read_id in reads {
            if let Some(read) = self.reads.get_mut(&read_id) {
                read.expiry.on_chunk(now, pos);
                // The stall timeout returns to its minimum.
                self.is_dirty |= std::mem::take(&mut read.silence_count) > 0;
                read.unasked_count = 0;
            }
            let Some(read) = self.reads.get(&read_id) else { continue };
            // The last bytes count only once the source reports the end of the range.
            if read.need.end() <= pos && read.need.end() < end.max(asked_end) {
                self.reply(read_id, now);
            } else if self.must_not_wait(read) || read.split != Split::Never {
                // Its missing bytes may be present, or it may have a whole page now.
                self.dirty.reads.insert(read_id);
            }
        }
        if is_crossing {
            self.classify(now, id);
        }
        true
    }

    /// Handles the end of a stream.
    pub(in crate::engine) fn on_stream_end(
        &mut self,
        now: Timestamp,
        id: StreamId,
        end: StreamEnd,
    ) {
        self.is_dirty = true;
        self.note_turn(id, now);
        let Some(stream) = self.streams.get(&id) else { return };
        let (pos, want) = (stream.pos, stream.range.end());
        if !stream.is_live() {
            self.forget_stream(id);
            if let StreamEnd::Failed(error) = end {
                self.breaker.on_failure(&error, now);
            }
            return;
        }
        let is_harmless = match &end {
            StreamEnd::Over => true,
            // All bytes have arrived, so a failure to read the end does not matter.
            StreamEnd::Failed(error) => error.is_retryable,
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
        self.forget_stream(id);
        self.actions.push_back(Action::Ended { stream: id });
    }

    /// Handles a bitfield query that no read needs. Requests the bitfield from the source if the
    /// last answer is older than [`Tuning::haves_interval`](super::Tuning::haves_interval).
    pub(in crate::engine) fn on_bitfield_query(
        &mut self,
        now: Timestamp,
        torrent: InfoHash,
    ) -> BitfieldStatus {
        if self.availability.ask(torrent, now, &self.tuning) {
            self.bitfield_requests = self.bitfield_requests.saturating_add(1);
            self.output(Output::AskHaves { torrent });
            self.dirty.torrents.insert(torrent);
        }
        self.availability.news(torrent)
    }

    /// Handles the answer to [`Output::AskHaves`].
    pub(in crate::engine) fn on_haves(
        &mut self,
        now: Timestamp,
        torrent: InfoHash,
        answer: Result<Bitfield, SourceError>,
    ) {
        self.mark_torrent(torrent);
        let error = match answer {
            Ok(have) => {
                self.breaker.on_success();
                let received = self.availability.received(torrent);
                let asked_at = self.availability.asked_at(torrent, now);
                let before = self.downloads.on_haves(torrent, &have, asked_at, &received);
                if let Some(before) = before {
                    self.on_fetched(now, torrent, &before, &have);
                }
                let is_used = |torrent| self.index.of_torrent(torrent).next().is_some();
                self.availability.on_answer(torrent, Some(have), now, is_used);
                self.note_missing_of(torrent, now);
                return self.on_have_progress(torrent);
            }
            Err(error) => error,
        };
        let is_used = |torrent| self.index.of_torrent(torrent).next().is_some();
        self.availability.on_answer(torrent, None, now, is_used);
        self.downloads.on_failure(torrent, now);
        if error.kind == SourceErrorKind::Unreachable {
            self.forget_haves();
        }
        self.breaker.on_failure(&error, now);
        if error.kind == SourceErrorKind::NotFound {
            let reads: Vec<_> = self.index.of_torrent(torrent).collect();
            reads.into_iter().for_each(|read| self.on_not_found(now, read, &error));
        }
    }

    /// Handles a "not found" answer for the torrent of a read. The read ends if another server may
    /// have it, or once the list of this server lacks it too.
    fn on_not_found(&mut self, now: Timestamp, id: ReadId, error: &SourceError) {
        let Some(read) = self.reads.get_mut(&id) else { return };
        let file = read.request.file;
        read.last_error = Some(error.clone());
        let is_leaving = read.wait_policy != WaitPolicy::UntilDeadline;
        if is_leaving || retry::is_final(error, self.files.get(&file)) {
            let error = self.error_of(file, error.clone());
            self.fail(id, now, error);
        }
    }

    /// Handles the expiry of the timer set by [`next_time`](Self::next_time).
    pub(in crate::engine) fn on_time(&mut self, now: Timestamp) {
        if self.next_time.is_some_and(|next| next <= now) {
            self.is_dirty = true;
        }
    }

    /// Updates the missing bytes of a waiting read from the present content of memory.
    pub(in crate::engine) fn on_need(&mut self, now: Timestamp, id: ReadId, need: ByteRange) {
        let Some(read) = self.reads.get_mut(&id) else { return };
        if read.stream.is_some() || read.is_answered {
            return;
        }
        if need.is_empty() {
            self.reply(id, now);
        } else if !read.is_whole {
            read.need = need;
            self.mark(id);
        }
    }

    /// Handles the eviction of bytes that a read needs. All of its bytes are requested again from
    /// one stream, which keeps them until the read is answered.
    pub(in crate::engine) fn on_evicted(&mut self, id: ReadId) {
        let place = self.next_place();
        if let Some(read) = self.reads.get_mut(&id) {
            read.is_whole = true;
            read.is_answered = false;
            read.need = read.request.range;
            read.place = place;
            self.mark(id);
        }
    }

    /// Handles the delivery of a read's bytes. Returns how long it has waited for missing pieces.
    pub(in crate::engine) fn on_answered(&mut self, now: Timestamp, id: ReadId) -> Duration {
        let Some(read) = self.forget_read(id) else { return Duration::ZERO };
        let len = read.request.range.len();
        self.note_given(now, read.request.handle, read.request.range);
        self.tally.count(read.request.file, |count| {
            count.bytes_given = count.bytes_given.saturating_add(len);
        });
        self.missing_time(&read, now)
    }

    /// Records a read of a handle.
    pub(super) fn note_read(&mut self, handle: HandleId, range: ByteRange) {
        if let Some(access) = self.handles.access_mut(handle) {
            access.on_read(range);
        }
    }

    /// Records bytes that a handle received.
    pub(super) fn note_given(&mut self, now: Timestamp, handle: HandleId, range: ByteRange) {
        if let Some(meter) = self.handles.meter_mut(handle) {
            meter.on_given(now, range);
        }
    }

    /// Handles loss of the driver task: every outstanding request is cancelled.
    pub(in crate::engine) fn on_owner_gone(&mut self, now: Timestamp) {
        let streams: Vec<_> = self.streams.keys().copied().collect();
        streams.into_iter().for_each(|id| self.on_stream_end(now, id, StreamEnd::Closed));
        self.availability.cancel(now);
        self.samples.cancel();
        self.peers.cancel();
        self.mark_all();
    }

    /// Shuts down: fails all reads and closes all streams.
    pub(in crate::engine) fn shut_down(&mut self, now: Timestamp) {
        let reads: Vec<_> = self.reads.keys().copied().collect();
        reads.into_iter().for_each(|read| self.fail(read, now, VfsError::ShuttingDown));
        let streams: Vec<_> = self.streams.keys().copied().collect();
        streams.into_iter().for_each(|stream| self.close(stream, now));
    }
}
