//! Plan and memory together: reads and stream events go in, answers and orders come out. Without
//! async and without a clock, so that tests run it in virtual time.

use bytes::Bytes;

use super::plan::{
    Action, BitfieldStatus, FileFacts, Output, Plan, Priority, ReadDeadline, ReadId, ReadRequest,
    StreamId, Tuning,
};
use super::store::{BlockCache, ByteStore};
use super::{Counters, MissingPolicy};
use crate::{ByteRange, FileId, HandleId, InfoHash, StreamDemand, Timestamp, VfsError};

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
    /// Takes the events that do not concern memory; the others are methods of the core.
    pub(super) plan: Plan,
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
    /// it itself; then [`on_direct_end`](Plan::on_direct_end) must follow.
    pub(super) fn on_direct(
        &mut self,
        now: Timestamp,
        who: (HandleId, FileId),
        facts: &FileFacts,
        range: ByteRange,
    ) -> bool {
        !self.is_shut_down && self.plan.on_direct(now, who, facts, range)
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

    pub(super) fn on_chunk(&mut self, now: Timestamp, stream: StreamId, offset: u64, chunk: &[u8]) {
        if self.plan.on_chunk(now, stream, offset, chunk.len() as u64) {
            self.store.append(stream, chunk);
        }
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

    /// Returns the demand on the budget, and whether it needs an answer: then
    /// [`on_permits`](Plan::on_permits) must follow before the next event.
    pub(super) fn stream_demand(&self) -> (StreamDemand, bool) {
        (self.plan.stream_demand(), self.plan.has_asked())
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

    /// Executes the actions of the plan, and passes commands to the caller.
    pub(super) fn pump(&mut self, now: Timestamp, mut output: impl FnMut(Output)) {
        while let Some(action) = self.plan.next_action(now) {
            match action {
                Action::Output(command) => {
                    self.before_output(&command);
                    output(command);
                }
                Action::Ended { stream } => self.store.close(stream),
                Action::Discard { stream } => self.store.discard(stream),
                Action::Release { stream, before } => self.store.release(stream, before),
                Action::Reply { read } => {
                    let Some((file, range)) = self.plan.range_of(read) else { continue };
                    if let Some(parts) = self.store.assemble(file, range) {
                        let missing = self.plan.on_answered(now, read);
                        output(Output::Answer { read, result: Ok(parts), missing });
                    } else {
                        self.plan.on_evicted(read);
                    }
                }
                Action::Look { read } => {
                    let Some((file, range)) = self.plan.range_of(read) else { continue };
                    let need = self.store.missing(file, range);
                    self.plan.on_need(now, read, need);
                }
            }
        }
    }

    /// Prepares memory for a command.
    fn before_output(&mut self, command: &Output) {
        match *command {
            Output::Open { stream, file, file_len, range, is_reopened: false, .. } => {
                self.store.open(stream, file, file_len, range);
            }
            Output::Close { stream } => self.store.close(stream),
            Output::Open { .. }
            | Output::Answer { .. }
            | Output::AskHaves { .. }
            | Output::AskProgress { .. }
            | Output::AskPeers { .. }
            | Output::AddPeers { .. }
            | Output::FindPeers { .. } => {}
        }
    }

    pub(super) fn counters(&self, now: Timestamp) -> Counters {
        let (by_readers, by_preloads) = self.plan.bytes_downloaded();
        Counters {
            total: self.plan.tally.total,
            files: self.plan.tally.files(),
            bitfield_requests: self.plan.bitfield_requests,
            bytes_unused: self.store.bytes_unused(),
            bytes_preloaded: self.plan.preloaded_bytes,
            bytes_downloaded_by_readers: by_readers,
            bytes_downloaded_by_preloads: by_preloads,
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
