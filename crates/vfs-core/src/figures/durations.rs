//! Histograms of durations.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many durations were up to each bound.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DurationCounts {
    /// Upper bounds of the buckets in microseconds, ascending, included in their bucket.
    pub bounds_micros: &'static [u64],
    /// Durations in each bucket, not cumulated. One more than bounds: the last has the rest.
    pub counts: Vec<u64>,
    /// The sum of all durations.
    pub sum: Duration,
}

impl DurationCounts {
    pub(crate) fn new(bounds_micros: &'static [u64]) -> Self {
        let counts = vec![0; bounds_micros.len().saturating_add(1)];
        Self { bounds_micros, counts, sum: Duration::ZERO }
    }

    pub(crate) fn add(&mut self, time: Duration) {
        if let Some(count) = self.counts.get_mut(bucket_of(self.bounds_micros, time)) {
            *count = count.saturating_add(1);
        }
        self.sum = self.sum.saturating_add(time);
    }

    /// Returns the number of all durations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// A histogram that many threads add to.
#[derive(Debug)]
pub(super) struct SharedDurations {
    bounds_micros: &'static [u64],
    counts: Box<[AtomicU64]>,
    /// Nanoseconds: memory answers in about one microsecond. Enough for five hundred years.
    sum_nanos: AtomicU64,
}

impl SharedDurations {
    pub(super) fn new(bounds_micros: &'static [u64]) -> Self {
        let counts = (0..=bounds_micros.len()).map(|_| AtomicU64::new(0));
        Self { bounds_micros, counts: counts.collect(), sum_nanos: AtomicU64::new(0) }
    }

    pub(super) fn add(&self, time: Duration) {
        if let Some(count) = self.counts.get(bucket_of(self.bounds_micros, time)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.sum_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Returns a copy. A duration that is added meanwhile may be in one of count and sum only.
    pub(super) fn counts(&self) -> DurationCounts {
        DurationCounts {
            bounds_micros: self.bounds_micros,
            counts: self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect(),
            sum: Duration::from_nanos(self.sum_nanos.load(Ordering::Relaxed)),
        }
    }
}

/// Returns the bucket of a duration. A bound includes the whole microsecond.
fn bucket_of(bounds_micros: &[u64], time: Duration) -> usize {
    let micros = time.as_micros();
    bounds_micros.iter().take_while(|bound| u128::from(**bound) < micros).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: &[u64] = &[10, 100];

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let shared = SharedDurations::new(BOUNDS);
        let mut counts = DurationCounts::new(BOUNDS);
        let micros = [0, 9, 10, 11, 100, 101, 1_000_000];
        for micros in micros {
            shared.add(Duration::from_micros(micros));
            counts.add(Duration::from_micros(micros));
        }
        assert_eq!(counts.counts, [3, 2, 2]);
        assert_eq!((counts.count(), counts.sum), (7, Duration::from_micros(micros.iter().sum())));
        assert_eq!(shared.counts(), counts);
    }

    #[test]
    fn short_durations_add_up() {
        let shared = SharedDurations::new(BOUNDS);
        (0..1000).for_each(|_| shared.add(Duration::from_nanos(900)));
        assert_eq!(shared.counts().sum, Duration::from_micros(900));
        assert_eq!(shared.counts().counts, [1000, 0, 0]);
    }
}
