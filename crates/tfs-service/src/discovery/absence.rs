//! Which torrents that a listing lacks are believed to be removed.
//!
//! A server that was started again may lack torrents that nobody removed: its disk was not mounted
//! when the session was restored, a script adds them again, a folder is watched. A media server
//! that looks at that moment takes its library for deleted. So a restart of the server removes no
//! torrent by itself:
//!
//! | what the listing lacks | believed |
//! |---|---|
//! | a torrent that the same run of the server listed | at once |
//! | a torrent that tfs itself removed, or `tfs refresh --accept-removals` | at once |
//! | the only torrent that is missing, while others are listed | after [`SETTLE_TIME`] |
//! | a few, while others are listed, if no folder of theirs is missing | after [`SETTLE_TIME`] |
//! | more, while others are listed | after `metadata.removal_delay` |
//! | all of them | never |
//!
//! A few are fewer than a tenth of all ([`FEW_OF`]) and fewer than [`FEW_MAX`].
//!
//! The price: what was removed while the server was down, or by another session of it, stays
//! listed for that long, and reads of it fail.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;
use vfs_core::InfoHash;

use crate::state::Absences;

/// How long a server may take after its start until it lists all of its torrents. Scripts that add
/// them again take seconds; a user who sees an old torrent for a minute is not harmed.
const SETTLE_TIME: Duration = Duration::from_secs(60);

/// In how many listings in a row a torrent must be missing where the start of the server is not
/// known.
const LOOKS_MIN: u32 = 3;

/// Up to how many torrents may go after [`SETTLE_TIME`], exclusive.
const FEW_MAX: usize = 20;

/// The part of all torrents that may go then, exclusive: one of so many.
const FEW_OF: usize = 10;

/// How far two answers about the start of one run may be apart, in seconds: uptimes are whole
/// seconds, and clocks are corrected.
const RUN_TOLERANCE: u64 = 3;

/// Times before 2026 come from a clock that is not set.
const CLOCK_MIN: i64 = 1_767_225_600;

/// What is known of a listing.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListingFacts {
    /// When it was asked for.
    pub(super) asked_at: Instant,
    /// The same in seconds since 1970.
    pub(super) at: i64,
    /// When the run of the server that answered began, if it says so.
    pub(super) run_began_at: Option<Instant>,
    /// The same in seconds since 1970.
    pub(super) run_began: Option<i64>,
    /// How many torrents it has that can be shown.
    pub(super) listed_count: usize,
    /// Whether all that it lacks is removed, since the user says so.
    pub(super) is_accepted: bool,
}

/// Whether the folders of missing torrents are on the disks of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FolderCheck {
    /// They are, or this machine does not have the server's disks.
    NoneMissing,
    /// One of them is missing, or it is not known where it is.
    Doubtful,
}

/// The torrents that are in the tree and not in the listings.
#[derive(Debug, Default)]
pub(super) struct AbsenceTracker {
    /// When the last listing that came was asked for.
    listed_at: Option<Instant>,
    /// Whether a listing failed since.
    has_failed: bool,
    /// The run of the server that gave the last listing, if known: seconds since 1970.
    run_began: Option<i64>,
    /// Whether `run_began` is from before this process, with no listing since.
    is_restored: bool,
    missing: HashMap<InfoHash, MissingTorrent>,
}

/// One torrent that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct MissingTorrent {
    /// Since when, in seconds since 1970.
    since: i64,
    /// When the first listing of this process that lacked it was asked for.
    first_look_at: Instant,
    looks: u32,
    /// When the last listing of this process that had it was asked for.
    listed_at: Option<Instant>,
    /// Whether the run that lacks it is the one that had it.
    is_same_run: bool,
}

impl AbsenceTracker {
    /// Takes over what was known before this process.
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

    /// Takes note that a listing could not be had.
    pub(super) fn on_failure(&mut self) {
        self.has_failed = true;
    }

