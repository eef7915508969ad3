//! Counters of reads that ended without their bytes.

use std::sync::atomic::{AtomicU64, Ordering};

/// Outcomes of a mount's reads that the core does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct MountCounters {
    /// Reads that wait at the moment.
    pub reads_waiting: usize,
    /// Reads that ended because of a signal to their thread, retries included.
    pub reads_interrupted: u64,
    /// Read-aheads that ended because their thread reads elsewhere.
    pub reads_left: u64,
    /// Reads that ended with another error. Each leaves a failed range.
    pub reads_failed: u64,
    /// Reads over pages of which some were present and others missing. The kernel requests each
    /// page again.
    pub reads_split: u64,
    /// Reads of single pages in a recently failed range, which got the same error without a new
    /// attempt.
    pub reads_refused: u64,
    /// Ranges that failed, were split, interrupted or abandoned, and that the kernel dropped on
    /// request.
    pub ranges_forgotten: u64,
    /// Requests that got `EIO` because of a bug: a panic, or a lost answer.
    pub faults: u64,
}

/// The counters, updated as reads end.
#[derive(Debug, Default)]
pub(super) struct ReplyCounters {
    pub(super) interrupted: Count,
    pub(super) left: Count,
    pub(super) failed: Count,
    pub(super) split: Count,
    pub(super) refused: Count,
    pub(super) forgotten: Count,
}

/// A counter that only grows.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
