//! Open files: the state of a handle, from open to release.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;

use crate::tree::FileRef;
use crate::{FileId, Geometry, HandleId, ReaderOrigin, VfsError};

/// The file of a handle.
#[derive(Debug, Clone)]
pub(crate) enum OpenFile {
    /// A file of a torrent: its identity, not its inode, so that the handle outlives the torrent's
    /// place in the tree.
    Torrent(FileRef),
    /// Text of a control file, as of the open.
    Text(Bytes),
}

/// An open file and its reader.
#[derive(Debug)]
struct OpenHandle {
    file: OpenFile,
    origin: Option<Arc<ReaderOrigin>>,
}

/// The file of a torrent whose handle was released.
#[derive(Debug, Clone)]
pub(crate) struct ClosedHandle {
    pub(crate) file: FileId,
    pub(crate) origin: Option<Arc<ReaderOrigin>>,
}

/// All open files.
#[derive(Debug, Default)]
pub(crate) struct Handles {
    last: AtomicU64,
    /// Protects the table; held for one access.
    open: RwLock<HashMap<HandleId, OpenHandle>>,
}

impl Handles {
    pub(crate) fn open(&self, file: OpenFile) -> HandleId {
        self.open_by(file, None)
    }

    /// Opens a file for a client of a network.
    pub(crate) fn open_by(&self, file: OpenFile, origin: Option<Arc<ReaderOrigin>>) -> HandleId {
        let handle = HandleId(self.last.fetch_add(1, Ordering::Relaxed) + 1);
        let file = OpenHandle { file, origin };
        self.open.write().unwrap_or_else(PoisonError::into_inner).insert(handle, file);
        handle
    }

    pub(crate) fn get(&self, handle: HandleId) -> Result<OpenFile, VfsError> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.get(&handle).map(|open| open.file.clone()).ok_or(VfsError::BadHandle)
    }

    /// Sets the position of an open file among the pieces of its torrent.
    pub(crate) fn set_geometry(&self, handle: HandleId, geometry: Option<Geometry>) {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(OpenHandle { file: OpenFile::Torrent(file), .. }) = open.get_mut(&handle) {
            file.geometry = geometry;
        }
    }

    /// Removes a handle; returns it if its file is one of a torrent.
    pub(crate) fn release(&self, handle: HandleId) -> Option<ClosedHandle> {
        let open = self.open.write().unwrap_or_else(PoisonError::into_inner).remove(&handle)?;
        match open.file {
            OpenFile::Torrent(file) => Some(ClosedHandle { file: file.id, origin: open.origin }),
            OpenFile::Text(_) => None,
        }
    }

    /// Returns all open files of torrents, in the order of their opens.
    pub(crate) fn all(&self) -> Vec<(HandleId, FileRef, Option<Arc<ReaderOrigin>>)> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let files = open.iter().filter_map(|(handle, open)| match open.file {
            OpenFile::Torrent(file) => Some((*handle, file, open.origin.clone())),
            OpenFile::Text(_) => None,
        });
        let mut all: Vec<_> = files.collect();
        all.sort_unstable_by_key(|(handle, ..)| *handle);
        all
    }

    /// Returns the number of open files of torrents.
    pub(crate) fn count(&self) -> usize {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.values().filter(|open| matches!(open.file, OpenFile::Torrent(_))).count()
    }
}
