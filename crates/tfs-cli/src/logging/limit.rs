//! A limit on warnings: the same one is not repeated a thousand times.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::{Level, Metadata};

/// How many warnings of one kind pass in a window: enough to see which files and servers are
/// concerned.
const PASS_COUNT_MAX: u32 = 10;

/// How long a window is: a fault that lasts is seen in each look at the log.
const WINDOW: Duration = Duration::from_secs(60);

/// Counts warnings and errors by the place in the code that they come from. Other fields may
/// differ: a thousand offsets that cannot be read are one fault.
///
/// The downside: what is left out at the very end is never counted in the log.
#[derive(Debug, Default)]
pub(super) struct RateLimit {
    /// Bounded by the number of places in the code.
    windows: Mutex<HashMap<Identifier, LimitWindow>>,
}

#[derive(Debug)]
struct LimitWindow {
    start: Instant,
    passed_count: u32,
    left_out_count: u64,
}

impl RateLimit {
    /// Returns how many events like this one were left out before it, or `None` if it is to be
    /// left out too.
    pub(super) fn admit(&self, metadata: &Metadata<'_>, now: Instant) -> Option<u64> {
        if *metadata.level() > Level::WARN {
            return Some(0);
        }
        // A panic while it was held left nothing half done.
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
