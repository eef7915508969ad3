//! The numbers of the plan, each with its reason.

use std::time::Duration;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// The least memory that a stream is given; less than this for each is rounded up.
const STREAM_BYTES_MIN: u64 = MIB;

/// The longest read that the plan takes; longer ones are split. The kernel asks for no more
/// (`fs.fuse.max_pages_limit` of 256 pages).
const READ_BYTES_MAX: u64 = MIB;

/// The unit of the cache. Smaller blocks cost more bookkeeping, larger ones lose more at the edges
/// of a range, as only whole blocks are kept. It is also what the kernel reads ahead by default.
const BLOCK_BYTES_MAX: u64 = 128 * KIB;

/// Below this a block costs more bookkeeping than bytes.
const BLOCK_BYTES_MIN: u64 = 4 * KIB;

/// The largest chunk that a source is expected to give: rqbit-client's are up to some 256 KiB.
const CHUNK_BYTES_MAX: u64 = 256 * KIB;

/// How far a window reads ahead at first: enough for one round trip at 100 MB/s and 5 ms.
const WINDOW_BYTES_MIN: u64 = 512 * KIB;

/// How far a window reads ahead at most: 100 ms of a gigabit line, and well below the 32 MiB that
/// rqbit itself looks ahead.
const WINDOW_BYTES_MAX: u64 = 8 * MIB;

/// How many bytes are read and kept, but not waited for, rather than opening anew: what a new
/// request costs in time (5 ms), at 100 MB/s.
const SKIP_BYTES_MAX: u64 = 512 * KIB;

/// How many bounded requests that adjoin and wait together become one.
const JOIN_BYTES_MAX: u64 = 4 * MIB;

/// How far a stream goes on over bytes that cost no wait, when those are there that were asked for:
/// what a scanner reads of a file's head. It shall not open one stream for each request of the
/// kernel, as rqbit begins to fetch another piece with each.
const REST_BYTES_MAX: u64 = MIB;

/// How many reads in a row make an access sequential: two adjoin by chance in many formats.
pub(crate) const SEQUENTIAL_READS_MIN: u32 = 3;

/// The longest read that the thread which asks reads itself: what the kernel asks for at the
/// beginning of a file. More takes longer than waking other threads does.
const DIRECT_BYTES_MAX: u64 = 256 * KIB;

/// How many bytes in a row make an access sequential where pieces are missing, here or as far as
/// the server looks ahead: an open-ended stream makes it fetch all of that. A scanner looks at the
/// first MiB, of which the kernel makes two.
const SEQUENTIAL_BYTES_MISSING_MIN: u64 = 4 * MIB;

/// How far from a stream's position on rqbit fetches what is missing, for as long as the stream is
/// open and wherever it ends (`PER_STREAM_BUF_DEFAULT` of librqbit).
const SERVER_AHEAD_BYTES: u64 = 32 * MIB;

/// How long a window stays open for which nobody waits: longer than a player pauses between two
/// reads, short enough to leave the permit to the server.
const IDLE_TIME_MAX: Duration = Duration::from_secs(4);

/// How long a reader of missing data holds a stream while others wait: a piece of 1 MiB at
/// 4 Mbit/s. With 64 readers and three streams, each has its turn within 43 s.
const TURN_TIME_MISSING: Duration = Duration::from_secs(2);

/// The same while another mount of the server waits that has fewer streams: with the time that its
/// wait takes to be seen, it gets its stream within two seconds.
const TURN_TIME_RECALLED: Duration = Duration::from_millis(1500);

/// How long a reader of data that is there holds a stream while others wait: time to send 25 MB
/// at 100 MB/s, and a hundred readers still have their turns within seconds.
const TURN_TIME_HERE: Duration = Duration::from_millis(250);

/// How long a stream stays silent at missing data before it is asked for anew. rqbit looks for
/// peers only when a stream is opened, and may part with the last one in that very moment, between
/// two streams. A piece of 16 MiB at 1 MB/s takes longer, and loses nothing. Twice that time for
/// what is there: a connection that died without a word costs seconds, not the deadline.
const SILENCE_TIME_MIN: Duration = Duration::from_secs(2);

/// What that time doubles up to while not a byte comes: peers come back within seconds or not at
/// all, and each stream is work for the server.
const SILENCE_TIME_MAX: Duration = Duration::from_secs(10);

/// How often the pieces of a torrent are asked for: the answer of a large torrent is kilobytes.
const HAVES_INTERVAL: Duration = Duration::from_secs(1);

/// How long a read waits for the first answer about pieces before it tries its luck.
const HAVES_PATIENCE: Duration = Duration::from_secs(2);

/// After what time the server is asked about the pieces of a read that should have come: what it
/// said before may have become wrong, or the torrent may be gone.
const DOUBT_TIME: Duration = Duration::from_secs(3);

/// How long a read that must not wait sits on a stream when nobody can say whether its bytes are
/// there.
const UNKNOWN_PATIENCE: Duration = Duration::from_secs(2);

