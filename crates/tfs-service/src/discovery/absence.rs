//! Whether torrents that a listing lacks are gone, or the server is only not all there yet.
//!
//! A server that was just started may answer before it has all of its torrents: somebody adds them
//! again after each start, a folder is being watched, a disk was not mounted when the session was
//! restored. (rqbit 9.1 itself opens its API only when its session is restored.) A media server
//! that looks at that moment would take the library for deleted. So what is missing is believed if
//! the very run of the server that listed a torrent no longer does, or if the run is old enough,
//! or if it stays missing for long enough. The price: what was removed while nobody looked is shown
//! for up to [`SETTLE_TIME`] after the server was started, and reads of it fail.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;
use vfs_core::InfoHash;

/// How long a server may take after its start until it lists all of its torrents. Scripts that add
/// them again take seconds; a person who sees an old torrent for a minute is not harmed.
const SETTLE_TIME: Duration = Duration::from_secs(60);

/// In how many listings in a row a torrent must be missing where the server does not say how long
/// it has been running.
const LOOKS_MIN: u32 = 3;

/// One run of a server, from its start to its end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Run {
    /// When it began at the latest, if the server can say.
    pub(super) began_at: Option<Instant>,
}

/// What is known of the torrents that are in the tree and not in the listings.
#[derive(Debug, Default)]
pub(super) struct Absence {
    /// When the last listing that came was asked for.
    listed_at: Option<Instant>,
    /// Whether asking failed since.
    has_failed: bool,
    missing: HashMap<InfoHash, Missing>,
}

/// One torrent that is missing.
#[derive(Debug, Clone, Copy)]
struct Missing {
    /// When the last listing that had it was asked for, if there was one since we look.
    listed_at: Option<Instant>,
    /// Whether asking failed between that one and the first that lacked it.
    has_gap: bool,
    /// When the first listing that lacked it was asked for.
    since: Instant,
    looks: u32,
}

impl Absence {
    /// Notes that a listing could not be had.
    pub(super) fn on_failure(&mut self) {
        self.has_failed = true;
    }

    /// Takes in which torrents a listing lacks, and returns those that are to be kept. The listing
    /// was asked for at `asked_at`, of a server that was started at `run.began_at` or before.
    pub(super) fn on_listing(
        &mut self,
        asked_at: Instant,
        run: Run,
        absent: &[InfoHash],
    ) -> Vec<InfoHash> {
        let fresh = Missing {
            listed_at: self.listed_at,
            has_gap: self.has_failed,
            since: asked_at,
            looks: 0,
        };
        let mut missing = HashMap::new();
        for info_hash in absent {
            let mut one = self.missing.get(info_hash).copied().unwrap_or(fresh);
            one.looks += 1;
            if !one.is_gone(asked_at, run) {
                missing.insert(*info_hash, one);
            }
        }
        self.missing = missing;
        self.listed_at = Some(asked_at);
        self.has_failed = false;
        absent.iter().copied().filter(|hash| self.missing.contains_key(hash)).collect()
    }
}

impl Missing {
    fn is_gone(&self, now: Instant, run: Run) -> bool {
        if self.looks >= LOOKS_MIN && now - self.since >= SETTLE_TIME {
            return true;
        }
        match run.began_at {
            // The run that lacks it is the one that had it, or old enough to have them all.
            Some(began_at) => {
                self.listed_at.is_some_and(|listed_at| listed_at >= began_at)
                    || now.saturating_duration_since(began_at) >= SETTLE_TIME
            }
            // Without a gap nobody can have started it in between, or nearly nobody.
            None => self.listed_at.is_some() && !self.has_gap,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: InfoHash = InfoHash::from_bytes([1; 20]);

    /// One look: at which second, what the server says of its uptime, and whether it lacks A.
    enum Look {
        Fails,
        Has,
        /// With the uptime in seconds, and whether A is to be kept.
        Lacks(Option<u64>, bool),
    }
    use Look::{Fails, Has, Lacks};

    #[track_caller]
    fn check(looks: &[(u64, Look)]) {
        let start = Instant::now() + Duration::from_secs(10_000);
        let mut absence = Absence::default();
        for (at, look) in looks {
            let now = start + Duration::from_secs(*at);
            match look {
                Fails => absence.on_failure(),
                Has => assert_eq!(absence.on_listing(now, Run::default(), &[]), []),
                Lacks(uptime, is_kept) => {
                    let began_at = uptime.map(|uptime| now - Duration::from_secs(uptime));
                    let kept = absence.on_listing(now, Run { began_at }, &[A]);
                    assert_eq!(kept == [A], *is_kept, "at {at}");
                }
            }
        }
    }

    #[test]
    fn a_run_that_had_it_and_lacks_it_is_believed() {
        check(&[(0, Has), (5, Lacks(Some(5), false))]);
        check(&[(0, Has), (5, Lacks(Some(1000), false))]);
        check(&[(0, Has), (5, Fails), (10, Lacks(Some(10), false))]);
        check(&[(0, Has), (5, Lacks(None, false))]);
    }

    #[test]
    fn a_new_run_is_believed_when_it_is_old_enough() {
        // A restart that no look has seen.
        check(&[
            (0, Has),
            (5, Lacks(Some(3), true)),
            (10, Lacks(Some(8), true)),
            (61, Lacks(Some(59), true)),
            (62, Lacks(Some(60), false)),
        ]);
        // It has it after all.
        check(&[(0, Has), (5, Lacks(Some(3), true)), (10, Has), (15, Lacks(Some(13), false))]);
    }

    #[test]
    fn the_first_look_is_believed_if_the_server_has_been_running() {
        check(&[(0, Lacks(Some(60), false))]);
        check(&[(0, Lacks(Some(59), true)), (1, Lacks(Some(60), false))]);
        check(&[(0, Lacks(Some(0), true)), (30, Lacks(Some(30), true)), (60, Lacks(None, false))]);
    }

    #[test]
    fn without_an_uptime_it_must_be_missing_again_and_again() {
        check(&[
            (0, Lacks(None, true)),
            (5, Lacks(None, true)),
            (59, Lacks(None, true)),
            (60, Lacks(None, false)),
        ]);
        check(&[(0, Lacks(None, true)), (100, Lacks(None, true)), (101, Lacks(None, false))]);
        check(&[
            (0, Has),
            (5, Fails),
            (10, Lacks(None, true)),
            (15, Has),
            (20, Lacks(None, false)),
        ]);
        // A server that always says that it was just started.
        check(&[
            (0, Has),
            (5, Lacks(Some(0), true)),
            (64, Lacks(Some(0), true)),
            (65, Lacks(Some(0), false)),
        ]);
    }
}
