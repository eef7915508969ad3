//! Reads of open files.

use bytes::Bytes;

use crate::engine::ReadTarget;
use crate::handle::OpenFile;
use crate::tree::FileRef;
use crate::{ByteRange, HandleId, TorrentSource, Vfs, VfsError};

/// What a read is about, cut to the end of the file.
enum ReadPlan {
    /// Bytes that are at hand.
    Bytes(Bytes),
    /// Bytes of a torrent, at least one.
    Target(ReadTarget),
}

impl<S: TorrentSource> Vfs<S> {
    /// Reads `len` bytes at `offset` of an open file: all of them, but for those after the end of
    /// the file.
    ///
    /// # Errors
    /// `BadHandle`; `WouldBlock` if bytes are missing that the read must not wait for, or that
    /// cannot come; `TimedOut` when the deadline of [`ReadPolicy`](crate::ReadPolicy) has passed,
    /// or at once for missing bytes after another read of the handle has waited for some in vain;
    /// `Stale` if the torrent is gone; `ShuttingDown`; `Source` if the source failed until the
    /// deadline. There is never a part of the bytes.
    ///
    /// # Cancel safety
    /// Dropping the future ends the read and frees all that it held.
    pub async fn read(&self, handle: HandleId, offset: u64, len: u32) -> Result<Bytes, VfsError> {
        let target = match self.wanted(handle, offset, len)? {
            ReadPlan::Bytes(bytes) => return Ok(bytes),
            ReadPlan::Target(target) => target,
        };
        let states = self.tree().file_states(target.file.id);
        self.engine.read(target, &states).await
    }

    /// Does what [`read`](Self::read) does for who can ask for single pages of 4 KiB instead: if
    /// whole pages of the range are there and others are missing, it ends at once with `Partial`.
    /// So no page that is there waits for another that is not.
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
        let target = match self.wanted(handle, offset, len)? {
            ReadPlan::Bytes(bytes) => return Ok(bytes),
            ReadPlan::Target(target) => target.in_pages(),
        };
        let states = self.tree().file_states(target.file.id);
        self.engine.read(target, &states).await
    }

    /// Does what [`read`](Self::read) does if that takes no waiting: if the bytes are in memory, or
    /// there are none to read. Costs a short lock and, if the bytes are there, one copy of them.
    ///
    /// # Errors
    /// `BadHandle` or `ShuttingDown`.
    pub fn try_read(
        &self,
        handle: HandleId,
        offset: u64,
        len: u32,
    ) -> Option<Result<Bytes, VfsError>> {
        match self.wanted(handle, offset, len) {
            Ok(ReadPlan::Bytes(bytes)) => Some(Ok(bytes)),
            Ok(ReadPlan::Target(target)) => self.engine.try_read(target),
            Err(error) => Some(Err(error)),
        }
    }

    /// Does what [`read`](Self::read) does on the calling thread, if its bytes are few, are there,
    /// and a source can [read them inline](TorrentSource::read_inline).
    /// `None` if not, or if they did not come: then the read is to take the usual way.
    ///
    /// Waits for the source, for two milliseconds at most. Needs the context of a runtime.
    pub fn read_inline(&self, handle: HandleId, offset: u64, len: u32) -> Option<Bytes> {
        let Ok(ReadPlan::Target(target)) = self.wanted(handle, offset, len) else { return None };
        let states = self.tree().file_states(target.file.id);
        self.engine.read_inline(target, &states)
    }

    /// Returns whether all servers say that they do not have all of a range of an open file, so
    /// that who reads it waits. False while nobody can say. Waits for no more than a short lock of
    /// each.
    #[must_use]
    pub fn is_missing(&self, handle: HandleId, offset: u64, len: u32) -> bool {
        let Ok(ReadPlan::Target(target)) = self.wanted(handle, offset, len) else { return false };
        let states = self.tree().file_states(target.file.id);
        self.engine.is_missing(target, &states)
    }

    /// Takes note that a read was dropped since its thread got a signal. If its bytes are missing,
    /// further reads of missing bytes by the handle fail at once for a while, as after a wait that
    /// has failed: who goes on all the same ends soon.
    pub fn on_interrupted(&self, handle: HandleId, offset: u64, len: u32) {
        if let Ok(ReadPlan::Target(target)) = self.wanted(handle, offset, len) {
            let states = self.tree().file_states(target.file.id);
            self.engine.on_interrupted_wait(target, &states);
        }
    }

    /// Returns how many bytes a read of an open file returns: fewer than `len` only at its end.
    ///
    /// # Errors
    /// `BadHandle`.
    pub fn read_len(&self, handle: HandleId, offset: u64, len: u32) -> Result<u64, VfsError> {
        self.wanted(handle, offset, len).map(|wanted| match wanted {
            ReadPlan::Bytes(bytes) => bytes.len() as u64,
            ReadPlan::Target(target) => target.range.len(),
        })
    }

    /// Returns whether a server, or this machine's disk, is known to have all of a range of an open
    /// file. Waits for no more than a short lock of each.
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

    fn wanted(&self, handle: HandleId, offset: u64, len: u32) -> Result<ReadPlan, VfsError> {
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
