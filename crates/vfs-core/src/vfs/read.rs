//! Reads of open files.

use bytes::Bytes;
use tokio::time::Instant;

use super::Vfs;
use crate::engine::ReadTarget;
use crate::figures::{LoggedWait, ReadSummary};
use crate::handle::OpenFile;
use crate::tree::{FileRef, FileState};
use crate::{ByteRange, FailureReason, HandleId, ServerId, TorrentSource, TorrentState, VfsError};

/// Target of a read, clamped to the end of the file.
enum ReadPlan {
    /// Bytes in memory.
    Bytes(Bytes),
    /// Bytes of a torrent; not empty.
    Target(ReadTarget),
}

impl<S: TorrentSource> Vfs<S> {
    /// Reads `len` bytes at `offset` of an open file; fewer only at the end of the file.
    ///
    /// # Errors
    /// `BadHandle`; `WouldBlock` if bytes are missing that the read must not wait for, or that are
    /// unavailable; `TimedOut` when the deadline of [`ReadPolicy`](crate::ReadPolicy) has passed,
    /// or at once for missing bytes after another read of the handle has timed out; `Stale` if the
    /// torrent was removed; `ShuttingDown`; `Source` if the source failed until the deadline. A
    /// partial result is never returned.
    ///
    /// # Cancel safety
    /// Dropping the future ends the read and releases its resources.
    pub async fn read(&self, handle: HandleId, offset: u64, len: u32) -> Result<Bytes, VfsError> {
        match self.wanted_or_counted(handle, offset, len)? {
            ReadPlan::Bytes(bytes) => Ok(bytes),
            ReadPlan::Target(target) => self.read_monitored(target).await,
        }
    }

    /// Like [`read`](Self::read), for callers that can request single pages of 4 KiB instead. If
    /// whole pages of the range are present and others are missing, it fails at once with
    /// `Partial`. So no present page waits for a missing one.
    ///
    /// # Errors
    /// `Partial`, and as [`read`](Self::read).
    ///
    /// # Cancel safety
    /// As [`read`](Self::read).
    pub async fn read_pages(
        &self,
        handle: HandleId,
        offset: u64,
        len: u32,
    ) -> Result<Bytes, VfsError> {
        match self.wanted_or_counted(handle, offset, len)? {
            ReadPlan::Bytes(bytes) => Ok(bytes),
            ReadPlan::Target(target) => self.read_monitored(target.in_pages()).await,
        }
    }

    /// Like [`read`](Self::read), for readers that must not cause a download. Bytes that are
    /// missing, or not known to be present, fail with `WouldBlock`: at once, or after one request
    /// for the pieces of the torrent, which takes two seconds at most. No stream is opened for
    /// them. A stream of present bytes may make the server fetch missing ones after them.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    ///
    /// # Cancel safety
    /// As [`read`](Self::read).
    pub async fn read_if_present(
        &self,
        handle: HandleId,
        offset: u64,
        len: u32,
    ) -> Result<Bytes, VfsError> {
        match self.wanted_or_counted(handle, offset, len)? {
            ReadPlan::Bytes(bytes) => Ok(bytes),
            ReadPlan::Target(target) => self.read_monitored(target.if_present()).await,
        }
    }

    /// Does what [`read_if_present`](Self::read_if_present) does for callers that can request
    /// single pages of 4 KiB instead.
    ///
    /// # Errors
    /// `Partial` if whole pages of the range are present and others are missing, and as
    /// [`read`](Self::read).
    ///
    /// # Cancel safety
    /// As [`read`](Self::read).
    pub async fn read_pages_if_present(
        &self,
        handle: HandleId,
        offset: u64,
        len: u32,
    ) -> Result<Bytes, VfsError> {
        match self.wanted_or_counted(handle, offset, len)? {
            ReadPlan::Bytes(bytes) => Ok(bytes),
            ReadPlan::Target(target) => self.read_monitored(target.in_pages().if_present()).await,
        }
    }

    /// Like [`read`](Self::read), but only if it needs no waiting: the bytes are in memory, or the
    /// range is empty. Costs a short lock and, if the bytes are present, one copy of them.
    ///
    /// # Errors
    /// `BadHandle` or `ShuttingDown`.
    pub fn try_read(
        &self,
        handle: HandleId,
        offset: u64,
        len: u32,
    ) -> Option<Result<Bytes, VfsError>> {
        match self.wanted_or_counted(handle, offset, len) {
            Ok(ReadPlan::Bytes(bytes)) => Some(Ok(bytes)),
            Ok(ReadPlan::Target(target)) => {
                let begun_at = Instant::now();
                let answer = self.engine.try_read(target)?;
                self.monitor.on_answer(begun_at, &answer);
                Some(answer)
            }
            Err(error) => Some(Err(error)),
        }
    }

    /// Like [`read`](Self::read) on the calling thread, for short present ranges that a source can
    /// [read inline](TorrentSource::read_inline). Returns `None` otherwise, or on failure: the
    /// caller should then use [`read`](Self::read).
    ///
    /// Waits for the source for at most 2 ms. Needs the context of a runtime.
    pub fn read_inline(&self, handle: HandleId, offset: u64, len: u32) -> Option<Bytes> {
        let Ok(ReadPlan::Target(target)) = self.wanted(handle, offset, len) else { return None };
        let begun_at = Instant::now();
        let states = self.tree().file_states(target.file.id);
        let bytes = self.engine.read_inline(target, &states)?;
        let answer = Ok(bytes);
        self.monitor.on_answer(begun_at, &answer);
        answer.ok()
    }

