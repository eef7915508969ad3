//! Fail-fast: reads of missing data by a handle fail at once after one of its waits has failed.
//!
//! A program that continues after errors (rsync, dd with `conv=noerror`) would wait for the full
//! time-out at each missing range. So after a failed wait, further reads of missing data by the
//! same handle fail at once with the same error, for a pause that doubles with each failed wait.
//! The pause ends as soon as a missing byte of the file arrives or its state changes.
//!
//! A wait that a signal interrupted counts as failed too. Otherwise a thread that continues would
//! leave its loop over a file only after the next wait.
//!
//! The decision is made when a read arrives. It does not affect reads that wait already, reads of
//! present data, and preloads.
#![warn(clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Availability, FileFacts, PieceAvailability, Plan, PlannedRead, ReadId, WaitPolicy};
use crate::tree::FileState;
use crate::{ByteRange, FileId, HandleId, InfoHash, SourceError, Timestamp, VfsError};

/// The longest first pause. By then a program that continues after errors has passed some GiB.
const FIRST_PAUSE_MAX: Duration = Duration::from_secs(10);

/// The longest pause: the default of `read.timeout`, so that a read requests the data half of the
/// time. Without a read, rqbit may not fetch it at all.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// The last failed wait of a handle.
#[derive(Debug)]
struct FailedWait {
    file: FileId,
    failed_at: Timestamp,
    /// How long reads fail fast after `failed_at`.
    pause: Duration,
    /// Why the wait failed; `None` if it timed out.
    error: Option<SourceError>,
    /// The file's state in the last listing.
    state: Option<FileState>,
    /// How many bytes of the file were present, if the bitfield was known.
    have_bytes: Option<u64>,
}

impl FailedWait {
    /// Returns whether more of the file is present than when the wait failed.
    fn has_grown(&self, have_bytes: Option<u64>) -> bool {
        match (self.have_bytes, have_bytes) {
            (Some(before), Some(now)) => now > before,
            (None, _) | (_, None) => false,
        }
    }
}

/// The handles whose last wait failed; at most one entry for each open handle.
#[derive(Debug, Default)]
pub(super) struct FailedWaits {
    handles: BTreeMap<HandleId, FailedWait>,
}

/// Why a read does not wait for missing data.
#[derive(Debug, Clone)]
pub(super) struct FailFast {
    /// Why that wait failed; `None` if it timed out.
    pub(super) error: Option<SourceError>,
}

impl FailedWaits {
    /// Returns why a read that arrives now must not wait for missing data, if a recent wait of its
    /// handle failed.
    fn fail_fast(
        &mut self,
        now: Timestamp,
        handle: HandleId,
        state: Option<FileState>,
        have_bytes: impl FnOnce() -> Option<u64>,
    ) -> Option<FailFast> {
        let known = self.handles.get(&handle)?;
        if known.state != state || known.has_grown(have_bytes()) {
            self.handles.remove(&handle);
            return None;
        }
        let is_over = known.failed_at.saturating_add(known.pause) <= now;
        (!is_over).then(|| FailFast { error: known.error.clone() })
    }

    /// Records a failed wait whose read arrived at `arrived_at`.
    fn add(&mut self, handle: HandleId, arrived_at: Timestamp, failed: FailedWait) {
        let pause = match self.handles.get(&handle) {
            // Concurrent failed waits count as one.
            Some(known) if arrived_at < known.failed_at => return,
            Some(known) => known.pause.saturating_mul(2).min(PAUSE_MAX),
            None => failed.pause.min(FIRST_PAUSE_MAX),
        };
        self.handles.insert(handle, FailedWait { pause, ..failed });
    }

    pub(super) fn on_release(&mut self, handle: HandleId) {
        self.handles.remove(&handle);
    }

    #[cfg(test)]
    pub(super) fn handles(&self) -> impl Iterator<Item = HandleId> {
        self.handles.keys().copied()
    }

    /// Forgets the failed waits of a file. Returns whether there were any.
    fn forget(&mut self, file: FileId) -> bool {
        let count = self.handles.len();
        self.handles.retain(|_, failed| failed.file != file);
        self.handles.len() < count
    }

    /// Returns the files of a torrent of which more is present than when their waits failed.
    fn grown(
        &mut self,
        torrent: InfoHash,
        have_bytes: impl Fn(FileId) -> Option<u64>,
    ) -> Vec<FileId> {
        let mut grown = Vec::new();
        for failed in self.handles.values_mut().filter(|it| it.file.torrent == torrent) {
            let have = have_bytes(failed.file);
            if failed.has_grown(have) {
                grown.push(failed.file);
            } else if failed.have_bytes.is_none() {
                failed.have_bytes = have;
            }
        }
        grown
    }
}

