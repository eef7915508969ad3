//! Time: limits for calls that may hang, repeated measurements, and pauses.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Runs `function` on a thread of its own, and returns its time and its result, or `None` after the
/// limit. The thread is then left behind: the mount under test does not answer, and the end of the
/// mount frees the thread.
pub(crate) fn within<T: Send + 'static>(
    limit: Duration,
    function: impl FnOnce() -> T + Send + 'static,
) -> Option<(Duration, T)> {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let start = Instant::now();
        let value = function();
        drop(sender.send((start.elapsed(), value)));
    });
    match receiver.recv_timeout(limit) {
        Ok(timed) => Some(timed),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => panic!("what was timed panicked"),
    }
}

/// Runs `function` `times` times, and returns the durations, sorted.
pub(crate) fn repeat(times: usize, mut function: impl FnMut(usize)) -> Vec<Duration> {
    let mut durations: Vec<_> = (0..times)
        .map(|turn| {
            let start = Instant::now();
            function(turn);
            start.elapsed()
        })
        .collect();
    durations.sort();
    durations
}

/// Returns the percentile of sorted values: of 0 the first, of 100 the last.
pub(crate) fn percentile<T: Copy>(sorted: &[T], percent: usize) -> T {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted[rank - 1]
}

/// Returns the median of durations in any order.
pub(crate) fn median(durations: &[Duration]) -> Duration {
    let mut sorted = durations.to_vec();
    sorted.sort();
    percentile(&sorted, 50)
}

/// Waits for a time that is part of the measurement, such as a server's reaction.
pub(crate) fn pause(time: Duration) {
    let (_sender, receiver) = mpsc::channel::<()>();
    assert_eq!(receiver.recv_timeout(time), Err(RecvTimeoutError::Timeout));
}
