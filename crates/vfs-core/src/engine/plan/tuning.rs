//! Limits and intervals of the plan, each with its reason.

use std::time::Duration;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// The minimum memory of one stream. A smaller share is rounded up to this.
const STREAM_BYTES_MIN: u64 = MIB;

/// The longest read that the plan accepts; longer ones are split. It is also the largest request of
/// the kernel (`fs.fuse.max_pages_limit` of 256 pages).
const READ_BYTES_MAX: u64 = MIB;

/// The unit of the cache. Smaller blocks need more bookkeeping. Larger ones lose more at the edges
/// of a range, as only whole blocks are kept. It is also the kernel's default read-ahead.
const BLOCK_BYTES_MAX: u64 = 128 * KIB;

/// The smallest block. A smaller one needs more memory for bookkeeping than for bytes.
const BLOCK_BYTES_MIN: u64 = 4 * KIB;

/// The largest chunk expected from a source. Chunks of rqbit-client have up to some 256 KiB.
const CHUNK_BYTES_MAX: u64 = 256 * KIB;

/// The initial read-ahead of a window: covers a round trip of 5 ms at 100 MB/s.
const WINDOW_BYTES_MIN: u64 = 512 * KIB;

/// The maximum read-ahead of a window: 100 ms at 1 Gbit/s, and well below the 32 MiB that rqbit
/// itself fetches ahead.
const WINDOW_BYTES_MAX: u64 = 8 * MIB;

/// The longest gap that a stream reads over rather than opening another. A new request costs 5 ms,
/// the time of this many bytes at 100 MB/s.
const SKIP_BYTES_MAX: u64 = 512 * KIB;

/// The most bytes of adjoining waiting reads that share one bounded request.
const JOIN_BYTES_MAX: u64 = 4 * MIB;

/// How far a stream reads on beyond the requested bytes if that causes no wait. It covers what a
/// scanner reads of a file's head. One stream for each kernel request would make rqbit begin
/// another piece each time.
const REST_BYTES_MAX: u64 = MIB;

/// The number of adjoining reads that make an access sequential. In many formats two adjoin by
/// chance.
pub(crate) const SEQUENTIAL_READS_MIN: u32 = 3;

/// The longest direct read, which the requesting thread performs itself. It covers the kernel's
/// first request of a file. For longer reads, waking other threads is cheaper.
const DIRECT_BYTES_MAX: u64 = 256 * KIB;

/// The number of adjoining bytes that make an access sequential where pieces are missing, at the
/// read or within the server's fetch-ahead. An open-ended stream makes the server fetch all of
/// them. A scanner reads the first MiB, which kernel read-ahead doubles.
const SEQUENTIAL_BYTES_MISSING_MIN: u64 = 4 * MIB;

/// How far ahead of an open stream rqbit fetches missing data, wherever the stream ends
/// (`PER_STREAM_BUF_DEFAULT` of librqbit).
const SERVER_AHEAD_BYTES: u64 = 32 * MIB;

/// How many bytes of pieces that nothing asked for a stream may bring before it is opened anew:
/// half of what rqbit fetches ahead. One piece of 16 MiB beside the needed one is no reason.
const UNASKED_BYTES_MAX: u64 = 16 * MIB;

/// How long an idle window stays open. Longer than a player pauses between two reads; short enough
/// to return the permit soon.
const IDLE_TIME_MAX: Duration = Duration::from_secs(4);

/// The time slice of a reader of missing data while others wait: one piece of 1 MiB at 4 Mbit/s.
/// With 64 readers and three streams, each gets a time slice within 43 s.
const TURN_TIME_MISSING: Duration = Duration::from_secs(2);

/// The same while another mount of the server waits that has fewer streams. With the delay until
/// its wait is seen, that mount gets a stream within two seconds.
const TURN_TIME_RECALLED: Duration = Duration::from_millis(1500);

/// The time slice of a reader of present data while others wait: 25 MB at 100 MB/s. It is shorter
/// if many wait ([`QUEUE_TIME`]), and longer on a slow line ([`TURN_ROUND_TRIPS`]).
const TURN_TIME_HERE: Duration = Duration::from_millis(250);

/// The bytes that end a time slice at present data earlier. Opening the next stream costs some 1 %
/// of the time for them on loopback, at 1 GB/s.
const TURN_BYTES: u64 = 16 * MIB;

/// The minimum time slice at present data in round trips. A stream costs one or two to open, in
/// which its permit brings nothing.
const TURN_ROUND_TRIPS: u32 = 8;

