//! The identity of a file, by which a change of it is noticed.

use std::time::{Duration, SystemTime};

/// Minimum age of a file's last change before its verification is persisted. Timestamps of
/// filesystems have a granularity of up to 2 s: within that time another change may not be visible.
pub(super) const SETTLED_AGE_MIN: Duration = Duration::from_secs(2);

/// Identity of a file, which changes with its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileIdentity {
    /// Device number.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// Its length in bytes.
    pub len: u64,
    /// Modification time, in seconds since 1970 and nanoseconds.
    pub modified: (i64, u64),
    /// Change time of the inode, which cannot be set by programs.
    pub changed: (i64, u64),
}

impl FileIdentity {
    /// Returns the time from `now` until any change of the file is certain to be visible. `None`
    /// for a change time in the future.
    pub(super) fn settles_in(&self, now: SystemTime) -> Option<Duration> {
        let (seconds, nanoseconds) = (u64::try_from(self.changed.0).ok()?, self.changed.1);
        let changed =
            Duration::from_secs(seconds).checked_add(Duration::from_nanos(nanoseconds))?;
        let now = now.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let wait = changed.saturating_add(SETTLED_AGE_MIN).saturating_sub(now);
        (wait <= SETTLED_AGE_MIN).then_some(wait)
    }
}
