//! Recently failed ranges.
//!
//! The kernel does not report the error of a read-ahead: each thread that waits for one of its
//! pages requests that page alone, and only that error reaches the program. The kernel also keeps
//! the pages of the range as failed, so that later readers request them one by one.
//!
//! So a failed range is kept for a short time: single pages in it get the same errno at once,
//! except present pages of a range that was failed for missing ones. Then the kernel drops the
//! range, and no trace of the failure remains.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use fuser::Errno;

use crate::request::{InodeRange, page_bytes};

/// How long a failure is kept. The kernel retries within milliseconds, but a program that got the
/// bytes before the failed page sees the error only with its next call.
const FAILURE_TIME: Duration = Duration::from_secs(1);

/// When the kernel drops a range that was interrupted or split and has not failed. By then it has
/// retried for the interrupted thread, and seldom yet for another.
const INTERRUPT_TIME: Duration = Duration::from_millis(20);

/// Maximum number of ranges: a server that is down fails all reads of a hundred readers ten times a
/// second. Further ranges are not kept; their pages are requested one by one until the kernel drops
/// them.
const RANGES_MAX: usize = 1024;

/// Why a range has no pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RangeFailure {
    /// The range cannot be read: every read of it gets this errno.
    Errno(i32),
    /// Data is missing: a read of a missing page gets this errno.
    Missing(i32),
    /// Data is missing, and cannot arrive as the torrent is paused or has failed: a read of a
    /// missing page gets this errno until the torrent runs.
    Stopped(i32),
    /// Some pages are present and others missing, so that each is requested alone.
    Split,
    /// One thread no longer wants the range, because it was interrupted or reads elsewhere; other
    /// threads may read it.
    Interrupted,
}

/// Why a read is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadRefusal {
    /// The read fails with this errno.
    Always(Errno),
    /// The read fails with this errno unless its bytes are present.
    UnlessHere(Errno),
    /// The read fails with this errno unless its bytes are present, or the torrent runs.
    WhileStopped(Errno),
}

impl RangeFailure {
    fn holds_for(self) -> Duration {
        match self {
            Self::Errno(_) | Self::Missing(_) | Self::Stopped(_) => FAILURE_TIME,
            Self::Split | Self::Interrupted => INTERRUPT_TIME,
        }
    }
}

/// Failed ranges, oldest first.
#[derive(Debug, Default)]
pub(super) struct FailedRanges {
    ranges: VecDeque<FailedRange>,
}

#[derive(Debug, Clone, Copy)]
struct FailedRange {
    span: InodeRange,
    failure: RangeFailure,
    /// When the failure expires and the kernel has to drop the range.
    until: Instant,
}

impl FailedRanges {
    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Adds a failure. Returns whether there was room for it.
    pub(super) fn add(&mut self, span: InodeRange, failure: RangeFailure, now: Instant) -> bool {
        let until = now + failure.holds_for();
        let same = |known: &&mut FailedRange| known.failure == failure && known.span.contains(span);
        if let Some(known) = self.ranges.iter_mut().find(same) {
            known.until = until;
            return true;
        }
        if self.ranges.len() >= RANGES_MAX {
            return false;
        }
        self.ranges.push_back(FailedRange { span, failure, until });
        true
    }

    /// Returns the refusal of a read that is the kernel's retry in a failed range, if any.
    pub(super) fn refusal(&self, span: InodeRange, now: Instant) -> Option<ReadRefusal> {
        if span.len() > page_bytes() {
            return None;
        }
        self.known(span, now).find_map(|failure| match failure {
            RangeFailure::Errno(errno) => Some(ReadRefusal::Always(Errno::from_i32(errno))),
            RangeFailure::Missing(errno) => Some(ReadRefusal::UnlessHere(Errno::from_i32(errno))),
            RangeFailure::Stopped(errno) => Some(ReadRefusal::WhileStopped(Errno::from_i32(errno))),
            RangeFailure::Split | RangeFailure::Interrupted => None,
        })
    }

    /// Returns whether a range was split recently.
    pub(super) fn is_split(&self, span: InodeRange, now: Instant) -> bool {
        self.known(span, now).any(|failure| failure == RangeFailure::Split)
    }

    /// Removes and returns the parts of expired ranges that have no read in flight. The other parts
    /// stay until their reads are answered.
    pub(super) fn take_due(&mut self, now: Instant, pending: &[InodeRange]) -> Vec<InodeRange> {
        let mut due = Vec::new();
        let mut kept = VecDeque::with_capacity(self.ranges.len());
        for range in self.ranges.drain(..) {
            if range.until > now {
                kept.push_back(range);
                continue;
            }
            let (free, held) = range.span.split(pending);
            due.extend(free);
            kept.extend(held.into_iter().map(|span| FailedRange { span, ..range }));
        }
        kept.truncate(RANGES_MAX);
        self.ranges = kept;
        due
    }

