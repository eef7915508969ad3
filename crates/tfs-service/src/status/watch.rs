//! Tracks whether a server answers, and since when.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tfs_api::status::DiscoveryStatus;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Results of the last requests to a server. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerWatch {
    /// Protects the last result; held for one read or replacement.
    last: Arc<Mutex<Reached>>,
    /// Protects the times; held for one read or update.
    times: Arc<Mutex<Times>>,
    /// Protects the last status of discovery; held for one read or replacement.
    discovery: Arc<Mutex<DiscoveryStatus>>,
    /// Notified of each whole listing: the set of torrents may have changed.
    listed: Arc<Notify>,
}

/// Whether the last request for the server's torrents succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Reached {
    pub(crate) is_reachable: bool,
    /// Time of the last change, in seconds since 1970; `None` before the first request.
    pub(crate) since: Option<i64>,
    /// The error of the request.
    pub(crate) error: Option<String>,
}

/// Times of the pending request and of the last listing.
#[derive(Debug, Clone, Copy, Default)]
struct Times {
    /// Start of the pending request.
    asked_at: Option<Instant>,
    listed_at: Option<Instant>,
}

/// Ages of a server's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Ages {
    /// Age of the last listing; `None` if there was none.
    pub(crate) list: Option<Duration>,
    /// How long a request has been pending; `None` if there is none.
    pub(crate) request: Option<Duration>,
}

impl ServerWatch {
    /// Records the start of a request. If an earlier one was dropped unanswered, its start is kept.
    pub(crate) fn on_ask(&self) {
        self.times().asked_at.get_or_insert_with(Instant::now);
    }

    /// Records an answer.
    pub(crate) fn on_answer(&self, now: i64) {
        *self.times() = Times { asked_at: None, listed_at: Some(Instant::now()) };
        self.take_down(true, None, now);
    }

    /// Records a failure with its reason.
    pub(crate) fn on_failure(&self, error: String, now: i64) {
        self.times().asked_at = None;
        self.take_down(false, Some(error), now);
    }

    /// Returns the ages.
    pub(crate) fn ages(&self) -> Ages {
        let Times { asked_at, listed_at } = *self.times();
        let elapsed = |at: Instant| at.elapsed();
        Ages { list: listed_at.map(elapsed), request: asked_at.map(elapsed) }
    }

    /// Records that a whole listing came, and not only changes of known torrents.
    pub(crate) fn on_listing(&self) {
        self.listed.notify_one();
    }

    /// Resolves when a whole listing came since the last call. For one caller.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(crate) async fn listed(&self) {
        self.listed.notified().await;
    }

    /// Replaces the status of discovery.
    pub(crate) fn set_discovery(&self, status: DiscoveryStatus) {
        *self.discovery.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }

    /// Returns the status of discovery.
    pub(crate) fn discovery(&self) -> DiscoveryStatus {
        self.discovery.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the last result.
    pub(crate) fn reached(&self) -> Reached {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_down(&self, is_reachable: bool, error: Option<String>, now: i64) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let since = last.since.filter(|_| last.is_reachable == is_reachable).unwrap_or(now);
        *last = Reached { is_reachable, since: Some(since), error };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_since_when_the_server_is_down_and_up() {
        let watch = ServerWatch::default();
        let check = |want: (bool, Option<i64>, Option<&str>)| {
            let Reached { is_reachable, since, error } = watch.reached();
            assert_eq!((is_reachable, since, error.as_deref()), want);
        };
        check((false, None, None));
        watch.on_failure("refused".into(), 10);
        watch.on_failure("timed out".into(), 20);
        check((false, Some(10), Some("timed out")));
        watch.on_answer(30);
        watch.on_answer(40);
        check((true, Some(30), None));
    }

    #[tokio::test(start_paused = true)]
    async fn it_tells_for_how_long_the_server_has_been_silent() {
        let watch = ServerWatch::default();
        let pass = async |seconds| tokio::time::advance(Duration::from_secs(seconds)).await;
        let ages = |list: Option<u64>, request: Option<u64>| Ages {
            list: list.map(Duration::from_secs),
            request: request.map(Duration::from_secs),
        };
        watch.on_ask();
        pass(3).await;
        assert_eq!(watch.ages(), ages(None, Some(3)));
        watch.on_answer(1);
        pass(5).await;
        watch.on_ask();
        pass(1).await;
        // The earlier request was dropped.
        watch.on_ask();
        pass(1).await;
        assert_eq!(watch.ages(), ages(Some(7), Some(2)));
        watch.on_failure("timed out".to_owned(), 2);
        assert_eq!(watch.ages(), ages(Some(7), None));
    }
}
