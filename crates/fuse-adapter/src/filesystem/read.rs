//! Reads, the one call that may wait.

use std::sync::Arc;

use fuser::ReplyData;
use vfs_core::TorrentSource;

use super::TorrentFs;
use crate::reads::{ReadRequest, Reads};
use crate::reply::{ReplyGuard, contain};

/// A read that memory could not answer.
#[derive(Debug)]
pub(crate) struct Read {
    request: ReadRequest,
    guard: ReplyGuard<ReplyData>,
}

impl<S: TorrentSource> TorrentFs<S> {
    /// Answers a read, now or later. Waits for no more than a direct read does, and then only as
    /// long as enough other threads do not.
    pub(super) fn answer_read(&self, request: ReadRequest, guard: ReplyGuard<ReplyData>) {
        let ReadRequest { tid, ino, handle, offset, len, .. } = request;
        tracing::trace!(ino, fh = handle.0, off = offset, len, tid = tid.0, "read");
        self.callers.on_read(handle, tid);
        self.reads
            .leave_behind(&request, |read| self.vfs.is_missing(read.handle, read.offset, read.len));
        contain(guard.request(), || {
            // What is in memory costs no task and no change of threads.
            if let Some(result) = self.vfs.try_read(handle, offset, len) {
                return Reads::answer(guard, len, result);
            }
            let read = Read { request, guard };
            if !self.vfs.may_read_now(len) {
                return self.spawn_read(read);
            }
            let left = self.direct.run(read, |read| {
                contain(read.guard.request(), || self.read_now(read));
            });
            if let Err(read) = left {
                self.spawn_read(read);
            }
        });
    }

    /// Answers a read on this thread if that takes next to no time, or lets a task do it.
    fn read_now(&self, read: Read) {
        let ReadRequest { handle, offset, len, .. } = read.request;
        let bytes = {
            let _context = self.reads.runtime().enter();
            self.vfs.read_now(handle, offset, len)
        };
        match bytes {
            Some(bytes) => Reads::answer(read.guard, len, Ok(bytes)),
            None => self.spawn_read(read),
        }
    }

    /// Lets a task answer a read.
    fn spawn_read(&self, Read { request, guard }: Read) {
        let ReadRequest { handle, offset, len, .. } = request;
        let vfs = Arc::clone(&self.vfs);
        let read = async move { vfs.read(handle, offset, len).await };
        self.reads.spawn(guard, request, read);
    }
}
