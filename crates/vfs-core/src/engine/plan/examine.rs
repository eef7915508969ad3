//! Reconciliation of one read: whether it fails, and what it waits for.

use super::read_index::{Queue, QueuePosition, ReadIndexEntry};
use super::{Availability, MissingPolicy, Plan, PlannedRead, ReadId, Split, WaitPolicy, retry};
use crate::{FileId, InfoHash, SourceError, Timestamp, VfsError};

impl Plan {
    /// Marks a read for the next reconciliation.
    pub(super) fn mark(&mut self, id: ReadId) {
        self.dirty.reads.insert(id);
        self.is_dirty = true;
    }

    /// Marks the reads of a file, whose facts have changed.
    pub(super) fn mark_file(&mut self, file: FileId) {
        self.dirty.reads.extend(self.index.of_file(file));
        self.is_dirty = true;
    }

    /// Marks the reads of a torrent, whose bitfield has changed.
    pub(super) fn mark_torrent(&mut self, torrent: InfoHash) {
        self.dirty.reads.extend(self.index.of_torrent(torrent));
        self.dirty.torrents.insert(torrent);
        self.is_dirty = true;
    }

    /// Marks all reads.
    pub(super) fn mark_all(&mut self) {
        self.dirty.reads.extend(self.reads.keys());
        self.dirty.torrents.extend(self.reads.values().map(|read| read.request.file.torrent));
        self.is_dirty = true;
    }

    /// Examines all marked reads.
    pub(super) fn examine_marked(&mut self, now: Timestamp) {
        while let Some(id) = self.dirty.reads.pop_first() {
            self.examine(id, now);
        }
    }

    /// Updates the index entry of a read.
    pub(super) fn refile(&mut self, id: ReadId, now: Timestamp) {
        let Some(read) = self.reads.get(&id) else { return };
        let entry = self.entry_of(id, read, now);
        let before = self.index.file(id, entry);
        if entry.is_doubtful && before.is_none_or(|before| !before.is_doubtful) {
            self.dirty.torrents.insert(entry.file.torrent);
        }
        if entry.turn.is_some() && !read.has_waited && !read.is_preload() {
            self.dirty.newcomers.insert(id);
        }
    }

    /// Computes the index entry of a read.
    pub(super) fn entry_of(
        &self,
        id: ReadId,
        read: &PlannedRead,
        now: Timestamp,
    ) -> ReadIndexEntry {
        let entry = ReadIndexEntry::new(read.request.file, read.is_preload());
        if read.is_answered {
            return ReadIndexEntry { is_answered: true, ..entry };
        }
        let is_queued = read.stream.is_none();
        let must_not_wait = self.must_not_wait(read);
        // Not computed for other reads: they do not depend on it, and it costs time.
        let presence = (is_queued || must_not_wait).then(|| self.presence(read, now));
        let queue = presence.filter(|_| is_queued && read.retry_at <= now);
        let queue = queue.and_then(|presence| match presence {
            Availability::Pending => None,
            // The read fails as soon as that is certain. A stream would make the server fetch data
            // that no read waits for.
            Availability::Missing if must_not_wait && self.has_pieces(read) => None,
            Availability::Missing | Availability::Unknown if read.is_present_only => None,
            _ if read.is_preload() => Some(Queue::Preload),
            Availability::Present if read.is_brief => Some(Queue::Brief),
            Availability::Present => Some(Queue::Here),
            Availability::Missing | Availability::Unknown => Some(Queue::Missing),
        });
        let turn = QueuePosition { priority: read.request.priority, place: read.place, read: id };
        let is_missing = presence.is_some_and(|presence| presence != Availability::Present);
        ReadIndexEntry {
            start: (is_queued && !read.is_preload()).then(|| read.need.start()),
            turn: queue.map(|queue| (queue, turn)),
            wake_at: self.wake_at(read, must_not_wait, now),
            is_doubtful: self.has_pieces(read) && (is_missing || self.doubt_at(read) <= now),
            ..entry
        }
    }

    /// Returns the availability of the bytes that a read lacks.
    pub(super) fn presence(&self, read: &PlannedRead, now: Timestamp) -> Availability {
        let rest = self.rest_of(read);
        let (file, facts) = (read.request.file, &read.request.facts);
        let facts = self.files.get(&file).unwrap_or(facts);
        self.availability.presence(file, facts, rest, now, &self.tuning)
    }

    /// Returns whether a read fails rather than wait for missing data.
    pub(super) fn must_not_wait(&self, read: &PlannedRead) -> bool {
        self.waits_for_nothing(read) || read.fail_fast.is_some()
    }

    /// Returns whether a read may not wait for missing data, regardless of earlier failed waits.
    fn waits_for_nothing(&self, read: &PlannedRead) -> bool {
        let facts = self.files.get(&read.request.file).unwrap_or(&read.request.facts);
        let is_refused = self.missing == MissingPolicy::Fail && !read.is_preload();
        is_refused
            || read.is_present_only
            || facts.is_stopped()
            || read.wait_policy == WaitPolicy::FailFast
    }

    /// Returns the error of a read that fails rather than wait.
    fn refusal(&self, read: &PlannedRead) -> VfsError {
        match &read.fail_fast {
            Some(fail_fast) if !self.waits_for_nothing(read) => {
                self.error_of_wait(read.request.file, fail_fast.error.clone())
            }
            Some(_) | None => VfsError::WouldBlock,
        }
    }

