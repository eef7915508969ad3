//! Plan and memory together: reads and stream events go in, answers and orders come out. Without
//! async and without a clock, so that tests run it in virtual time.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::plan::{
    Action, Activity, BitfieldStatus, Demand, DirectEnd, FileFacts, Plan, PreloadWait, Priority,
    ReadDeadline, ReadId, ReadRequest, ServerAvailability, Split, StreamEnd, StreamId, Tuning,
    WaitPolicy,
};
use super::store::{BlockCache, ByteStore};
use super::{Counters, MissingPolicy, Timestamp};
use crate::tree::FileState;
use crate::{
    Bitfield, ByteRange, DownloadProgress, FileId, HandleId, InfoHash, SourceError, StreamDemand,
    StreamPermits, VfsError,
};

/// A command to the caller.
#[derive(Debug)]
pub(super) enum Output {
    /// Deliver the answer to a read; the answer to a preload has no bytes.
    Answer { read: ReadId, result: Result<Vec<Bytes>, VfsError> },
    /// Open a stream.
    Open { stream: StreamId, file: FileId, file_len: u64, range: ByteRange },
    /// Close a stream, whether it is open or opening.
    Close { stream: StreamId },
    /// Request the bitfield of a torrent.
    AskHaves { torrent: InfoHash },
    /// Request the download progress of a torrent.
    AskProgress { torrent: InfoHash },
}

/// The result of starting a read.
#[derive(Debug)]
pub(super) enum Started {
    /// Memory had all of it.
    Done(Vec<Bytes>),
    /// An [`Output::Answer`] will follow.
    Waits(ReadId),
}

/// The plan and the bytes of one source.
#[derive(Debug)]
pub(super) struct Core {
    plan: Plan,
    store: ByteStore,
    last_read: u64,
    is_shut_down: bool,
}

impl Core {
    /// Returns a core whose cache may share its memory with those of other sources.
    pub(super) fn new(tuning: Tuning, missing: MissingPolicy, cache: BlockCache) -> Self {
        let store = ByteStore::new(&tuning, cache);
        Self { plan: Plan::new(tuning, missing), store, last_read: 0, is_shut_down: false }
    }

    /// Answers a read if memory has all of it.
    pub(super) fn try_read(
        &mut self,
        now: Timestamp,
        handle: HandleId,
        file: FileId,
        range: ByteRange,
    ) -> Option<Result<Vec<Bytes>, VfsError>> {
        if self.is_shut_down {
            return Some(Err(VfsError::ShuttingDown));
        }
        let parts = self.store.assemble(file, range)?;
        self.plan.on_hit(now, handle, file, range);
        Some(Ok(parts))
    }

    /// Handles a read that memory could not answer. Returns whether the requesting thread may read
    /// it itself; then [`on_direct_end`](Self::on_direct_end) must follow.
    pub(super) fn on_direct(
        &mut self,
        now: Timestamp,
        who: (HandleId, FileId),
        facts: &FileFacts,
        range: ByteRange,
    ) -> bool {
        !self.is_shut_down && self.plan.on_direct(now, who, facts, range)
    }

    /// Handles the end of a direct read. Returns whether any action may follow from it.
    pub(super) fn on_direct_end(
        &mut self,
        now: Timestamp,
        who: (HandleId, FileId),
        range: ByteRange,
        end: DirectEnd,
    ) -> bool {
        self.plan.on_direct_end(now, who, range, end)
    }

    /// Records bytes that a reader received from the local disk.
    pub(super) fn on_local(
        &mut self,
        now: Timestamp,
        handle: HandleId,
        file: FileId,
        range: ByteRange,
    ) {
        self.plan.on_local(now, handle, file, range);
    }

    /// Starts a read of at most [`Tuning::read_bytes_max`] bytes, which ends by `deadline`.
    pub(super) fn read(
        &mut self,
        now: Timestamp,
        deadline: ReadDeadline,
        (handle, file, priority): (HandleId, FileId, Priority),
        facts: FileFacts,
        range: ByteRange,
    ) -> Result<Started, VfsError> {
        if let Some(parts) = self.try_read(now, handle, file, range) {
            return parts.map(Started::Done);
        }
        self.last_read += 1;
        let id = ReadId(self.last_read);
        let need = self.store.missing(file, range);
        let request = ReadRequest { handle, file, facts, range, need, priority, deadline };
        self.plan.on_read(now, id, request);
        Ok(Started::Waits(id))
    }

    /// Starts a preload of a range.
    pub(super) fn preload(
        &mut self,
        now: Timestamp,
        (file, facts): (FileId, FileFacts),
        range: ByteRange,
    ) -> Result<ReadId, VfsError> {
        if self.is_shut_down {
            return Err(VfsError::ShuttingDown);
        }
        self.last_read += 1;
        let id = ReadId(self.last_read);
        self.plan.on_preload(now, id, (file, facts), range);
        Ok(id)
    }

    /// Returns how many bytes of a preload are known to be present.
    pub(super) fn preloaded_bytes(&self, preload: ReadId) -> u64 {
        self.plan.preloaded_bytes(preload)
    }

