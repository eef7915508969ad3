//! Checks after each event and of each answer of a run.

use std::time::Duration;

use bytes::Bytes;

use super::super::server::{PERMITS, byte_at};
use super::super::world::Expected;
use super::Run;
use crate::engine::BreakerState;
use crate::engine::plan::ReadId;
use crate::{ByteRange, TorrentState, VfsError};

/// How long a read may take that must fail fast: the bitfield may take two seconds, and a stream of
/// unknown availability two more.
const FAST_FAILURE_TIME_MAX: Duration = Duration::from_secs(5);

/// How long a read waits for a bitfield.
const HAVES_PATIENCE: Duration = Duration::from_secs(2);

/// How long a new bitfield may take: four seconds for the late answer to an earlier request, one
/// until the next request, and four for its answer.
const HAVES_TIME_MAX: Duration = Duration::from_secs(10);

/// How long a server must be silent before an old bitfield is believed.
const SILENCE_MIN: Duration = Duration::from_millis(250);

/// The maximum age of the bitfield for which a read fails.
const HAVES_AGE_MAX: Duration = Duration::from_secs(1);

impl Run {
    pub(super) fn answer(
        &mut self,
        read: ReadId,
        result: Result<Vec<Bytes>, VfsError>,
        missing: Duration,
    ) {
        let preload = self
            .preloaders
            .iter_mut()
            .find_map(|preloader| preloader.current.take_if(|preload| preload.id == read));
        if let Some(preload) = preload {
            return self.preloaded(&preload, &result);
        }
        let expected = self.expected.remove(&read).expect("an answer that nobody waits for");
        self.note_answer(&expected, &result);
        self.readers[expected.reader].in_flight -= 1;
        assert!(self.now <= expected.deadline, "an answer after the deadline");
        self.summary.answers += 1;
        self.check_missing(&expected, missing, result.is_ok());
        let is_extended = self.now > expected.arrived_at + expected.timeout;
        self.summary.extensions += u64::from(is_extended && result.is_ok());
        match result {
            Ok(parts) => self.check_bytes(expected.file, expected.range, &parts),
            Err(VfsError::WouldBlock) => self.summary.refusals += 1,
            Err(VfsError::Partial) => self.check_split(&expected),
            Err(VfsError::TimedOut) if self.now < expected.arrived_at + expected.timeout => {
                self.check_fast_failure(&expected);
            }
            Err(error) => self.check_error(&expected, &error),
        }
    }

    /// Checks that a failure is justified by the server, its torrent or the deadline.
    pub(super) fn check_error(&mut self, expected: &Expected, error: &VfsError) {
        assert!(!expected.is_calm, "{error:?} for {expected:?} {:#?}", self.core);
        let state = self.server.files[expected.file].state;
        let is_listed = state.is_some_and(|state| state.is_listed);
        assert!(!matches!(error, VfsError::Stale) || !is_listed, "{expected:?} is listed");
        let is_source = matches!(error, VfsError::Source(_));
        let is_late = matches!(error, VfsError::TimedOut);
        if is_late && !expected.fails_fast {
            let torrent = &self.server.torrents[self.server.files[expected.file].torrent];
            let torrent = (torrent.hash, torrent.piece_len);
            self.downloads.check_timeout(self.now, torrent, expected);
        }
        assert!(is_source || is_late || matches!(error, VfsError::Stale), "{error:?}");
        let count = if is_source {
            &mut self.summary.source_errors
        } else if is_late {
            &mut self.summary.timeouts
        } else {
            &mut self.summary.stale
        };
        *count += 1;
    }

    /// Checks that a split read may be split and has a present page.
    pub(super) fn check_split(&mut self, expected: &Expected) {
        self.summary.splits += 1;
        assert!(self.readers[expected.reader].may_split, "{expected:?} was split");
        let mut range = expected.range.start()..expected.range.end();
        assert!(expected.range.len() > 1, "{expected:?} is a single byte");
        let is_there = range.any(|at| self.server.has(expected.file, at));
        assert!(is_there || self.has_crashed, "nothing of {expected:?} is there");
    }

    /// Checks that a read that failed fast had to, and lacks bytes.
    pub(super) fn check_fast_failure(&mut self, expected: &Expected) {
        self.summary.fast_failures += 1;
        assert!(expected.fails_fast, "{expected:?} failed early");
        let mut range = expected.range.start()..expected.range.end();
        let before = expected.arrived_at.saturating_sub(HAVES_AGE_MAX);
        let was_there = range.all(|at| self.server.had(expected.file, at, before));
        // Later it fails because the availability is unknown. While a torrent is checked its
        // streams are silent, so its bytes count as missing.
        let state = self.server.files[expected.file].state;
        let is_checked = state.is_some_and(|it| it.torrent == TorrentState::Initializing);
        let is_known = self.now < expected.arrived_at + HAVES_PATIENCE && !is_checked;
        assert!(!(was_there && is_known) || self.has_crashed, "all of {expected:?} was there");
    }

