//! Reconciliation: derives actions from the current state.
//!
//! Reconciliation is level-triggered: a pass does not know which event caused it. Events only mark
//! the reads that they may affect as dirty ([`ReadIndex`]). A pass costs O(dirty reads + streams).
//! The stream budget bounds the number of streams.
//!
//! [`ReadIndex`]: super::read_index::ReadIndex

use std::time::Duration;

use tfs_types::Backoff;

use super::read_index::Wake;
use super::{
    Contender, Output, Phase, Plan, PlannedRead, PlannedStream, ReadId, StreamId, StreamKind,
};
use crate::{HandleId, InfoHash, Timestamp};

impl Plan {
    /// Runs one pass at `now`. Leaves `is_dirty` set if its own changes need another pass.
    pub(super) fn reconcile(&mut self, now: Timestamp) {
        self.wake_due(now);
        self.examine_marked(now);
        self.attach_grown(now);
        self.close_useless(now);
        self.reopen_stalled(now);
        self.ask_peers(now);
        self.grant(now);
        self.yield_to_readers(now);
        self.update_claims(now);
        self.ask_haves(now);
        self.ask_progress(now);
        self.forget_files();
        self.next_time = self.find_next_time(now);
        let has_grown = self.streams.values().any(|stream| stream.has_grown);
        self.is_dirty |= has_grown || !self.dirty.reads.is_empty();
    }

    /// Marks the reads and torrents whose timers have expired.
    fn wake_due(&mut self, now: Timestamp) {
        while let Some(wake) = self.index.pop_due(now) {
            match wake {
                Wake::Read(id) => {
                    self.dirty.reads.insert(id);
                }
                // With a bitfield, its reads are unaffected; it may only be outdated.
                Wake::Torrent(torrent) if self.availability.is_known(torrent) => {
                    self.dirty.torrents.insert(torrent);
                }
                Wake::Torrent(torrent) => self.mark_torrent(torrent),
            }
        }
    }

    /// Closes streams that serve no read.
    fn close_useless(&mut self, now: Timestamp) {
        let useless = self.streams.iter().filter(|(id, stream)| {
            let is_idle = stream.is_live() && stream.reads.is_empty();
            is_idle
                && !self.lingers(**id, stream, now)
                && match stream.kind {
                    _ if matches!(stream.phase, Phase::Broken { .. }) => true,
                    StreamKind::Bounded | StreamKind::Preload => true,
                    StreamKind::ToPieceEnd | StreamKind::Window { .. } => {
                        stream.owners.is_empty()
                            || self.idle_until(stream) <= now
                            || self.is_left(stream)
                    }
                }
        });
        let useless: Vec<_> = useless.map(|(id, _)| *id).collect();
        useless.into_iter().for_each(|id| self.close(id, now));
    }

    /// Closes stalled streams; their reads queue again.
    fn reopen_stalled(&mut self, now: Timestamp) {
        let silent = self
            .streams
            .iter()
            .filter(|(_, stream)| self.silent_until(stream).is_some_and(|until| until <= now));
        let silent: Vec<_> = silent.map(|(id, stream)| (*id, stream.file)).collect();
        for (id, file) in silent {
            self.tally
                .count(file, |count| count.stall_reopens = count.stall_reopens.saturating_add(1));
            self.on_silence(id, now);
            self.close(id, now);
        }
    }

    /// Returns until when a stream may be silent, if a read waits for it.
    fn silent_until(&self, stream: &PlannedStream) -> Option<Timestamp> {
        let is_silent = match stream.phase {
            Phase::Open if stream.is_preload() => !self.is_anybody_reading(),
            // A stream that is opening counts for preloads too: another preload may use its permit.
            Phase::Opening | Phase::Open => true,
            Phase::Broken { .. } | Phase::Closing => false,
        };
        let reads = stream.reads.iter().filter_map(|id| self.reads.get(id)?.stream);
        // Without a waiting read, a full buffer may be the cause of its silence.
        let waiting_since = reads.map(|(_, since)| since).min().filter(|_| is_silent)?;
        let since = waiting_since.max(stream.moved_at).max(stream.asked_at);
        let until = since.saturating_add(self.silence_time(stream));
        // With peers, another stream is of no use.
        Some(self.peers.trusted_until(stream).map_or(until, |trusted| until.max(trusted)))
    }

    /// Returns how long a stream may be silent. The time doubles with each stall of its reads. A
    /// response head and present bytes need no peer. There a new stream helps only after a lost
    /// connection, but a disk that spins up takes seconds, so such a stream has twice the time.
    fn silence_time(&self, stream: &PlannedStream) -> Duration {
        let longest = self.tuning.silence_time_max;
        if stream.is_preload() {
            return longest;
        }
        let reads = stream.reads.iter().filter_map(|id| self.reads.get(id));
        let count = reads.map(|read| read.silence_count).max().unwrap_or(0);
        let is_due = stream.phase == Phase::Opening || !stream.is_missing;
        let times = Backoff::new(self.tuning.silence_time_min, longest);
        times.delay(count.saturating_add(1).saturating_add(is_due.into()))
    }

    /// Records a stall of a stream.
    fn on_silence(&mut self, id: StreamId, now: Timestamp) {
        let Some(stream) = self.streams.get(&id) else { return };
        for read in &stream.reads {
            if let Some(read) = self.reads.get_mut(read) {
                read.silence_count = read.silence_count.saturating_add(1);
            }
        }
        self.end_stalled_preloads(id, now);
    }

