//! Index of all reads by what they wait for, so that an event visits only the reads that it
//! affects.
//!
//! The index is derived from the reads, the streams, the files and the bitfields:
//! [`Plan::entry_of`](super::Plan) computes the entry of a read. A change to one of these marks the
//! affected reads as dirty. The next reconciliation visits the dirty reads and the expired timers.
//! In tests a full reconciliation follows each one and must find nothing to do (`check.rs`). This
//! detects missing marks.
#![warn(clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::{Priority, ReadId};
use crate::{ByteRange, FileId, FileIndex, InfoHash, Timestamp};

/// What a read queues for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Queue {
    /// A stream over present bytes, for a reader that is not known to read in order.
    Brief,
    /// A stream over present bytes, for a reader in order.
    Here,
    /// A stream over bytes that may be missing.
    Missing,
    /// The next run of a preload.
    Preload,
}

/// A position in a queue: the smallest is first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct QueuePosition {
    pub(super) priority: Priority,
    pub(super) place: u64,
    pub(super) read: ReadId,
}

/// The index entry of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReadIndexEntry {
    pub(super) file: FileId,
    pub(super) is_preload: bool,
    /// Whether its reply is being assembled, so that it waits for nothing.
    pub(super) is_answered: bool,
    /// Its first missing byte, if it is a foreground read without a stream.
    pub(super) start: Option<u64>,
    /// Its queue position, if it is eligible for a stream.
    pub(super) turn: Option<(Queue, QueuePosition)>,
    /// When it is examined again without an event.
    pub(super) wake_at: Option<Timestamp>,
    /// Whether it depends on the bitfield.
    pub(super) is_doubtful: bool,
}

/// What a timer wakes.
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
    /// Foreground reads without a stream, by their first missing byte.
    starts: BTreeSet<(FileId, u64, ReadId)>,
    turns: BTreeSet<(Queue, QueuePosition)>,
    /// The number of reads in [`Queue::Here`].
    long_count: usize,
    wakes: BTreeSet<(Timestamp, Wake)>,
    doubtful: BTreeSet<(InfoHash, ReadId)>,
    torrent_wakes: BTreeMap<InfoHash, Timestamp>,
    preloads: BTreeSet<ReadId>,
    /// Reads that are neither preloads nor answered.
    reader_count: usize,
}

/// The reads, torrents and files that the next reconciliation must visit.
#[derive(Debug, Default)]
pub(super) struct DirtySet {
    pub(super) reads: BTreeSet<ReadId>,
    /// Torrents whose bitfield may have to be requested.
    pub(super) torrents: BTreeSet<InfoHash>,
    /// Files that lost a read or a stream, and may be unused.
    pub(super) files: BTreeSet<FileId>,
    /// Reads that entered a queue and are not counted as waiting yet.
    pub(super) newcomers: BTreeSet<ReadId>,
}

impl ReadIndexEntry {
    /// Returns the entry of a read that was not examined yet.
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
    /// Updates the index entry of a read; returns the previous entry.
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
            self.long_count = self.long_count.saturating_add(usize::from(turn.0 == Queue::Here));
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

    /// Removes a read.
    pub(super) fn take(&mut self, id: ReadId) -> Option<ReadIndexEntry> {
        let entry = self.remove(id)?;
        if entry.is_doubtful {
            self.forget_wake(entry.file.torrent);
        }
        Some(entry)
    }

    /// Sets the bitfield timer of a torrent.
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

    /// Removes and returns one expired timer.
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

    /// Returns when the next timer expires.
    pub(super) fn next_wake(&self) -> Option<Timestamp> {
        self.wakes.first().map(|(at, _)| *at)
    }

    /// Returns the first position of a queue, or the next one after `after`.
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

    /// Returns the number of reads in order that wait for a stream over present bytes.
    pub(super) fn long_count(&self) -> usize {
        self.long_count
    }

    /// Returns the number of foreground reads without a stream.
    pub(super) fn queued_count(&self) -> usize {
        self.starts.len()
    }

    /// Returns whether any read waits for a stream.
    pub(super) fn is_anybody_queued(&self) -> bool {
        !self.starts.is_empty() || self.next_turn(Queue::Preload, None).is_some()
    }

    /// Returns the foreground reads without a stream whose first missing byte is in a range of a
    /// file, in order.
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

    /// Returns whether any read depends on the bitfield of a torrent.
    pub(super) fn is_doubtful(&self, torrent: InfoHash) -> bool {
        let all = (torrent, ReadId(0))..=(torrent, ReadId(u64::MAX));
        self.doubtful.range(all).next().is_some()
    }

    pub(super) fn preload_count(&self) -> usize {
        self.preloads.len()
    }

    /// Returns the number of waiting foreground reads.
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
            self.long_count = self.long_count.saturating_sub(usize::from(turn.0 == Queue::Here));
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

    /// Cancels the bitfield timer of a torrent that no read depends on.
    fn forget_wake(&mut self, torrent: InfoHash) {
        if !self.is_doubtful(torrent) {
            self.wake_torrent(torrent, None);
        }
    }
}
