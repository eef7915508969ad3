//! Decides which torrents that are missing from a listing count as removed.
//!
//! A restarted server may lack torrents that no user removed: its disk was not mounted when the
//! session was restored, a script adds them again, or a folder is watched. A media server that
//! scans at that moment deletes its library. So a restart of the server removes no torrent by
//! itself:
//!
//! | missing from the listing | counts as removed |
//! |---|---|
//! | a torrent that the same run of the server listed | at once |
//! | a torrent that tfs itself removed, or with `tfs refresh --accept-removals` | at once |
//! | the only torrent that is missing, while others are listed | after [`SETTLE_TIME`] |
//! | a few, while others are listed, if none of their folders is missing | after [`SETTLE_TIME`] |
//! | more, while others are listed | after `metadata.removal_delay` |
//! | all of them | never |
//!
//! A few means fewer than a tenth of all ([`FEW_OF`]) and fewer than [`FEW_MAX`].
//!
//! The downside: a torrent that was removed while the server was down, or by another session of it,
//! stays listed for that long, and reads of it fail.

use std::collections::HashMap;
use std::time::Duration;

use tfs_state::Absences;
use tokio::time::Instant;
use vfs_core::InfoHash;

/// How long after its start a server may take to list all of its torrents. Scripts that add them
/// again take seconds. The price is that a removed torrent is shown for another minute.
const SETTLE_TIME: Duration = Duration::from_secs(60);

/// Minimum number of consecutive listings without a torrent, if the start time of the server is
/// unknown.
const LOOKS_MIN: u32 = 3;

/// Fewer torrents than this count as a few, see the module.
const FEW_MAX: usize = 20;

/// Fewer than this fraction (1/10) of all torrents count as a few.
const FEW_OF: usize = 10;

/// Tolerance for two start times of the same run, in seconds: uptimes are whole seconds, and clocks
/// are adjusted.
const RUN_TOLERANCE: u64 = 3;

/// Times before 2026 come from a clock that is not set.
const CLOCK_MIN: i64 = 1_767_225_600;

/// Properties of a listing.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListingFacts {
    /// Time of the request.
    pub(super) asked_at: Instant,
    /// The same in seconds since 1970.
    pub(super) at: i64,
    /// When the server's current run began, if the server reports its uptime.
    pub(super) run_began_at: Option<Instant>,
    /// The same in seconds since 1970.
    pub(super) run_began: Option<i64>,
    /// Number of listed torrents that can be shown.
    pub(super) listed_count: usize,
    /// Whether all missing torrents count as removed, by the user's decision.
    pub(super) is_accepted: bool,
}

/// Whether the folders of missing torrents exist on the disks of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FolderCheck {
    /// They exist, or the server's disks are not on this machine.
    NoneMissing,
    /// A folder is missing, or its location is unknown.
    Doubtful,
}

/// The torrents that are in the tree and missing from the listings.
#[derive(Debug, Default)]
pub(super) struct AbsenceTracker {
    /// Time of the request for the last successful listing.
    listed_at: Option<Instant>,
    /// Whether a listing has failed since.
    has_failed: bool,
    /// Start of the server run that returned the last listing, if known: seconds since 1970.
    run_began: Option<i64>,
    /// Whether `run_began` was restored from disk, with no listing since.
    is_restored: bool,
    missing: HashMap<InfoHash, MissingTorrent>,
}

/// A missing torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct MissingTorrent {
    /// Start of its absence, in seconds since 1970.
    since: i64,
    /// Time of the request for the first listing of this process without it.
    first_look_at: Instant,
    looks: u32,
    /// Time of the request for the last listing of this process with it.
    listed_at: Option<Instant>,
    /// Whether the run that lacks it is the one that listed it.
    is_same_run: bool,
}

