//! Failures of the last 24 hours, by hour and reason.

use std::collections::BTreeMap;
use std::time::Duration;

use tfs_api::status::FailureCount;

/// Number of hours that are kept, with the current one. Failures are never older than a day.
const HOURS_MAX: u64 = 24;

/// Maximum number of reasons. A mount has about a dozen.
const REASONS_MAX: usize = 64;

/// Failures of one mount.
#[derive(Debug, Default)]
pub(super) struct FailureLog {
    /// The last counters.
    last: Vec<FailureCount>,
    /// By hour of the clock, then by reason.
    hours: BTreeMap<u64, BTreeMap<String, u64>>,
}

fn hour_of(at: Duration) -> u64 {
    at.as_secs() / 3600
}

impl FailureLog {
    /// Takes new counters: what they have more than the last ones happened by `at`. Times do not
    /// decrease. A counter that has decreased has begun anew.
    pub(super) fn note(&mut self, counters: &[FailureCount], at: Duration) {
        let last = std::mem::replace(&mut self.last, counters.to_vec());
        for FailureCount { reason, count } in counters {
            let known = last.iter().find(|failure| failure.reason == *reason);
            let known = known.map_or(0, |failure| failure.count);
            let new = if known > *count { *count } else { *count - known };
            self.add(reason, new, at);
        }
    }

    fn add(&mut self, reason: &str, count: u64, at: Duration) {
        if count == 0 {
            return;
        }
        self.drop_old(at);
        let hour = self.hours.entry(hour_of(at)).or_default();
        let has_room = hour.len() < REASONS_MAX;
        match hour.get_mut(reason) {
            Some(known) => *known = known.saturating_add(count),
            None if has_room => drop(hour.insert(reason.to_owned(), count)),
            None => {}
        }
    }

    /// Returns the failures of the last 24 hours, the most frequent first.
    pub(super) fn counts(&mut self, at: Duration) -> Vec<FailureCount> {
        self.drop_old(at);
        let mut sums = BTreeMap::<&str, u64>::new();
        for (reason, count) in self.hours.values().flatten() {
            let sum = sums.entry(reason).or_default();
            *sum = sum.saturating_add(*count);
        }
        let counts = sums.into_iter();
        let counts =
            counts.map(|(reason, count)| FailureCount { reason: reason.to_owned(), count });
        let mut counts: Vec<_> = counts.collect();
        counts.sort_by_key(|failure| std::cmp::Reverse(failure.count));
        counts
    }

    fn drop_old(&mut self, at: Duration) {
        let first = (hour_of(at) + 1).saturating_sub(HOURS_MAX);
        self.hours = self.hours.split_off(&first);
    }
}