/// How long the stream of a split read may be silent, once whole pages of it are there and the rest
/// is missing: longer than the next piece of a fast torrent takes, and shorter than a user notices.
const SPLIT_PATIENCE: Duration = Duration::from_millis(100);

/// The same where nobody can say whether the rest is missing: a slow line is silent for longer.
const SPLIT_PATIENCE_UNKNOWN: Duration = Duration::from_secs(1);

/// The smallest page of a kernel.
const PAGE_BYTES: u64 = 4096;

/// How many streams all preloads of a source have together: one is enough to make the server ask
/// all its peers, as it fetches far ahead of it, and leaves the others to readers.
const PRELOAD_STREAMS_MAX: usize = 1;

/// How far a stream of a preload goes before what is there is looked at anew: twice what the server
/// fetches ahead in whatever order peers have it.
const PRELOAD_RUN_BYTES: u64 = 64 * MIB;

/// How long a preload gets no stream after a reader waited for one or for missing data: such a
/// reader comes back within moments, and the server shall not be fetching something else then.
const PRELOAD_QUIET: Duration = Duration::from_secs(1);

/// How often in a row the stream of a preload may be silent for [`SILENCE_TIME_MAX`]: a minute in
/// all, in which a server has found the peers that it will find.
const PRELOAD_SILENCES_MAX: u32 = 6;

/// The plan's numbers, cut to a memory limit. Tests make them small.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tuning {
    pub(crate) streams_max: usize,
    pub(crate) read_bytes_max: u64,
    pub(crate) block_bytes: u64,
    pub(crate) chunk_bytes_max: u64,
    pub(crate) window_bytes_min: u64,
    pub(crate) window_bytes_max: u64,
    /// What all windows together may read ahead, beyond what every stream has for its reads.
    pub(crate) windows_bytes: u64,
    pub(crate) cache_bytes: u64,
    pub(crate) skip_bytes_max: u64,
    pub(crate) join_bytes_max: u64,
    pub(crate) direct_bytes_max: u64,
    pub(crate) rest_bytes_max: u64,
    pub(crate) sequential_bytes_missing_min: u64,
    pub(crate) server_ahead_bytes: u64,
    pub(crate) idle_time_max: Duration,
    pub(crate) turn_time_recalled: Duration,
    pub(crate) turn_time_missing: Duration,
    pub(crate) turn_time_here: Duration,
    pub(crate) silence_time_min: Duration,
    pub(crate) silence_time_max: Duration,
    pub(crate) haves_interval: Duration,
    pub(crate) haves_patience: Duration,
    pub(crate) doubt_time: Duration,
    pub(crate) unknown_patience: Duration,
    pub(crate) split_patience: Duration,
    pub(crate) split_patience_unknown: Duration,
    pub(crate) page_bytes: u64,
    pub(crate) preload_streams_max: usize,
    pub(crate) preload_run_bytes: u64,
    pub(crate) preload_quiet: Duration,
    pub(crate) preload_silences_max: u32,
    pub(crate) breaker: super::retry::BreakerTuning,
}

impl Tuning {
    /// Returns the numbers for `streams_max` streams and a memory limit. A limit that leaves less
    /// than 1 MiB for each stream is taken as that.
    pub(crate) fn new(streams_max: usize, memory_bytes_max: usize) -> Self {
        let streams = u64::try_from(streams_max.max(1)).unwrap_or(u64::MAX);
        let memory = u64::try_from(memory_bytes_max).unwrap_or(u64::MAX);
        let memory = memory.max(streams.saturating_mul(STREAM_BYTES_MIN));
        // Half is for streams at most: what was read once is worth as much as what comes next.
        let share = (memory / 2).checked_div(streams).unwrap_or(0);
        let read_bytes_max = (share / 4).clamp(BLOCK_BYTES_MIN, READ_BYTES_MAX);
        let block_bytes = (read_bytes_max / 8).clamp(BLOCK_BYTES_MIN, BLOCK_BYTES_MAX);
        let chunk_bytes_max = CHUNK_BYTES_MAX.min(share / 4);
        let mut tuning = Self {
            streams_max: streams_max.max(1),
            read_bytes_max,
            block_bytes,
            chunk_bytes_max,
            window_bytes_min: WINDOW_BYTES_MIN,
            window_bytes_max: WINDOW_BYTES_MAX,
            windows_bytes: 0,
            cache_bytes: 0,
            skip_bytes_max: SKIP_BYTES_MAX.min(read_bytes_max),
            join_bytes_max: JOIN_BYTES_MAX,
            direct_bytes_max: DIRECT_BYTES_MAX,
            rest_bytes_max: REST_BYTES_MAX,
            sequential_bytes_missing_min: SEQUENTIAL_BYTES_MISSING_MIN,
            server_ahead_bytes: SERVER_AHEAD_BYTES,
            idle_time_max: IDLE_TIME_MAX,
            turn_time_recalled: TURN_TIME_RECALLED,
            turn_time_missing: TURN_TIME_MISSING,
            turn_time_here: TURN_TIME_HERE,
            silence_time_min: SILENCE_TIME_MIN,
            silence_time_max: SILENCE_TIME_MAX,
            haves_interval: HAVES_INTERVAL,
            haves_patience: HAVES_PATIENCE,
            doubt_time: DOUBT_TIME,
            unknown_patience: UNKNOWN_PATIENCE,
            split_patience: SPLIT_PATIENCE,
            split_patience_unknown: SPLIT_PATIENCE_UNKNOWN,
            page_bytes: PAGE_BYTES,
            preload_streams_max: PRELOAD_STREAMS_MAX,
            preload_run_bytes: PRELOAD_RUN_BYTES,
            preload_quiet: PRELOAD_QUIET,
            preload_silences_max: PRELOAD_SILENCES_MAX,
            breaker: super::retry::BreakerTuning::default(),
        };
        let floor = tuning.stream_bytes().saturating_mul(streams);
        let wish = floor.saturating_add(streams.saturating_mul(WINDOW_BYTES_MAX));
        let in_flight = wish.min(memory / 2).max(floor);
        tuning.windows_bytes = in_flight.saturating_sub(floor);
        tuning.cache_bytes = memory.saturating_sub(in_flight);
        tuning
    }

