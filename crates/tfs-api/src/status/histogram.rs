//! Distributions of durations.

use serde::{Deserialize, Serialize};

/// How many durations were up to each bound. Bounds and number of buckets are the same in all
/// histograms of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Histogram {
    /// Upper bounds of the buckets in microseconds, ascending, included in their bucket.
    pub bounds_micros: Vec<u64>,
    /// Durations in each bucket, not cumulated. One more than bounds: the last has the rest.
    pub counts: Vec<u64>,
    /// The sum of all durations in microseconds.
    pub sum_micros: u64,
}

impl Histogram {
    /// Returns the number of all durations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// How often something failed for a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureCount {
    /// The reason, in one word with `_`, such as `timed_out`.
    pub reason: String,
    /// How often.
    pub count: u64,
}

/// Durations and failures of reads. Counters start at the mount's start.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReadFigures {
    /// Durations of reads, from the request to its answer.
    pub read: Histogram,
    /// How long reads waited for pieces that no server had.
    pub missing_wait: Histogram,
    /// Reads that failed, by reason; all reasons, also those with 0.
    pub failures: Vec<FailureCount>,
}
