//! Open files that were closed a moment ago: what the server downloaded because of them is known
//! only afterwards.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Vfs;
use crate::handle::ClosedHandle;
use crate::{FileId, HandleId, ReaderOrigin, TorrentSource};

/// The number of closed files that are kept. Above it, the oldest are dropped.
const CLOSED_MAX: usize = 1024;

/// A closed file, and what its reader made the servers download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedReader {
    /// The handle, as in [`Vfs::readers`] before.
    pub handle: HandleId,
    /// The client that opened it; `None` for a process of this machine.
    pub origin: Option<Arc<ReaderOrigin>>,
    /// Identity of the file.
    pub file: FileId,
    /// Bytes that a server downloaded because of its reads, as in
    /// [`OpenReader::bytes_downloaded`](crate::OpenReader::bytes_downloaded).
    pub bytes_downloaded: u64,
}

/// The handles that were released while they had downloads.
#[derive(Debug, Default)]
pub(super) struct ClosedFiles {
    /// Protects the table; held for one access.
    files: Mutex<BTreeMap<HandleId, ClosedHandle>>,
}

impl ClosedFiles {
    fn add(&self, handle: HandleId, closed: ClosedHandle) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.insert(handle, closed);
        while files.len() > CLOSED_MAX {
            files.pop_first();
        }
    }

    fn find(&self, handle: HandleId) -> Option<ClosedHandle> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).get(&handle).cloned()
    }
}

impl<S: TorrentSource> Vfs<S> {
    /// Closes an open file. Its reads in flight continue; afterwards it has no stream.
    pub fn release(&self, handle: HandleId) {
        let closed = self.handles.release(handle);
        if let Some(closed) = closed.filter(|_| self.engine.has_downloads(handle)) {
            self.closed.add(handle, closed);
        }
        self.engine.release(handle);
    }

    /// Returns the closed files whose readers made a server download something, a few seconds after
    /// their release. Each is returned once for each server that downloaded for it. At most 1024
    /// are kept for the next call; older ones are dropped.
    #[must_use]
    pub fn take_closed_readers(&self) -> Vec<ClosedReader> {
        let downloads = self.engine.take_closed_downloads().into_iter();
        let readers = downloads.filter_map(|(handle, bytes_downloaded)| {
            let ClosedHandle { file, origin } = self.closed.find(handle)?;
            Some(ClosedReader { handle, origin, file, bytes_downloaded })
        });
        readers.collect()
    }
}
