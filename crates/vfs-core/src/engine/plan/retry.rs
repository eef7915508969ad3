//! Retries: back-off, and a circuit breaker for an unreachable server.

use std::time::Duration;

use fastrand::Rng;
use tfs_types::Backoff;

use super::FileFacts;
use crate::engine::BreakerState;
use crate::{SourceError, SourceErrorKind, Timestamp};

/// The delays after failures. The first is short: a server that closed one connection is usually
/// reachable. The longest bounds how late a recovered server is detected.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));

/// The thresholds of the breaker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BreakerTuning {
    /// The number of consecutive failures that opens it.
    pub(crate) failures_min: u32,
    /// The time that the failures must span. A restart of rqbit takes seconds, and must cause no
    /// read errors.
    pub(crate) down_time_min: Duration,
    /// How long it stays open before a probe is allowed.
    pub(crate) cool_down: Duration,
}

impl Default for BreakerTuning {
    fn default() -> Self {
        Self {
            failures_min: 5,
            down_time_min: Duration::from_secs(10),
            cool_down: Duration::from_secs(2),
        }
    }
}

/// Returns whether an error ends the reads of a file at once. A "not found" that is retryable does
/// so only if the newest list of the server (`facts`) lacks the torrent: a server that starts
/// answers before it has all of its torrents.
pub(crate) fn is_final(error: &SourceError, facts: Option<&FileFacts>) -> bool {
    !error.is_retryable || is_gone(error, facts)
}

/// Returns whether the server reports the torrent as not found, and its newest list lacks it too.
pub(crate) fn is_gone(error: &SourceError, facts: Option<&FileFacts>) -> bool {
    error.kind == SourceErrorKind::NotFound && !facts.is_some_and(FileFacts::is_listed)
}

/// Returns whether to retry after `error`, the answer to opening a stream. `last` is the previous
/// failure, with no byte since.
///
/// A single invalid answer may come from a proxy or a starting server, so the request is repeated
/// once. A second one in a row is final.
pub(crate) fn is_worth_another(error: &SourceError, last: Option<&SourceError>) -> bool {
    let is_wrong = |error: &SourceError| error.kind == SourceErrorKind::Protocol;
    is_wrong(error) && !last.is_some_and(is_wrong)
}

/// Returns the delay after the `failure_count`-th failure. It doubles each time, with a jitter
/// between half and all of it, so that simultaneous failures are not retried at the same time.
pub(crate) fn backoff(failure_count: u32, seed: u64) -> Duration {
    let wait = BACKOFF.delay(failure_count);
    let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX) / 2;
    let mut random = Rng::with_seed(seed.wrapping_add(u64::from(failure_count)));
    let extra = if millis == 0 { 0 } else { random.u64(..millis) };
    Duration::from_millis(millis.saturating_add(extra))
}

/// A circuit breaker: stops requests to a server that is down.
///
/// Only unreachability counts; a server that answers with an error is up. While the breaker is
/// open, new reads fail at once. Reads that wait already continue to wait for the probe, bounded by
/// their deadlines.
#[derive(Debug)]
pub(crate) struct Breaker {
    tuning: BreakerTuning,
    failure_count: u32,
    failing_since: Option<Timestamp>,
    /// Until when requests are blocked; `None` while it is closed.
    open_until: Option<Timestamp>,
    last_error: Option<SourceError>,
}

impl Breaker {
    pub(crate) fn new(tuning: BreakerTuning) -> Self {
        Self { tuning, failure_count: 0, failing_since: None, open_until: None, last_error: None }
    }

    pub(crate) fn on_success(&mut self) {
        self.failure_count = 0;
        self.failing_since = None;
        self.open_until = None;
        self.last_error = None;
    }

    pub(crate) fn on_failure(&mut self, error: &SourceError, now: Timestamp) {
        if error.kind != SourceErrorKind::Unreachable {
            return;
        }
        self.failure_count = self.failure_count.saturating_add(1);
        let since = *self.failing_since.get_or_insert(now);
        self.last_error = Some(error.clone());
        let is_long = now.duration_since(since) >= self.tuning.down_time_min;
        if self.failure_count >= self.tuning.failures_min && is_long {
            self.open_until = Some(now.saturating_add(self.tuning.cool_down));
        }
    }

    /// Returns until when requests are blocked, if it is open.
    pub(crate) fn open_until(&self) -> Option<Timestamp> {
        self.open_until
    }

    /// Returns the error with which a new read fails at once. After the cool-down there is none:
    /// that read may be the probe.
    pub(crate) fn refusal(&self, now: Timestamp) -> Option<&SourceError> {
        self.open_until.filter(|until| now < *until).and(self.last_error.as_ref())
    }

    pub(crate) fn state(&self, now: Timestamp) -> BreakerState {
        match self.open_until {
            None => BreakerState::Closed,
            Some(until) if now < until => BreakerState::Open,
            Some(_) => BreakerState::HalfOpen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_differ() {
        for seed in 0..100 {
            for (failures, longest) in [(1, 100), (2, 200), (3, 400), (9, 2000), (u32::MAX, 2000)] {
                let wait = backoff(failures, seed);
                let longest = Duration::from_millis(longest);
                assert!(wait >= longest / 2 && wait <= longest, "{failures} {wait:?}");
                assert_eq!(wait, backoff(failures, seed));
            }
        }
        assert_ne!(backoff(5, 1), backoff(5, 2));
    }

    #[test]
    fn the_breaker_opens_after_enough_failures_over_enough_time() {
        let second = |n| Timestamp::from_start(Duration::from_secs(n));
        let down = SourceError::new(SourceErrorKind::Unreachable, "read");
        let busy = SourceError::new(SourceErrorKind::Failed, "read");
        let mut breaker = Breaker::new(BreakerTuning::default());
        (0..100).for_each(|n| breaker.on_failure(&busy, second(n)));
        (0..100).for_each(|_| breaker.on_failure(&down, second(100)));
        assert_eq!(breaker.state(second(100)), BreakerState::Closed);
        breaker.on_failure(&down, second(110));
        assert_eq!(breaker.state(second(110)), BreakerState::Open);
        assert!(breaker.refusal(second(111)).is_some());
        assert_eq!(breaker.state(second(112)), BreakerState::HalfOpen);
        assert!(breaker.refusal(second(112)).is_none());
        breaker.on_failure(&down, second(112));
        assert_eq!(breaker.state(second(113)), BreakerState::Open);
        breaker.on_success();
        assert_eq!(breaker.state(second(113)), BreakerState::Closed);
    }
}
