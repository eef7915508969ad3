//! The thread that makes the kernel drop failed ranges.
//!
//! The kernel locks the pages that it drops, and so blocks on every unanswered read of them. So a
//! thread of its own does this, and only for ranges without reads in flight. A read that arrives in
//! between blocks it until that read's deadline at most.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fuser::{INodeNo, Notifier};

use super::failed::{FailedRanges, RangeFailure, ReadRefusal};
use super::inflight::InflightReads;
use super::tally::ReplyCounters;
use crate::request::InodeRange;

/// How often a range is checked for reads that are still unanswered.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Failed ranges of a mount and their invalidation.
#[derive(Debug)]
pub(super) struct Invalidator {
    /// Protects the ranges; held for one access. The lock of `waiting` is taken inside.
    state: Mutex<InvalidatorQueue>,
    /// Wakes the thread when a range is added or the mount ends.
    changed: Condvar,
    waiting: Arc<InflightReads>,
    tally: Arc<ReplyCounters>,
}

#[derive(Debug, Default)]
struct InvalidatorQueue {
    failed: FailedRanges,
    is_ended: bool,
}

impl Invalidator {
    pub(super) fn new(waiting: Arc<InflightReads>, tally: Arc<ReplyCounters>) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), waiting, tally }
    }

    /// Adds a failure. Must be called before the kernel gets the error.
    pub(super) fn add(&self, span: InodeRange, failure: RangeFailure) {
        let mut state = self.state();
        let was_idle = state.failed.is_empty();
        if !state.failed.add(span, failure, Instant::now()) {
            tracing::debug!(ino = span.ino, off = span.start, "too many ranges have failed");
        }
        drop(state);
        if was_idle || matches!(failure, RangeFailure::Interrupted | RangeFailure::Split) {
            self.changed.notify_all();
        }
    }

    /// Returns the refusal of a read that is the kernel's retry in a failed range, if any.
    pub(super) fn refusal(&self, span: InodeRange) -> Option<ReadRefusal> {
        let state = self.state();
        if state.failed.is_empty() { None } else { state.failed.refusal(span, Instant::now()) }
    }

    /// Returns whether a range was split recently.
    pub(super) fn is_split(&self, span: InodeRange) -> bool {
        let state = self.state();
        !state.failed.is_empty() && state.failed.is_split(span, Instant::now())
    }

    /// Ends the thread, at the latest when all reads are answered.
    pub(super) fn end(&self) {
        self.state().is_ended = true;
        self.changed.notify_all();
    }

    /// Makes the kernel drop failed ranges until the mount ends.
    pub(super) fn run(&self, notifier: &Notifier) {
        while let Some(spans) = self.next_due() {
            for span in spans {
                if self.state().is_ended {
                    return;
                }
                match forget(notifier, span) {
                    Ok(()) => self.tally.forgotten.add_one(),
                    // Its pages are then requested one by one.
                    Err(error) => {
                        tracing::debug!(ino = span.ino, %error, "the kernel keeps a failed range");
                    }
                }
            }
        }
    }

    /// Waits until a range is due. Returns `None` when the mount ends.
    fn next_due(&self) -> Option<Vec<InodeRange>> {
        let mut state = self.state();
        while !state.is_ended {
            let now = Instant::now();
            let Some(due) = state.failed.next_due() else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let mut wait = due.saturating_duration_since(now);
            if wait.is_zero() {
                let spans = state.failed.take_due(now, &self.waiting.spans());
                if !spans.is_empty() {
                    return Some(spans);
                }
                wait = RETRY_INTERVAL;
            }
            let woken = self.changed.wait_timeout(state, wait);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        None
    }

    fn state(&self) -> MutexGuard<'_, InvalidatorQueue> {
        // Nothing panics under the lock, and the ranges are consistent after each step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget(notifier: &Notifier, span: InodeRange) -> io::Result<()> {
    // The kernel has no larger offsets.
    let (Ok(start), Ok(len)) = (i64::try_from(span.start), i64::try_from(span.len())) else {
        return Ok(());
    };
    tracing::debug!(ino = span.ino, off = start, len, "the kernel forgets a failed range");
    notifier.inval_inode(INodeNo(span.ino), start, len)
}
