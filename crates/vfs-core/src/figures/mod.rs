//! What happened to reads, for monitoring: durations, waits for missing pieces, and failures.
//!
//! A read that memory answers costs two looks at the clock and two additions.

mod durations;
mod failure;
mod longest;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

pub use self::durations::DurationCounts;
use self::durations::SharedDurations;
pub use self::failure::FailureReason;
pub use self::longest::LoggedWait;
use self::longest::{EndedWait, LongestWaits};
use crate::{FileId, Timestamp, VfsError};

/// Upper bounds of read durations in microseconds. Memory answers in a few microseconds, a local
/// server in less than a millisecond, a disk or another machine in some, and a missing piece takes
/// seconds. The last bounds are a little more than the default time-outs, a minute and ten minutes:
/// a read that timed out is below its bound.
const READ_BOUNDS: &[u64] = &[
    100,
    500,
    1_000,
    5_000,
    25_000,
    100_000,
    500_000,
    2_500_000,
    10_000_000,
    65_000_000,
    660_000_000,
];

/// Upper bounds of waits for missing pieces in microseconds. The last ones are a little more than
/// the default time-outs. The alert `TfsReadsWaitLong` uses the one of 20 s.
const MISSING_BOUNDS: &[u64] = &[
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    20_000_000,
    65_000_000,
    120_000_000,
    300_000_000,
    660_000_000,
];

/// Upper bounds of the times to the first byte of a stream in microseconds.
pub(crate) const FIRST_BYTE_BOUNDS: &[u64] =
    &[500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 2_500_000, 10_000_000];

/// The shortest wait for a missing piece that is counted. The bitfield that shows it may be a
/// second old: a shorter wait may be that for a piece that has come since.
const MISSING_MIN: Duration = Duration::from_millis(25);

/// Durations and failures of reads since the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadSummary {
    /// Times from the request of a read to its answer. Not counted are reads that were dropped,
    /// reads at the end of a file, and those of control files.
    pub durations: DurationCounts,
    /// How long reads waited for pieces that no server had; only reads that did, for 25 ms or more.
    pub missing_waits: DurationCounts,
    /// How many reads failed for each reason, in a fixed order, also those with 0.
    pub failures: Vec<(FailureReason, u64)>,
}

impl ReadSummary {
    /// Returns the number of reads that failed.
    #[must_use]
    pub fn failure_count(&self) -> u64 {
        self.failures.iter().map(|(_, count)| count).sum()
    }
}

/// Records what happens to the reads of a filesystem.
#[derive(Debug)]
pub(crate) struct ReadMonitor {
    durations: SharedDurations,
    missing_waits: SharedDurations,
    /// By the position of the reason.
    failures: [AtomicU64; FailureReason::ALL.len()],
    /// Protects the log of long waits. Held for one access, by reads that waited for long only.
    longest: Mutex<LongestWaits>,
    /// The start of the clock of `longest`.
    begun_at: OnceLock<Instant>,
}

impl Default for ReadMonitor {
    fn default() -> Self {
        Self {
            durations: SharedDurations::new(READ_BOUNDS),
            missing_waits: SharedDurations::new(MISSING_BOUNDS),
            failures: std::array::from_fn(|_| AtomicU64::new(0)),
            longest: Mutex::default(),
            begun_at: OnceLock::new(),
        }
    }
}

/// A read that is not answered yet. A drop without an answer counts as interrupted.
#[derive(Debug)]
pub(crate) struct MonitoredRead<'a> {
    monitor: &'a ReadMonitor,
    file: FileId,
    offset: u64,
    begun_at: Instant,
    /// How long it has waited for missing pieces.
    pub(crate) missing: MissingMeter,
    is_answered: bool,
}

/// A sum of waits for missing pieces, one after the other.
#[derive(Debug, Default)]
pub(crate) struct MissingMeter {
    micros: AtomicU64,
}

impl MissingMeter {
    pub(crate) fn add(&self, time: Duration) {
        if !time.is_zero() {
            self.micros.fetch_add(micros(time), Ordering::Relaxed);
        }
    }

    fn time(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::Relaxed))
    }
}

impl ReadMonitor {
    /// Records that a read has arrived.
    pub(crate) fn begin(&self, file: FileId, offset: u64) -> MonitoredRead<'_> {
        let (begun_at, missing) = (Instant::now(), MissingMeter::default());
        MonitoredRead { monitor: self, file, offset, begun_at, missing, is_answered: false }
    }

    /// Records the answer to a read that needed no waiting.
    pub(crate) fn on_answer(&self, begun_at: Instant, answer: &Result<Bytes, VfsError>) {
        self.durations.add(begun_at.elapsed());
        if let Err(error) = answer {
            self.on_failure(FailureReason::of(error));
        }
    }

    /// Records a read that failed without having begun.
    pub(crate) fn on_failure(&self, reason: FailureReason) {
        if let Some(count) = self.failures.get(reason as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn summary(&self) -> ReadSummary {
        let counts = self.failures.iter().map(|count| count.load(Ordering::Relaxed));
        ReadSummary {
            durations: self.durations.counts(),
            missing_waits: self.missing_waits.counts(),
            failures: FailureReason::ALL.into_iter().zip(counts).collect(),
        }
    }

    /// Returns the longest waits of the last day, the longest first.
    pub(crate) fn longest_waits(&self) -> Vec<LoggedWait> {
        let now = self.now();
        self.longest.lock().unwrap_or_else(PoisonError::into_inner).list(now)
    }

    fn on_missing(&self, read: &MonitoredRead<'_>, failure: Option<FailureReason>) {
        let waited = read.missing.time();
        if waited < MISSING_MIN {
            return;
        }
        self.missing_waits.add(waited);
        if waited >= longest::WAIT_MIN {
            let now = self.now();
            let wait = EndedWait { file: read.file, offset: read.offset, waited, failure };
            self.longest.lock().unwrap_or_else(PoisonError::into_inner).add(now, wait);
        }
    }

    fn now(&self) -> Timestamp {
        let now = Instant::now();
        let begun_at = *self.begun_at.get_or_init(|| now);
        Timestamp::from_start(now.saturating_duration_since(begun_at))
    }
}

impl MonitoredRead<'_> {
    /// Records the answer.
    pub(crate) fn end(mut self, answer: &Result<Bytes, VfsError>) {
        self.is_answered = true;
        // The caller reads each page of it again.
        if matches!(answer, Err(VfsError::Partial)) {
            return;
        }
        self.monitor.on_answer(self.begun_at, answer);
        self.monitor.on_missing(&self, answer.as_ref().err().map(FailureReason::of));
    }
}

impl Drop for MonitoredRead<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.monitor.on_missing(self, Some(FailureReason::Interrupted));
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
