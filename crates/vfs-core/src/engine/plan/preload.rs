//! Preloading: makes the server fetch ranges, at the lowest priority.
//!
//! A preload is a read of the lowest priority whose bytes are discarded. Only a stream makes the
//! server fetch pieces, so a stream covers the missing bytes, run by run. A preload never shares a
//! stream with a reader, and readers take precedence:
//! - While a reader's stream waits for missing bytes, and for a pause after that, no preload has a
//!   stream. The server must fetch nothing else meanwhile.
//! - While any reader waits, preload streams pause, and none is opened.
//! - A preload takes only a free permit, and yields it to the first reader that needs it.
//!
//! The cost: a reader that waits for data that never arrives blocks all preloads of a source.
#![warn(clippy::arithmetic_side_effects)]

use std::time::Duration;

use super::{
    Availability, FileFacts, Output, Phase, Plan, PlannedRead, PlannedStream, Priority,
    ReadDeadline, ReadId, ReadRequest, StreamId, StreamKind, permits::FreePermits,
    read_index::Queue,
};
use crate::{ByteRange, FileId, HandleId, Timestamp, TorrentState, VfsError};

/// Preloads have no handle. Real handles count from 1.
const NO_HANDLE: HandleId = HandleId(0);

/// How long a preload's stream is silent before its wait is shown as one for peers or the server.
/// Peers answer within a second or two.
const SILENCE_SHOWN_MIN: Duration = Duration::from_secs(3);

/// The reason why a preload makes no progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreloadWait {
    /// The server, which is down or does not answer.
    Server,
    /// The server's check of the torrent.
    Check,
    /// The server's bitfield, without which the present bytes are unknown.
    Bitfield,
    /// Readers, which take precedence.
    Readers,
    /// A stream: the stream limit of the server is reached.
    Stream,
    /// Another preload, which holds the stream of all preloads.
    Turn,
    /// The rest of a piece that the server is downloading.
    Piece,
    /// Peers: none sends data.
    Peers,
}

/// Arbitration between foreground reads and preloads.
#[derive(Debug, Default)]
pub(super) struct PreloadGate {
    /// Whether a reader's stream waited for missing bytes in the last pass.
    pub(super) has_blocked_reader: bool,
    /// Until when no preload gets a stream, because a reader waited recently.
    paused_until: Timestamp,
}

impl Plan {
    /// Starts a preload of all bytes of `range`. It ends with [`Output::Answer`] or a failure,
    /// or by [`on_cancel`](Self::on_cancel). It has no deadline, as a server may be down for a
    /// night.
    pub(in crate::engine) fn on_preload(
        &mut self,
        now: Timestamp,
        id: ReadId,
        (file, facts): (FileId, FileFacts),
        range: ByteRange,
    ) {
        let request = ReadRequest {
            handle: NO_HANDLE,
            file,
            facts,
            range,
            need: range,
            priority: Priority::Preload,
            deadline: ReadDeadline::NEVER,
        };
        self.enqueue(now, id, request);
    }

    /// Returns how many bytes of a preload are known to be present.
    pub(in crate::engine) fn preloaded_bytes(&self, id: ReadId) -> u64 {
        let Some(read) = self.reads.get(&id) else { return 0 };
        let rest = self.rest(read);
        let passed = rest.start().saturating_sub(read.request.range.start());
        passed.saturating_add(self.bytes_here(read.request.file, &read.request.facts, rest))
    }

    /// Returns what a preload waits for, or `None` while its data arrives.
    pub(in crate::engine) fn preload_wait(
        &self,
        id: ReadId,
        now: Timestamp,
    ) -> Option<PreloadWait> {
        let read = self.reads.get(&id)?;
        let facts = self.files.get(&read.request.file).unwrap_or(&read.request.facts);
        if self.is_refusing(now) {
            return Some(PreloadWait::Server);
        }
        if self.awaits_bitfield(read, now) {
            return Some(PreloadWait::Bitfield);
        }
        if facts.state.is_some_and(|state| state.torrent == TorrentState::Initializing) {
            return Some(PreloadWait::Check);
        }
        let Some((stream, since)) = read.stream else { return Some(self.queued_preload_wait(now)) };
        let stream = self.streams.get(&stream)?;
        let silent_since = stream.moved_at.max(stream.asked_at).max(since);
        let is_silent = now.duration_since(silent_since) >= SILENCE_SHOWN_MIN;
        match stream.phase {
            Phase::Broken { .. } => Some(PreloadWait::Server),
            Phase::Opening => is_silent.then_some(PreloadWait::Server),
            Phase::Open if self.is_anybody_reading() => Some(PreloadWait::Readers),
            Phase::Open => is_silent.then_some(PreloadWait::Peers),
            Phase::Closing => None,
        }
    }

