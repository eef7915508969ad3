//! Readers of the simulation, and their expected answers.

use std::time::Duration;

use super::random::SimRandom;
use crate::engine::plan::{BreakerTuning, Priority, ReadId, Tuning};
use crate::{ByteRange, HandleId, Timestamp};

/// The access pattern of a reader.
#[derive(Debug, Clone, Copy)]
enum Pattern {
    /// From an offset to the end.
    Sequential,
    /// Random offsets.
    Random,
    /// A constant stride.
    Strided { step: u64 },
    /// The head, then the tail.
    HeadAndTail,
}

/// A reader of one file through one handle.
#[derive(Debug)]
pub(super) struct SimReader {
    pub(super) handle: HandleId,
    pub(super) file: usize,
    pub(super) priority: Priority,
    pattern: Pattern,
    pub(super) at: u64,
    len: u64,
    /// Whether it is a program that must not cause downloads.
    pub(super) is_present_only: bool,
    /// Whether its reads may be split into pages.
    pub(super) may_split: bool,
    /// How many reads it keeps in flight.
    pub(super) depth: usize,
    pub(super) in_flight: usize,
    pub(super) reads_left: u64,
    pub(super) is_released: bool,
    /// A read that is sent after its successor.
    held_back: Option<ByteRange>,
}

/// A client that preloads parts of files, one after the other.
#[derive(Debug)]
pub(super) struct Preloader {
    pub(super) left: u64,
    pub(super) current: Option<Preload>,
}

/// The running preload.
#[derive(Debug)]
pub(super) struct Preload {
    pub(super) id: ReadId,
    pub(super) file: usize,
    pub(super) range: ByteRange,
    pub(super) is_calm: bool,
}

/// A read that is not answered yet.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) reader: usize,
    pub(super) file: usize,
    pub(super) range: ByteRange,
    pub(super) arrived_at: Timestamp,
    pub(super) timeout: Duration,
    /// When it must end at the latest.
    pub(super) deadline: Timestamp,
    pub(super) is_calm: bool,
    /// Whether it must not wait for missing data, since a wait of its reader failed.
    pub(super) fails_fast: bool,
    /// Whether it must not cause a download.
    pub(super) is_present_only: bool,
    /// When the last bitfield of its torrent was requested, if there was one.
    pub(super) haves_at: Option<Timestamp>,
}

impl SimReader {
    pub(super) fn new(random: &mut SimRandom, handle: u64, file: usize, file_len: u64) -> Self {
        let pattern = match random.range(0, 5) {
            0..=2 => Pattern::Sequential,
            3 => Pattern::Random,
            4 => Pattern::Strided { step: random.range(1, 300) },
            _ => Pattern::HeadAndTail,
        };
        Self {
            handle: HandleId(handle),
            file,
            priority: match random.range(0, 19) {
                0 => Priority::ReadAhead,
                _ => Priority::Foreground,
            },
            pattern,
            at: random.range(0, 2) / 2 * random.range(0, file_len),
            is_present_only: random.chance(10),
            may_split: random.chance(50),
            len: random.range(1, 200),
            depth: usize::try_from(random.range(1, 3)).unwrap(),
            in_flight: 0,
            reads_left: random.range(1, 30),
            is_released: false,
            held_back: None,
        }
    }

    /// Returns the next range to read.
    pub(super) fn next(&mut self, random: &mut SimRandom, file_len: u64) -> ByteRange {
        if let Some(range) = self.held_back.take() {
            return range;
        }
        let range = self.advance(random, file_len);
        if matches!(self.pattern, Pattern::Sequential) && self.depth > 1 && random.chance(25) {
            self.held_back = Some(range);
            return self.advance(random, file_len);
        }
        range
    }

    fn advance(&mut self, random: &mut SimRandom, file_len: u64) -> ByteRange {
        let at = match self.pattern {
            Pattern::Sequential if self.at >= file_len => 0,
            Pattern::Sequential if random.chance(3) => self.at.saturating_sub(random.range(0, 300)),
            Pattern::Sequential if random.chance(3) => self.at + random.range(0, 300),
            Pattern::Sequential => self.at,
            Pattern::Random => random.range(0, file_len),
            Pattern::Strided { step } => (self.at + step) % file_len,
            Pattern::HeadAndTail if self.reads_left % 4 < 2 => file_len.saturating_sub(self.len),
            Pattern::HeadAndTail => 0,
        };
        let range = ByteRange::clamped(at, self.len, file_len);
        self.at = range.end();
        range
    }
}

/// Returns limits that are small enough to trigger every case.
pub(super) fn tuning(random: &mut SimRandom, streams_max: usize) -> Tuning {
    let millis = Duration::from_millis;
    let mut tuning = Tuning::new(streams_max, 0);
    tuning.read_bytes_max = random.range(200, 400);
    tuning.block_bytes = 1 << random.range(3, 7);
    tuning.chunk_bytes_max = 0;
    tuning.window_bytes_min = random.range(1, 200);
    tuning.window_bytes_max = tuning.window_bytes_min * random.range(1, 8);
    tuning.windows_bytes = random.range(0, 1000);
    tuning.cache_bytes = random.range(0, 1500);
    tuning.skip_bytes_max = random.range(0, 200);
    tuning.join_bytes_max = random.range(0, 600);
    tuning.direct_bytes_max = random.range(0, 200);
    tuning.rest_bytes_max = random.range(0, 600);
    tuning.sequential_bytes_missing_min = random.range(0, 500);
    tuning.server_ahead_bytes = random.range(0, 2000);
    tuning.unasked_bytes_max = random.range(1, 60);
    tuning.silence_time_max = millis(random.range(300, 4000));
    tuning.silence_time_min = tuning.silence_time_max.min(millis(random.range(100, 4000)));
    tuning.linger_time_max = millis(random.range(0, 400));
    tuning.linger_time_min = tuning.linger_time_max / 10;
    tuning.peer_patience = millis(random.range(1, 2000));
    tuning.turn_time_missing = millis(random.range(150, 400));
    tuning.turn_time_here = millis(random.range(1, 100));
    tuning.turn_bytes = random.range(1, 1000);
    tuning.queue_time = millis(random.range(1, 1000));
    tuning.brief_time_min = millis(random.range(0, 50));
    tuning.pause_time_min = millis(random.range(0, 50));
    tuning.turn_time_recalled = tuning.turn_time_missing * 3 / 4;
    tuning.idle_time_max = millis(random.range(1, 4000));
    tuning.preload_run_bytes = random.range(1, 3000);
    tuning.preload_quiet = millis(random.range(0, 300));
    tuning.page_bytes = 1 << random.range(0, 6);
    tuning.split_patience = millis(random.range(0, 200));
    tuning.breaker =
        BreakerTuning { down_time_min: millis(random.range(0, 3000)), ..BreakerTuning::default() };
    tuning
}
