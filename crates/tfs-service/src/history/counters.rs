//! Counters of a mount at one time, and what happened between two times.

use tfs_api::status::FailureCount;

/// Counters of a mount. They begin at zero with the mount.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct CounterReading {
    /// Bytes given to readers.
    pub(crate) given_bytes: u64,
    /// Bytes received from servers.
    pub(crate) fetched_bytes: u64,
    /// Bytes read from this machine's disk.
    pub(crate) local_bytes: u64,
    /// Reads that wait at the moment.
    pub(crate) waiting: u64,
    /// Reads that failed, by reason.
    pub(crate) failures: Vec<FailureCount>,
}

/// Bytes between two times, or in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ByteCounts {
    pub(crate) given: u64,
    pub(crate) fetched: u64,
    pub(crate) local: u64,
}

impl CounterReading {
    pub(super) fn bytes(&self) -> ByteCounts {
        ByteCounts { given: self.given_bytes, fetched: self.fetched_bytes, local: self.local_bytes }
    }

    /// Returns the number of failures for a reason.
    pub(super) fn failures_for(&self, reason: &str) -> u64 {
        let mut known = self.failures.iter();
        known.find(|failure| failure.reason == reason).map_or(0, |failure| failure.count)
    }

    /// Returns whether these counters are of an earlier life of the mount than `later`.
    pub(super) fn is_of_another(&self, later: &Self) -> bool {
        self.given_bytes > later.given_bytes
            || self.fetched_bytes > later.fetched_bytes
            || self.local_bytes > later.local_bytes
            || self.failures.iter().any(|it| it.count > later.failures_for(&it.reason))
    }
}

impl ByteCounts {
    /// Returns what was added since `before`, which is not larger.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            given: self.given.saturating_sub(before.given),
            fetched: self.fetched.saturating_sub(before.fetched),
            local: self.local.saturating_sub(before.local),
        }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            given: self.given.saturating_add(other.given),
            fetched: self.fetched.saturating_add(other.fetched),
            local: self.local.saturating_add(other.local),
        }
    }

    /// Returns the bytes of one second, of those of `millis`.
    pub(super) fn per_second(self, millis: u64) -> Self {
        let rate = |bytes: u64| {
            let rate = u128::from(bytes) * 1000 / u128::from(millis.max(1));
            u64::try_from(rate).unwrap_or(u64::MAX)
        };
        Self { given: rate(self.given), fetched: rate(self.fetched), local: rate(self.local) }
    }
}
