//! The wall clock, a clock without its jumps, and lengths of time in messages.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// Returns the time in seconds since 1970, or 0 if the clock is before 1970.
#[must_use]
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Returns the time since the machine was started, including sleep: the same for all processes, and
/// independent of the wall clock.
#[must_use]
pub fn since_boot() -> Duration {
    // Linux leaves sleep out of the monotonic clock, macOS does not.
    #[cfg(target_os = "linux")]
    let time = clock_gettime(ClockId::Boottime);
    #[cfg(not(target_os = "linux"))]
    let time = clock_gettime(ClockId::Monotonic);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), nanos)
}

/// Returns a time limit in seconds, or in milliseconds if it is below one second.
#[must_use]
pub fn limit_text(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        _ if time.subsec_millis() == 0 => format!("{} s", time.as_secs()),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

/// The time since 1970, without the jumps of the system's clock. Clones agree.
#[derive(Debug, Clone, Copy)]
pub struct DropClock {
    started: Instant,
    started_at: Duration,
}

impl DropClock {
    /// Starts with the time of the system's clock.
    #[must_use]
    pub fn start() -> Self {
        let started_at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self { started: Instant::now(), started_at: started_at.unwrap_or_default() }
    }

    /// Returns the time since 1970. It never decreases.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.started_at + self.started.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_limit_is_not_nothing() {
        let texts = [50, 999, 1000, 2500, 60_000].map(Duration::from_millis).map(limit_text);
        assert_eq!(texts, ["50 ms", "999 ms", "1 s", "2.5 s", "60 s"]);
    }
}
