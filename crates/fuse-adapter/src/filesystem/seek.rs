//! `lseek` for holes and data, which may have to query the server.

use std::sync::Arc;

use fuser::{Errno, ReplyLseek};
use vfs_core::{HandleId, SeekTo, TorrentSource, VfsError};

use super::TorrentFs;
use crate::reply::{ReplyGuard, contain};

/// `SEEK_DATA` and `SEEK_HOLE` of `linux/fs.h`. The kernel handles the other values itself.
const SEEK_DATA: i32 = 3;
const SEEK_HOLE: i32 = 4;

impl<S: TorrentSource> TorrentFs<S> {
    /// Answers a seek, now or later. Does not block.
    pub(super) fn answer_lseek(
        &self,
        guard: ReplyGuard<ReplyLseek>,
        handle: HandleId,
        offset: i64,
        whence: i32,
    ) {
        let to = match whence {
            SEEK_DATA if self.shows_holes => SeekTo::Data,
            SEEK_HOLE if self.shows_holes => SeekTo::Hole,
            // The kernel then treats the whole file as data, and does not ask again.
            SEEK_DATA | SEEK_HOLE => return guard.send(|reply| reply.error(Errno::ENOSYS)),
            _ => return guard.send(|reply| reply.error(Errno::EINVAL)),
        };
        // As on local filesystems, a negative offset is treated like one past the end.
        let Ok(offset) = u64::try_from(offset) else {
            return guard.refuse(&VfsError::NothingThere);
        };
        contain(guard.request(), || {
            if let Some(found) = self.vfs.try_seek(handle, offset, to) {
                return answer(guard, found);
            }
            let vfs = Arc::clone(&self.vfs);
            let end = async move { vfs.seek(handle, offset, to).await };
            self.reads.spawn_short(async move { answer(guard, end.await) });
        });
    }
}

fn answer(guard: ReplyGuard<ReplyLseek>, found: Result<u64, VfsError>) {
    let found = found.and_then(|at| i64::try_from(at).map_err(|_beyond| VfsError::NothingThere));
    match found {
        Ok(at) => guard.send(|reply| reply.offset(at)),
        Err(error) => guard.refuse(&error),
    }
}
