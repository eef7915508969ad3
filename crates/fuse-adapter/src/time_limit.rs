//! Runs calls that may block in the kernel without end.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Returns the result of `call`, or `None` if that takes longer than `limit`.
///
/// After a time-out the thread is left running. It cannot be ended: it blocks in the kernel until
/// the kernel releases it or this process ends.
#[must_use]
pub fn within<T: Send + 'static>(
    limit: Duration,
    call: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    // One value at most.
    let (sender, receiver) = mpsc::sync_channel(1);
    let thread = thread::Builder::new().name("tfs-probe".to_owned()).spawn(move || {
        // After the limit nothing receives the result.
        drop(sender.send(call()));
    });
    thread.ok()?;
    receiver.recv_timeout(limit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_returns_is_heard_and_one_that_does_not_is_left() {
        assert_eq!(within(Duration::from_secs(60), || 7), Some(7));
        let (trigger, wait) = mpsc::channel::<()>();
        let stuck = within(Duration::from_millis(1), move || wait.recv().is_err());
        assert_eq!(stuck, None);
        drop(trigger);
    }
}