    /// Returns whether the readers of a window have moved away. Then the server would fetch data
    /// ahead of it that no reader needs.
    fn is_left(&self, stream: &PlannedStream) -> bool {
        if stream.kind == StreamKind::ToPieceEnd {
            return self.is_rest_left(stream);
        }
        let is_near = |handle: &HandleId| {
            self.handles.access(*handle).is_some_and(|access| {
                access.run_bytes() >= self.tuning.sequential_bytes_missing_min
                    && (stream.low..=stream.pos).contains(&access.frontier())
            })
        };
        !self.is_here_ahead(stream.file, stream.pos) && !stream.owners.iter().any(is_near)
    }

    /// Returns whether the readers of a `ToPieceEnd` stream have moved away, or the stream would
    /// wait for bytes that no read needs.
    fn is_rest_left(&self, stream: &PlannedStream) -> bool {
        if stream.pos == stream.range.end() {
            // It ends by itself, so that its connection can be reused, unless it has lingered.
            return stream.asked_end > stream.pos;
        }
        let facts = self.files.get(&stream.file);
        let is_late =
            facts.is_some_and(|it| self.availability.is_pending_piece(stream.file, it, stream.pos));
        let range = stream.range.start()..=stream.range.end();
        let is_near = |handle: &HandleId| {
            self.handles.access(*handle).is_some_and(|access| range.contains(&access.last_end()))
        };
        is_late || !stream.owners.iter().any(is_near)
    }

    pub(super) fn idle_until(&self, stream: &PlannedStream) -> Timestamp {
        stream.idle_since.saturating_add(self.tuning.idle_time_max)
    }

    /// Requests the bitfields that reads depend on now.
    fn ask_haves(&mut self, now: Timestamp) {
        if self.breaker.open_until().is_some_and(|until| now < until) {
            // A request that is pending may become late, which changes the availability.
            for torrent in self.dirty.torrents.clone() {
                self.wake_torrent(torrent, now);
            }
            return;
        }
        self.ask_downloads(now);
        while let Some(torrent) = self.dirty.torrents.pop_first() {
            if !self.index.is_doubtful(torrent) {
                continue;
            }
            if self.availability.ask(torrent, now, &self.tuning) {
                self.bitfield_requests = self.bitfield_requests.saturating_add(1);
                self.output(Output::AskHaves { torrent });
            }
            self.wake_torrent(torrent, now);
        }
    }

    /// Sets the bitfield timer of a torrent that reads depend on.
    pub(super) fn wake_torrent(&mut self, torrent: InfoHash, now: Timestamp) {
        if self.index.is_doubtful(torrent) {
            let next_time = self.availability.next_time(torrent, &self.tuning);
            self.index.wake_torrent(torrent, next_time.filter(|time| *time > now));
        }
    }

    fn forget_files(&mut self) {
        while let Some(file) = self.dirty.files.pop_first() {
            let is_streamed = self.streams.values().any(|stream| stream.file == file);
            if !is_streamed && self.index.of_file(file).next().is_none() {
                self.files.remove(&file);
            }
        }
    }

    fn find_next_time(&self, now: Timestamp) -> Option<Timestamp> {
        let mut next = self.index.next_wake();
        let mut at = |time: Timestamp| next = Some(next.map_or(time, |next| next.min(time)));
        if let Some(time) = self.next_sample_at() {
            at(time);
        }
        if let Some(time) = self.next_peers_at(now) {
            at(time);
        }
        if let Some(time) = self.next_downloads_at() {
            at(time);
        }
        if self.index.preload_count() > 0 && self.paused_until() > now {
            at(self.paused_until());
        }
        let is_queue = self.index.is_anybody_queued();
        let is_asking = is_queue || !self.dirty.torrents.is_empty();
        if is_asking && let Some(until) = self.breaker.open_until().filter(|until| *until > now) {
            at(until);
        }
        let length = self.turn_length();
        for stream in self.streams.values().filter(|stream| stream.is_live()) {
            if let Phase::Broken { retry_at } = stream.phase {
                let time = self.breaker.open_until().map_or(retry_at, |until| until.max(retry_at));
                // If it has passed, another stream is the probe of the breaker.
                if time > now {
                    at(time);
                }
            }
            if let Some(until) = self.silent_until(stream) {
                at(until);
            }
            for contender in [Contender::Brief, Contender::Long] {
                let turn_end = self.yields_at(stream, &length, contender);
                if is_queue && turn_end > now {
                    at(turn_end);
                }
            }
            if let Some(until) = self.next_give_way(stream, now) {
                at(until);
            }
            if let Some(until) = self.next_idle_end(stream, now) {
                at(until);
            }
        }
        next
    }

    /// Returns the reads that are not answered yet.
    pub(super) fn unanswered_reads(&self) -> impl Iterator<Item = (ReadId, &PlannedRead)> {
        self.reads.iter().filter(|(_, read)| !read.is_answered).map(|(id, read)| (*id, read))
    }

    /// Returns the free part of the memory that windows share.
    pub(super) fn free_window_bytes(&self) -> u64 {
        let streams = self.streams.values().filter(|stream| stream.phase != Phase::Closing);
        let taken = streams.map(|stream| stream.window_bytes(self.tuning.read_bytes_max));
        let taken = taken.fold(0_u64, u64::saturating_add);
        self.tuning.windows_bytes.saturating_sub(taken)
    }
}