impl Plan {
    /// Returns why a read that arrives now must not wait for missing data, if a recent wait of its
    /// handle failed.
    pub(super) fn fail_fast(
        &mut self,
        now: Timestamp,
        (handle, file): (HandleId, FileId),
        facts: &FileFacts,
    ) -> Option<FailFast> {
        let haves = &self.availability;
        let have = || have_bytes(haves, file, facts);
        self.failed_waits.fail_fast(now, handle, facts.state, have)
    }

    /// Returns the error of a read that would have to wait for missing data now, if a recent wait
    /// of its handle failed.
    pub(in crate::engine) fn fail_fast_error(
        &mut self,
        now: Timestamp,
        who: (HandleId, FileId),
        facts: &FileFacts,
    ) -> Option<VfsError> {
        let fail_fast = self.fail_fast(now, who, facts)?;
        Some(self.error_of_wait(who.1, fail_fast.error))
    }

    /// Records that a read has timed out, if it waited for missing data.
    pub(super) fn on_failed_wait(
        &mut self,
        id: ReadId,
        error: Option<&SourceError>,
        now: Timestamp,
    ) {
        let Some(read) = self.reads.get(&id) else { return };
        let PlannedRead { request, arrived_at, wait_policy, .. } = read;
        let is_waiting = !read.is_preload() && *wait_policy != WaitPolicy::FailFast;
        // A time-out on present data is no evidence about missing data.
        let is_missing = self.presence(read, now) != Availability::Present;
        // A released handle reads nothing more.
        if !is_waiting || !is_missing || !self.handles.is_open(request.handle) {
            return;
        }
        let (handle, file, arrived_at) = (request.handle, request.file, *arrived_at);
        let facts = *self.files.get(&file).unwrap_or(&request.facts);
        let error = error.cloned();
        let pause = now.duration_since(arrived_at);
        let failed = FailedWait { error, pause, ..self.failed_wait(now, file, &facts) };
        self.failed_waits.add(handle, arrived_at, failed);
    }

    /// Records that a signal ended the wait of a read for `range`.
    pub(in crate::engine) fn on_interrupted_wait(
        &mut self,
        now: Timestamp,
        (handle, file): (HandleId, FileId),
        facts: &FileFacts,
        range: ByteRange,
    ) {
        let presence = self.availability.presence(file, facts, range, now, &self.tuning);
        // At a server that the handle has never read from, no read has waited.
        if presence != Availability::Present && self.handles.access(handle).is_some() {
            let pause = FIRST_PAUSE_MAX;
            let failed = FailedWait { pause, ..self.failed_wait(now, file, facts) };
            self.failed_waits.add(handle, now, failed);
        }
    }

    /// Returns the record of a wait that fails at `now`, without a pause or an error.
    fn failed_wait(&self, now: Timestamp, file: FileId, facts: &FileFacts) -> FailedWait {
        let have_bytes = have_bytes(&self.availability, file, facts);
        let (pause, error, state) = (Duration::ZERO, None, facts.state);
        FailedWait { file, failed_at: now, pause, error, state, have_bytes }
    }

    /// Handles the arrival of missing bytes of a file.
    pub(super) fn on_progress(&mut self, file: FileId) {
        if self.failed_waits.forget(file) {
            for id in self.index.of_file(file) {
                if let Some(read) = self.reads.get_mut(&id) {
                    read.fail_fast = None;
                }
            }
            self.mark_file(file);
        }
    }

    /// Handles a new bitfield of a torrent.
    pub(super) fn on_have_progress(&mut self, torrent: InfoHash) {
        let (haves, files) = (&self.availability, &self.files);
        let have = |file| files.get(&file).and_then(|facts| have_bytes(haves, file, facts));
        let grown = self.failed_waits.grown(torrent, have);
        grown.into_iter().for_each(|file| self.on_progress(file));
    }
}

/// Returns how many bytes of a file are present, if the bitfield is known.
fn have_bytes(haves: &PieceAvailability, file: FileId, facts: &FileFacts) -> Option<u64> {
    let whole = ByteRange::clamped(0, facts.len, facts.len);
    haves.is_known(file.torrent).then(|| haves.bytes_here(file, facts, whole))
}
