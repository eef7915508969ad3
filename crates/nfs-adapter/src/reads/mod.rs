//! READ: open files, memory, and waits.

mod late;

use std::sync::Arc;

use bytes::Bytes;
use nfs3_types::nfs3::nfsstat3;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use vfs_core::{ExportFile, ReaderOrigin, TorrentSource};

pub(crate) use self::late::LateReads;
use crate::NfsWaits;
use crate::memory::{DataClass, MemoryLimits, ReplyMemory, ReservedMemory};
use crate::service::NfsService;
use crate::tree::{NfsFailure, NfsReadArgs};

/// The end of a READ.
#[derive(Debug)]
pub(crate) struct ReadEnd {
    pub(crate) outcome: Result<Bytes, NfsFailure>,
    /// The memory of the data, until they are sent.
    pub(crate) memory: Option<ReservedMemory>,
}

/// What can be done with a READ at once.
#[derive(Debug)]
pub(crate) enum TriedRead {
    /// It has ended.
    Ended(ReadEnd),
    /// It may have to wait.
    Waits(DataClass),
}

/// The reads of a connection.
#[derive(Debug)]
pub(crate) struct FileReads<S: TorrentSource> {
    service: Arc<NfsService<S>>,
    memory: ReplyMemory,
    late: LateReads,
}

impl ReadEnd {
    pub(crate) fn failed(failure: NfsFailure) -> Self {
        Self { outcome: Err(failure), memory: None }
    }
}

impl<S: TorrentSource> FileReads<S> {
    pub(crate) fn new(service: Arc<NfsService<S>>) -> Self {
        let memory = ReplyMemory::new(&MemoryLimits::OF_CONNECTION);
        Self { service, memory, late: LateReads::default() }
    }

    /// Reads, if that needs no waiting. Blocks only for short locks.
    pub(crate) fn try_read(&self, args: NfsReadArgs, origin: &Arc<ReaderOrigin>) -> TriedRead {
        let NfsReadArgs { ino, offset, len } = args;
        let handle = match self.service.pool.open(ino, origin) {
            Ok(file) => file.handle(),
            Err(error) => {
                return TriedRead::Ended(ReadEnd::failed(NfsFailure::of_handle(error)));
            }
        };
        let vfs = self.service.tree.export.vfs();
        if let Some(memory) = self.memory.try_reserve(&self.service.memory, len)
            && let Some(answer) = vfs.try_read(handle, offset, len)
        {
            // An earlier request for the same bytes is answered by this.
            drop(self.late.take(&args));
            let outcome = answer.map_err(NfsFailure::from);
            return TriedRead::Ended(ReadEnd { outcome, memory: Some(memory) });
        }
        let is_missing = vfs.is_missing(handle, offset, len);
        TriedRead::Waits(if is_missing { DataClass::Missing } else { DataClass::Present })
    }

    /// Reads, and waits as the settings say.
    ///
    /// # Cancel safety
    /// Dropping the future ends the read.
    pub(crate) async fn read(
        &self,
        args: NfsReadArgs,
        class: DataClass,
        origin: Arc<ReaderOrigin>,
    ) -> ReadEnd {
        let service = Arc::clone(&self.service);
        let memory = self.memory.clone();
        let reading = read_file(service, memory, class, args, origin);
        let NfsWaits::Jukebox { after } = self.service.waits else { return reading.await };
        let running = self.late.take(&args);
        let mut running = running.unwrap_or_else(|| AbortOnDropHandle::new(tokio::spawn(reading)));
        match timeout(after, &mut running).await {
            Ok(Ok(end)) => end,
            Ok(Err(error)) => {
                tracing::error!(%error, ino = args.ino.0, "a READ failed by a bug");
                ReadEnd::failed(NfsFailure::new(nfsstat3::NFS3ERR_SERVERFAULT))
            }
            Err(_elapsed) => {
                self.late.put(args, running);
                ReadEnd::failed(NfsFailure::new(nfsstat3::NFS3ERR_JUKEBOX))
            }
        }
    }

    /// Ends reads whose client does not ask again.
    pub(crate) fn end_abandoned(&self) {
        self.late.end_abandoned();
    }
}

async fn read_file<S: TorrentSource>(
    service: Arc<NfsService<S>>,
    memory: ReplyMemory,
    class: DataClass,
    args: NfsReadArgs,
    origin: Arc<ReaderOrigin>,
) -> ReadEnd {
    let NfsReadArgs { ino, offset, len } = args;
    let memory = memory.reserve(&service.memory, len, class).await;
    let file: Arc<ExportFile<S>> = match service.pool.open(ino, &origin) {
        Ok(file) => file,
        Err(error) => return ReadEnd::failed(NfsFailure::of_handle(error)),
    };
    let outcome = file.read(offset, len).await.map_err(NfsFailure::from);
    ReadEnd { outcome, memory }
}
