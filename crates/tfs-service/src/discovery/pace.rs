//! The interval between polls, which grows while nothing happens.

use std::time::Duration;

/// Intervals at which a server is polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollIntervals {
    /// The usual interval.
    pub usual: Duration,
    /// The longest interval: for a server that is not on this machine, while nothing changes there
    /// and no program looks at the mount.
    pub idle: Duration,
}

impl PollIntervals {
    /// Returns intervals that never grow.
    #[must_use]
    pub const fn fixed(interval: Duration) -> Self {
        Self { usual: interval, idle: interval }
    }
}

/// The current interval.
#[derive(Debug, Clone, Copy)]
pub(super) struct PollPace {
    intervals: PollIntervals,
    current: Duration,
}

impl PollPace {
    pub(super) fn new(intervals: PollIntervals) -> Self {
        Self { intervals, current: intervals.usual }
    }

    /// Returns the interval after a poll. It doubles with each calm one.
    pub(super) fn after_poll(&mut self, is_calm: bool) -> Duration {
        let PollIntervals { usual, idle } = self.intervals;
        self.current =
            if is_calm { self.current.saturating_mul(2).min(idle.max(usual)) } else { usual };
        self.current
    }

    /// Returns the usual interval, after which the next poll is due when something looks.
    pub(super) fn reset(&mut self) -> Duration {
        self.current = self.intervals.usual;
        self.current
    }

    /// Returns whether the current interval is longer than usual.
    pub(super) fn is_slow(&self) -> bool {
        self.current > self.intervals.usual
    }

    pub(super) fn usual(&self) -> Duration {
        self.intervals.usual
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_doubles_while_it_is_calm() {
        let secs = Duration::from_secs;
        let mut pace = PollPace::new(PollIntervals { usual: secs(5), idle: secs(60) });
        for (is_calm, want) in
            [(false, 5), (true, 10), (true, 20), (true, 40), (true, 60), (true, 60), (false, 5)]
        {
            assert_eq!(pace.after_poll(is_calm), secs(want));
            assert_eq!(pace.is_slow(), want > 5);
        }
        pace.after_poll(true);
        assert_eq!((pace.reset(), pace.is_slow()), (secs(5), false));
        // An idle interval that is shorter has no effect.
        let mut pace = PollPace::new(PollIntervals { usual: secs(5), idle: Duration::ZERO });
        assert_eq!(pace.after_poll(true), secs(5));
    }
}
