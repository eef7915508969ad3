//! Which read waits for what: an index of all reads, so that an event looks only at those that it
//! concerns.
//!
//! It holds nothing that does not follow from the reads, the streams, the files and the pieces: the
//! entry of a read is what [`Plan::entry_of`](super::Plan) says of it. Where one of these changes,
//! the reads that it may concern are marked, and the next settling looks at what is marked and at
//! what is due. In tests every settling is followed by one that looks at everything and must find
//! nothing to do (`check.rs`), so that a mark that was forgotten is found.
#![warn(clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::{Priority, ReadId};
use crate::engine::Timestamp;
use crate::{ByteRange, FileId, FileIndex, InfoHash};

/// What a read queues for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Queue {
    /// A stream over bytes that are there.
    Here,
    /// A stream at bytes that may be missing.
    Missing,
    /// The next run of a preload.
    Preload,
}

/// A place in a queue: the smallest is first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct QueuePosition {
    pub(super) priority: Priority,
    pub(super) place: u64,
    pub(super) read: ReadId,
}

/// Under what a read is filed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReadIndexEntry {
    pub(super) file: FileId,
    pub(super) is_preload: bool,
    /// Whether its answer is being put together, so that it waits for nothing.
    pub(super) is_answered: bool,
    /// Where it begins, if it is a reader's and has no stream.
    pub(super) start: Option<u64>,
    /// What it queues for, if it may have a stream.
    pub(super) turn: Option<(Queue, QueuePosition)>,
    /// When it is looked at again if nothing happens.
    pub(super) wake_at: Option<Timestamp>,
    /// Whether it matters to it which pieces are there.
    pub(super) is_doubtful: bool,
}

/// Who is looked at again when a time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wake {
    Read(ReadId),
    Torrent(InfoHash),
}

/// All reads, by what they wait for.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct ReadIndex {
    entries: BTreeMap<ReadId, ReadIndexEntry>,
    by_file: BTreeSet<(FileId, ReadId)>,
    /// Readers without a stream, by where they begin.
    starts: BTreeSet<(FileId, u64, ReadId)>,
    turns: BTreeSet<(Queue, QueuePosition)>,
    wakes: BTreeSet<(Timestamp, Wake)>,
    doubtful: BTreeSet<(InfoHash, ReadId)>,
    torrent_wakes: BTreeMap<InfoHash, Timestamp>,
    preloads: BTreeSet<ReadId>,
    /// Reads that are neither preloads nor answered.
    reader_count: usize,
}

/// What is to be looked at because something changed.
#[derive(Debug, Default)]
pub(super) struct DirtySet {
    pub(super) reads: BTreeSet<ReadId>,
    /// Torrents whose pieces may have to be asked for.
    pub(super) torrents: BTreeSet<InfoHash>,
    /// Files that lost a read or a stream, perhaps the last one.
    pub(super) files: BTreeSet<FileId>,
    /// Reads that have come into a queue and are not counted yet as waiting in it.
    pub(super) newcomers: BTreeSet<ReadId>,
}

impl ReadIndexEntry {
    /// Returns the entry of a read that was not looked at yet.
    pub(super) fn new(file: FileId, is_preload: bool) -> Self {
        Self {
            file,
            is_preload,
            is_answered: false,
            start: None,
            turn: None,
            wake_at: None,
            is_doubtful: false,
        }
    }

    fn is_reader(&self) -> bool {
        !self.is_preload && !self.is_answered
    }
}

impl ReadIndex {
    /// Files a read under what it waits for now. Returns what it was filed under before.
    pub(super) fn file(&mut self, id: ReadId, entry: ReadIndexEntry) -> Option<ReadIndexEntry> {
        if self.entries.get(&id) == Some(&entry) {
            return Some(entry);
        }
        let before = self.remove(id);
        self.entries.insert(id, entry);
        self.by_file.insert((entry.file, id));
        if let Some(start) = entry.start {
            self.starts.insert((entry.file, start, id));
        }
        if let Some(turn) = entry.turn {
            self.turns.insert(turn);
        }
        if let Some(at) = entry.wake_at {
            self.wakes.insert((at, Wake::Read(id)));
        }
        if entry.is_doubtful {
            self.doubtful.insert((entry.file.torrent, id));
        }
        if entry.is_preload {
            self.preloads.insert(id);
        }
        self.reader_count = self.reader_count.saturating_add(usize::from(entry.is_reader()));
        if before.is_some_and(|before| before.is_doubtful) {
            self.forget_wake(entry.file.torrent);
        }
        before
    }

    /// Forgets a read.
    pub(super) fn take(&mut self, id: ReadId) -> Option<ReadIndexEntry> {
        let entry = self.remove(id)?;
        if entry.is_doubtful {
            self.forget_wake(entry.file.torrent);
        }
        Some(entry)
    }

