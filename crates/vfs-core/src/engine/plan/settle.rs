//! What follows from the state and the time: who fails, who joins a stream, who is asked, and when
//! to look again. Levels, not edges: whatever happened, all of it is looked at again.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{
    Action, MissingPolicy, Phase, Plan, Presence, Read, ReadId, Stream, StreamId, StreamKind,
};
use crate::{ByteRange, InfoHash, VfsError};

impl Plan {
    /// Brings everything in line with the state at `now`.
    pub(super) fn settle(&mut self, now: Duration) {
        self.expire(now);
        self.trim_preloads(now);
        self.refuse(now);
        self.attach_all(now);
        self.close_useless(now);
        self.renew_silent(now);
        self.grant(now);
        self.yield_to_readers(now);
        self.ask_haves(now);
        self.forget_files();
        self.next_time = self.find_next_time(now);
    }

    /// Returns whether the bytes that a read lacks are there.
    pub(super) fn presence(&self, read: &Read, now: Duration) -> Presence {
        let pos = read.stream.and_then(|(id, _)| self.streams.get(&id)).map_or(0, |it| it.pos);
        let start = read.need.start().max(pos.min(read.need.end()));
        let rest = ByteRange::clamped(start, read.need.end().saturating_sub(start), u64::MAX);
        let (file, facts) = (read.request.file, &read.request.facts);
        let facts = self.files.get(&file).unwrap_or(facts);
        self.haves.presence(file, facts, rest, now, &self.tuning)
    }

    /// Returns whether a read fails rather than wait for what is missing.
    fn must_not_wait(&self, read: &Read) -> bool {
        let facts = self.files.get(&read.request.file).unwrap_or(&read.request.facts);
        let is_refused = self.missing == MissingPolicy::Fail && !read.is_preload();
        is_refused || facts.is_stopped()
    }

    /// Ends the reads whose deadline has passed.
    fn expire(&mut self, now: Duration) {
        let late = self.waiting().filter(|(_, read)| read.request.deadline <= now);
        let late: Vec<_> = late.map(|(id, _)| id).collect();
        for id in late {
            let Some(read) = self.reads.get(&id) else { continue };
            let stream = read.stream.and_then(|(stream, _)| self.streams.get(&stream));
            let last_error = stream.map_or(&read.last_error, |stream| &stream.last_error).clone();
            self.fail(id, now, last_error.map_or(VfsError::TimedOut, VfsError::from));
        }
    }

    /// Ends the reads that lack what they may not wait for.
    fn refuse(&mut self, now: Duration) {
        let refused = self.waiting().filter(|(_, read)| {
            self.must_not_wait(read)
                && match self.presence(read, now) {
                    Presence::Here | Presence::Asking => false,
                    Presence::Missing => self.is_fresh(read, now),
                    Presence::Unknown => self.unknown_until(read) <= now,
                }
        });
        let refused: Vec<_> = refused.map(|(id, _)| id).collect();
        refused.into_iter().for_each(|id| self.fail(id, now, VfsError::WouldBlock));
    }

    /// Returns how long a read that must not wait does so because nobody can say whether its bytes
    /// are there.
    fn unknown_until(&self, read: &Read) -> Duration {
        let queued = read.arrived_at.saturating_add(self.tuning.haves_patience);
        let since = read.stream.map_or(queued, |(_, since)| since);
        since.saturating_add(self.tuning.unknown_patience)
    }

    /// Returns whether what is known of the pieces is not older than the read, so that it is no
    /// lie to say that they are missing.
    pub(super) fn is_fresh(&self, read: &Read, now: Duration) -> bool {
        let file = read.request.file;
        let facts = self.files.get(&file).unwrap_or(&read.request.facts);
        if facts.geometry.is_none() {
            return true;
        }
        let answered_at = self.haves.answered_at(file.torrent);
        let oldest = read.arrived_at.saturating_sub(self.tuning.haves_interval);
        let is_patient = now < read.arrived_at.saturating_add(self.tuning.haves_patience);
        answered_at.is_some_and(|at| at >= oldest) || !is_patient
    }