    /// Returns what a preload waits for, or `None` while its data arrives.
    pub(super) fn preload_wait(&self, preload: ReadId, now: Timestamp) -> Option<PreloadWait> {
        self.plan.preload_wait(preload, now)
    }

    /// Returns how many bytes of a range are known to be present.
    pub(super) fn bytes_here(&self, file: FileId, facts: &FileFacts, range: ByteRange) -> u64 {
        self.plan.bytes_here(file, facts, range)
    }

    pub(super) fn set_patience(&mut self, read: ReadId, patience: WaitPolicy) {
        self.plan.set_patience(read, patience);
    }

    pub(super) fn set_split(&mut self, read: ReadId, split: Split) {
        self.plan.set_split(read, split);
    }

    /// Returns the error of a read that would have to wait for missing data now, if a recent wait
    /// of its handle failed.
    pub(super) fn fail_fast_error(
        &mut self,
        now: Timestamp,
        who: (HandleId, FileId),
        facts: &FileFacts,
    ) -> Option<VfsError> {
        self.plan.fail_fast_error(now, who, facts)
    }

    /// Records that a signal ended the wait of a read for a range.
    pub(super) fn on_interrupted_wait(
        &mut self,
        now: Timestamp,
        who: (HandleId, FileId),
        facts: &FileFacts,
        range: ByteRange,
    ) {
        self.plan.on_interrupted_wait(now, who, facts, range);
    }

    /// Returns whether a whole page of a range is on the server.
    pub(super) fn has_page(&self, file: FileId, facts: &FileFacts, range: ByteRange) -> bool {
        self.plan.has_page(file, facts, range)
    }

    pub(super) fn progress_at(&self, read: ReadId) -> Option<Timestamp> {
        self.plan.progress_at(read)
    }

    pub(super) fn outlook(
        &self,
        now: Timestamp,
        (file, facts): (FileId, &FileFacts),
        range: ByteRange,
    ) -> ServerAvailability {
        self.plan.outlook(file, facts, range, now)
    }

    pub(super) fn is_refusing(&self, now: Timestamp) -> bool {
        self.plan.is_refusing(now)
    }

    /// Returns the contiguous bytes at the start of a range that memory has.
    pub(super) fn prefix(&mut self, file: FileId, range: ByteRange) -> Vec<Bytes> {
        let missing = self.store.missing(file, range);
        let here = missing.start().saturating_sub(range.start());
        let here = if missing.is_empty() { range.len() } else { here };
        let range = ByteRange::clamped(range.start(), here, range.end());
        if range.is_empty() {
            return Vec::new();
        }
        self.store.assemble(file, range).unwrap_or_default()
    }

    pub(super) fn on_cancel(&mut self, now: Timestamp, read: ReadId) {
        self.plan.on_cancel(now, read);
    }

    pub(super) fn on_open(&mut self, handle: HandleId) {
        self.plan.on_open(handle);
    }

    pub(super) fn on_release(&mut self, handle: HandleId) {
        self.plan.on_release(handle);
    }

    pub(super) fn on_facts(&mut self, file: FileId, state: Option<FileState>) {
        self.plan.on_facts(file, state);
    }

    pub(super) fn on_opened(&mut self, now: Timestamp, stream: StreamId, offset: u64) {
        self.plan.on_opened(now, stream, offset);
    }

    pub(super) fn on_chunk(&mut self, now: Timestamp, stream: StreamId, offset: u64, chunk: &[u8]) {
        if self.plan.on_chunk(now, stream, offset, chunk.len() as u64) {
            self.store.append(stream, chunk);
        }
    }

    /// Handles the end of a stream. Its bytes go to readers, then to the cache.
    pub(super) fn on_stream_end(&mut self, now: Timestamp, stream: StreamId, end: StreamEnd) {
        self.plan.on_stream_end(now, stream, end);
    }

    pub(super) fn on_haves(
        &mut self,
        now: Timestamp,
        torrent: InfoHash,
        answer: Result<Bitfield, SourceError>,
    ) {
        self.plan.on_haves(now, torrent, answer);
    }

    pub(super) fn on_download(
        &mut self,
        now: Timestamp,
        torrent: InfoHash,
        answer: Option<DownloadProgress>,
    ) {
        self.plan.on_download(now, torrent, answer);
    }

    /// Returns the time of the last progress of a torrent.
    pub(super) fn torrent_progress_at(&self, torrent: InfoHash) -> Option<Timestamp> {
        self.plan.torrent_progress_at(torrent)
    }

    /// Returns the bitfield status of a torrent, and requests the bitfield if it is due.
    pub(super) fn on_bitfield_query(
        &mut self,
        now: Timestamp,
        torrent: InfoHash,
    ) -> BitfieldStatus {
        if self.is_shut_down {
            BitfieldStatus::Unknown
        } else {
            self.plan.on_bitfield_query(now, torrent)
        }
    }

    /// Makes the streams take their permits from a shared budget: there are none before
    /// [`on_permits`](Self::on_permits).
    pub(super) fn share_permits(&mut self) {
        self.plan.share_permits();
    }

