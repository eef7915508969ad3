//! Which of the threads that take requests may wait for a server, for milliseconds, and what they
//! read one after the other.
//!
//! A read that comes while as many threads as may are reading directly waits for the first of them
//! to be through, which is sooner than another thread would be woken for it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many reads wait for a thread at most: as many as two threads get through in a few
/// milliseconds. More take the usual way.
const QUEUE_MAX: usize = 64;

/// The reads that threads do themselves.
#[derive(Debug)]
pub(crate) struct InlineReads<T> {
    /// Protects the queue; held for one access.
    state: Mutex<InlineState<T>>,
    threads_max: usize,
}

#[derive(Debug)]
struct InlineState<T> {
    /// How many threads are at it. Nothing is queued while there could be one more.
    threads: usize,
    queue: VecDeque<T>,
}

impl<T> InlineReads<T> {
    /// Lets `threads_max` threads read directly at a time.
    pub(crate) fn new(threads_max: usize) -> Self {
        let state = InlineState { threads: 0, queue: VecDeque::new() };
        Self { state: Mutex::new(state), threads_max }
    }

    /// Has `read` done by this thread, and then all that were queued meanwhile, or by a thread that
    /// is at it already. Gives it back if there are too many. `each` must not panic: what is queued
    /// would then wait for the next read.
    pub(super) fn run(&self, read: T, mut each: impl FnMut(T)) -> Result<(), T> {
        {
            let mut state = self.lock();
            if state.threads >= self.threads_max {
                if state.queue.len() >= QUEUE_MAX {
                    return Err(read);
                }
                state.queue.push_back(read);
                return Ok(());
            }
            state.threads += 1;
        }
        let mut next = Some(read);
        while let Some(read) = next {
            each(read);
            next = self.next();
        }
        Ok(())
    }

    /// Returns what is queued, or ends the turn of this thread in the same moment: nothing is
    /// queued in between.
    fn next(&self) -> Option<T> {
        let mut state = self.lock();
        let next = state.queue.pop_front();
        state.threads = state.threads.saturating_sub(usize::from(next.is_none()));
        next
    }

    fn lock(&self) -> MutexGuard<'_, InlineState<T>> {
        // Nothing panics under the lock, and the queue is whole after each step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn what_comes_while_all_threads_are_busy_is_done_by_them_in_order() {
        let reads = InlineReads::new(1);
        let done = RefCell::new(Vec::new());
        let result = reads.run(0, |read| {
            done.borrow_mut().push(read);
            if read == 0 {
                for next in 1..=QUEUE_MAX {
                    assert_eq!(reads.run(next, |_| panic!("not by another thread")), Ok(()));
                }
                assert_eq!(reads.run(1000, |_| panic!("not at all")), Err(1000));
            }
        });
        assert_eq!(result, Ok(()));
        assert_eq!(done.take(), (0..=QUEUE_MAX).collect::<Vec<_>>());
        // The place is free again.
        assert_eq!(reads.run(7, |read| done.borrow_mut().push(read)), Ok(()));
        assert_eq!(done.take(), [7]);
    }

    #[test]
    fn as_many_threads_as_may_read_at_a_time() {
        let reads = InlineReads::new(2);
        let mut depth = 0;
        let result = reads.run(0, |_| {
            depth += 1;
            let mut inner = Vec::new();
            assert_eq!(reads.run(1, |read| inner.push(read)), Ok(()));
            assert_eq!(inner, [1]);
        });
        assert_eq!((result, depth), (Ok(()), 1));
    }
}