    /// Lets reads join streams that will bring their bytes.
    fn attach_all(&mut self, now: Duration) {
        let queued: Vec<_> = self.queued().map(|(id, _)| id).collect();
        for id in queued {
            self.try_attach(id, now);
        }
    }

    /// Lets a read join a stream, if there is one that will bring its bytes.
    pub(super) fn try_attach(&mut self, id: ReadId, now: Duration) -> bool {
        let Some(read) = self.reads.get(&id) else { return false };
        let presence = self.presence(read, now);
        let mut streams = self.streams.iter();
        let found = streams.find(|(_, stream)| self.can_join(read, presence, stream));
        let Some(stream_id) = found.map(|(stream_id, _)| *stream_id) else { return false };
        self.join(id, stream_id, now);
        true
    }

    fn can_join(&self, read: &Read, presence: Presence, stream: &Stream) -> bool {
        let need = read.need;
        if stream.file != read.request.file
            || read.is_preload()
            || stream.is_preload()
            || !stream.is_live()
            || need.start() < stream.low
            || need.end() > stream.range.end()
        {
            return false;
        }
        let (Some(facts), true) = (self.files.get(&stream.file), need.start() > stream.pos) else {
            return true;
        };
        let ends = stream.reads.iter().filter_map(|id| self.reads.get(id));
        let wanted = ends.map(|read| read.need.end()).max().unwrap_or(0).max(stream.pos);
        if need.start() > wanted.saturating_add(self.tuning.skip_bytes_max) {
            return false;
        }
        // Never wait for what is missing on the way to what is there, nor skip over it at all.
        let from = if presence == Presence::Here { stream.pos } else { wanted };
        let gap = need.start().saturating_sub(from);
        let gap = ByteRange::clamped(from, gap, facts.len);
        gap.is_empty() || self.haves.here_until(stream.file, facts, gap) == gap.end()
    }

    /// Puts a read on a stream.
    pub(super) fn join(&mut self, id: ReadId, stream_id: StreamId, now: Duration) {
        let free = self.free_window_bytes();
        let Some(read) = self.reads.get_mut(&id) else { return };
        let Some(stream) = self.streams.get_mut(&stream_id) else { return };
        let is_first = stream.reads.is_empty() && stream.pos == stream.range.start();
        let is_skip = read.need.start() > stream.pos;
        let has_all = read.need.end() <= stream.pos;
        read.stream = Some((stream_id, now));
        stream.reads.insert(id);
        if !read.is_preload() {
            stream.owners.insert(read.request.handle);
        }
        stream.priority = stream.priority.min(read.request.priority);
        if let StreamKind::Window { ahead_bytes, grown_at } = &mut stream.kind
            && !has_all
            && stream.consumed >= grown_at.saturating_add(*ahead_bytes)
        {
            // The reader has caught up: a wider window would have had the bytes.
            let grown = ahead_bytes.saturating_mul(2).max(self.tuning.window_bytes_min);
            let most = ahead_bytes.saturating_add(free).min(self.tuning.window_bytes_max);
            *ahead_bytes = grown.min(most).max(*ahead_bytes);
            *grown_at = stream.consumed;
        }
        let file = read.request.file;
        if !is_first {
            self.tally.count(file, |count| {
                count.reuses = count.reuses.saturating_add(1);
                count.skips = count.skips.saturating_add(u64::from(is_skip));
            });
        }
        self.classify(now, stream_id);
        if has_all {
            self.reply(id, now);
        }
    }