    /// Returns whether all servers report that they do not have all of a range of an open file, so
    /// that a read of it would wait. False while this is unknown. Blocks only for short locks.
    #[must_use]
    pub fn is_missing(&self, handle: HandleId, offset: u64, len: u32) -> bool {
        let Ok(ReadPlan::Target(target)) = self.wanted(handle, offset, len) else { return false };
        let states = self.tree().file_states(target.file.id);
        self.engine.is_missing(target, &states)
    }

    /// Returns whether missing bytes of an open file cannot arrive: all servers that have its
    /// torrent have paused it, or report that it failed. Blocks only for short locks.
    #[must_use]
    pub fn is_stopped(&self, handle: HandleId) -> bool {
        let Ok(ReadPlan::Target(target)) = self.wanted(handle, 0, 1) else { return false };
        let states = self.tree().file_states(target.file.id);
        let is_stopped = |(_, state): &(ServerId, FileState)| match state.torrent {
            TorrentState::Paused | TorrentState::Failed => true,
            TorrentState::Live | TorrentState::Initializing => false,
        };
        !states.is_empty() && states.iter().all(is_stopped)
    }

    /// Records that a read was dropped because of a signal to its thread. If its bytes are missing,
    /// further reads of missing bytes by the handle fail at once for a while, as after a time-out.
    /// So a program that continues to read ends soon.
    pub fn on_interrupted(&self, handle: HandleId, offset: u64, len: u32) {
        self.monitor.on_failure(FailureReason::Interrupted);
        if let Ok(ReadPlan::Target(target)) = self.wanted(handle, offset, len) {
            let states = self.tree().file_states(target.file.id);
            self.engine.on_interrupted_wait(target, &states);
        }
    }

    /// Returns the length of the result of a read: fewer than `len` bytes only at the end of the
    /// file.
    ///
    /// # Errors
    /// `BadHandle`.
    pub fn read_len(&self, handle: HandleId, offset: u64, len: u32) -> Result<u64, VfsError> {
        self.wanted(handle, offset, len).map(|wanted| match wanted {
            ReadPlan::Bytes(bytes) => bytes.len() as u64,
            ReadPlan::Target(target) => target.range.len(),
        })
    }

    /// Returns whether a server, or the local disk, is known to have all of a range of an open
    /// file. Blocks only for short locks.
    #[must_use]
    pub fn is_here(&self, handle: HandleId, offset: u64, len: u32) -> bool {
        match self.wanted(handle, offset, len) {
            Ok(ReadPlan::Bytes(_)) => true,
            Ok(ReadPlan::Target(target)) => {
                let states = self.tree().file_states(target.file.id);
                self.engine.is_here(target, &states)
            }
            Err(_) => false,
        }
    }

    /// Returns whether a read of `len` bytes is short enough for
    /// [`read_inline`](Self::read_inline).
    #[must_use]
    pub fn may_read_inline(&self, len: u32) -> bool {
        self.engine.may_read_inline(u64::from(len))
    }

    /// Returns what happened to the reads of torrents since the start. Reads that the kernel's page
    /// cache or passthrough answered are not included.
    #[must_use]
    pub fn read_summary(&self) -> ReadSummary {
        self.monitor.summary()
    }

    /// Returns the 32 longest waits for missing pieces of the last 24 hours, the longest first.
    /// Those of less than 250 ms are left out.
    #[must_use]
    pub fn longest_waits(&self) -> Vec<LoggedWait> {
        self.monitor.longest_waits()
    }

    async fn read_monitored(&self, target: ReadTarget) -> Result<Bytes, VfsError> {
        let read = self.monitor.begin(target.file.id, target.range.start());
        let states = self.tree().file_states(target.file.id);
        let answer = self.engine.read(target, &states, &read.missing).await;
        read.end(&answer);
        answer
    }

    /// Does what [`wanted`](Self::wanted) does for a read that counts as failed otherwise.
    fn wanted_or_counted(
        &self,
        handle: HandleId,
        offset: u64,
        len: u32,
    ) -> Result<ReadPlan, VfsError> {
        let wanted = self.wanted(handle, offset, len);
        wanted.inspect_err(|error| self.monitor.on_failure(FailureReason::of(error)))
    }

    fn wanted(&self, handle: HandleId, offset: u64, len: u32) -> Result<ReadPlan, VfsError> {
        self.looks.note();
        let cut = |file_len| ByteRange::clamped(offset, u64::from(len), file_len);
        match self.handles.get(handle)? {
            OpenFile::Torrent(FileRef { len, .. }) if cut(len).is_empty() => {
                Ok(ReadPlan::Bytes(Bytes::new()))
            }
            OpenFile::Torrent(file) => {
                let range = cut(file.len);
                Ok(ReadPlan::Target(ReadTarget::new(handle, file, range)))
            }
            OpenFile::Text(text) => {
                let range = cut(text.len() as u64);
                let part = |at| usize::try_from(at).unwrap_or(text.len());
                Ok(ReadPlan::Bytes(text.slice(part(range.start())..part(range.end()))))
            }
        }
    }
}
