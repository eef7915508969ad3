//! Attaching reads to streams: a read joins a stream that will deliver its bytes rather than open
//! another.

use super::{
    Availability, Plan, PlannedRead, PlannedStream, ReadId, Split, StreamId, StreamKind, Turn,
};
use crate::{ByteRange, FileId, Timestamp};

impl Plan {
    /// Attaches reads that are within the reach of a stream that has advanced.
    pub(super) fn attach_grown(&mut self, now: Timestamp) {
        while let Some((file, range)) = self.pop_grown() {
            let near: Vec<_> = self.index.starting_in(file, range).collect();
            for id in near {
                #[cfg(test)]
                self.count_look();
                self.try_attach(id, now);
            }
        }
    }

    /// Attaches a read to a stream that will deliver its bytes, if there is one.
    pub(super) fn try_attach(&mut self, id: ReadId, now: Timestamp) -> bool {
        let Some(read) = self.reads.get(&id).filter(|read| read.stream.is_none()) else {
            return false;
        };
        let mut near =
            self.streams.iter().filter(|(_, it)| it.file == read.request.file).peekable();
        if near.peek().is_none() {
            return false;
        }
        let presence = self.presence(read, now);
        let found = near.find(|(_, stream)| self.can_join(read, presence, stream));
        let Some(stream_id) = found.map(|(stream_id, _)| *stream_id) else { return false };
        self.join(id, stream_id, now);
        true
    }

    /// Attaches a read to a stream.
    pub(super) fn join(&mut self, id: ReadId, stream_id: StreamId, now: Timestamp) {
        let free = self.free_window_bytes();
        let Some(read) = self.reads.get_mut(&id) else { return };
        let Some(stream) = self.streams.get_mut(&stream_id) else { return };
        let is_first = stream.reads.is_empty() && stream.pos == stream.range.start();
        let is_skip = read.need.start() > stream.pos;
        let has_all = read.need.end() <= stream.pos;
        read.stream = Some((stream_id, now));
        read.missing.on_stream(now);
        stream.reads.insert(id);
        stream.has_grown = true;
        if stream.last_error.is_some() {
            // The stream's error may be final for this read too.
            self.dirty.reads.insert(id);
        }
        // A handle that is already released must not become an owner: no event would remove it.
        if !read.is_preload() && self.handles.is_open(read.request.handle) {
            stream.owners.insert(read.request.handle);
        }
        stream.priority = stream.priority.min(read.request.priority);
        if let StreamKind::Window { ahead_bytes, grown_at } = &mut stream.kind
            && !has_all
            && stream.consumed >= grown_at.saturating_add(*ahead_bytes)
        {
            // The reader has caught up: a larger window would have had the bytes.
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
        self.refile(id, now);
        self.classify(now, stream_id);
        if has_all {
            self.reply(id, now);
        } else if self.reads.get(&id).is_some_and(|read| read.split != Split::Never) {
            // The stream may have been silent for so long that the read is split now.
            self.mark(id);
        }
    }

    /// Updates whether the next byte of a stream is missing. Starts a new time slice if that
    /// changes, and ends the present one if a missing piece has arrived.
    pub(super) fn classify(&mut self, now: Timestamp, id: StreamId) {
        let Some(stream) = self.streams.get(&id) else { return };
        let Some(facts) = self.files.get(&stream.file) else { return };
        let next = ByteRange::clamped(stream.pos, 1, facts.len);
        let presence = self.availability.presence(stream.file, facts, next, now, &self.tuning);
        let is_missing = presence != Availability::Present;
        let piece_end = facts.geometry.map(|geometry| geometry.piece_end(stream.pos));
        let is_next_piece = stream.pos >= stream.class_until;
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let turn = match (stream.is_missing, is_missing) {
            (false, true) | (true, false) => Turn::new(now, stream.pos),
            (true, true) if is_next_piece => stream.turn.ended(now),
            (true, true) | (false, false) => stream.turn,
        };
        self.is_dirty |= turn != stream.turn;
        stream.turn = turn;
        stream.is_missing = is_missing;
        stream.class_until = piece_end.unwrap_or(u64::MAX);
    }

    fn can_join(&self, read: &PlannedRead, presence: Availability, stream: &PlannedStream) -> bool {
        let need = read.need;
        if stream.file != read.request.file
            || read.is_preload()
            || (read.is_present_only && presence != Availability::Present)
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
        let wanted = self.wanted_until(stream);
        if need.start() > wanted.saturating_add(self.tuning.skip_bytes_max) {
            return false;
        }
        // Never wait for missing data on the way to present data, and never skip missing data.
        let from = if presence == Availability::Present { stream.pos } else { wanted };
        let gap = need.start().saturating_sub(from);
        let gap = ByteRange::clamped(from, gap, facts.len);
        gap.is_empty() || self.availability.here_until(stream.file, facts, gap) == gap.end()
    }

    /// Returns the position of a stream once its reads are answered.
    pub(super) fn wanted_until(&self, stream: &PlannedStream) -> u64 {
        if stream.kind == StreamKind::ToPieceEnd {
            return stream.range.end();
        }
        let ends = stream.reads.iter().filter_map(|id| self.reads.get(id));
        ends.map(|read| read.need.end()).max().unwrap_or(0).max(stream.pos)
    }

    /// Returns the range of offsets at which reads can join an advanced stream, and clears that
    /// stream's mark.
    fn pop_grown(&mut self) -> Option<(FileId, ByteRange)> {
        let (id, _) = self.streams.iter().find(|(_, stream)| stream.has_grown)?;
        let id = *id;
        let stream = self.streams.get_mut(&id)?;
        stream.has_grown = false;
        let (file, low) = (stream.file, stream.low);
        let reach = self.streams.get(&id).map_or(low, |stream| self.wanted_until(stream));
        let reach = reach.saturating_add(self.tuning.skip_bytes_max);
        Some((file, ByteRange::clamped(low, reach.saturating_sub(low), u64::MAX)))
    }
}
