//! Points in time, as a type apart from [`Duration`].
#![warn(clippy::arithmetic_side_effects)]

use std::time::Duration;

/// A point in time: the time since the start of one clock.
///
/// Lengths of time are [`Duration`]s. The engine of each server has a clock, which its plan, driver
/// and local files share. The selector of servers has another one, and both start with their first
/// use. The [`StreamBudget`](crate::StreamBudget) has a clock that all of its members share.
/// Timestamps of different clocks must not be compared: only a [`Duration`] until or since the
/// present passes from one clock to another.
///
/// All arithmetic saturates at [`ZERO`](Self::ZERO) and [`MAX`](Self::MAX), with a resolution of a
/// nanosecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(Duration);

impl Timestamp {
    /// The start of the clock.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// A point in time that is never reached.
    pub const MAX: Self = Self(Duration::MAX);

    /// Returns the timestamp at `since_start` after the start of the clock.
    #[must_use]
    pub const fn from_start(since_start: Duration) -> Self {
        Self(since_start)
    }

    /// Returns the time since the start of the clock.
    #[must_use]
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// Returns the timestamp `duration` later.
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }

    /// Returns the timestamp `duration` earlier.
    #[must_use]
    pub const fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration))
    }

    /// Returns the time since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub const fn duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Panics on overflow, which is a bug in a test.
#[cfg(test)]
impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.checked_add(duration).expect("a point in time after the last one"))
    }
}

/// Panics on overflow, which is a bug in a test.
#[cfg(test)]
impl std::ops::AddAssign<Duration> for Timestamp {
    fn add_assign(&mut self, duration: Duration) {
        self.0 = self.0.checked_add(duration).expect("a point in time after the last one");
    }
}

/// Panics if the right side is later, which is a bug in a test.
#[cfg(test)]
impl std::ops::Sub for Timestamp {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.0.checked_sub(earlier.0).expect("an earlier point in time on the right")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        let at = Timestamp::from_start(SECOND * 5);
        assert_eq!(at.saturating_add(SECOND), Timestamp::from_start(SECOND * 6));
        assert_eq!(at.saturating_sub(SECOND), Timestamp::from_start(SECOND * 4));
        assert_eq!(at.saturating_sub(SECOND * 6), Timestamp::ZERO);
        assert_eq!(at.saturating_add(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MAX.saturating_sub(SECOND).saturating_add(SECOND), Timestamp::MAX);
    }

    #[test]
    fn a_length_is_never_negative() {
        let (early, late) = (Timestamp::from_start(SECOND), Timestamp::from_start(SECOND * 3));
        assert_eq!(late.duration_since(early), SECOND * 2);
        assert_eq!(early.duration_since(late), Duration::ZERO);
        assert_eq!(Timestamp::MAX.duration_since(Timestamp::ZERO), Duration::MAX);
    }

    #[test]
    fn points_in_time_are_in_order_and_start_at_zero() {
        assert_eq!(Timestamp::default(), Timestamp::ZERO);
        assert_eq!(Timestamp::from_start(SECOND).since_start(), SECOND);
        assert!(Timestamp::ZERO < Timestamp::from_start(SECOND));
        assert!(Timestamp::from_start(SECOND) < Timestamp::MAX);
    }
}