    /// Handles the permits that the budget assigns.
    pub(super) fn on_permits(&mut self, now: Timestamp, permits: StreamPermits) {
        self.plan.on_permits(now, permits);
    }

    /// Returns the demand on the budget, and whether it needs an answer: then
    /// [`on_permits`](Self::on_permits) must follow before the next event.
    pub(super) fn stream_demand(&self) -> (StreamDemand, bool) {
        (self.plan.stream_demand(), self.plan.has_asked())
    }

    pub(super) fn on_time(&mut self, now: Timestamp) {
        self.plan.on_time(now);
    }

    /// Handles loss of the driver task: every outstanding request is cancelled.
    pub(super) fn on_owner_gone(&mut self, now: Timestamp) {
        self.plan.on_owner_gone(now);
    }

    /// Ends all reads and streams. Later reads fail.
    pub(super) fn shut_down(&mut self, now: Timestamp) {
        self.is_shut_down = true;
        self.plan.shut_down(now);
    }

    /// Discards all bytes, and reopens streams. Returns the number of discarded bytes.
    pub(super) fn clear(&mut self, now: Timestamp) -> u64 {
        let bytes = self.store.buffered_bytes().saturating_add(self.store.cached_bytes());
        self.plan.on_clear(now);
        self.store.clear_cache();
        bytes
    }

    /// Discards all bitfields.
    pub(super) fn clear_haves(&mut self) {
        self.plan.on_clear_haves();
    }

    pub(super) fn activities(&self, now: Timestamp) -> BTreeMap<HandleId, Activity> {
        self.plan.activities(now)
    }

    /// Executes the actions of the plan, and passes commands to the caller.
    pub(super) fn pump(&mut self, now: Timestamp, mut output: impl FnMut(Output)) {
        while let Some(action) = self.plan.next_action(now) {
            match action {
                Action::Open { stream, file, file_len, range } => {
                    self.store.open(stream, file, file_len, range);
                    output(Output::Open { stream, file, file_len, range });
                }
                Action::Reopen { stream, file, file_len, range } => {
                    output(Output::Open { stream, file, file_len, range });
                }
                Action::Close { stream } => {
                    self.store.close(stream);
                    output(Output::Close { stream });
                }
                Action::Ended { stream } => self.store.close(stream),
                Action::Discard { stream } => self.store.discard(stream),
                Action::Release { stream, before } => self.store.release(stream, before),
                Action::Reply { read } => {
                    let Some((file, range)) = self.plan.range_of(read) else { continue };
                    if let Some(parts) = self.store.assemble(file, range) {
                        self.plan.on_answered(now, read);
                        output(Output::Answer { read, result: Ok(parts) });
                    } else {
                        self.plan.on_evicted(read);
                    }
                }
                Action::Preloaded { read } => {
                    output(Output::Answer { read, result: Ok(Vec::new()) });
                }
                Action::Fail { read, error } => {
                    output(Output::Answer { read, result: Err(error) });
                }
                Action::Look { read } => {
                    let Some((file, range)) = self.plan.range_of(read) else { continue };
                    let need = self.store.missing(file, range);
                    self.plan.on_need(now, read, need);
                }
                Action::AskHaves { torrent } => output(Output::AskHaves { torrent }),
                Action::AskProgress { torrent } => output(Output::AskProgress { torrent }),
            }
        }
    }

    /// Returns all handles for which there is an entry.
    #[cfg(test)]
    pub(super) fn known_handles(&self) -> std::collections::BTreeSet<HandleId> {
        self.plan.known_handles()
    }

    /// Panics if the reported wait of a preload does not match its state.
    #[cfg(test)]
    pub(super) fn check_preload_wait(&self, preload: ReadId, now: Timestamp) {
        self.plan.check_preload_wait(preload, now);
    }

    /// Panics if the plan is inconsistent.
    #[cfg(test)]
    pub(super) fn check(&self) {
        self.plan.check();
    }

    pub(super) fn demand(&self, stream: StreamId) -> Demand {
        self.plan.demand(stream)
    }

    pub(super) fn next_time(&self) -> Option<Timestamp> {
        self.plan.next_time()
    }

    pub(super) fn files(&self) -> Vec<FileId> {
        self.plan.files().collect()
    }

    pub(super) fn counters(&self, now: Timestamp) -> Counters {
        Counters {
            total: self.plan.tally.total,
            files: self.plan.tally.files(),
            bitfield_requests: self.plan.bitfield_requests,
            bytes_unused: self.store.bytes_unused(),
            bytes_preloaded: self.plan.preloaded_bytes,
            preloads: self.plan.preload_count(),
            reads_waiting: self.plan.reads_waiting(),
            streams_open: self.plan.streams_open(),
            buffered_bytes: self.store.buffered_bytes(),
            cached_bytes: self.store.cached_bytes(),
            memory_bytes_max: self.plan.tuning().memory_bytes_max(),
            breaker: self.plan.breaker(now),
            servers: Vec::new(),
        }
    }
}
