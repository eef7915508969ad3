//! Recently interrupted threads, and the answers to their retries.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::errno::Interrupt;
use crate::interrupts::PendingSignal;
use crate::request::{InodeRange, Tid};

/// How long a thread counts as interrupted. The kernel retries within milliseconds; a program that
/// ignores its interruption retries after its handler has run.
const INTERRUPTED_TIME: Duration = Duration::from_secs(1);

/// How many more times a thread that cannot handle its signal yet gets `EINTR`. The kernel retries
/// once in a read and twice in a `sendfile`. More would be a program that retries without end, for
/// instance because its signal is pending for another of its threads.
const PENDING_MAX: u8 = 2;

/// Maximum number of threads. Further threads wait for the next poll, as for their first
/// interruption.
const THREADS_MAX: usize = 1024;

/// Interrupted threads.
#[derive(Debug, Default)]
pub(super) struct Interrupted {
    threads: HashMap<Tid, InterruptedThread>,
}

#[derive(Debug)]
struct InterruptedThread {
    until: Instant,
    /// Ranges whose reads were interrupted (bounded by the kernel's in-flight limit).
    spans: Vec<InodeRange>,
    pending_left: u8,
}

impl Interrupted {
    pub(super) fn add(&mut self, tid: Tid, spans: Vec<InodeRange>, now: Instant) {
        if self.threads.len() >= THREADS_MAX {
            self.threads.retain(|_, thread| thread.until > now);
        }
        if self.threads.len() < THREADS_MAX || self.threads.contains_key(&tid) {
            let until = now + INTERRUPTED_TIME;
            self.threads.insert(tid, InterruptedThread { until, spans, pending_left: PENDING_MAX });
        }
    }

    /// Returns whether this thread was interrupted recently.
    pub(super) fn contains(&mut self, tid: Tid, now: Instant) -> bool {
        let is_over = self.threads.get(&tid).is_some_and(|thread| thread.until <= now);
        if is_over {
            self.threads.remove(&tid);
        }
        !self.threads.is_empty() && self.threads.contains_key(&tid)
    }

    /// Returns the answer to a read of a recently interrupted thread; `None` if it may wait. `urge`
    /// is the thread's pending signal.
    pub(super) fn judge(
        &mut self,
        tid: Tid,
        span: InodeRange,
        urge: Option<PendingSignal>,
    ) -> Option<Interrupt> {
        let thread = self.threads.get_mut(&tid)?;
        match urge {
            Some(PendingSignal::Fatal) => Some(Interrupt::Pending),
            Some(PendingSignal::Handled) if thread.pending_left > 0 => {
                thread.pending_left -= 1;
                Some(Interrupt::Pending)
            }
            Some(PendingSignal::Handled) => Some(Interrupt::Retried),
            None => thread
                .spans
                .iter()
                .any(|interrupted| interrupted.overlaps(span))
                .then_some(Interrupt::Retried),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: InodeRange = InodeRange { ino: 1, start: 0, end: 100 };
    const PAGE: InodeRange = InodeRange { ino: 1, start: 10, end: 20 };
    const ELSEWHERE: InodeRange = InodeRange { ino: 1, start: 100, end: 200 };

    #[track_caller]
    fn check(asks: &[(InodeRange, Option<PendingSignal>, Option<Interrupt>)]) {
        let mut interrupted = Interrupted::default();
        interrupted.add(Tid(7), vec![SPAN], Instant::now());
        for (span, urge, want) in asks {
            assert_eq!(interrupted.judge(Tid(7), *span, *urge), *want);
        }
    }

    #[test]
    fn a_thread_that_asks_again_is_refused() {
        let (pending, retried) = (Some(Interrupt::Pending), Some(Interrupt::Retried));
        let handle = Some(PendingSignal::Handled);
        // The kernel requests the page, then the program repeats its read, then reads another file.
        check(&[(PAGE, handle, pending), (SPAN, None, retried), (PAGE, None, retried)]);
        check(&[(PAGE, handle, pending), (ELSEWHERE, None, None)]);
        // A signal that stays pending must not let a thread spin.
        check(&[(PAGE, handle, pending), (PAGE, handle, pending), (PAGE, handle, retried)]);
        check(&[(ELSEWHERE, Some(PendingSignal::Fatal), pending); 9]);
    }

    #[test]
    fn it_is_over_after_a_while_and_bounded() {
        let now = Instant::now();
        let mut interrupted = Interrupted::default();
        for tid in 0..2000 {
            interrupted.add(Tid(tid), vec![SPAN], now);
        }
        assert_eq!(interrupted.threads.len(), THREADS_MAX);
        assert!(interrupted.contains(Tid(0), now) && !interrupted.contains(Tid(1999), now));
        let later = now + INTERRUPTED_TIME;
        assert!(!interrupted.contains(Tid(0), later));
        interrupted.add(Tid(1999), vec![SPAN], later);
        interrupted.add(Tid(2000), vec![SPAN], later);
        assert_eq!(interrupted.threads.len(), 2);
    }
}
