//! Time: of what may hang, of what is repeated, and pauses.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Runs `function` on a thread of its own, and returns how long it took and what it returned, or
/// `None` if that is not over in time. The thread is left behind then: a mount that does not
/// answer is what is measured, and its end frees the thread.
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

/// Returns how long `function` took, `times` times, in order of length.
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

/// Returns the value below which `percent` of the sorted values are: of 0 the first, of 100 the
/// last.
pub(crate) fn percentile<T: Copy>(sorted: &[T], percent: usize) -> T {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted[rank - 1]
}

/// Returns the middle one of durations in any order.
pub(crate) fn median(durations: &[Duration]) -> Duration {
    let mut sorted = durations.to_vec();
    sorted.sort();
    percentile(&sorted, 50)
}

/// Lets time pass that is part of what is measured, such as a server's reaction.
pub(crate) fn pause(time: Duration) {
    let (_sender, receiver) = mpsc::channel::<()>();
    assert_eq!(receiver.recv_timeout(time), Err(RecvTimeoutError::Timeout));
}
