//! The time of a drop folder.

use std::time::{Duration, Instant, SystemTime};

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