    /// Takes in which torrents a listing lacks, and returns those of which it depends on their
    /// folders whether they are believed to be removed; usually none.
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
            // An uptime is in whole seconds, so that the next may tell more.
            let listed_by = one.listed_at.zip(facts.run_began_at);
            one.is_same_run |= listed_by.is_some_and(|(listed, began)| listed >= began);
            // A clock that was not set says nothing about how long that is ago.
            if one.since < CLOCK_MIN || one.since > facts.at {
                one.since = facts.at;
            }
            missing.insert(*torrent, one);
        }
        self.missing = missing;
        self.listed_at = Some(facts.asked_at);
        self.has_failed = false;
        self.run_began = match (self.run_began, facts.run_began) {
            // The same run is told by one number, however the answers differ.
            (Some(before), Some(now)) if is_one_run(before, now) => Some(before),
            (_, Some(now)) => Some(now),
            (before, None) => before.filter(|_| is_same_run),
        };
        self.is_restored = false;
        let doubtful = self.doubtful(facts);
        let is_few = doubtful.len() > 1 && is_few(doubtful.len(), facts.listed_count);
        if is_few && !facts.is_accepted { doubtful } else { Vec::new() }
    }

    /// Returns which of the missing torrents are to be kept, and forgets the others.
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

    /// Lets these be removed with the next listing that lacks them: tfs removed them.
    pub(super) fn on_removed_by_tfs(&mut self, torrents: &[InfoHash]) {
        for torrent in torrents {
            let (since, first_look_at) = (0, Instant::now());
            let (looks, listed_at) = (0, None);
            let fresh =
                MissingTorrent { since, first_look_at, looks, listed_at, is_same_run: true };
            self.missing.entry(*torrent).or_insert(fresh).is_same_run = true;
        }
    }

    /// Returns how many torrents are missing, and since when the first, in seconds since 1970.
    pub(super) fn summary(&self) -> Option<(usize, i64)> {
        let since = self.missing.values().map(|one| one.since).min()?;
        Some((self.missing.len(), since))
    }

    /// Returns the torrents that are missing, in the order of their info hashes.
    pub(super) fn torrents(&self) -> Vec<InfoHash> {
        let mut torrents: Vec<_> = self.missing.keys().copied().collect();
        torrents.sort_unstable();
        torrents
    }

    /// Returns what is to be known after a restart of tfs.
    pub(super) fn to_keep(&self) -> Absences {
        let torrents = self.torrents().into_iter();
        let since = |torrent: InfoHash| Some((torrent, self.missing.get(&torrent)?.since));
        Absences { run_began_at: self.run_began, missing: torrents.filter_map(since).collect() }
    }

    /// Returns whether the run that gave this listing gave the last one too.
    fn is_same_run(&self, facts: &ListingFacts) -> bool {
        if self.is_restored {
            let runs = self.run_began.zip(facts.run_began);
            return runs
                .is_some_and(|(before, now)| before >= CLOCK_MIN && is_one_run(before, now));
        }
        match (self.listed_at, facts.run_began_at) {
            (Some(listed_at), Some(began_at)) => listed_at >= began_at,
            // Without a gap there was hardly a restart.
            (Some(_), None) => !self.has_failed && facts.listed_count > 0,
            (None, _) => false,
        }
    }

    /// Returns the missing torrents that a new run of the server lacks for long enough.
    fn doubtful(&self, facts: &ListingFacts) -> Vec<InfoHash> {
        let doubtful = self.missing.iter().filter(|(_, one)| !one.is_same_run);
        let is_settled = doubtful.clone().any(|(_, one)| one.is_settled(facts));
        if is_settled { doubtful.map(|(torrent, _)| *torrent).collect() } else { Vec::new() }
    }
}

impl MissingTorrent {
    /// Returns whether the server has had the time to list all of its torrents.
    fn is_settled(&self, facts: &ListingFacts) -> bool {
        let age = facts.run_began_at.map(|at| facts.asked_at.saturating_duration_since(at));
        let missing_for = facts.asked_at.saturating_duration_since(self.first_look_at);
        age.is_some_and(|age| age >= SETTLE_TIME)
            || self.looks >= LOOKS_MIN && missing_for >= SETTLE_TIME
    }
}

/// All that the decision about one missing torrent depends on.
#[derive(Debug, Clone, Copy)]
struct Question {
    is_accepted: bool,
    is_same_run: bool,
    is_settled: bool,
    missing_for: Duration,
    /// How many torrents are missing from a new run, this one included.
    missing_count: usize,
    listed_count: usize,
    folders: FolderCheck,
    removal_delay: Duration,
}

/// Decides whether a torrent that a listing lacks is believed to be removed. The table is at the
/// top of the module.
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

/// Returns whether two answers are about the start of the same run.
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

    /// A torrent that a new run of a server lacks, which has settled.
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

    /// One look: at which second, what the server says of its uptime, and whether it lacks A.
    enum TestPoll {
        Fails,
        Has,
        /// With the uptime in seconds, and whether A is to be kept.
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
        // A server that always says that it was just started.
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
        // The uptime is rounded, and the same run is told by one number.
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
        // What was missing from the run before tfs ended is missing still.
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
