//! The order of reads.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use tfs_testkit::random::Random;

use super::source::ByteSource;
use super::{LoadResult, LoadSource};

/// The block size of reads in order: that of `dd bs=1M` and of copying programs.
pub(super) const BLOCK_BYTES: usize = 1 << 20;

/// The order of reads, and when they end.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LoadPattern {
    /// Each source from its begin to its end.
    Order {
        /// A slower reader is stopped, and rated by the bytes that came.
        time_max: Duration,
    },
    /// Blocks of the first source.
    Random {
        block_bytes: usize,
        /// Threads with a file descriptor or a connection each.
        jobs: usize,
        time: Duration,
        seed: u64,
    },
}

impl LoadPattern {
    /// The number of words of a pattern.
    pub(super) const WORDS: usize = 4;

    pub(super) fn words(self) -> [String; Self::WORDS] {
        let (block, jobs, time, seed) = match self {
            Self::Order { time_max } => (0, 0, time_max, 0),
            Self::Random { block_bytes, jobs, time, seed } => (block_bytes, jobs, time, seed),
        };
        [block.to_string(), jobs.to_string(), time.as_millis().to_string(), seed.to_string()]
    }

    pub(super) fn parse(words: &[String]) -> Self {
        let number = |idx: usize| words[idx].parse::<u64>().unwrap();
        let time = Duration::from_millis(number(2));
        match usize::try_from(number(0)).unwrap() {
            0 => Self::Order { time_max: time },
            block_bytes => Self::Random {
                block_bytes,
                jobs: usize::try_from(number(1)).unwrap(),
                time,
                seed: number(3),
            },
        }
    }

    /// Reads, and returns how much. The time is that of the slowest thread.
    pub(super) fn read(self, sources: &[LoadSource]) -> LoadResult {
        match self {
            Self::Order { time_max } => threads(sources.len(), |idx, start| {
                let len = fs::metadata(&sources[idx].plain).unwrap().len();
                read_in_order(&sources[idx].source, len, start, time_max)
            }),
            Self::Random { block_bytes, jobs, time, seed } => threads(jobs, |idx, start| {
                let len = fs::metadata(&sources[0].plain).unwrap().len();
                let random = Random::new(seed + idx as u64);
                read_randomly(&sources[0].source, len, block_bytes, random, start, time)
            }),
        }
    }
}

/// Runs this many threads that count what they read.
fn threads(count: usize, read: impl Fn(usize, Instant) -> u64 + Sync) -> LoadResult {
    let start = Instant::now();
    let count = thread::scope(|scope| {
        let read = &read;
        let threads: Vec<_> = (0..count).map(|idx| scope.spawn(move || read(idx, start))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    LoadResult { count, time: start.elapsed() }
}

fn read_in_order(source: &ByteSource, len: u64, start: Instant, time_max: Duration) -> u64 {
    let mut open = source.open(len).unwrap();
    let mut block = vec![0; BLOCK_BYTES];
    let mut bytes = 0;
    while start.elapsed() < time_max {
        match open.read_next(&mut block).unwrap() {
            0 => break,
            read => bytes += read as u64,
        }
    }
    bytes
}

fn read_randomly(
    source: &ByteSource,
    len: u64,
    block_bytes: usize,
    mut random: Random,
    start: Instant,
    time: Duration,
) -> u64 {
    let mut open = source.open_random().unwrap();
    let mut block = vec![0; block_bytes];
    let blocks = len / block_bytes as u64;
    let mut count = 0;
    while start.elapsed() < time {
        open.read_block(random.below(blocks) * block_bytes as u64, &mut block).unwrap();
        count += 1;
    }
    count
}
