//! Threads whose call may block in the kernel without end.
//!
//! Such a thread cannot be ended: it blocks until the kernel releases it or this process ends. It
//! must not be a thread of a tokio runtime, whose shutdown would wait for it.

use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

/// Starts `call` in a thread of its own, which is left running when nothing waits for it any more.
/// The receiver gets an error if `call` panics.
///
/// # Errors
/// If no thread can be started.
pub fn spawn_detached<T: Send + 'static>(
    name: &str,
    call: impl FnOnce() -> T + Send + 'static,
) -> io::Result<oneshot::Receiver<T>> {
    let (sender, receiver) = oneshot::channel();
    // The receiver is gone if its owner has stopped waiting.
    start(name, move || drop(sender.send(call())))?;
    Ok(receiver)
}

/// Returns the result of `call`, or `None` if that takes longer than `limit`, if `call` panics, or
/// if no thread can be started. After a time-out the thread is left running.
#[must_use]
pub fn run_detached<T: Send + 'static>(
    name: &str,
    limit: Duration,
    call: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    // One value at most.
    let (sender, receiver) = mpsc::sync_channel(1);
    // After the limit nothing receives the result.
    start(name, move || drop(sender.send(call()))).ok()?;
    receiver.recv_timeout(limit).ok()
}

fn start(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let _detached = thread::Builder::new().name(name.to_owned()).spawn(body)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_returns_is_heard_and_one_that_does_not_is_left() {
        assert_eq!(run_detached("test", Duration::from_secs(60), || 7), Some(7));
        let (trigger, wait) = mpsc::channel::<()>();
        let call = move || wait.recv().is_err();
        assert_eq!(run_detached("test", Duration::from_millis(1), call), None);
        drop(trigger);
    }

    #[tokio::test]
    async fn the_receiver_gets_the_result() {
        let name = || thread::current().name().map(str::to_owned);
        assert_eq!(spawn_detached("probe", name).unwrap().await, Ok(Some("probe".to_owned())));
        // Nothing waits for it.
        drop(spawn_detached("probe", name).unwrap());
    }
}