    /// Returns whether the bitfield is recent enough to fail a read for missing data: at most
    /// [`Tuning::haves_interval`](super::Tuning::haves_interval) older than the read. Also true
    /// once the read has waited for a newer one, and for a torrent without piece geometry.
    pub(super) fn is_fresh(&self, read: &PlannedRead, now: Timestamp) -> bool {
        let file = read.request.file;
        let facts = self.files.get(&file).unwrap_or(&read.request.facts);
        if facts.geometry.is_none() {
            return true;
        }
        let answered_at = self.availability.answered_at(file.torrent);
        let oldest = read.arrived_at.saturating_sub(self.tuning.haves_interval);
        answered_at.is_some_and(|at| at >= oldest) || now >= self.patient_until(read)
    }

    /// Returns how long a read waits for a bitfield before it proceeds without one.
    pub(super) fn patient_until(&self, read: &PlannedRead) -> Timestamp {
        read.arrived_at.saturating_add(self.tuning.haves_patience)
    }

    /// Examines a read: it fails, is split, joins a stream, or waits.
    fn examine(&mut self, id: ReadId, now: Timestamp) {
        #[cfg(test)]
        self.count_look();
        let Some(read) = self.reads.get(&id).filter(|read| !read.is_answered) else { return };
        let is_preload = read.is_preload();
        if !self.renew_expiry(id, now) {
            return self.expire(id, now);
        }
        self.sample_for(id, now);
        if is_preload && self.trim_preload(id, now) {
            return;
        }
        let Some(read) = self.reads.get(&id) else { return };
        if self.is_gone(read) {
            return self.fail(id, now, VfsError::Stale);
        }
        if self.is_refused(read, now) {
            let is_split = self.split_at(read, now).is_some();
            let error = if is_split { VfsError::Partial } else { self.refusal(read) };
            return self.fail(id, now, error);
        }
        let has_joined = read.stream.is_none() && self.try_attach(id, now);
        let Some(read) = self.reads.get(&id).filter(|read| !read.is_answered) else { return };
        if self.split_at(read, now).is_some_and(|at| at <= now) {
            return self.fail(id, now, VfsError::Partial);
        }
        if !has_joined {
            self.refile(id, now);
        }
    }

    /// Ends a read whose deadline has passed.
    fn expire(&mut self, id: ReadId, now: Timestamp) {
        let Some(read) = self.reads.get(&id) else { return };
        let file = read.request.file;
        let last_error = self.last_error(read).cloned();
        self.on_failed_wait(id, last_error.as_ref(), now);
        let error = self.error_of_wait(file, last_error);
        self.fail(id, now, error);
    }

    /// Returns the error of a failed wait: the source's last error, or a time-out.
    pub(super) fn error_of_wait(&self, file: FileId, error: Option<SourceError>) -> VfsError {
        error.map_or(VfsError::TimedOut, |error| self.error_of(file, error))
    }

    /// Returns the last error of the source for a read.
    fn last_error<'a>(&'a self, read: &'a PlannedRead) -> Option<&'a SourceError> {
        let stream = read.stream.and_then(|(stream, _)| self.streams.get(&stream));
        stream.map_or(&read.last_error, |stream| &stream.last_error).as_ref()
    }

    /// Returns whether the server reported the torrent of a read as not found, and its newest list
    /// lacks it too.
    fn is_gone(&self, read: &PlannedRead) -> bool {
        let facts = self.files.get(&read.request.file);
        let errors = [read.last_error.as_ref(), self.last_error(read)];
        errors.into_iter().flatten().any(|error| retry::is_gone(error, facts))
    }

    /// Returns whether a read that must not wait lacks bytes.
    fn is_refused(&self, read: &PlannedRead, now: Timestamp) -> bool {
        self.must_not_wait(read)
            && match self.presence(read, now) {
                Availability::Present | Availability::Pending => false,
                Availability::Missing => self.is_fresh(read, now),
                // No stream shows whether it is present.
                Availability::Unknown if read.is_present_only => true,
                Availability::Unknown => self.unknown_until(read) <= now,
            }
    }

    /// Returns how long a read that must not wait does so while the availability of its bytes is
    /// unknown.
    fn unknown_until(&self, read: &PlannedRead) -> Timestamp {
        let since = read.stream.map_or(self.patient_until(read), |(_, since)| since);
        since.saturating_add(self.tuning.unknown_patience)
    }

    /// Returns when the state of a read may next change without an event.
    fn wake_at(
        &self,
        read: &PlannedRead,
        must_not_wait: bool,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let is_preload = read.is_preload();
        let [first_sample, last_sample] = Self::sample_times(read);
        let times = [
            (!is_preload).then_some(read.expiry.at),
            first_sample,
            last_sample,
            read.stream.is_none().then_some(read.retry_at),
            (must_not_wait || is_preload || read.split != Split::Never)
                .then(|| self.patient_until(read)),
            must_not_wait.then(|| self.unknown_until(read)),
            self.split_at(read, now),
            self.has_pieces(read).then(|| self.doubt_at(read)),
        ];
        times.into_iter().flatten().filter(|time| *time > now).min()
    }

    /// Returns whether the piece geometry of a read's torrent is known.
    pub(super) fn has_pieces(&self, read: &PlannedRead) -> bool {
        let facts = self.files.get(&read.request.file).unwrap_or(&read.request.facts);
        facts.geometry.is_some()
    }

    fn doubt_at(&self, read: &PlannedRead) -> Timestamp {
        read.arrived_at.saturating_add(self.tuning.doubt_time)
    }
}
