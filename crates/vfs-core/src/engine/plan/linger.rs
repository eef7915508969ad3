//! Lingering streams: they keep the server connected to its peers between two reads.
//!
//! rqbit disconnects its seeds as soon as a piece completes while no stream is open, unless it
//! still downloads something that is selected. The next stream connects them again. If it opens
//! while the connections end, rqbit may lose the peers (`docs/dev/upstream.md`). Reads of missing
//! data follow each other within milliseconds, so a stream of such a torrent is not closed at once
//! when its reads are answered: it stays open until the next stream of the torrent is open, or
//! until its time is over.
//!
//! So that the server does not end the stream by itself, the source is asked for more than the
//! stream's range. The bytes beyond it are never received.
//!
//! A stream at the end of a file leaves the server nothing to fetch. Its requesters would then
//! sleep for seconds, so the stream before it stays open until it is done.
//!
//! The cost: the server fetches on while a stream lingers. A stream lingers for at most as long as
//! its own bytes took to come. With several connected peers that time is divided by their number,
//! to 30 ms at least: in it all peers together send about one piece.
#![warn(clippy::arithmetic_side_effects)]

use std::collections::BTreeSet;

use super::{Phase, Plan, PlannedStream, StreamId, StreamKind};
use crate::{InfoHash, Timestamp};

/// The number of torrents that are remembered. Above it, all are forgotten until their next read.
const SELECTIONS_MAX: usize = 1024;

/// The torrents whose servers disconnect their peers when no stream is open.
#[derive(Debug, Default)]
pub(super) struct Selections {
    complete: BTreeSet<InfoHash>,
}

impl Plan {
    /// Records whether the server has all that is selected of a torrent.
    pub(in crate::engine) fn on_selection(&mut self, torrent: InfoHash, is_complete: bool) {
        let Selections { complete } = &mut self.selections;
        if !is_complete {
            complete.remove(&torrent);
            self.downloads.forget(torrent);
            let streams = self.streams.values_mut().filter(|it| it.file.torrent == torrent);
            streams.for_each(|stream| stream.may_fetch = false);
            return;
        }
        if complete.len() >= SELECTIONS_MAX {
            complete.clear();
        }
        complete.insert(torrent);
    }

    /// Returns whether the server disconnects the peers of a torrent when no stream is open.
    pub(super) fn drops_peers(&self, torrent: InfoHash) -> bool {
        self.selections.complete.contains(&torrent)
    }

    /// Returns whether an idle stream stays open to keep the peers.
    pub(super) fn lingers(&self, id: StreamId, stream: &PlannedStream, now: Timestamp) -> bool {
        let Some(until) = self.linger_until(stream) else { return false };
        (until > now || self.is_end_awaited(stream.file.torrent)) && !self.has_successor(id, stream)
    }

    /// Returns until when a stream lingers, if it has no reads.
    fn linger_until(&self, stream: &PlannedStream) -> Option<Timestamp> {
        let may_linger = stream.reads.is_empty() && stream.can_linger();
        let time = stream.wait_max.min(self.tuning.linger_time_max);
        // Each peer fetches a piece in the time in which one came.
        let peers = self.peers.recent_count(stream.file.torrent).max(1);
        let share = time.checked_div(u32::try_from(peers).unwrap_or(u32::MAX)).unwrap_or_default();
        let time = share.max(self.tuning.linger_time_min.min(time));
        may_linger.then(|| stream.idle_since.max(stream.kept_at).saturating_add(time))
    }

    /// Returns when a stream without reads is next examined, if not at an event.
    pub(super) fn next_idle_end(
        &self,
        stream: &PlannedStream,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if !stream.reads.is_empty() {
            return None;
        }
        let linger_end = self.linger_until(stream);
        match linger_end.filter(|until| *until > now) {
            None if linger_end.is_some() && self.is_end_awaited(stream.file.torrent) => None,
            None => Some(self.idle_until(stream).max(now)),
            until => until,
        }
    }

    /// Handles the answer to a read of a stream that keeps peers: the time of the streams that
    /// linger for the same torrent begins anew.
    pub(super) fn keep_others(&mut self, torrent: InfoHash, now: Timestamp) {
        let others = self.streams.values_mut().filter(|it| it.file.torrent == torrent);
        others.filter(|it| it.keeps_peers).for_each(|it| it.kept_at = now);
    }

    /// Returns whether a later stream of the torrent can linger, so that this one need not.
    fn has_successor(&self, id: StreamId, stream: &PlannedStream) -> bool {
        let mut later = self.streams.range(id..).filter(|(other, _)| **other > id);
        later.any(|(_, it)| it.file.torrent == stream.file.torrent && it.can_linger())
    }

    /// Returns whether a stream that ends with its last byte waits for missing data. When its piece
    /// has come, the server has nothing to request for it.
    fn is_end_awaited(&self, torrent: InfoHash) -> bool {
        let mut streams = self.streams.values().filter(|it| it.file.torrent == torrent);
        streams.any(|it| it.holds_peers() && !it.can_linger() && !it.reads.is_empty())
    }
}

impl PlannedStream {
    /// Returns whether the server has the stream open, and has not reached its end.
    fn holds_peers(&self) -> bool {
        self.keeps_peers && self.phase == Phase::Open && self.pos < self.asked_end
    }

    /// Returns whether it stays open after its last read. At the end of the file, a stream ends
    /// with its last byte.
    fn can_linger(&self) -> bool {
        let is_window = matches!(self.kind, StreamKind::Window { .. });
        self.holds_peers() && (is_window || self.range.end() < self.asked_end)
    }
}
