//! Rate limit for warnings: the same warning is not repeated a thousand times.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::{Level, Metadata};

/// How many warnings of one kind pass in a window: enough to show the affected files and servers.
const PASS_COUNT_MAX: u32 = 10;

/// The length of a window: a lasting fault appears in the log every minute.
const WINDOW: Duration = Duration::from_secs(60);

/// Counts warnings and errors by their call site. Other fields may differ: a thousand offsets that
/// cannot be read are one fault.
///
/// The downside: the log never shows the count of events suppressed at the very end.
#[derive(Debug, Default)]
pub(super) struct RateLimit {
    /// Bounded by the number of call sites.
    windows: Mutex<HashMap<Identifier, LimitWindow>>,
}

#[derive(Debug)]
struct LimitWindow {
    start: Instant,
    passed_count: u32,
    left_out_count: u64,
}

impl RateLimit {
    /// Returns how many events like this one were suppressed before it, or `None` if this one is
    /// suppressed too.
    pub(super) fn admit(&self, metadata: &Metadata<'_>, now: Instant) -> Option<u64> {
        if *metadata.level() > Level::WARN {
            return Some(0);
        }
        // The data is consistent even after a panic with the lock held.
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = LimitWindow { start: now, passed_count: 0, left_out_count: 0 };
        let window = windows.entry(metadata.callsite()).or_insert(fresh);
        let mut left_out_count = 0;
        if now.duration_since(window.start) >= WINDOW {
            left_out_count = window.left_out_count;
            *window = LimitWindow { start: now, passed_count: 0, left_out_count: 0 };
        }
        if window.passed_count == PASS_COUNT_MAX {
            window.left_out_count += 1;
            return None;
        }
        window.passed_count += 1;
        Some(left_out_count)
    }
}
