//! Pieces that the server fetched ahead of a stream and that no stream asked for, and the end of
//! fetching after a failed read.
//!
//! rqbit fetches the next 32 MiB of each stream, wherever its request ends. While a read waits for
//! one piece, the pieces after it arrive. If they have more than `unasked_bytes_max`, the stream is
//! closed and opened anew at its position: the needed piece is the first that the server looks at
//! for it. The limit doubles each time, until the read gets bytes, so that a slow swarm causes few
//! opens.
//!
//! The bound is loose: bitfields show the pieces once a second, and pieces in flight arrive anyway.
//! Windows have no limit: their readers want the pieces.
#![warn(clippy::arithmetic_side_effects)]

use super::{Phase, Plan, PlannedStream, ReadId, StreamId, StreamKind};
use crate::{Bitfield, ByteRange, InfoHash, Timestamp};

impl PlannedStream {
    /// Returns whether it waits for missing data of a read, and pieces after it are not wanted.
    pub(super) fn is_bounded_fetch(&self) -> bool {
        let is_bounded = match self.kind {
            StreamKind::Bounded | StreamKind::ToPieceEnd => true,
            StreamKind::Window { .. } | StreamKind::Preload => false,
        };
        is_bounded && self.may_fetch && self.phase == Phase::Open && !self.reads.is_empty()
    }
}

impl Plan {
    /// Returns how many streams may fetch for a torrent without a read that waits for them.
    #[cfg(test)]
    pub(in crate::engine) fn idle_fetches(&self, torrent: InfoHash) -> usize {
        let streams = self.streams.values().filter(|it| it.file.torrent == torrent);
        streams.filter(|it| it.may_fetch && it.is_live() && it.reads.is_empty()).count()
    }

    /// Handles the pieces that a torrent got between two bitfields.
    pub(super) fn on_fetched(
        &mut self,
        now: Timestamp,
        torrent: InfoHash,
        before: &Bitfield,
        have: &Bitfield,
    ) {
        let streams = self.streams.iter().filter(|(_, it)| it.file.torrent == torrent);
        let waiting = streams.filter(|(_, stream)| stream.is_bounded_fetch());
        let unasked: Vec<_> =
            waiting.map(|(id, it)| (*id, self.unasked_bytes(it, before, have))).collect();
        for (id, bytes) in unasked {
            let Some(stream) = self.streams.get_mut(&id) else { continue };
            stream.unasked_bytes = stream.unasked_bytes.saturating_add(bytes);
            if stream.unasked_bytes > self.unasked_max(id) {
                self.reopen_unasked(id, now);
            }
        }
    }

    /// Returns the limit of a stream, which doubles each time that its reads are at it.
    fn unasked_max(&self, id: StreamId) -> u64 {
        let reads = self.streams.get(&id).into_iter().flat_map(|stream| &stream.reads);
        let reads = reads.filter_map(|read| self.reads.get(read));
        let count = reads.map(|read| read.unasked_count).max().unwrap_or(0);
        self.tuning.unasked_bytes_max.saturating_mul(1_u64.checked_shl(count).unwrap_or(u64::MAX))
    }

    fn reopen_unasked(&mut self, id: StreamId, now: Timestamp) {
        let Some(stream) = self.streams.get(&id) else { return };
        let file = stream.file;
        for read in &stream.reads {
            if let Some(read) = self.reads.get_mut(read) {
                read.unasked_count = read.unasked_count.saturating_add(1);
            }
        }
        self.tally.count(file, |count| {
            count.unasked_reopens = count.unasked_reopens.saturating_add(1);
        });
        self.close(id, now);
    }

    /// Returns how many bytes of new pieces are ahead of a stream and in no range of a stream.
    fn unasked_bytes(&self, stream: &PlannedStream, before: &Bitfield, have: &Bitfield) -> u64 {
        let Some(facts) = self.files.get(&stream.file) else { return 0 };
        let Some(geometry) = facts.geometry else { return 0 };
        let ahead = ByteRange::clamped(stream.pos, self.tuning.server_ahead_bytes, facts.len);
        let is_asked = |start: u64, end: u64| {
            let streams = self.streams.values().filter(|it| it.file == stream.file);
            let mut ranges = streams.map(|it| it.range);
            ranges.any(|range| range.start() < end && start < range.end())
        };
        let (mut at, mut bytes) = (ahead.start(), 0_u64);
        while at < ahead.end() {
            let end = geometry.piece_end(at);
            let is_new = |piece| have.has(piece) && !before.has(piece);
            if geometry.piece_at(at).is_some_and(is_new) && !is_asked(at, end) {
                bytes = bytes.saturating_add(end.saturating_sub(at));
            }
            at = end;
        }
        bytes
    }

    /// Ends what the server fetches for a read that failed or was cancelled. Its stream is closed
    /// unless another read waits for it. Those that linger are closed too, if no read of the
    /// torrent waits: no next stream follows.
    pub(super) fn end_fetch(&mut self, id: Option<StreamId>, torrent: InfoHash, now: Timestamp) {
        let is_reader = |id: ReadId| self.reads.get(&id).is_some_and(|read| !read.is_preload());
        let is_awaited = self.index.of_torrent(torrent).any(is_reader);
        let useless = self.streams.iter().filter(|(other, stream)| {
            stream.file.torrent == torrent
                && stream.may_fetch
                && stream.is_live()
                && stream.reads.is_empty()
                && (Some(**other) == id || !is_awaited)
        });
        let useless: Vec<_> = useless.map(|(id, _)| *id).collect();
        useless.into_iter().for_each(|id| self.close(id, now));
    }
}
