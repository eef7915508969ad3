//! Whether the server answers, and since when.

use std::sync::{Arc, Mutex, PoisonError};

use super::discovery::DiscoveryStatus;

/// What the last question to the server came to. Clones are the same watch.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerWatch {
    /// Protects the last answer; held to look at it or to replace it.
    last: Arc<Mutex<Reached>>,
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

impl ServerWatch {
    /// Takes down that the server answered.
    pub(crate) fn on_answer(&self, now: i64) {
        self.take_down(true, None, now);
    }

    /// Takes down that the server did not answer, and why.
    pub(crate) fn on_failure(&self, error: String, now: i64) {
        self.take_down(false, Some(error), now);
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
}