    /// Returns why a preload has no stream.
    fn queued_preload_wait(&self, now: Timestamp) -> PreloadWait {
        let is_quiet = self.preload_gate.has_blocked_reader || now < self.preload_gate.paused_until;
        if is_quiet || self.is_anybody_reading() {
            return PreloadWait::Readers;
        }
        let live = self.streams.values().filter(|stream| stream.is_preload() && stream.is_live());
        if live.count() >= self.tuning.preload_streams_max {
            PreloadWait::Turn
        } else {
            PreloadWait::Stream
        }
    }

    /// Returns how many bytes of a range are known to be present.
    pub(in crate::engine) fn bytes_here(
        &self,
        file: FileId,
        facts: &FileFacts,
        range: ByteRange,
    ) -> u64 {
        let facts = self.files.get(&file).unwrap_or(facts);
        self.availability.bytes_here(file, facts, range)
    }

    /// Finishes a preload that lacks no bytes. Otherwise skips its present bytes if it has no
    /// stream. Returns whether it finished.
    pub(super) fn trim_preload(&mut self, id: ReadId, now: Timestamp) -> bool {
        let Some(read) = self.reads.get(&id) else { return true };
        let rest = self.rest(read);
        let facts = self.files.get(&read.request.file).unwrap_or(&read.request.facts);
        let here_until = match facts.geometry {
            None if !facts.is_complete() => rest.start(),
            None | Some(_) => self.availability.here_until(read.request.file, facts, rest),
        };
        if here_until == rest.end() {
            self.finish_preload(id, now);
            return true;
        }
        if here_until > rest.start()
            && let Some(read) = self.reads.get_mut(&id).filter(|read| read.stream.is_none())
        {
            read.need = read.need.from(here_until);
            read.silence_count = 0;
        }
        false
    }

    /// Opens streams for the next runs of preloads, if no reader needs the permits.
    pub(super) fn grant_preloads(&mut self, free: &mut FreePermits, now: Timestamp) {
        let mut after = None;
        while let Some(turn) = self.index.next_turn(Queue::Preload, after) {
            let is_held = self.preload_gate.has_blocked_reader
                || now < self.preload_gate.paused_until
                || self.is_anybody_reading();
            let stream_count = self.streams.values().filter(|stream| stream.is_preload()).count();
            let is_full = stream_count >= self.tuning.preload_streams_max;
            if is_held || is_full || self.breaker_forbids(now) {
                return;
            }
            let is_crowded = self.missing_count() >= self.permits.usable_missing();
            if is_crowded || free.permits == 0 {
                if !self.permits.ask(Queue::Preload, now) {
                    self.permits.wait(Queue::Preload);
                }
                return;
            }
            self.grant_preload(turn.read, free, now);
            after = Some(turn);
        }
    }

    fn grant_preload(&mut self, id: ReadId, free: &mut FreePermits, now: Timestamp) {
        let Some(read) = self.reads.get(&id) else { return };
        let (file, need) = (read.request.file, read.need);
        let Some(facts) = self.files.get(&file) else { return };
        if self.awaits_bitfield(read, now) {
            return;
        }
        // A torrent that is being checked sends no response headers, and would block the permit.
        if facts.state.is_some_and(|state| state.torrent == TorrentState::Initializing) {
            return;
        }
        let run = ByteRange::clamped(need.start(), self.tuning.preload_run_bytes, need.end());
        let end = self.availability.missing_until(file, facts, run);
        let run = ByteRange::clamped(run.start(), end.saturating_sub(run.start()), facts.len);
        free.permits = free.permits.saturating_sub(1);
        self.open_stream(id, run, StreamKind::Preload, true, now);
    }

    /// Closes preload streams while a blocked reader may be delayed by them.
    pub(super) fn yield_to_readers(&mut self, now: Timestamp) {
        let was_pressed = std::mem::take(&mut self.preload_gate.has_blocked_reader);
        if self.index.preload_count() == 0 {
            return;
        }
        self.preload_gate.has_blocked_reader = self.has_blocked_reader(now);
        if self.preload_gate.has_blocked_reader {
            let streams = self.streams.iter();
            let live = streams.filter(|(_, stream)| stream.is_preload() && stream.is_live());
            let live: Vec<_> = live.map(|(id, _)| *id).collect();
            for id in live {
                let file = self.streams.get(&id).map(|stream| stream.file);
                if let Some(file) = file {
                    self.tally.count(file, |count| count.turns = count.turns.saturating_add(1));
                }
                self.close(id, now);
            }
        } else if was_pressed {
            self.preload_gate.paused_until = now.saturating_add(self.tuning.preload_quiet);
            // Another pass grants preloads by the updated state.
            self.is_dirty = true;
        }
    }