    /// Sets when a torrent is looked at again for which it matters which pieces are there.
    pub(super) fn wake_torrent(&mut self, torrent: InfoHash, at: Option<Timestamp>) {
        let before = match at {
            Some(at) => self.torrent_wakes.insert(torrent, at),
            None => self.torrent_wakes.remove(&torrent),
        };
        if let Some(before) = before {
            self.wakes.remove(&(before, Wake::Torrent(torrent)));
        }
        if let Some(at) = at {
            self.wakes.insert((at, Wake::Torrent(torrent)));
        }
    }

    /// Returns one of those whose time has come, which does not come again.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<Wake> {
        let (at, wake) = self.wakes.first().copied().filter(|(at, _)| *at <= now)?;
        self.wakes.remove(&(at, wake));
        match wake {
            Wake::Torrent(torrent) => {
                self.torrent_wakes.remove(&torrent);
            }
            Wake::Read(id) => {
                if let Some(entry) = self.entries.get_mut(&id) {
                    entry.wake_at = None;
                }
            }
        }
        Some(wake)
    }

    /// Returns when the next time has come.
    pub(super) fn next_wake(&self) -> Option<Timestamp> {
        self.wakes.first().map(|(at, _)| *at)
    }

    /// Returns who is next in a queue after a place, or at all.
    pub(super) fn next_turn(
        &self,
        queue: Queue,
        after: Option<QueuePosition>,
    ) -> Option<QueuePosition> {
        let first = QueuePosition { priority: Priority::Foreground, place: 0, read: ReadId(0) };
        let from = match after {
            Some(turn) => Bound::Excluded((queue, turn)),
            None => Bound::Included((queue, first)),
        };
        let (of, turn) = self.turns.range((from, Bound::Unbounded)).next()?;
        (*of == queue).then_some(*turn)
    }

    /// Returns whether a read is in a queue.
    pub(super) fn is_in_queue(&self, id: ReadId) -> bool {
        self.entries.get(&id).is_some_and(|entry| entry.turn.is_some())
    }

    /// Returns whether anybody waits for a stream.
    pub(super) fn is_anybody_queued(&self) -> bool {
        !self.starts.is_empty() || self.next_turn(Queue::Preload, None).is_some()
    }

    /// Returns the readers without a stream that begin in a range of a file, in order.
    pub(super) fn starting_in(
        &self,
        file: FileId,
        range: ByteRange,
    ) -> impl Iterator<Item = ReadId> {
        let (first, last) =
            ((file, range.start(), ReadId(0)), (file, range.end(), ReadId(u64::MAX)));
        self.starts.range(first..=last).map(|(_, _, id)| *id)
    }

    pub(super) fn of_file(&self, file: FileId) -> impl Iterator<Item = ReadId> {
        self.by_file.range((file, ReadId(0))..=(file, ReadId(u64::MAX))).map(|(_, id)| *id)
    }

    pub(super) fn of_torrent(&self, torrent: InfoHash) -> impl Iterator<Item = ReadId> {
        let first = (FileId { torrent, index: FileIndex(0) }, ReadId(0));
        let last = (FileId { torrent, index: FileIndex(u32::MAX) }, ReadId(u64::MAX));
        self.by_file.range(first..=last).map(|(_, id)| *id)
    }

    /// Returns whether it matters to anybody which pieces of a torrent are there.
    pub(super) fn is_doubtful(&self, torrent: InfoHash) -> bool {
        let all = (torrent, ReadId(0))..=(torrent, ReadId(u64::MAX));
        self.doubtful.range(all).next().is_some()
    }

    pub(super) fn preload_count(&self) -> usize {
        self.preloads.len()
    }

    /// Returns how many reads wait that are not preloads.
    pub(super) fn reader_count(&self) -> usize {
        self.reader_count
    }

    #[cfg(test)]
    pub(super) fn entry(&self, id: ReadId) -> Option<&ReadIndexEntry> {
        self.entries.get(&id)
    }

    #[cfg(test)]
    pub(super) fn doubtful_torrents(&self) -> BTreeSet<InfoHash> {
        self.doubtful.iter().map(|(torrent, _)| *torrent).collect()
    }

    #[cfg(test)]
    pub(super) fn torrent_wake(&self, torrent: InfoHash) -> Option<Timestamp> {
        self.torrent_wakes.get(&torrent).copied()
    }

    fn remove(&mut self, id: ReadId) -> Option<ReadIndexEntry> {
        let entry = self.entries.remove(&id)?;
        self.by_file.remove(&(entry.file, id));
        if let Some(start) = entry.start {
            self.starts.remove(&(entry.file, start, id));
        }
        if let Some(turn) = entry.turn {
            self.turns.remove(&turn);
        }
        if let Some(at) = entry.wake_at {
            self.wakes.remove(&(at, Wake::Read(id)));
        }
        if entry.is_doubtful {
            self.doubtful.remove(&(entry.file.torrent, id));
        }
        if entry.is_preload {
            self.preloads.remove(&id);
        }
        self.reader_count = self.reader_count.saturating_sub(usize::from(entry.is_reader()));
        Some(entry)
    }

    /// Lets a torrent rest for which it matters to nobody any more which pieces are there.
    fn forget_wake(&mut self, torrent: InfoHash) {
        if !self.is_doubtful(torrent) {
            self.wake_torrent(torrent, None);
        }
    }
}