impl AbsenceTracker {
    /// Restores the persisted state.
    pub(super) fn restore(&mut self, absences: &Absences) {
        self.run_began = absences.run_began_at;
        self.is_restored = true;
        let now = Instant::now();
        let missing = absences.missing.iter().map(|(torrent, since)| {
            let (looks, listed_at, is_same_run) = (0, None, false);
            let since = *since;
            (*torrent, MissingTorrent { since, first_look_at: now, looks, listed_at, is_same_run })
        });
        self.missing = missing.collect();
    }

    /// Records that a listing failed.
    pub(super) fn on_failure(&mut self) {
        self.has_failed = true;
    }

    /// Records the missing torrents of a listing. Returns those whose folders decide whether they
    /// count as removed; usually none.
    pub(super) fn on_listing(
        &mut self,
        facts: &ListingFacts,
        absent: &[InfoHash],
    ) -> Vec<InfoHash> {
        let is_same_run = self.is_same_run(facts);
        let mut missing = HashMap::with_capacity(absent.len());
        for torrent in absent {
            let fresh = MissingTorrent {
                since: facts.at,
                first_look_at: facts.asked_at,
                looks: 0,
                listed_at: self.listed_at,
                is_same_run,
            };
            let mut one = self.missing.get(torrent).copied().unwrap_or(fresh);
            if one.looks == 0 {
                one.first_look_at = facts.asked_at;
            }
            one.looks = one.looks.saturating_add(1);
            // An uptime has a resolution of one second, so a later one may give more information.
            let listed_by = one.listed_at.zip(facts.run_began_at);
            one.is_same_run |= listed_by.is_some_and(|(listed, began)| listed >= began);
            // A timestamp of a clock that was not set cannot be used for the age.
            if one.since < CLOCK_MIN || one.since > facts.at {
                one.since = facts.at;
            }
            missing.insert(*torrent, one);
        }
        self.missing = missing;
        self.listed_at = Some(facts.asked_at);
        self.has_failed = false;
        self.run_began = match (self.run_began, facts.run_began) {
            // One number represents a run, also if the reported uptimes differ slightly.
            (Some(before), Some(now)) if is_one_run(before, now) => Some(before),
            (_, Some(now)) => Some(now),
            (before, None) => before.filter(|_| is_same_run),
        };
        self.is_restored = false;
        let doubtful = self.doubtful(facts);
        let is_few = doubtful.len() > 1 && is_few(doubtful.len(), facts.listed_count);
        if is_few && !facts.is_accepted { doubtful } else { Vec::new() }
    }

    /// Returns the missing torrents to keep, and drops the others.
    pub(super) fn decide(
        &mut self,
        facts: &ListingFacts,
        folders: FolderCheck,
        removal_delay: Duration,
    ) -> Vec<InfoHash> {
        let missing_count = self.missing.values().filter(|one| !one.is_same_run).count();
        let gone = |one: &MissingTorrent| {
            is_removed(&Question {
                is_accepted: facts.is_accepted,
                is_same_run: one.is_same_run,
                is_settled: one.is_settled(facts),
                missing_for: Duration::from_secs(u64::try_from(facts.at - one.since).unwrap_or(0)),
                missing_count,
                listed_count: facts.listed_count,
                folders,
                removal_delay,
            })
        };
        self.missing.retain(|_, one| !gone(one));
        self.missing.keys().copied().collect()
    }

    /// Marks torrents that tfs removed: the next listing without them removes them from the tree.
    pub(super) fn on_removed_by_tfs(&mut self, torrents: &[InfoHash]) {
        for torrent in torrents {
            let (since, first_look_at) = (0, Instant::now());
            let (looks, listed_at) = (0, None);
            let fresh =
                MissingTorrent { since, first_look_at, looks, listed_at, is_same_run: true };
            self.missing.entry(*torrent).or_insert(fresh).is_same_run = true;
        }
    }

    /// Returns whether no torrent is missing.
    pub(super) fn is_empty(&self) -> bool {
        self.missing.is_empty()
    }

