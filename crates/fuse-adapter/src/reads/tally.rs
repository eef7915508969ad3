//! Counters: what became of reads that did not end with their bytes.

use std::sync::atomic::{AtomicU64, Ordering};

/// What the reads of a mount came to, as far as the filesystem behind it cannot know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct MountCounters {
    /// Reads that wait at the moment.
    pub reads_waiting: usize,
    /// Reads that ended because their thread was told to end, those that it tried again included.
    pub reads_interrupted: u64,
    /// Read-aheads that ended because their thread had gone elsewhere.
    pub reads_left: u64,
    /// Reads that ended with another error. Each leaves a failed range behind.
    pub reads_failed: u64,
    /// Reads over pages of which some were there and others missing: the kernel asks for each
    /// again.
    pub reads_split: u64,
    /// Reads of single pages in a range that failed a moment ago, which got the same error without
    /// being tried.
    pub reads_refused: u64,
    /// Ranges that failed, were split, interrupted or left, and that the kernel was told to forget.
    pub ranges_forgotten: u64,
    /// Requests that got `EIO` because of a bug: a panic, or an answer that was lost.
    pub faults: u64,
}

/// What is counted as it happens.
#[derive(Debug, Default)]
pub(super) struct ReplyCounters {
    pub(super) interrupted: Count,
    pub(super) left: Count,
    pub(super) failed: Count,
    pub(super) split: Count,
    pub(super) refused: Count,
    pub(super) forgotten: Count,
}

/// One number that only grows.
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
