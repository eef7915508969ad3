//! Reads, the one call that may wait.

use std::sync::Arc;

use vfs_core::{HandleId, TorrentSource};

use super::TorrentFs;
use crate::reads::{ReadRequest, Reads};
use crate::reply::{AnswerBytes, ReplyGuard, contain};

impl<S: TorrentSource> TorrentFs<S> {
    /// Answers a read, now or later. Does not wait.
    pub(super) fn answer_read<R: AnswerBytes>(
        &self,
        handle: HandleId,
        request: ReadRequest,
        guard: ReplyGuard<R>,
    ) {
        let ReadRequest { tid, ino, offset, len } = request;
        tracing::trace!(ino, fh = handle.0, off = offset, len, tid = tid.0, "read");
        self.callers.on_read(handle, tid);
        contain(guard.request(), || {
            // What is in memory costs no task and no change of threads.
            if let Some(result) = self.vfs.try_read(handle, offset, len) {
                return Reads::answer(guard, len, result);
            }
            let vfs = Arc::clone(&self.vfs);
            let read = async move { vfs.read(handle, offset, len).await };
            self.reads.spawn(guard, request, read);
        });
    }
}