    /// Advances a preload as bytes arrive on its stream.
    pub(super) fn on_preloaded_chunk(&mut self, id: StreamId, pos: u64, len: u64) {
        self.preloaded_bytes = self.preloaded_bytes.saturating_add(len);
        let Some(stream) = self.streams.get_mut(&id) else { return };
        // The bytes are discarded.
        (stream.low, stream.consumed, stream.has_moved) = (pos, pos, false);
        for read in &stream.reads {
            if let Some(read) = self.reads.get_mut(read) {
                read.need = read.need.from(pos);
                read.silence_count = 0;
            }
        }
        // The remaining bytes may be present.
        self.dirty.reads.extend(&stream.reads);
    }

    /// Handles the end of a run: finishes the preload, or queues its next run.
    pub(super) fn end_run(&mut self, id: ReadId, now: Timestamp) {
        if self.reads.get(&id).is_some_and(|read| read.need.is_empty()) {
            return self.finish_preload(id, now);
        }
        self.leave_stream(id, now);
        self.mark(id);
    }

    /// Records that the torrent of a silent preload is being downloaded: a large piece on a slow
    /// line takes longer than the stalls that end a preload.
    pub(in crate::engine) fn excuse_silence(&mut self, id: ReadId) {
        if let Some(read) = self.reads.get_mut(&id) {
            read.silence_count = 0;
        }
    }

    /// Fails preloads whose streams have stalled too often. Their bytes may arrive later, but other
    /// preloads must not wait for them.
    pub(super) fn end_stalled_preloads(&mut self, id: StreamId, now: Timestamp) {
        let Some(stream) = self.streams.get(&id).filter(|stream| stream.is_preload()) else {
            return;
        };
        for id in stream.reads.clone() {
            let Some(read) = self.reads.get(&id) else { continue };
            if read.silence_count >= self.tuning.preload_silences_max {
                self.fail(id, now, VfsError::TimedOut);
            }
        }
    }

    /// Returns when the pause of preloads ends.
    pub(super) fn paused_until(&self) -> Timestamp {
        self.preload_gate.paused_until
    }

    /// Returns whether any reader waits, however briefly.
    pub(super) fn is_anybody_reading(&self) -> bool {
        self.index.reader_count() > 0 || self.direct.count > 0
    }

    pub(in crate::engine) fn preload_count(&self) -> usize {
        self.index.preload_count()
    }

    /// Returns whether a reader's open stream waits for missing bytes.
    ///
    /// A stream that is still opening does not count; a reader that needs a permit preempts the
    /// preload anyway. If the last stream of a torrent closes, the server may drop its peers, which
    /// would delay the reader.
    fn has_blocked_reader(&self, now: Timestamp) -> bool {
        let streams = self.streams.values();
        let streams = streams.filter(|it| it.phase == Phase::Open && !it.is_preload());
        let mut readers = streams.flat_map(|it| &it.reads).filter_map(|id| self.reads.get(id));
        readers.any(|read| self.presence(read, now) != Availability::Present)
    }

    /// Returns true while a pending bitfield could show that part of the preload is already
    /// present.
    fn awaits_bitfield(&self, read: &PlannedRead, now: Timestamp) -> bool {
        let is_patient = now < self.patient_until(read);
        let is_known = self.availability.is_known(read.request.file.torrent);
        read.request.facts.geometry.is_some()
            && is_patient
            && !(is_known && self.is_fresh(read, now))
    }

    fn finish_preload(&mut self, id: ReadId, now: Timestamp) {
        self.leave_stream(id, now);
        if self.forget_read(id).is_some() {
            let (result, missing) = (Ok(Vec::new()), Duration::ZERO);
            self.output(Output::Answer { read: id, result, missing });
            self.is_dirty = true;
        }
    }

    /// Returns the missing bytes of a read that its stream has not delivered.
    fn rest(&self, read: &PlannedRead) -> ByteRange {
        let pos = read.stream.and_then(|(id, _)| self.streams.get(&id)).map_or(0, |it| it.pos);
        read.need.from(pos)
    }
}

impl PlannedRead {
    pub(super) fn is_preload(&self) -> bool {
        self.request.priority == Priority::Preload
    }
}

impl PlannedStream {
    pub(super) fn is_preload(&self) -> bool {
        self.kind == StreamKind::Preload
    }
}
