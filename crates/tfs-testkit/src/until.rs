//! Polling for conditions without events: a process that ends, a name that appears.

#![expect(clippy::panic, reason = "this is how a test fails")]

use std::thread;
use std::time::{Duration, Instant};

/// How long any wait may take before the test fails: far more than it takes on a busy machine.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// The polling interval.
const INTERVAL: Duration = Duration::from_millis(10);

/// Polls `look` until it returns a value, and returns that.
///
/// # Panics
/// If that takes more than half a minute; `what` is for the message.
#[track_caller]
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        if start.elapsed() > WAIT_MAX {
            panic!("not in {WAIT_MAX:?}: {what}");
        }
        thread::sleep(INTERVAL);
    }
}

/// Like [`until`], for an async `look`.
///
/// # Panics
/// As [`until`].
pub async fn until_async<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        if start.elapsed() > WAIT_MAX {
            panic!("not in {WAIT_MAX:?}: {what}");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