    /// Returns the failures of the ranges that contain a span.
    fn known(&self, span: InodeRange, now: Instant) -> impl Iterator<Item = RangeFailure> {
        let failures = self.ranges.iter().filter(move |known| known.until > now);
        failures.filter(move |known| known.span.contains(span)).map(|known| known.failure)
    }

    /// Returns when the next range expires, if there is one.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.ranges.iter().map(|range| range.until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMED_OUT: RangeFailure = RangeFailure::Errno(110);

    fn span(start: u64, end: u64) -> InodeRange {
        InodeRange { ino: 1, start, end }
    }

    fn with(failures: &[(InodeRange, RangeFailure)], now: Instant) -> FailedRanges {
        let mut failed = FailedRanges::default();
        for (span, failure) in failures {
            assert!(failed.add(*span, *failure, now));
        }
        failed
    }

    #[test]
    fn single_pages_of_a_failed_range_fail_for_a_second() {
        let now = Instant::now();
        let failed = with(&[(span(0, 1 << 20), TIMED_OUT)], now);
        let errno = |span, after| failed.refusal(span, now + after);
        let always = Some(ReadRefusal::Always(Errno::ETIMEDOUT));
        assert_eq!(errno(span(4096, 8192), Duration::ZERO), always);
        assert_eq!(errno(span(4096, 8192), FAILURE_TIME), None);
        assert_eq!(errno(span(0, 8192), Duration::ZERO), None);
        assert_eq!(errno(span(1 << 20, (1 << 20) + 4096), Duration::ZERO), None);
        assert_eq!(errno(InodeRange { ino: 2, start: 0, end: 4096 }, Duration::ZERO), None);

        for failure in [RangeFailure::Interrupted, RangeFailure::Split] {
            let failed = with(&[(span(0, 1 << 20), failure)], now);
            assert_eq!(failed.refusal(span(0, 4096), now), None);
            assert_eq!(failed.is_split(span(0, 9000), now), failure == RangeFailure::Split);
            assert!(!failed.is_split(span(0, 9000), now + INTERRUPT_TIME));
        }
        let failed = with(&[(span(0, 1 << 20), RangeFailure::Missing(5))], now);
        let unless_here = Some(ReadRefusal::UnlessHere(Errno::EIO));
        assert_eq!(failed.refusal(span(0, 4096), now), unless_here);
    }

    #[track_caller]
    fn check_due(
        failed: &mut FailedRanges,
        now: Instant,
        pending: &[InodeRange],
        want: &[InodeRange],
    ) {
        assert_eq!(failed.take_due(now, pending), want);
    }

    #[test]
    fn the_kernel_forgets_what_nobody_reads() {
        let now = Instant::now();
        let mut failed =
            with(&[(span(0, 100), TIMED_OUT), (span(0, 9), RangeFailure::Interrupted)], now);
        check_due(&mut failed, now, &[], &[]);
        assert_eq!(failed.next_due(), Some(now + INTERRUPT_TIME));
        check_due(&mut failed, now + INTERRUPT_TIME, &[], &[span(0, 9)]);
        let later = now + FAILURE_TIME;
        let pending = [span(10, 20), span(15, 30), span(12, 13), span(90, 200)];
        check_due(&mut failed, later, &pending, &[span(0, 10), span(30, 90)]);
        check_due(&mut failed, later, &pending, &[]);
        check_due(&mut failed, later, &[], &[span(10, 30), span(90, 100)]);
        assert!(failed.is_empty());
        assert_eq!(failed.next_due(), None);
    }

    #[test]
    fn there_is_a_limit() {
        let now = Instant::now();
        let mut failed = FailedRanges::default();
        for start in 0..2 * RANGES_MAX as u64 {
            let has_room = start < RANGES_MAX as u64;
            assert_eq!(failed.add(span(start, start + 1), TIMED_OUT, now), has_room);
        }
        assert!(failed.add(span(0, 1), TIMED_OUT, now));
        let pending = [span(0, 1); 3];
        assert_eq!(failed.take_due(now + FAILURE_TIME, &pending).len(), RANGES_MAX - 1);
        assert_eq!(failed.ranges.len(), 1);

        // Splitting a range does not exceed the maximum either.
        let mut failed = with(&[(span(0, 1 << 20), TIMED_OUT)], now);
        let pending: Vec<_> = (0..5000).map(|at| span(at * 10, at * 10 + 1)).collect();
        assert_eq!(failed.take_due(now + FAILURE_TIME, &pending).len(), 5000);
        assert_eq!(failed.ranges.len(), RANGES_MAX);
    }
}
