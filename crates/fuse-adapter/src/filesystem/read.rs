//! Reads, the only request that may wait.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use fuser::ReplyData;
use vfs_core::{TorrentSource, Vfs, VfsError};

use super::TorrentFs;
use crate::reads::{Extent, ReadFailure};
use crate::reply::{ReplyGuard, contain};
use crate::request::KernelRead;

/// A read that memory could not answer.
#[derive(Debug)]
pub(crate) struct PendingRead {
    request: KernelRead,
    guard: ReplyGuard<ReplyData>,
}

impl<S: TorrentSource> TorrentFs<S> {
    /// Answers a read, now or later. Blocks only for an inline read, and only while enough other
    /// request threads are free.
    pub(super) fn answer_read(&self, request: KernelRead, guard: ReplyGuard<ReplyData>) {
        let KernelRead { tid, ino, handle, offset, len, .. } = request;
        tracing::trace!(ino, fh = handle.0, off = offset, len, tid = tid.0, "read");
        self.callers.on_read(handle, tid, len);
        self.reads.abandon_readahead(&request, |read| {
            self.vfs.is_missing(read.handle, read.offset, read.len)
        });
        contain(guard.request(), || {
            // A read from memory costs no task and no thread switch.
            if let Some(result) = self.vfs.try_read(handle, offset, len) {
                return self.reads.answer(guard, &request, result, &*self.vfs);
            }
            let read = PendingRead { request, guard };
            if !self.vfs.may_read_inline(len) {
                return self.spawn_read(read);
            }
            let left = self.direct.run(read, |read| {
                contain(read.guard.request(), || self.read_inline(read));
            });
            if let Err(read) = left {
                self.spawn_read(read);
            }
        });
    }

    /// Answers a read on this thread if that takes almost no time; otherwise spawns a task.
    fn read_inline(&self, read: PendingRead) {
        let KernelRead { handle, offset, len, .. } = read.request;
        let bytes = {
            let _context = self.reads.runtime().enter();
            self.vfs.read_inline(handle, offset, len)
        };
        match bytes {
            Some(bytes) => self.reads.answer(read.guard, &read.request, Ok(bytes), &*self.vfs),
            None => self.spawn_read(read),
        }
    }

    /// Spawns a task that answers a read.
    fn spawn_read(&self, PendingRead { request, guard }: PendingRead) {
        let KernelRead { tid, handle, offset, len, .. } = request;
        let vfs = Arc::clone(&self.vfs);
        let may_split = self.reads.may_split(&request);
        let (callers, refused) = (Arc::clone(&self.callers), Arc::clone(&self.refused));
        let read = async move {
            // A thread may run another program by its next read, so each read of missing data
            // looks.
            let program = if vfs.is_here(handle, offset, len) {
                None
            } else {
                callers.identify_reader(handle, tid)
            };
            if let Some(name) = program.and_then(|program| refused.refused_name(&program)) {
                let read = read_if_present(&vfs, &request, may_split).await;
                return read.map_err(|error| {
                    if !matches!(error, VfsError::WouldBlock) {
                        return error.into();
                    }
                    refused.on_refused(&name, Instant::now());
                    ReadFailure::RefusedProgram
                });
            }
            let read = if may_split {
                vfs.read_pages(handle, offset, len).await
            } else {
                vfs.read(handle, offset, len).await
            };
            read.map_err(ReadFailure::from)
        };
        self.reads.spawn(guard, request, Arc::clone(&self.vfs), read);
    }
}

/// Reads for a program that must not make a server download anything.
async fn read_if_present<S: TorrentSource>(
    vfs: &Vfs<S>,
    request: &KernelRead,
    may_split: bool,
) -> Result<Bytes, VfsError> {
    let KernelRead { handle, offset, len, .. } = *request;
    if may_split {
        vfs.read_pages_if_present(handle, offset, len).await
    } else {
        vfs.read_if_present(handle, offset, len).await
    }
}

impl<S: TorrentSource> Extent for Vfs<S> {
    fn is_missing(&self, request: &KernelRead) -> bool {
        Self::is_missing(self, request.handle, request.offset, request.len)
    }

    fn is_stopped(&self, request: &KernelRead) -> bool {
        Self::is_stopped(self, request.handle)
    }

    fn is_here(&self, request: &KernelRead) -> bool {
        Self::is_here(self, request.handle, request.offset, request.len)
    }

    fn on_interrupted(&self, request: &KernelRead) {
        Self::on_interrupted(self, request.handle, request.offset, request.len);
    }

    fn len(&self, request: &KernelRead) -> Option<u64> {
        self.read_len(request.handle, request.offset, request.len).ok()
    }
}
