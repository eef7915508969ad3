//! A log of the longest waits for missing pieces of the last day.
//!
//! The waits of each hour are kept apart, the longest of them only. So a long wait does not push
//! out those that outlive it, and the log has a bound.
#![warn(clippy::arithmetic_side_effects)]

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::time::Duration;

use super::FailureReason;
use crate::{FileId, Timestamp};

/// The shortest wait that is logged: a shorter one does not stop a film.
pub(super) const WAIT_MIN: Duration = Duration::from_millis(250);

/// The number of waits that are shown, and kept for each hour.
const COUNT_MAX: usize = 32;

/// How long a wait is kept.
const AGE_MAX: Duration = Duration::from_secs(24 * 3600);

/// The period of a part of the log.
const PART_TIME: Duration = Duration::from_secs(3600);

/// A wait that has just ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EndedWait {
    pub(super) file: FileId,
    pub(super) offset: u64,
    pub(super) waited: Duration,
    pub(super) failure: Option<FailureReason>,
}

/// A long wait of a read for missing pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoggedWait {
    /// The file.
    pub file: FileId,
    /// The offset of the read in the file.
    pub offset: u64,
    /// How long it waited.
    pub waited: Duration,
    /// Time since its end.
    pub ended_ago: Duration,
    /// Why the read failed; `None` if the bytes came.
    pub failure: Option<FailureReason>,
}

/// The log.
#[derive(Debug, Default)]
pub(super) struct LongestWaits {
    /// At most one for each hour of a day and the present one, the oldest first.
    parts: VecDeque<HourOfWaits>,
}

/// The waits of one hour.
#[derive(Debug)]
struct HourOfWaits {
    begins_at: Timestamp,
    /// The longest, with their ends; at most [`COUNT_MAX`].
    waits: Vec<(Timestamp, EndedWait)>,
}

impl LongestWaits {
    /// Adds a wait that ends at `now`.
    pub(super) fn add(&mut self, now: Timestamp, wait: EndedWait) {
        self.forget_old(now);
        let ends_at = self.parts.back().map(|part| part.begins_at.saturating_add(PART_TIME));
        if ends_at.is_none_or(|ends_at| ends_at <= now) {
            self.parts.push_back(HourOfWaits { begins_at: now, waits: Vec::new() });
        }
        let Some(part) = self.parts.back_mut() else { return };
        if part.waits.len() >= COUNT_MAX {
            let shortest = part.waits.iter_mut().min_by_key(|(_, known)| known.waited);
            if let Some(shortest) = shortest.filter(|(_, known)| known.waited < wait.waited) {
                *shortest = (now, wait);
            }
            return;
        }
        part.waits.push((now, wait));
    }

    /// Returns the longest waits of the last day, the longest first.
    pub(super) fn list(&mut self, now: Timestamp) -> Vec<LoggedWait> {
        self.forget_old(now);
        let waits = self.parts.iter().flat_map(|part| &part.waits);
        let waits = waits.map(|(ended_at, wait)| LoggedWait {
            file: wait.file,
            offset: wait.offset,
            waited: wait.waited,
            ended_ago: now.duration_since(*ended_at),
            failure: wait.failure,
        });
        let mut waits: Vec<_> = waits.filter(|wait| wait.ended_ago < AGE_MAX).collect();
        waits.sort_by_key(|wait| (Reverse(wait.waited), wait.ended_ago));
        waits.truncate(COUNT_MAX);
        waits
    }

    /// Drops the parts that have ended a day ago.
    fn forget_old(&mut self, now: Timestamp) {
        let kept = AGE_MAX.saturating_add(PART_TIME);
        while self.parts.front().is_some_and(|part| part.begins_at.saturating_add(kept) <= now) {
            self.parts.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FileIndex, InfoHash};

    const HOUR: u64 = 3600;

    fn wait(seconds: u64) -> EndedWait {
        let torrent = InfoHash::from_bytes([1; InfoHash::BYTES]);
        let file = FileId { torrent, index: FileIndex(0) };
        EndedWait { file, offset: seconds, waited: Duration::from_secs(seconds), failure: None }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_start(Duration::from_secs(seconds))
    }

    fn seconds(log: &mut LongestWaits, now: u64) -> Vec<u64> {
        log.list(at(now)).iter().map(|wait| wait.waited.as_secs()).collect()
    }

    #[test]
    fn the_longest_of_a_day_are_kept() {
        let mut log = LongestWaits::default();
        for second in 1..=100 {
            log.add(at(second), wait(second));
        }
        let longest: Vec<_> = (69..=100).rev().collect();
        assert_eq!(seconds(&mut log, 100), longest);
        // Another hour with shorter ones, which outlive them.
        for second in 1..=40 {
            log.add(at(2 * HOUR + second), wait(second));
        }
        assert_eq!(seconds(&mut log, 3 * HOUR), longest);
        let (ends, rest) = (at(24 * HOUR + 90), (91..=100).rev().chain((19..=40).rev()));
        assert_eq!(log.list(ends).len(), COUNT_MAX);
        assert_eq!(seconds(&mut log, 24 * HOUR + 90), rest.collect::<Vec<_>>());
        assert_eq!(seconds(&mut log, 26 * HOUR), (9..=40).rev().collect::<Vec<_>>());
        assert_eq!(seconds(&mut log, 27 * HOUR), [0; 0]);
        assert_eq!(log.list(at(27 * HOUR)), []);
    }

    #[test]
    fn a_wait_tells_when_it_ended_and_how() {
        let mut log = LongestWaits::default();
        let failure = Some(FailureReason::TimedOut);
        log.add(at(10), EndedWait { failure, ..wait(7) });
        let found = log.list(at(30));
        let [found] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((found.offset, found.ended_ago.as_secs()), (7, 20));
        assert_eq!(found.failure, failure);
    }

    #[test]
    fn the_log_is_bounded() {
        let mut log = LongestWaits::default();
        for minute in 0..100 * 60 {
            for second in 1..40 {
                log.add(at(minute * 60), wait(second));
            }
        }
        assert!(log.parts.len() <= 26, "{} parts", log.parts.len());
        assert!(log.parts.iter().all(|part| part.waits.len() <= COUNT_MAX));
        assert_eq!(log.list(at(100 * HOUR)).len(), COUNT_MAX);
    }
}
