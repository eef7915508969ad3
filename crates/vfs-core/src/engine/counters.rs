//! Counters of the engine, for monitoring.

use std::collections::BTreeMap;

use crate::{DurationCounts, FileId, SourceRequests};

/// The maximum number of files with counters of their own. Above it, the file with the fewest bytes
/// is dropped.
const FILES_MAX: usize = 1024;

/// Counters of the reads of a source or of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadCounters {
    /// Reads that were requested.
    pub reads: u64,
    /// Reads that were answered from memory at once.
    pub hits: u64,
    /// Reads that memory could not answer.
    pub misses: u64,
    /// Reads that ended with an error.
    pub failures: u64,
    /// Streams that were opened, including direct reads.
    pub opens: u64,
    /// Reads that the requesting thread performed itself.
    pub direct_reads: u64,
    /// Attempts at such reads that failed; the reads continued on the normal path.
    pub direct_misses: u64,
    /// Reads that joined an open stream.
    pub reuses: u64,
    /// Reads that joined a stream which had to read over a gap to reach them.
    pub skips: u64,
    /// Streams that were preempted because other reads waited.
    pub turns: u64,
    /// Reads that had to wait for a permit.
    pub waits: u64,
    /// Streams that stalled while a read waited, and were reopened.
    pub stall_reopens: u64,
    /// Streams that were reopened because the server fetched too much ahead of them.
    pub unasked_reopens: u64,
    /// Streams that failed and were retried.
    pub retries: u64,
    /// Reads that moved to another server because one failed, stalled, or lacked the bytes.
    pub moves: u64,
    /// Bytes received from the source.
    pub bytes_fetched: u64,
    /// Bytes delivered to readers.
    pub bytes_given: u64,
    /// Reads, or parts of reads, that were answered from the local disk. They count neither as hits
    /// nor as misses.
    pub local_reads: u64,
    /// Bytes delivered from the local disk, which are also counted in `bytes_given`.
    pub bytes_local: u64,
}

/// The state of a circuit breaker, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum BreakerState {
    /// Requests are sent.
    #[default]
    Closed,
    /// The next read is the probe.
    HalfOpen,
    /// The server is down: reads that need it fail at once.
    Open,
}

/// The read counters of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileCounters {
    /// The file.
    pub file: FileId,
    /// Its read counters.
    pub counters: ReadCounters,
}

/// Counters and present state of the engine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counters {
    /// All reads of the source.
    pub total: ReadCounters,
    /// The files that were read, at most 1024, sorted by delivered bytes in descending order.
    pub files: Vec<FileCounters>,
    /// Bitfield requests sent to the source.
    pub bitfield_requests: u64,
    /// Bytes received from the source and discarded before any read used them. A block counts as a
    /// whole.
    pub bytes_unused: u64,
    /// Bytes received for preloads only, and discarded.
    pub bytes_preloaded: u64,
    /// Bytes that servers downloaded because of readers, in whole pieces, as far as bitfields show
    /// it. Only of torrents whose selected files are complete.
    pub bytes_downloaded_by_readers: u64,
    /// The same because of preloads.
    pub bytes_downloaded_by_preloads: u64,
    /// Preloads that run or wait at present.
    pub preloads: usize,
    /// Reads that wait at present.
    pub reads_waiting: usize,
    /// Streams that are open, opening or closing at present.
    pub streams_open: usize,
    /// Bytes in the buffers of streams at present.
    pub buffered_bytes: u64,
    /// Bytes in the cache at present.
    pub cached_bytes: u64,
    /// The maximum of both together.
    pub memory_bytes_max: u64,
    /// The state of the source's breaker; the worst of several.
    pub breaker: BreakerState,
    /// The servers, in their order.
    pub servers: Vec<ServerCounters>,
}

/// The counters of one server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerCounters {
    /// Streams that are open, opening or closing at present.
    pub streams_open: usize,
    /// The maximum number of these streams.
    pub streams_max: usize,
    /// Streams that were opened.
    pub opens: u64,
    /// Bytes received from it.
    pub bytes_fetched: u64,
    /// The state of its breaker.
    pub breaker: BreakerState,
    /// Times from the request of a stream to its first byte, of streams whose first byte was known
    /// to be on the server. The others wait for peers.
    pub first_bytes: DurationCounts,
    /// Requests to it, and their errors.
    pub requests: SourceRequests,
}

impl Counters {
    /// Adds the counters of another server's engine. Both share the cache.
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
        self.bytes_downloaded_by_readers += other.bytes_downloaded_by_readers;
        self.bytes_downloaded_by_preloads += other.bytes_downloaded_by_preloads;
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
        self.unasked_reopens += other.unasked_reopens;
        self.retries += other.retries;
        self.moves += other.moves;
        self.bytes_fetched += other.bytes_fetched;
        self.bytes_given += other.bytes_given;
        self.local_reads += other.local_reads;
        self.bytes_local += other.bytes_local;
    }
}

/// Counters in total and by file.
#[derive(Debug, Default)]
pub(super) struct EngineCounters {
    pub(super) total: ReadCounters,
    files: BTreeMap<FileId, ReadCounters>,
}

impl EngineCounters {
    /// Counts for a file and in total.
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

    /// Returns the files, sorted by delivered bytes in descending order.
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
