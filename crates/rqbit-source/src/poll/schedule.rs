//! Decides when a poll requests the stats of all torrents, which are four fifths of a list.

use std::time::Duration;

use rqbit_client::wire::SessionStats;
use tokio::time::Instant;
use vfs_core::Freshness;

/// Maximum age of the stats of a torrent, if [`Freshness::Recent`] is requested.
const RECENT_MAX: Duration = Duration::from_secs(60);

/// Maximum age of the stats of a torrent that is complete and not read, while the server fetches
/// nothing. What may be late then is that it was paused, started or has failed.
///
/// The stats of 10,000 torrents are 7 MB, their list without stats 1.9 MB: every 30 minutes they
/// add one percent to a poll every 5 s, and a tenth to one every minute.
const AGE_MAX: Duration = Duration::from_secs(30 * 60);

/// The part of the server's totals that shows whether torrents have changed. Uploads change no
/// torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ServerActivity {
    fetched_bytes: u64,
    uptime_seconds: u64,
}

/// State of the decision.
#[derive(Debug, Default)]
pub(super) struct StatsSchedule {
    /// Start of the last poll with the stats of all torrents.
    complete_at: Option<Instant>,
    /// At the last poll.
    activity: Option<ServerActivity>,
    /// Whether the server had fetched something at the last poll. A piece counts as present only
    /// when it is written, after it was fetched.
    has_moved: bool,
    /// Whether they were due, and were not received since.
    is_overdue: bool,
}

impl ServerActivity {
    /// Returns `None` if the server does not report it, as rqbit before version 9.
    pub(super) fn new(stats: &SessionStats) -> Option<Self> {
        let fetched_bytes = stats.counters?.fetched_bytes;
        Some(Self { fetched_bytes, uptime_seconds: stats.uptime_seconds })
    }
}

impl StatsSchedule {
    /// Returns whether a poll that begins at `now` needs the stats of all torrents. `activity` is
    /// what the server has just reported.
    pub(super) fn is_due(
        &mut self,
        activity: Option<ServerActivity>,
        freshness: Freshness,
        now: Instant,
    ) -> bool {
        let last = std::mem::replace(&mut self.activity, activity);
        let (has_moved, has_restarted) = match (last, activity) {
            (Some(last), Some(activity)) => (
                last.fetched_bytes != activity.fetched_bytes,
                last.uptime_seconds > activity.uptime_seconds,
            ),
            _ => (true, true),
        };
        let had_moved = std::mem::replace(&mut self.has_moved, has_moved);
        let age = self.complete_at.map(|at| now.saturating_duration_since(at));
        let age_max = match freshness {
            Freshness::Usual => AGE_MAX,
            Freshness::Recent => RECENT_MAX,
            Freshness::Current => Duration::ZERO,
        };
        self.is_overdue |= has_moved || had_moved || has_restarted;
        self.is_overdue |= age.is_none_or(|age| age >= age_max);
        self.is_overdue
    }

    /// Records that the stats of all torrents were received by a poll that began at `begun_at`.
    pub(super) fn on_complete(&mut self, begun_at: Instant) {
        self.complete_at = Some(begun_at);
        self.is_overdue = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity(fetched_bytes: u64, uptime_seconds: u64) -> Option<ServerActivity> {
        Some(ServerActivity { fetched_bytes, uptime_seconds })
    }

    #[test]
    fn stats_are_due_when_something_moved_was_asked_for_or_after_a_while() {
        let start = Instant::now();
        let mut schedule = StatsSchedule::default();
        let mut check = |at: u64, activity, freshness, want: bool| {
            let now = start + Duration::from_secs(at);
            let is_due = schedule.is_due(activity, freshness, now);
            assert_eq!(is_due, want, "{at}");
            if is_due {
                schedule.on_complete(now);
            }
        };
        use Freshness::{Current, Recent, Usual};
        check(0, activity(5, 100), Usual, true);
        // The first report has nothing to be compared with.
        check(5, activity(5, 105), Usual, true);
        check(10, activity(5, 110), Usual, false);
        check(15, activity(6, 115), Usual, true);
        // A piece may have been written since.
        check(20, activity(6, 120), Usual, true);
        check(25, activity(6, 125), Recent, false);
        check(79, activity(6, 179), Recent, false);
        check(80, activity(6, 180), Recent, true);
        check(81, activity(6, 181), Current, true);
        check(81 + 1799, activity(6, 1980), Usual, false);
        check(81 + 1800, activity(6, 1981), Usual, true);
        // Another run of the server.
        check(1900, activity(6, 3), Usual, true);
        check(1905, activity(6, 8), Usual, false);
        // A server that does not report its activity.
        check(1910, None, Usual, true);
        check(1915, None, Usual, true);
    }

    #[test]
    fn stats_that_did_not_come_stay_due() {
        let now = Instant::now();
        let mut schedule = StatsSchedule::default();
        for _ in 0..5 {
            assert!(schedule.is_due(activity(1, 1), Freshness::Usual, now));
        }
        schedule.on_complete(now);
        assert!(!schedule.is_due(activity(1, 1), Freshness::Usual, now));
    }
}
