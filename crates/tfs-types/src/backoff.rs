//! Exponential back-off.

use std::time::Duration;

/// A delay that doubles with each consecutive failure, from `first` to at most `longest`.
///
/// It has no state and no clock: the caller counts the failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The delay after the first failure.
    pub first: Duration,
    /// The maximum delay.
    pub longest: Duration,
}

impl Backoff {
    /// Creates a back-off.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// Returns the delay after `failure_count` consecutive failures. Zero counts as one.
    #[must_use]
    pub fn delay(self, failure_count: u32) -> Duration {
        let doublings = failure_count.saturating_sub(1);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.longest)
    }

    /// Returns the delay that follows `last`: the first one after zero.
    #[must_use]
    pub fn next(self, last: Duration) -> Duration {
        last.saturating_mul(2).max(self.first).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest() {
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
        let mut last = Duration::ZERO;
        for (failure_count, want) in [(1, 1), (2, 2), (3, 4), (4, 5), (5, 5)] {
            last = backoff.next(last);
            assert_eq!(last, Duration::from_secs(want));
            assert_eq!(backoff.delay(failure_count), last);
        }
        assert_eq!(backoff.delay(0), backoff.first);
        for failure_count in [32, 33, 64, u32::MAX] {
            assert_eq!(backoff.delay(failure_count), backoff.longest);
        }
        // A maximum below the first delay, as a short poll interval has.
        let short = Backoff::new(Duration::from_secs(1), Duration::from_millis(100));
        assert_eq!(short.delay(1), short.longest);
        assert_eq!(short.next(Duration::ZERO), short.longest);
    }
}
