//! The samples of the last ten minutes, of all mounts together.

use std::collections::VecDeque;

use tfs_web::model::{History, SAMPLES_MAX};

use super::counters::ByteCounts;

/// One second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct SecondSample {
    /// Rates in bytes a second.
    pub(super) rates: ByteCounts,
    /// Reads that waited at its end.
    pub(super) waiting: u64,
    /// Reads that failed in it.
    pub(super) failures: u64,
}

/// The last [`SAMPLES_MAX`] seconds.
#[derive(Debug, Default)]
pub(super) struct Samples {
    ring: VecDeque<SecondSample>,
    /// The wall clock at the end of the newest sample, in seconds since 1970.
    until: i64,
}

impl Samples {
    /// Adds the samples of a time: one for each whole second, at least one. All have the same
    /// rates; the last has the reads that wait now, and all failures.
    ///
    /// The time is longer than a second if the machine slept, or the process was stopped or late.
    pub(super) fn push(&mut self, sample: SecondSample, millis: u64, until: i64) {
        let seconds = usize::try_from(millis.saturating_add(500) / 1000).unwrap_or(usize::MAX);
        for _ in 1..seconds.min(SAMPLES_MAX) {
            self.push_one(SecondSample { waiting: 0, failures: 0, ..sample });
        }
        self.push_one(sample);
        self.until = until;
    }

    fn push_one(&mut self, sample: SecondSample) {
        if self.ring.len() == SAMPLES_MAX {
            self.ring.pop_front();
        }
        self.ring.push_back(sample);
    }

    pub(super) fn clear(&mut self) {
        self.ring.clear();
    }

    /// Returns the samples for the page.
    pub(super) fn history(&self) -> History {
        let list = |value: fn(&SecondSample) -> u64| self.ring.iter().map(value).collect();
        History {
            until: self.until,
            given_bps: list(|sample| sample.rates.given),
            fetched_bps: list(|sample| sample.rates.fetched),
            local_bps: list(|sample| sample.rates.local),
            waiting: list(|sample| sample.waiting),
            failures: list(|sample| sample.failures),
        }
    }
}
