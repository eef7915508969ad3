//! Reads, the one call that may wait.

use std::sync::Arc;

use vfs_core::{HandleId, TorrentSource};

use super::TorrentFs;
use crate::reads::ReadRequest;
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
        contain(guard.request(), || {
            // What is in memory goes to `Reads::answer` from here, and costs no task: what follows
            // is for bytes that have to be waited for.
            let vfs = Arc::clone(&self.vfs);
            let read = async move { vfs.read(handle, offset, len).await };
            self.reads.spawn(guard, request, read);
        });
    }
}
