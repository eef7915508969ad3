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
use crate::memory::{MemoryLimits, ReplyMemory, ReservedMemory};
use crate::service::NfsService;
use crate::tree::{NfsFailure, NfsReadArgs};

/// The end of a READ.
#[derive(Debug)]
pub(crate) struct ReadEnd {
    pub(crate) outcome: Result<Bytes, NfsFailure>,
    /// The memory of the data, until they are sent.
    pub(crate) memory: Option<ReservedMemory>,
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

    /// Returns the end of a read if it needs no waiting.
    pub(crate) fn try_read(
        &self,
        args: NfsReadArgs,
        origin: &Arc<ReaderOrigin>,
    ) -> Option<ReadEnd> {
        let file = match self.service.pool.open(args.ino, origin) {
            Ok(file) => file,
            Err(error) => return Some(ReadEnd::failed(NfsFailure::of_handle(error))),
        };
        let memory = self.memory.try_reserve(&self.service.memory, args.len)?;
        let vfs = self.service.tree.export.vfs();
        let answer = vfs.try_read(file.handle(), args.offset, args.len)?;
        Some(ReadEnd { outcome: answer.map_err(NfsFailure::from), memory: Some(memory) })
    }

    /// Reads, and waits as the settings say.
    ///
    /// # Cancel safety
    /// Dropping the future ends the read.
    pub(crate) async fn read(&self, args: NfsReadArgs, origin: Arc<ReaderOrigin>) -> ReadEnd {
        let service = Arc::clone(&self.service);
        let memory = self.memory.clone();
        let reading = read_file(service, memory, args, origin);
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
    args: NfsReadArgs,
    origin: Arc<ReaderOrigin>,
) -> ReadEnd {
    let NfsReadArgs { ino, offset, len } = args;
    let file: Arc<ExportFile<S>> = match service.pool.open(ino, &origin) {
        Ok(file) => file,
        Err(error) => return ReadEnd::failed(NfsFailure::of_handle(error)),
    };
    let is_missing = service.tree.export.vfs().is_missing(file.handle(), offset, len);
    let memory = memory.reserve(&service.memory, len, is_missing).await;
    let outcome = file.read(offset, len).await.map_err(NfsFailure::from);
    ReadEnd { outcome, memory }
}