    /// Returns the numbers with no more than `bytes_max` for the cache. What that leaves is not
    /// used: a user who sets it wants less in memory, not longer windows.
    pub(crate) fn with_cache_bytes_max(self, bytes_max: usize) -> Self {
        let bytes_max = u64::try_from(bytes_max).unwrap_or(u64::MAX);
        Self { cache_bytes: self.cache_bytes.min(bytes_max), ..self }
    }

    /// Returns the numbers for one of the servers that share these, which has so many of the
    /// streams. What it may read ahead is its share, so that none waits for the memory of another;
    /// the cache is all of it, as it is common.
    pub(crate) fn of_server(&self, streams_max: usize) -> Self {
        let (own, all) = (streams_max as u128, self.streams_max.max(1) as u128);
        let share = u128::from(self.windows_bytes).saturating_mul(own).checked_div(all);
        let share = share.and_then(|share| u64::try_from(share).ok());
        let windows_bytes = share.unwrap_or(0).min(self.windows_bytes);
        Self { streams_max, windows_bytes, ..*self }
    }

    /// Returns what one stream holds at most without reading ahead: the longest read, a block that
    /// it starts in, one that it ends in, and a chunk that is on its way.
    pub(crate) fn stream_bytes(&self) -> u64 {
        let blocks = self.block_bytes.saturating_mul(2);
        self.read_bytes_max.saturating_add(blocks).saturating_add(self.chunk_bytes_max)
    }

    /// Returns the most bytes that all buffers and the cache may hold together.
    pub(crate) fn memory_bytes_max(&self) -> u64 {
        let streams = u64::try_from(self.streams_max).unwrap_or(u64::MAX);
        self.stream_bytes()
            .saturating_mul(streams)
            .saturating_add(self.windows_bytes)
            .saturating_add(self.cache_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shares_together_are_the_limit() {
        let (kib, mib) = (1024, 1024 * 1024);
        for (streams_max, memory, want) in [
            (4, 128 * mib, 128 * mib),
            (1, 0, mib),
            (4, 4 * mib, 4 * mib),
            (8, 10 * mib, 10 * mib),
            (100, kib, 100 * mib),
        ] {
            let tuning = Tuning::new(streams_max, memory);
            assert_eq!(tuning.memory_bytes_max(), want as u64, "{tuning:?}");
            assert!(tuning.read_bytes_max >= 4096 && tuning.cache_bytes > 0, "{tuning:?}");
        }
        let usual = Tuning::new(4, 128 * mib);
        assert_eq!((usual.read_bytes_max, usual.block_bytes), (MIB, 128 * KIB));
        assert_eq!(usual.windows_bytes, 32 * MIB);

        // Servers that share it have all of it together, the cache once.
        for streams in [&[4, 4][..], &[1, 7, 3], &[4]] {
            let all = Tuning::new(streams.iter().sum(), 50 * mib);
            let own = |tuning: Tuning| tuning.memory_bytes_max() - tuning.cache_bytes;
            let sum: u64 = streams.iter().map(|count| own(all.of_server(*count))).sum();
            let rounded = streams.len() as u64;
            assert!((own(all) - rounded..=own(all)).contains(&sum), "{streams:?} {sum}");
        }

        let cached = usual.cache_bytes;
        for (cache_bytes_max, want) in [(0, 0), (5 * mib, 5 * MIB), (usize::MAX, cached)] {
            let tuning = usual.with_cache_bytes_max(cache_bytes_max);
            assert_eq!(tuning.cache_bytes, want);
            assert_eq!(tuning.windows_bytes, usual.windows_bytes);
            assert_eq!(tuning.memory_bytes_max(), usual.memory_bytes_max() - cached + want);
        }
    }
}
