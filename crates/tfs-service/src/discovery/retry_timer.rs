//! The next attempt of a request that failed.

use tfs_types::Backoff;
use tokio::time::Instant;

/// A counter of failures, and the end of the pause after the last one.
#[derive(Debug, Clone, Copy)]
pub(super) struct RetryTimer {
    pauses: Backoff,
    failure_count: u32,
    over_at: Instant,
}

impl RetryTimer {
    /// Returns a timer without a failure.
    pub(super) fn new(pauses: Backoff) -> Self {
        Self { pauses, failure_count: 0, over_at: Instant::now() }
    }

    /// Starts the next pause at `now`.
    pub(super) fn on_failure(&mut self, now: Instant) {
        self.failure_count = self.failure_count.saturating_add(1);
        self.over_at = now + self.pauses.delay(self.failure_count);
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.over_at <= now
    }

    pub(super) fn over_at(&self) -> Instant {
        self.over_at
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_double_up_to_the_longest() {
        let pauses = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
        let mut timer = RetryTimer::new(pauses);
        let now = Instant::now();
        assert!(timer.is_over(now));
        for want in [1, 2, 4, 5, 5] {
            timer.on_failure(now);
            assert_eq!(timer.over_at() - now, Duration::from_secs(want));
        }
        assert!(!timer.is_over(now + Duration::from_secs(4)));
    }
}