    /// Finds out whether the next byte of a stream is there, and begins a turn where that changes
    /// or a missing piece has come.
    pub(super) fn classify(&mut self, now: Duration, id: StreamId) {
        let Some(stream) = self.streams.get(&id) else { return };
        let Some(facts) = self.files.get(&stream.file) else { return };
        let next = ByteRange::clamped(stream.pos, 1, facts.len);
        let presence = self.haves.presence(stream.file, facts, next, now, &self.tuning);
        let is_missing = presence != Presence::Here;
        let piece_end = facts.geometry.map(|geometry| geometry.piece_end(stream.pos));
        let is_next_piece = stream.pos >= stream.class_until;
        let (here, missing) = (self.tuning.turn_time_here, self.tuning.turn_time_missing);
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let turn_until = match (stream.is_missing, is_missing) {
            (false, true) => now.saturating_add(missing),
            (true, false) => now.saturating_add(here),
            (true, true) if is_next_piece => now,
            (true, true) | (false, false) => stream.turn_until,
        };
        if turn_until != stream.turn_until {
            stream.is_useful = false;
            self.is_dirty = true;
        }
        stream.turn_until = turn_until;
        stream.is_missing = is_missing;
        stream.class_until = piece_end.unwrap_or(u64::MAX);
    }

    /// Closes streams that nobody has a use for.
    fn close_useless(&mut self, now: Duration) {
        let useless = self.streams.iter().filter(|(_, stream)| {
            let is_idle = stream.is_live() && stream.reads.is_empty();
            is_idle
                && match stream.kind {
                    _ if matches!(stream.phase, Phase::Broken { .. }) => true,
                    StreamKind::Bounded | StreamKind::Preload => true,
                    StreamKind::Window { .. } => {
                        stream.owners.is_empty()
                            || self.idle_until(stream) <= now
                            || self.is_left(stream)
                    }
                }
        });
        let useless: Vec<_> = useless.map(|(id, _)| *id).collect();
        useless.into_iter().for_each(|id| self.close(id, now));
    }

    /// Closes streams that were silent for too long at missing data; their reads ask anew.
    fn renew_silent(&mut self, now: Duration) {
        let silent = self
            .streams
            .iter()
            .filter(|(_, stream)| self.silent_until(stream).is_some_and(|until| until <= now));
        let silent: Vec<_> = silent.map(|(id, stream)| (*id, stream.file)).collect();
        for (id, file) in silent {
            self.tally.count(file, |count| count.renewals = count.renewals.saturating_add(1));
            self.on_preload_silence(id, now);
            self.close(id, now);
        }
    }

    /// Returns until when a stream may be silent, if it is one that waits for missing data.
    fn silent_until(&self, stream: &Stream) -> Option<Duration> {
        let is_silent = match stream.phase {
            Phase::Open if stream.is_preload() => !self.is_anybody_reading(),
            Phase::Open => stream.is_missing,
            // Another preload may have the permit instead.
            Phase::Opening => stream.is_preload(),
            Phase::Broken { .. } | Phase::Closing => false,
        };
        let is_waiting = is_silent && !stream.reads.is_empty();
        is_waiting.then(|| stream.moved_at.saturating_add(self.tuning.silence_time_max))
    }

    /// Returns whether the readers of a window have gone elsewhere, and the server would go on to
    /// fetch what is ahead of it for nobody.
    fn is_left(&self, stream: &Stream) -> bool {
        let is_near = |handle| {
            self.accesses.get(handle).is_some_and(|access| {
                access.run_bytes() >= self.tuning.sequential_bytes_missing_min
                    && (stream.low..=stream.pos).contains(&access.frontier())
            })
        };
        !self.is_here_ahead(stream.file, stream.pos) && !stream.owners.iter().any(is_near)
    }

    fn idle_until(&self, stream: &Stream) -> Duration {
        stream.idle_since.saturating_add(self.tuning.idle_time_max)
    }

    /// Asks about the pieces of the torrents for which it matters now.
    fn ask_haves(&mut self, now: Duration) {
        if self.breaker.open_until().is_some_and(|until| now < until) {
            return;
        }
        for torrent in self.torrents_in_doubt(now) {
            if self.haves.ask(torrent, now, &self.tuning) {
                self.haves_asked = self.haves_asked.saturating_add(1);
                self.actions.push_back(Action::AskHaves { torrent });
            }
        }
    }

