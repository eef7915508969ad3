//! Opens: selects how the reads of a file are served.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use fuser::{FileHandle, FopenFlags, INodeNo, ReplyOpen};
use rustix::io::Errno;
use tokio::time::timeout;
use vfs_core::{HandleId, Ino, TorrentSource, Vfs};

use super::{CONTROL_OPEN_FLAGS, OPEN_FLAGS, TorrentFs};
use crate::passthrough::PassthroughFiles;
use crate::reply::{ReplyGuard, contain};
use crate::request::Tid;

/// Open flags of passthrough files. The kernel refuses all flags of its page cache for them, since
/// passthrough does not use it.
const PASSED_OPEN_FLAGS: FopenFlags = FopenFlags::FOPEN_NOFLUSH;

/// Maximum time that an open waits for a verified file to be reopened: a few system calls. Only a
/// hung disk takes longer; the file is then opened without passthrough.
const REOPEN_TIME_MAX: Duration = Duration::from_millis(100);

impl<S: TorrentSource> TorrentFs<S> {
    /// Answers an open. Does not block: if a local file has to be opened first, a task answers.
    pub(super) fn answer_open(&self, tid: Tid, ino: INodeNo, guard: ReplyGuard<ReplyOpen>) {
        contain(guard.request(), || {
            let handle = match self.vfs.open(Ino(ino.0)) {
                Ok(handle) => handle,
                Err(error) => return guard.refuse(&error),
            };
            self.callers.on_open(handle, tid);
            if self.vfs.is_view(Ino(ino.0)) {
                let file = FileHandle(handle.0);
                return guard.send(|reply| reply.opened(file, CONTROL_OPEN_FLAGS));
            }
            let passthrough = Arc::clone(&self.passthrough);
            let vfs = Arc::clone(&self.vfs);
            let is_asleep = passthrough.is_allowed()
                && passthrough.is_free(ino.0)
                && vfs.whole_local_file(handle).is_none()
                && vfs.is_local_known(handle);
            if !is_asleep {
                open(&vfs, &passthrough, ino.0, handle, guard);
                return self.callers.identify(handle, tid);
            }
            self.reads.spawn_short(async move {
                if timeout(REOPEN_TIME_MAX, vfs.find_local(handle)).await.is_err() {
                    tracing::debug!(ino = ino.0, "a local file is too slow to open");
                }
                open(&vfs, &passthrough, ino.0, handle, guard);
            });
            self.callers.identify(handle, tid);
        });
    }
}

/// Opens a file in the mode that passthrough currently permits.
fn open<S: TorrentSource>(
    vfs: &Vfs<S>,
    passthrough: &PassthroughFiles,
    ino: u64,
    handle: HandleId,
    guard: ReplyGuard<ReplyOpen>,
) {
    guard.send(|reply| {
        let register = || {
            let local = passthrough.is_allowed().then(|| vfs.whole_local_file(handle))??;
            let registered = reply.open_backing(local.descriptor()?);
            registered.inspect_err(|error| note(passthrough, ino, error)).ok()
        };
        let backing = passthrough.on_open(ino, handle, register);
        match backing {
            Some(backing) => {
                tracing::debug!(ino, fh = handle.0, "passthrough: the kernel reads this file");
                reply.opened_passthrough(FileHandle(handle.0), PASSED_OPEN_FLAGS, &backing);
            }
            None => reply.opened(FileHandle(handle.0), OPEN_FLAGS),
        }
    });
}

/// Logs that the kernel refused passthrough for a file.
fn note(passthrough: &PassthroughFiles, ino: u64, error: &io::Error) {
    match Errno::from_io_error(error) {
        // Permanent: passthrough needs CAP_SYS_ADMIN and kernel support.
        Some(Errno::PERM | Errno::NOSYS | Errno::NOTTY | Errno::OPNOTSUPP) => {
            if passthrough.disallow() {
                tracing::info!(%error, "passthrough is not available");
            }
        }
        // A stacked filesystem, or too many open files.
        _ => tracing::debug!(ino, %error, "no passthrough for this file"),
    }
}