    /// Checks the wait for missing pieces of a read that has ended.
    pub(super) fn check_missing(&mut self, expected: &Expected, missing: Duration, is_ok: bool) {
        let Expected { file, range, arrived_at, .. } = *expected;
        assert!(missing <= self.now - arrived_at, "{expected:?} waited for {missing:?}");
        self.summary.missing_waits += u64::from(!missing.is_zero());
        let mut offsets = range.start()..range.end();
        let before = arrived_at.saturating_sub(HAVES_AGE_MAX);
        let was_there = offsets.clone().all(|at| self.server.had(file, at, before));
        let was_shown = expected
            .haves_at
            .is_some_and(|shown_at| offsets.clone().all(|at| self.server.had(file, at, shown_at)));
        // What no recent bitfield has shown may count if the server was silent for long.
        let is_old = expected.haves_at.is_none_or(|shown_at| shown_at < before);
        let may_count = !was_there || is_old && missing >= SILENCE_MIN;
        let is_right = missing.is_zero() || may_count && !was_shown;
        assert!(is_right || self.has_crashed, "{expected:?} counts {missing:?}");
        // A long wait shows in the next bitfield, unless there is none.
        let late = arrived_at + HAVES_TIME_MAX;
        let came_late = offsets.any(|at| !self.server.had(file, at, late));
        let is_quiet = self.trouble_at < arrived_at && !self.has_crashed;
        let has_pieces = self.server.facts(file).geometry.is_some();
        if is_ok && came_late && is_quiet && has_pieces {
            assert!(!missing.is_zero(), "{expected:?} waited {:?}", self.now - arrived_at);
        }
    }

    /// Returns whether a read may wait although it must fail fast: its bytes are present, new bytes
    /// of the file arrived, or the bitfield was unavailable for a while.
    pub(super) fn may_wait(&self, expected: &Expected) -> bool {
        let Expected { file, range, arrived_at, .. } = *expected;
        let is_there = (range.start()..range.end()).all(|at| self.server.has(file, at));
        let came = (0..self.server.files[file].len)
            .any(|at| self.server.has(file, at) && !self.server.had(file, at, arrived_at));
        is_there || came || self.trouble_at >= arrived_at || self.has_crashed
    }

    pub(super) fn check_bytes(&self, file: usize, range: ByteRange, parts: &[Bytes]) {
        let file = self.server.files[file].id;
        let mut at = range.start();
        for byte in parts.iter().flatten() {
            assert_eq!(*byte, byte_at(file, at), "wrong byte at {at} of {file:?}");
            at += 1;
        }
        assert_eq!(at, range.end(), "wrong length");
    }

    pub(in crate::engine::sim) fn check(&mut self) {
        self.core.plan.check();
        let directs = self.directs.iter().flatten().count();
        let open = self.server.streams.len() + directs;
        assert!(open <= self.streams_max && open < PERMITS, "{open} streams are open");
        let released = self.readers.iter().filter(|reader| reader.is_released);
        let known = self.core.plan.known_handles();
        // Its reads may continue, but nothing else of it may be kept.
        let kept = released.map(|reader| reader.handle).find(|handle| known.contains(handle));
        assert!(kept.is_none(), "{kept:?} was released, and is known at {:?}", self.now);
        let counters = self.core.counters(self.now);
        if counters.breaker != BreakerState::Closed {
            self.downloads.blind_all(self.now);
        }
        let bytes = counters.buffered_bytes + counters.cached_bytes;
        self.summary.bytes_max = self.summary.bytes_max.max(bytes);
        assert!(bytes <= counters.memory_bytes_max, "{counters:?}");
        assert_eq!(counters.reads_waiting, self.expected.len());
        let slow = self.expected.values().find(|it| {
            (it.fails_fast || it.is_present_only)
                && it.arrived_at + FAST_FAILURE_TIME_MAX <= self.now
                && !self.may_wait(it)
        });
        assert!(slow.is_none(), "{slow:?} still waits at {:?}", self.now);
        self.check_on_demand();
        let late = self.expected.values().find(|expected| expected.deadline <= self.now);
        assert!(late.is_none(), "{late:?} at {:?}", self.now);
        let next = self.core.plan.next_time();
        assert!(next.is_none_or(|next| next > self.now), "{next:?} is not after {:?}", self.now);
        assert!(next.is_some() || self.expected.is_empty(), "nothing will ever happen");
    }

    pub(in crate::engine::sim) fn check_end(&mut self) {
        let counters = self.core.counters(self.now);
        assert_eq!((counters.streams_open, counters.reads_waiting), (0, 0));
        assert_eq!(counters.preloads, 0);
        self.summary.preloaded_bytes = counters.bytes_preloaded;
        assert_eq!(counters.buffered_bytes, 0);
        self.summary.turns = counters.total.turns;
        self.summary.opens = counters.total.opens;
        self.summary.bytes_fetched = counters.total.bytes_fetched;
        self.summary.reuses = counters.total.reuses;
        self.summary.skips = counters.total.skips;
        self.summary.retries = counters.total.retries;
        self.summary.stall_reopens = counters.total.stall_reopens;
        self.summary.unasked_reopens = counters.total.unasked_reopens;
        self.summary.downloaded = counters.bytes_downloaded_by_readers;
        self.summary.downloaded_by_preloads = counters.bytes_downloaded_by_preloads;
        self.summary.haves = counters.bitfield_requests;
    }
}