/// How long a read in order waits for its next time slice, if the minimum of time slices allows
/// it: they become shorter the more reads wait. The kernel has two reads of each reader in flight,
/// which share a time slice: so a thousand readers of small files wait a second.
const QUEUE_TIME: Duration = Duration::from_secs(2);

/// More reads than this that wait for each permit are a crowd. A stream then yields as soon as it
/// has no read: what it reads ahead would be evicted before a thousand threads come to it. Twice as
/// many bytes were then fetched as a thousand readers of 4 MiB read. The kernel has at most 256
/// reads of a mount in flight, a hundred readers have fewer than 192.
const CROWD_READS_MIN: usize = 48;

/// The minimum time slice while a brief read waits, if the round trip is short: a stream is opened
/// and closed in about a millisecond.
const BRIEF_TIME_MIN: Duration = Duration::from_millis(10);

/// How long a stream may be without a read of its reader in order before it counts as idle, or a
/// round trip if that is longer. A program on a busy machine takes some milliseconds to go on.
const PAUSE_TIME_MIN: Duration = Duration::from_millis(5);

/// How long a stream may be silent at missing data before it is reopened. rqbit looks for peers
/// only when a stream is opened, and may drop the last one between two streams. A piece of 16 MiB
/// at 1 MB/s takes longer, and loses nothing. For present data it is twice that time, so a dead
/// connection costs seconds, not the deadline.
const SILENCE_TIME_MIN: Duration = Duration::from_secs(2);

/// The maximum of that time, which doubles while no byte arrives. Peers come back within seconds or
/// not at all, and each stream costs the server work.
const SILENCE_TIME_MAX: Duration = Duration::from_secs(10);

/// How long a stream stays open after its last read to keep the server's peers, at most. A program
/// that looks at files one after the other opens the next one sooner.
const LINGER_TIME_MAX: Duration = Duration::from_millis(300);

/// The minimum of that time. A program that reads on opens the next stream within 20 ms; the server
/// fetches 600 kB in it at 20 MB/s.
const LINGER_TIME_MIN: Duration = Duration::from_millis(30);

/// How long a stream waits for missing data before its peers are looked at. Peers that work send
/// something sooner, and a reader notices a longer wait.
const PEER_PATIENCE: Duration = Duration::from_secs(1);

/// The minimum interval between two bitfield requests of a torrent: a large torrent's bitfield has
/// kilobytes.
const HAVES_INTERVAL: Duration = Duration::from_secs(1);

/// How long a read waits for the first bitfield before it proceeds without one.
const HAVES_PATIENCE: Duration = Duration::from_secs(2);

/// The age of a read at which the bitfield is requested again: the last one may be outdated, or the
/// torrent may be gone.
const DOUBT_TIME: Duration = Duration::from_secs(3);

/// How long a read that must not wait stays on a stream while the availability of its bytes is
/// unknown.
const UNKNOWN_PATIENCE: Duration = Duration::from_secs(2);

/// How long the stream of a split read may be silent once whole pages are present and the rest is
/// missing. Longer than the next piece of a fast torrent takes, and too short for a user to notice.
const SPLIT_PATIENCE: Duration = Duration::from_millis(100);

/// The same while the availability of the rest is unknown: a slow line is silent for longer.
const SPLIT_PATIENCE_UNKNOWN: Duration = Duration::from_secs(1);

/// The smallest page size of a kernel.
const PAGE_BYTES: u64 = 4096;

/// The number of streams for all preloads of a source. One is enough to make the server request
/// data from all peers, as it fetches far ahead. The others stay free for readers.
const PRELOAD_STREAMS_MAX: usize = 1;

/// The length of one preload stream, after which availability is checked again. It is twice the
/// server's fetch-ahead, in which pieces arrive in any order.
const PRELOAD_RUN_BYTES: u64 = 64 * MIB;

/// How long preloads get no stream after a reader waited for a stream or for missing data. Such a
/// reader returns soon, and the server must not be busy with other pieces.
const PRELOAD_QUIET: Duration = Duration::from_secs(1);

/// How many consecutive stalls of [`SILENCE_TIME_MAX`] end a preload: a minute in all, enough for a
/// server to find its peers.
const PRELOAD_SILENCES_MAX: u32 = 6;