    fn torrents_in_doubt(&self, now: Duration) -> BTreeSet<InfoHash> {
        let doubtful = self.waiting().filter(|(_, read)| {
            let is_waiting = read.stream.is_none() || self.must_not_wait(read);
            self.has_pieces(read)
                && (self.doubt_at(read) <= now
                    || is_waiting && self.presence(read, now) != Presence::Here)
        });
        doubtful.map(|(_, read)| read.request.file.torrent).collect()
    }

    /// Returns whether the pieces of a read's torrent are known by number at all.
    fn has_pieces(&self, read: &Read) -> bool {
        let facts = self.files.get(&read.request.file).unwrap_or(&read.request.facts);
        facts.geometry.is_some()
    }

    fn doubt_at(&self, read: &Read) -> Duration {
        read.arrived_at.saturating_add(self.tuning.doubt_time)
    }

    fn forget_files(&mut self) {
        let reads = self.reads.values().map(|read| read.request.file);
        let used: BTreeSet<_> = reads.chain(self.streams.values().map(|it| it.file)).collect();
        self.files.retain(|file, _| used.contains(file));
    }

    fn find_next_time(&self, now: Duration) -> Option<Duration> {
        let mut next: Option<Duration> = None;
        let mut at = |time: Duration| next = Some(next.map_or(time, |next| next.min(time)));
        let mut is_queue = false;
        for (_, read) in self.waiting() {
            if read.is_preload() {
                if self.quiet_until() > now {
                    at(self.quiet_until());
                }
            } else {
                at(read.request.deadline);
            }
            if read.stream.is_none() {
                is_queue = true;
                if read.retry_at > now {
                    at(read.retry_at);
                }
            }
            if self.must_not_wait(read) && self.unknown_until(read) > now {
                at(self.unknown_until(read));
            }
            if self.has_pieces(read) && self.doubt_at(read) > now {
                at(self.doubt_at(read));
            }
        }
        for torrent in self.torrents_in_doubt(now) {
            if let Some(time) = self.haves.next_time(torrent, &self.tuning).filter(|it| *it > now) {
                at(time);
            }
        }
        if is_queue && let Some(until) = self.breaker.open_until().filter(|until| *until > now) {
            at(until);
        }
        for stream in self.streams.values().filter(|stream| stream.is_live()) {
            if let Phase::Broken { retry_at } = stream.phase {
                let time = self.breaker.open_until().map_or(retry_at, |until| until.max(retry_at));
                // If it is past, another stream is trying whether the server is back.
                if time > now {
                    at(time);
                }
            }
            if let Some(until) = self.silent_until(stream) {
                at(until);
            }
            let turn_end = stream.turn_end(self.tuning.turn_time_missing);
            if is_queue && turn_end > now {
                at(turn_end);
            }
            if stream.reads.is_empty() {
                at(self.idle_until(stream).max(now));
            }
        }
        next
    }

    /// Returns the reads that are not answered yet.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (ReadId, &Read)> {
        self.reads.iter().filter(|(_, read)| !read.is_answered).map(|(id, read)| (*id, read))
    }

    /// Returns the reads that no stream serves.
    pub(super) fn queued(&self) -> impl Iterator<Item = (ReadId, &Read)> {
        self.waiting().filter(|(_, read)| read.stream.is_none())
    }

    /// Returns how much more windows may read ahead.
    pub(super) fn free_window_bytes(&self) -> u64 {
        let streams = self.streams.values().filter(|stream| stream.phase != Phase::Closing);
        let taken = streams.map(|stream| stream.window_bytes(self.tuning.read_bytes_max));
        let taken = taken.fold(0_u64, u64::saturating_add);
        self.tuning.windows_bytes.saturating_sub(taken)
    }
}
