//! When a server counts as down.

use std::time::Duration;

use tokio::time::Instant;

/// How long a server has to fail before it counts as down. A restart of rqbit takes some seconds,
/// and those of a service manager may follow each other.
pub(super) const DOWN_TIME_MIN: Duration = Duration::from_secs(15);

/// Minimum number of failed requests. One alone may be a slow answer.
const FAILURES_MIN: u32 = 2;

/// The consecutive failures of a server.
#[derive(Debug, Default)]
pub(super) struct Outage {
    failure_count: u32,
    /// When the first failed request was sent.
    since: Option<Instant>,
    is_told: bool,
}

impl Outage {
    /// Records a failure of a request that was sent at this time. Returns whether the server counts
    /// as down from now on.
    pub(super) fn on_failure(&mut self, asked_at: Instant) -> bool {
        self.failure_count = self.failure_count.saturating_add(1);
        let since = *self.since.get_or_insert(asked_at);
        let is_down = self.failure_count >= FAILURES_MIN && since.elapsed() >= DOWN_TIME_MIN;
        is_down && !std::mem::replace(&mut self.is_told, is_down)
    }

    /// Records an answer. Returns whether the server counted as down.
    pub(super) fn on_answer(&mut self) -> bool {
        std::mem::take(self).is_told
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_server_is_down_when_it_fails_for_a_while_and_only_once() {
        let mut outage = Outage::default();
        // A restart.
        assert!(!outage.on_failure(Instant::now()));
        advance(DOWN_TIME_MIN - Duration::from_secs(1)).await;
        assert!(!outage.on_failure(Instant::now()));
        assert!(!outage.on_answer());
        // An outage.
        let begin = Instant::now();
        assert!(!outage.on_failure(begin));
        advance(DOWN_TIME_MIN).await;
        assert!(outage.on_failure(Instant::now()));
        assert!(!outage.on_failure(Instant::now()));
        assert!(outage.on_answer());
        assert!(!outage.on_answer());
        // One request that takes long is no outage.
        let begin = Instant::now();
        advance(DOWN_TIME_MIN * 2).await;
        assert!(!outage.on_failure(begin));
        assert!(outage.on_failure(Instant::now()));
    }
}