    /// Returns the number of missing torrents, and the start of the first absence, as the time in
    /// seconds since 1970.
    pub(super) fn summary(&self) -> Option<(usize, i64)> {
        let since = self.missing.values().map(|one| one.since).min()?;
        Some((self.missing.len(), since))
    }

    /// Returns the missing torrents, ordered by info hash.
    pub(super) fn torrents(&self) -> Vec<InfoHash> {
        let mut torrents: Vec<_> = self.missing.keys().copied().collect();
        torrents.sort_unstable();
        torrents
    }

    /// Returns the state to persist.
    pub(super) fn to_keep(&self) -> Absences {
        let torrents = self.torrents().into_iter();
        let since = |torrent: InfoHash| Some((torrent, self.missing.get(&torrent)?.since));
        Absences { run_began_at: self.run_began, missing: torrents.filter_map(since).collect() }
    }

    /// Returns whether the same run of the server returned this listing and the last one.
    fn is_same_run(&self, facts: &ListingFacts) -> bool {
        if self.is_restored {
            let runs = self.run_began.zip(facts.run_began);
            return runs
                .is_some_and(|(before, now)| before >= CLOCK_MIN && is_one_run(before, now));
        }
        match (self.listed_at, facts.run_began_at) {
            (Some(listed_at), Some(began_at)) => listed_at >= began_at,
            // Without a failed listing in between, a restart is unlikely.
            (Some(_), None) => !self.has_failed && facts.listed_count > 0,
            (None, _) => false,
        }
    }

    /// Returns the missing torrents that a new run of the server has lacked for long enough.
    fn doubtful(&self, facts: &ListingFacts) -> Vec<InfoHash> {
        let doubtful = self.missing.iter().filter(|(_, one)| !one.is_same_run);
        let is_settled = doubtful.clone().any(|(_, one)| one.is_settled(facts));
        if is_settled { doubtful.map(|(torrent, _)| *torrent).collect() } else { Vec::new() }
    }
}

impl MissingTorrent {
    /// Returns whether the server has had enough time to list all of its torrents.
    fn is_settled(&self, facts: &ListingFacts) -> bool {
        let age = facts.run_began_at.map(|at| facts.asked_at.saturating_duration_since(at));
        let missing_for = facts.asked_at.saturating_duration_since(self.first_look_at);
        age.is_some_and(|age| age >= SETTLE_TIME)
            || self.looks >= LOOKS_MIN && missing_for >= SETTLE_TIME
    }
}

/// The input of the decision about one missing torrent.
#[derive(Debug, Clone, Copy)]
struct Question {
    is_accepted: bool,
    is_same_run: bool,
    is_settled: bool,
    missing_for: Duration,
    /// Number of torrents that a new run lacks, including this one.
    missing_count: usize,
    listed_count: usize,
    folders: FolderCheck,
    removal_delay: Duration,
}

/// Returns whether a missing torrent counts as removed. The table is in the module documentation.
fn is_removed(question: &Question) -> bool {
    let Question { missing_count, listed_count, folders, .. } = *question;
    if question.is_accepted || question.is_same_run {
        return true;
    }
    if listed_count == 0 || !question.is_settled {
        return false;
    }
    missing_count == 1
        || is_few(missing_count, listed_count) && folders == FolderCheck::NoneMissing
        || question.missing_for >= question.removal_delay
}

/// Returns whether two start times belong to the same run.
fn is_one_run(one: i64, other: i64) -> bool {
    one.abs_diff(other) <= RUN_TOLERANCE
}

