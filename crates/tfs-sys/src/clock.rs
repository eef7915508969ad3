//! The wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the time in seconds since 1970, or 0 if the clock is before 1970.
#[must_use]
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
