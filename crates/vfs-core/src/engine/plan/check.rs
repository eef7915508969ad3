//! Invariants of the plan between two events; for tests.

use std::collections::BTreeSet;

use super::read_index::ReadIndex;
use super::{Demand, Phase, Plan, PreloadWait, ReadId};
use crate::{HandleId, Timestamp};

impl Plan {
    /// Panics if the plan is inconsistent.
    pub(in crate::engine) fn check(&self) {
        for (id, stream) in &self.streams {
            let is_used = !stream.reads.is_empty() || !stream.owners.is_empty();
            let may_be_idle = stream.keeps_peers || !stream.is_live();
            assert!(is_used || may_be_idle, "{id:?} has no owner: {stream:?}");
            assert!(stream.low <= stream.pos && stream.pos <= stream.range.end(), "{stream:?}");
            assert!(stream.is_live() || stream.reads.is_empty(), "{stream:?}");
            if let Phase::Broken { .. } = stream.phase {
                assert!(!stream.reads.is_empty() && stream.pos < stream.range.end(), "{stream:?}");
            }
            for read_id in &stream.reads {
                let read = self.reads.get(read_id).expect("a stream knows only reads that wait");
                assert_eq!(read.stream.map(|(stream, _)| stream), Some(*id), "{read:?}");
                assert!(read.need.start() >= stream.low, "{read:?} {stream:?}");
                // A preload continues with another stream.
                let is_in = read.need.end() <= stream.range.end() || read.is_preload();
                assert!(is_in && read.is_preload() == stream.is_preload(), "{read:?} {stream:?}");
            }
        }
        for (id, read) in &self.reads {
            assert!(!read.is_answered, "{read:?}");
            // The limit doubles each time, so few streams are opened anew.
            assert!(read.unasked_count < 16, "{read:?}");
            if let Some((stream, _)) = read.stream {
                assert!(self.streams.get(&stream).is_some_and(|it| it.reads.contains(id)));
            }
        }
        self.check_preloads();
        let ahead = self.streams.values().filter(|stream| stream.is_live());
        let ahead: u64 = ahead.map(|it| it.window_bytes(self.tuning.read_bytes_max)).sum();
        assert!(ahead <= self.tuning.windows_bytes, "windows take {ahead} bytes");
        assert!(self.permits_taken() <= self.permits.held());
    }

    /// Panics if the plan is not reconciled: an index entry is outdated, or a full pass finds
    /// something to do that no mark announced.
    pub(super) fn assert_reconciled(&mut self, now: Timestamp) {
        if self.is_dirty || !self.actions.is_empty() {
            return;
        }
        let mut anew = ReadIndex::default();
        for (id, read) in &self.reads {
            let entry = self.entry_of(*id, read, now);
            assert_eq!(self.index.entry(*id), Some(&entry), "{read:?}");
            anew.file(*id, entry);
        }
        let is_away = self.breaker.open_until().is_some_and(|until| now < until);
        for torrent in anew.doubtful_torrents() {
            let next_time =
                self.availability.next_time(torrent, &self.tuning).filter(|at| *at > now);
            // An open breaker suppresses bitfield requests; then the time does not matter.
            let at = if is_away { self.index.torrent_wake(torrent) } else { next_time };
            anew.wake_torrent(torrent, at);
        }
        assert_eq!(self.index, anew);
        let before = (self.tally.total, self.next_time);
        let (look_count, torrents) = (self.look_count, self.dirty.torrents.clone());
        self.mark_all();
        if is_away {
            self.dirty.torrents = torrents;
        }
        self.streams.values_mut().for_each(|stream| stream.has_grown = true);
        self.is_dirty = false;
        self.reconcile(now);
        assert!(self.actions.is_empty() && !self.is_dirty, "a mark is missing: {:?}", self.actions);
        assert_eq!(self.index, anew);
        assert_eq!((self.tally.total, self.next_time), before);
        self.look_count = look_count;
    }

    /// Panics if the reported wait of a preload does not match its state.
    pub(in crate::engine) fn check_preload_wait(&self, id: ReadId, now: Timestamp) {
        let wait = self.preload_wait(id, now);
        let is_so = match wait {
            None => self.reads.get(&id).is_none_or(|read| read.stream.is_some()),
            Some(PreloadWait::Turn) => self.preload_count() > 1,
            Some(PreloadWait::Peers) => !self.is_anybody_reading(),
            Some(PreloadWait::Server | PreloadWait::Check | PreloadWait::Bitfield) => true,
            Some(PreloadWait::Readers | PreloadWait::Stream) => true,
            // The plan does not know which pieces are being downloaded.
            Some(PreloadWait::Piece) => false,
        };
        assert!(is_so, "{wait:?} of {:?} at {now:?}", self.reads.get(&id));
    }

    /// Returns all handles for which there is an entry.
    pub(in crate::engine) fn known_handles(&self) -> BTreeSet<HandleId> {
        let owners = self.streams.values().flat_map(|stream| &stream.owners).copied();
        let known = self.handles.known().into_iter();
        known.chain(owners).chain(self.failed_waits.handles()).collect()
    }

    /// Counts an examination of a read.
    pub(super) fn count_look(&mut self) {
        self.look_count = self.look_count.saturating_add(1);
    }

    /// Panics if a preload may delay a reader.
    fn check_preloads(&self) {
        let preloads = || self.streams.iter().filter(|(_, stream)| stream.is_preload());
        assert!(preloads().count() <= self.tuning.preload_streams_max);
        let readers = || self.unanswered_reads().filter(|(_, read)| !read.is_preload());
        for (id, stream) in preloads().filter(|(_, stream)| stream.is_live()) {
            assert_eq!(stream.low, stream.pos, "a preload keeps bytes: {stream:?}");
            assert!(!self.preload_gate.has_blocked_reader, "{stream:?} is open beside a reader");
            if readers().next().is_some() {
                let demand = self.demand(*id);
                assert!(!matches!(demand, Demand::Bytes(_)), "{stream:?} moves: {demand:?}");
            }
        }
    }
}
