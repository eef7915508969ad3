//! Whether the server answers, and since when.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::discovery::DiscoveryStatus;

/// What the last question to the server came to. Clones are the same watch.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerWatch {
    /// Protects the last answer; held to look at it or to replace it.
    last: Arc<Mutex<Reached>>,
    /// Protects the times; held to look at them or to note one.
    times: Arc<Mutex<Times>>,
    /// Protects what discovery last said; held to look at it or to replace it.
    discovery: Arc<Mutex<DiscoveryStatus>>,
}

/// Whether the server answered the last time that it was asked for its torrents.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Reached {
    pub(crate) is_reachable: bool,
    /// When that became so, in seconds since 1970; `None` before the server was asked.
    pub(crate) since: Option<i64>,
    /// Why it did not answer.
    pub(crate) error: Option<String>,
}

/// When the server was asked for its torrents, and when it listed them.
#[derive(Debug, Clone, Copy, Default)]
struct Times {
    /// When the request was made that has no answer yet.
    asked_at: Option<Instant>,
    listed_at: Option<Instant>,
}

/// How old what is known of a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Ages {
    /// How long ago the server last listed its torrents; `None` if it never did.
    pub(crate) list: Option<Duration>,
    /// For how long a request for them has had no answer; `None` if none is open.
    pub(crate) request: Option<Duration>,
}

impl ServerWatch {
    /// Takes down that the server is being asked. If an earlier request was given up without an
    /// answer, its time counts.
    pub(crate) fn on_ask(&self) {
        self.times().asked_at.get_or_insert_with(Instant::now);
    }

    /// Takes down that the server answered.
    pub(crate) fn on_answer(&self, now: i64) {
        *self.times() = Times { asked_at: None, listed_at: Some(Instant::now()) };
        self.take_down(true, None, now);
    }

    /// Takes down that the server did not answer, and why.
    pub(crate) fn on_failure(&self, error: String, now: i64) {
        self.times().asked_at = None;
        self.take_down(false, Some(error), now);
    }

    /// Returns how old what is known is.
    pub(crate) fn ages(&self) -> Ages {
        let Times { asked_at, listed_at } = *self.times();
        let elapsed = |at: Instant| at.elapsed();
        Ages { list: listed_at.map(elapsed), request: asked_at.map(elapsed) }
    }

    /// Replaces what is known of the server's torrents.
    pub(crate) fn set_discovery(&self, status: DiscoveryStatus) {
        *self.discovery.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }

    /// Returns what is known of the server's torrents.
    pub(crate) fn discovery(&self) -> DiscoveryStatus {
        self.discovery.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns what was taken down.
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
        // The request before was given up.
        watch.on_ask();
        pass(1).await;
        assert_eq!(watch.ages(), ages(Some(7), Some(2)));
        watch.on_failure("timed out".to_owned(), 2);
        assert_eq!(watch.ages(), ages(Some(7), None));
    }
}