/// The limits of the plan, scaled to a memory limit. Tests use small ones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tuning {
    pub(crate) streams_max: usize,
    pub(crate) read_bytes_max: u64,
    pub(crate) block_bytes: u64,
    pub(crate) chunk_bytes_max: u64,
    pub(crate) window_bytes_min: u64,
    pub(crate) window_bytes_max: u64,
    /// The read-ahead memory of all windows together, beyond the minimum of each stream.
    pub(crate) windows_bytes: u64,
    pub(crate) cache_bytes: u64,
    pub(crate) skip_bytes_max: u64,
    pub(crate) join_bytes_max: u64,
    pub(crate) direct_bytes_max: u64,
    pub(crate) rest_bytes_max: u64,
    pub(crate) sequential_bytes_missing_min: u64,
    pub(crate) server_ahead_bytes: u64,
    /// See [`LINGER_TIME_MIN`].
    pub(crate) linger_time_min: Duration,
    /// See [`UNASKED_BYTES_MAX`].
    pub(crate) unasked_bytes_max: u64,
    pub(crate) idle_time_max: Duration,
    pub(crate) turn_time_recalled: Duration,
    pub(crate) turn_time_missing: Duration,
    pub(crate) turn_time_here: Duration,
    pub(crate) turn_bytes: u64,
    pub(crate) turn_round_trips: u32,
    pub(crate) queue_time: Duration,
    pub(crate) crowd_reads_min: usize,
    pub(crate) brief_time_min: Duration,
    pub(crate) pause_time_min: Duration,
    pub(crate) silence_time_min: Duration,
    pub(crate) silence_time_max: Duration,
    pub(crate) linger_time_max: Duration,
    pub(crate) peer_patience: Duration,
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
    /// Returns the limits for `streams_max` streams and a memory limit in bytes. The limit is
    /// raised to at least 1 MiB for each stream.
    pub(crate) fn new(streams_max: usize, memory_bytes_max: usize) -> Self {
        let streams = u64::try_from(streams_max.max(1)).unwrap_or(u64::MAX);
        let memory = u64::try_from(memory_bytes_max).unwrap_or(u64::MAX);
        let memory = memory.max(streams.saturating_mul(STREAM_BYTES_MIN));
        // Streams get at most half: cached bytes are worth as much as read-ahead.
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
            unasked_bytes_max: UNASKED_BYTES_MAX,
            idle_time_max: IDLE_TIME_MAX,
            turn_time_recalled: TURN_TIME_RECALLED,
            turn_time_missing: TURN_TIME_MISSING,
            turn_time_here: TURN_TIME_HERE,
            turn_bytes: TURN_BYTES,
            turn_round_trips: TURN_ROUND_TRIPS,
            queue_time: QUEUE_TIME,
            crowd_reads_min: CROWD_READS_MIN,
            brief_time_min: BRIEF_TIME_MIN,
            pause_time_min: PAUSE_TIME_MIN,
            silence_time_min: SILENCE_TIME_MIN,
            silence_time_max: SILENCE_TIME_MAX,
            linger_time_min: LINGER_TIME_MIN,
            linger_time_max: LINGER_TIME_MAX,
            peer_patience: PEER_PATIENCE,
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

    /// Returns the limits with at most `bytes_max` for the cache. The saved memory is not given to
    /// windows: a user who sets this limit wants less memory used.
    pub(crate) fn with_cache_bytes_max(self, bytes_max: usize) -> Self {
        let bytes_max = u64::try_from(bytes_max).unwrap_or(u64::MAX);
        Self { cache_bytes: self.cache_bytes.min(bytes_max), ..self }
    }

    /// Returns the limits of one of several servers that share these, with `streams_max` of the
    /// streams. The read-ahead memory is divided in proportion, so no server waits for the memory
    /// of another. The cache is shared and not divided.
    pub(crate) fn of_server(&self, streams_max: usize) -> Self {
        let (own, all) = (streams_max as u128, self.streams_max.max(1) as u128);
        let share = u128::from(self.windows_bytes).saturating_mul(own).checked_div(all);
        let share = share.and_then(|share| u64::try_from(share).ok());
        let windows_bytes = share.unwrap_or(0).min(self.windows_bytes);
        Self { streams_max, windows_bytes, ..*self }
    }

    /// Returns the memory of one stream without read-ahead: the longest read, a block at each end
    /// of it, and one chunk in flight.
    pub(crate) fn stream_bytes(&self) -> u64 {
        let blocks = self.block_bytes.saturating_mul(2);
        self.read_bytes_max.saturating_add(blocks).saturating_add(self.chunk_bytes_max)
    }

    /// Returns the maximum of all buffers and the cache together, in bytes.
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

        // Servers that share the limits use all of the memory together, and the cache once.
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