fn is_few(missing_count: usize, listed_count: usize) -> bool {
    let total = missing_count.saturating_add(listed_count);
    missing_count < FEW_MAX && missing_count.saturating_mul(FEW_OF) < total
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60;

    /// A torrent that a new run of a server lacks for longer than [`SETTLE_TIME`].
    const ONE: Question = Question {
        is_accepted: false,
        is_same_run: false,
        is_settled: true,
        missing_for: Duration::from_secs(120),
        missing_count: 1,
        listed_count: 100,
        folders: FolderCheck::NoneMissing,
        removal_delay: Duration::from_secs(7 * DAY),
    };

    #[test]
    fn what_is_believed_to_be_removed() {
        let late = Duration::from_secs(7 * DAY);
        let doubtful = FolderCheck::Doubtful;
        let cases = [
            ("one of many", ONE, true),
            ("one of many, too early", Question { is_settled: false, ..ONE }, false),
            ("one of two", Question { listed_count: 1, ..ONE }, true),
            ("one whose folder is missing", Question { folders: doubtful, ..ONE }, true),
            ("the only one", Question { listed_count: 0, ..ONE }, false),
            (
                "the only one, much later",
                Question { listed_count: 0, missing_for: late, ..ONE },
                false,
            ),
            ("a few of many", Question { missing_count: 11, ..ONE }, true),
            (
                "a few whose folder is missing",
                Question { missing_count: 11, folders: doubtful, ..ONE },
                false,
            ),
            ("a tenth", Question { missing_count: 10, listed_count: 90, ..ONE }, false),
            ("twenty of many", Question { missing_count: 20, listed_count: 9999, ..ONE }, false),
            ("nineteen of many", Question { missing_count: 19, listed_count: 9999, ..ONE }, true),
            ("two of three", Question { missing_count: 2, listed_count: 1, ..ONE }, false),
            (
                "two of three, much later",
                Question { missing_count: 2, listed_count: 1, missing_for: late, ..ONE },
                true,
            ),
            (
                "all",
                Question { missing_count: 50, listed_count: 0, missing_for: late, ..ONE },
                false,
            ),
            (
                "all by the run that had them",
                Question { missing_count: 50, listed_count: 0, is_same_run: true, ..ONE },
                true,
            ),
            (
                "all, as the user says",
                Question {
                    missing_count: 50,
                    listed_count: 0,
                    is_settled: false,
                    is_accepted: true,
                    ..ONE
                },
                true,
            ),
        ];
        for (what, question, want) in cases {
            assert_eq!(is_removed(&question), want, "{what}");
        }
    }

    const A: InfoHash = InfoHash::from_bytes([1; 20]);

    /// A poll: its second, the uptime that the server reports, and whether it lacks A.
    enum TestPoll {
        Fails,
        Has,
        /// The uptime in seconds, and whether A is to be kept.
        Lacks(Option<u64>, bool),
    }
    use TestPoll::{Fails, Has, Lacks};

    fn facts(start: Instant, at: u64, uptime: Option<u64>) -> ListingFacts {
        let asked_at = start + Duration::from_secs(at);
        let wall = CLOCK_MIN + i64::try_from(at).unwrap();
        ListingFacts {
            asked_at,
            at: wall,
            run_began_at: uptime.map(|uptime| asked_at - Duration::from_secs(uptime)),
            run_began: uptime.map(|uptime| wall - i64::try_from(uptime).unwrap()),
            listed_count: 5,
            is_accepted: false,
        }
    }

    #[track_caller]
    fn check(looks: &[(u64, TestPoll)]) {
        let start = Instant::now() + Duration::from_secs(10_000);
        let mut tracker = AbsenceTracker::default();
        for (at, look) in looks {
            let (uptime, absent, want) = match look {
                Fails => {
                    tracker.on_failure();
                    continue;
                }
                Has => (None, &[][..], false),
                Lacks(uptime, is_kept) => (*uptime, &[A][..], *is_kept),
            };
            let facts = facts(start, *at, uptime);
            assert_eq!(tracker.on_listing(&facts, absent), [], "one torrent needs no folder");
            let kept = tracker.decide(&facts, FolderCheck::Doubtful, Duration::MAX);
            assert_eq!(kept == [A], want, "at {at}");
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
    fn a_new_run_is_believed_about_one_torrent_when_it_has_settled() {
        // A restart between two polls.
        check(&[
            (0, Has),
            (5, Lacks(Some(3), true)),
            (10, Lacks(Some(8), true)),
            (61, Lacks(Some(59), true)),
            (62, Lacks(Some(60), false)),
        ]);
        // The torrent is listed again.
        check(&[(0, Has), (5, Lacks(Some(3), true)), (10, Has), (15, Lacks(Some(13), false))]);
        check(&[(0, Lacks(Some(60), false))]);
        check(&[(0, Lacks(Some(59), true)), (1, Lacks(Some(60), false))]);
    }

    #[test]
    fn without_an_uptime_it_must_be_missing_again_and_again() {
        check(&[
            (0, Lacks(None, true)),
            (5, Lacks(None, true)),
            (59, Lacks(None, true)),
            (60, Lacks(None, false)),
        ]);
        check(&[
            (0, Has),
            (5, Fails),
            (10, Lacks(None, true)),
            (15, Has),
            (20, Lacks(None, false)),
        ]);
        // A server that always reports an uptime of a few seconds.
        check(&[
            (0, Has),
            (5, Lacks(Some(0), true)),
            (64, Lacks(Some(0), true)),
            (65, Lacks(Some(0), false)),
        ]);
    }

    #[test]
    fn the_run_is_known_again_after_a_restart_of_tfs() {
        let start = Instant::now() + Duration::from_secs(10_000);
        let many: Vec<_> = (1..=30).map(|id| InfoHash::from_bytes([id; 20])).collect();
        let mut before = AbsenceTracker::default();
        before.on_listing(&facts(start, 1000, Some(500)), &[]);
        let kept = before.to_keep();
        assert_eq!(kept.run_began_at, Some(CLOCK_MIN + 500));
        // The uptime is rounded, and one number represents the same run.
        for (uptime, is_same) in [(1000, true), (998, true), (1003, true), (990, false), (5, false)]
        {
            let mut after = AbsenceTracker::default();
            after.restore(&kept);
            let facts = facts(start, 1500, Some(uptime));
            after.on_listing(&facts, &many);
            let missing = after.decide(&facts, FolderCheck::NoneMissing, Duration::MAX);
            assert_eq!(missing.is_empty(), is_same, "{uptime}");
            assert_eq!(after.to_keep().run_began_at == kept.run_began_at, is_same, "{uptime}");
        }
        // A torrent that was missing before a restart of tfs is still missing.
        let absences =
            Absences { run_began_at: Some(CLOCK_MIN + 500), missing: vec![(A, CLOCK_MIN + 600)] };
        let mut after = AbsenceTracker::default();
        after.restore(&absences);
        let mut facts = facts(start, 700, Some(200));
        facts.listed_count = 0;
        after.on_listing(&facts, &[A]);
        assert_eq!(after.decide(&facts, FolderCheck::NoneMissing, Duration::ZERO), [A]);
        assert_eq!(after.to_keep(), absences);
        assert_eq!(after.summary(), Some((1, CLOCK_MIN + 600)));
    }

    #[test]
    fn folders_are_looked_for_when_a_few_torrents_are_missing() {
        let start = Instant::now() + Duration::from_secs(10_000);
        let few = [A, InfoHash::from_bytes([2; 20])];
        let mut tracker = AbsenceTracker::default();
        let check = |tracker: &mut AbsenceTracker, at, uptime, listed_count, want: usize| {
            let facts = ListingFacts { listed_count, ..facts(start, at, Some(uptime)) };
            assert_eq!(tracker.on_listing(&facts, &few).len(), want, "{at}");
            facts
        };
        check(&mut tracker, 0, 5, 100, 0);
        check(&mut tracker, 60, 65, 10, 0);
        let facts = check(&mut tracker, 61, 66, 100, 2);
        assert_eq!(tracker.decide(&facts, FolderCheck::Doubtful, Duration::MAX).len(), 2);
        assert_eq!(tracker.decide(&facts, FolderCheck::NoneMissing, Duration::MAX).len(), 0);
    }
}
