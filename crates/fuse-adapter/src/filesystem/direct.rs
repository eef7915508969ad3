//! Inline reads: limits how many request threads may wait for a server for milliseconds, and queues
//! further reads for them.
//!
//! A read that arrives while all permitted threads read inline is queued for the first thread that
//! becomes free. This is faster than waking another thread.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Maximum length of the queue: as many reads as two threads serve in a few milliseconds. Further
/// reads run as tasks.
const QUEUE_MAX: usize = 64;

/// Reads that request threads serve inline.
#[derive(Debug)]
pub(crate) struct InlineReads<T> {
    /// Protects the queue; held for one access.
    state: Mutex<InlineState<T>>,
    threads_max: usize,
}

#[derive(Debug)]
struct InlineState<T> {
    /// Number of threads that read inline. Below the maximum, nothing is queued.
    threads: usize,
    queue: VecDeque<T>,
}

impl<T> InlineReads<T> {
    /// Allows `threads_max` threads to read inline at a time.
    pub(crate) fn new(threads_max: usize) -> Self {
        let state = InlineState { threads: 0, queue: VecDeque::new() };
        Self { state: Mutex::new(state), threads_max }
    }

    /// Runs `read` on this thread, then all reads queued meanwhile; or queues it for a thread that
    /// already reads inline. Returns it if the queue is full. `each` must not panic: queued reads
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

    /// Returns the next queued read, or releases the place of this thread. Both happen under one
    /// lock, so no read is queued in between.
    fn next(&self) -> Option<T> {
        let mut state = self.lock();
        let next = state.queue.pop_front();
        state.threads = state.threads.saturating_sub(usize::from(next.is_none()));
        next
    }

    fn lock(&self) -> MutexGuard<'_, InlineState<T>> {
        // Nothing panics under the lock, and the queue is consistent after each step.
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
