//! Exponential backoff.

use std::time::Duration;

use tokio::time::Instant;

/// A pause that doubles with each failure, from an initial value to a maximum.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    failure_count: u32,
    over_at: Instant,
}

impl Backoff {
    /// Returns a backoff without a failure.
    pub(super) fn new((first, longest): (Duration, Duration)) -> Self {
        Self { first, longest, failure_count: 0, over_at: Instant::now() }
    }

    /// Starts the next pause at `now`.
    pub(super) fn on_failure(&mut self, now: Instant) {
        let factor = 2_u32.saturating_pow(self.failure_count);
        self.over_at = now + self.first.saturating_mul(factor).min(self.longest);
        self.failure_count = self.failure_count.saturating_add(1);
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
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_double_up_to_the_longest() {
        let mut backoff = Backoff::new((Duration::from_secs(1), Duration::from_secs(5)));
        let now = Instant::now();
        assert!(backoff.is_over(now));
        for want in [1, 2, 4, 5, 5] {
            backoff.on_failure(now);
            assert_eq!(backoff.over_at() - now, Duration::from_secs(want));
        }
        assert!(!backoff.is_over(now + Duration::from_secs(4)));
    }
}
