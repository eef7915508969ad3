//! Counters: what the engine did, for those who watch it.

use std::collections::BTreeMap;

use crate::FileId;

/// How many files are counted one by one; those with the fewest bytes make room.
const FILES_MAX: usize = 1024;

/// What reads did, for a source or for a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadCounters {
    /// Reads that were asked for.
    pub reads: u64,
    /// Reads that were answered from memory at once.
    pub hits: u64,
    /// Reads that were not.
    pub misses: u64,
    /// Reads that ended with an error.
    pub failures: u64,
    /// Streams that were opened, direct reads included.
    pub opens: u64,
    /// Reads that the thread which asked read from the source itself.
    pub direct_reads: u64,
    /// Times that this was tried and brought nothing; the reads took the usual way.
    pub direct_misses: u64,
    /// Reads that came on a stream that was there already.
    pub reuses: u64,
    /// Reads that went on a stream further on, over bytes that nobody had asked for.
    pub skips: u64,
    /// Streams that were closed because others waited for their turn.
    pub turns: u64,
    /// Reads that had to wait for their turn.
    pub waits: u64,
    /// Streams that were silent for too long while somebody waited, and asked for anew.
    pub stall_reopens: u64,
    /// Streams that failed and were tried again.
    pub retries: u64,
    /// Reads that left for another server, as one failed, was silent, or lacked the bytes.
    pub moves: u64,
    /// Bytes that came from the source.
    pub bytes_fetched: u64,
    /// Bytes that were given to readers.
    pub bytes_given: u64,
    /// Reads, or parts of one, that were answered from this machine's disk. They are no hits and no
    /// misses.
    pub local_reads: u64,
    /// Bytes that were given to readers from there, counted in `bytes_given` too.
    pub bytes_local: u64,
}

/// What a circuit breaker does, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum BreakerState {
    /// Requests go through.
    #[default]
    Closed,
    /// The next read tries whether the server is back.
    HalfOpen,
    /// The server is down: reads that need it fail at once.
    Open,
}

/// What reads of a file did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileCounters {
    /// Which file.
    pub file: FileId,
    /// What its reads did.
    pub counters: ReadCounters,
}

/// What the engine did and does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counters {
    /// All reads of the source.
    pub total: ReadCounters,
    /// The files that were read, at most 1024, those with the most bytes first.
    pub files: Vec<FileCounters>,
    /// Times the source was asked which pieces are there.
    pub bitfield_requests: u64,
    /// Bytes that came from the source and were given up before anybody asked for them. A block
    /// counts as a whole.
    pub bytes_unused: u64,
    /// Bytes that came only so that the source has them, for preloads.
    pub bytes_preloaded: u64,
    /// Preloads that are under way or wait at the moment.
    pub preloads: usize,
    /// Reads that wait at the moment.
    pub reads_waiting: usize,
    /// Streams that are open at the moment, or about to open or close.
    pub streams_open: usize,
    /// Bytes in the buffers of streams at the moment.
    pub buffered_bytes: u64,
    /// Bytes in the cache at the moment.
    pub cached_bytes: u64,
    /// The most that both together may be.
    pub memory_bytes_max: u64,
    /// Whether the source is asked at all; of several, what is worst.
    pub breaker: BreakerState,
    /// The servers, in their order.
    pub servers: Vec<ServerCounters>,
}

/// What the engine does with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ServerCounters {
    /// Streams that are open at the moment, or about to open or close.
    pub streams_open: usize,
    /// The most of them.
    pub streams_max: usize,
    /// Streams that were opened.
    pub opens: u64,
    /// Bytes that came from it.
    pub bytes_fetched: u64,
    /// Whether it is asked at all.
    pub breaker: BreakerState,
}

impl Counters {
    /// Adds what the engine of another server did and does. The cache is common to both.
    pub(super) fn add(&mut self, other: Self) {
        self.total.add(other.total);
        for FileCounters { file, counters } in other.files {
            match self.files.iter_mut().find(|known| known.file == file) {
                Some(known) => known.counters.add(counters),
                None => self.files.push(FileCounters { file, counters }),
            }
        }
        self.files.sort_by_key(|file| std::cmp::Reverse(file.counters.bytes_given));
        self.bitfield_requests += other.bitfield_requests;
        self.bytes_unused += other.bytes_unused;
        self.bytes_preloaded += other.bytes_preloaded;
        self.preloads += other.preloads;
        self.reads_waiting += other.reads_waiting;
        self.streams_open += other.streams_open;
        self.buffered_bytes += other.buffered_bytes;
        self.cached_bytes = other.cached_bytes;
        self.breaker = self.breaker.max(other.breaker);
    }
}

impl ReadCounters {
    fn add(&mut self, other: Self) {
        self.reads += other.reads;
        self.hits += other.hits;
        self.misses += other.misses;
        self.failures += other.failures;
        self.opens += other.opens;
        self.direct_reads += other.direct_reads;
        self.direct_misses += other.direct_misses;
        self.reuses += other.reuses;
        self.skips += other.skips;
        self.turns += other.turns;
        self.waits += other.waits;
        self.stall_reopens += other.stall_reopens;
        self.retries += other.retries;
        self.moves += other.moves;
        self.bytes_fetched += other.bytes_fetched;
        self.bytes_given += other.bytes_given;
        self.local_reads += other.local_reads;
        self.bytes_local += other.bytes_local;
    }
}

/// Counts as a whole and by file.
#[derive(Debug, Default)]
pub(super) struct EngineCounters {
    pub(super) total: ReadCounters,
    files: BTreeMap<FileId, ReadCounters>,
}

impl EngineCounters {
    /// Counts for a file and for all of them.
    pub(super) fn count(&mut self, file: FileId, count: impl Fn(&mut ReadCounters)) {
        count(&mut self.total);
        if self.files.len() >= FILES_MAX && !self.files.contains_key(&file) {
            let least = self.files.iter().min_by_key(|(_, counters)| counters.bytes_given);
            if let Some(least) = least.map(|(file, _)| *file) {
                self.files.remove(&least);
            }
        }
        count(self.files.entry(file).or_default());
    }

    /// Returns the files, those with the most bytes first.
    pub(super) fn files(&self) -> Vec<FileCounters> {
        let files = self
            .files
            .iter()
            .map(|(file, counters)| FileCounters { file: *file, counters: *counters });
        let mut files: Vec<_> = files.collect();
        files.sort_by_key(|file| std::cmp::Reverse(file.counters.bytes_given));
        files
    }
}
