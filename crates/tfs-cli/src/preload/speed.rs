//! The speed of data that comes in bursts.

use std::collections::VecDeque;
use std::time::Duration;

/// The window of the measurement: long enough for a stable figure, short enough to follow a change.
const WINDOW_TIME: Duration = Duration::from_secs(20);

/// The minimum number of bursts in the window. A server gets a piece as a whole, and a piece of 16
/// MiB takes a minute on a slow connection.
const BURSTS_MIN: usize = 4;

/// A shorter span gives no useful speed.
const SPAN_MIN: Duration = Duration::from_secs(1);

/// Measures the growth of a byte count.
#[derive(Debug, Default)]
pub(super) struct SpeedMeter {
    /// The times at which the count grew, with the count. The first entry is the start of the
    /// window. At most [`BURSTS_MIN`] entries and those of [`WINDOW_TIME`], which are a few a
    /// second.
    counts: VecDeque<(Duration, u64)>,
}

impl SpeedMeter {
    /// Records the count at a time. The first count is the initial state and adds no speed.
    pub(super) fn on_count(&mut self, now: Duration, bytes: u64) {
        match self.counts.back() {
            Some((_, before)) if bytes == *before => return,
            // Data was lost, so earlier counts are not comparable.
            Some((_, before)) if bytes < *before => self.counts.clear(),
            Some(_) | None => {}
        }
        self.counts.push_back((now, bytes));
        let is_old = |at: Duration| now.saturating_sub(at) > WINDOW_TIME;
        while self.counts.len() > BURSTS_MIN + 1
            && self.counts.get(1).is_some_and(|(at, _)| is_old(*at))
        {
            self.counts.pop_front();
        }
    }

    /// Returns the speed in bytes a second, or `None` while it is unknown.
    pub(super) fn bytes_per_second(&self, now: Duration) -> Option<u64> {
        let ((since, before), (last_at, bytes)) = (self.counts.front()?, self.counts.back()?);
        let bursts = u32::try_from(self.counts.len().checked_sub(1)?).ok()?;
        let span = last_at.saturating_sub(*since);
        // The next burst is due after about the mean interval. If it takes twice as long, the
        // download has become slower.
        let gap = span.checked_div(bursts)?;
        let is_late = now.saturating_sub(*last_at) > gap.saturating_mul(2);
        let span = if is_late { now.saturating_sub(*since) } else { span };
        let millis = span.as_millis();
        let came = u128::from(bytes.saturating_sub(*before));
        let speed = came.saturating_mul(1000).checked_div(millis)?;
        (span >= SPAN_MIN && speed > 0).then(|| u64::try_from(speed).unwrap_or(u64::MAX))
    }

    /// Returns the time since the count last grew, or `now` before the first count.
    pub(super) fn idle_time(&self, now: Duration) -> Duration {
        self.counts.back().map_or(now, |(at, _)| now.saturating_sub(*at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(counts: &[(u64, u64)], now_millis: u64, want: Option<u64>) {
        let mut meter = SpeedMeter::default();
        for (millis, bytes) in counts {
            meter.on_count(Duration::from_millis(*millis), *bytes);
        }
        let now = Duration::from_millis(now_millis);
        assert_eq!(meter.bytes_per_second(now), want, "{counts:?} at {now:?}");
    }

    #[test]
    fn the_speed_is_that_of_what_came() {
        check(&[], 5000, None);
        // The initial state adds no speed, however long nothing came after it.
        check(&[(0, 1_000_000)], 60_000, None);
        check(&[(0, 1_000_000), (500, 1_000_300)], 500, None);
        check(&[(0, 1_000_000), (2000, 1_000_600)], 2000, Some(300));
        // Evenly 1000 bytes a second.
        let even: Vec<_> = (0..400).map(|n| (n * 250, n * 250)).collect();
        check(&even, 99_750, Some(1000));
        // Then no data: the speed falls, but not before the next bytes are late.
        check(&even, 100_250, Some(1000));
        check(&even, 119_750, Some(503));
        // Faster from some time on: after the window the old speed has no effect.
        let faster = (1..100).map(|n| (99_750 + n * 250, 99_750 + n * 750));
        let faster: Vec<_> = even.iter().copied().chain(faster).collect();
        check(&faster, 124_500, Some(3000));
        // Pieces of 16 MiB, one a minute.
        let pieces: Vec<_> = (0..10).map(|n| (n * 60_000, n << 24)).collect();
        check(&pieces, 540_000, Some(279_620));
        check(&pieces, 600_000, Some(279_620));
        // Data was lost: the measurement restarts.
        check(&[(0, 0), (5000, 9_000_000), (6000, 100), (8000, 300)], 8000, Some(100));
    }
}
