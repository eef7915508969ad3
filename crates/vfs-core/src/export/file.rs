//! Open files of an export.

use std::sync::Arc;

use bytes::Bytes;

use crate::{FileId, HandleId, Ino, ReaderOrigin, TorrentSource, Vfs, VfsError};

/// An open file, which is closed when it is dropped. It outlives the torrent's place in the tree.
#[derive(Debug)]
pub struct ExportFile<S: TorrentSource> {
    vfs: Arc<Vfs<S>>,
    handle: HandleId,
    id: FileId,
    len: u64,
}

impl<S: TorrentSource> ExportFile<S> {
    pub(super) fn open(
        vfs: &Arc<Vfs<S>>,
        ino: Ino,
        origin: &Arc<ReaderOrigin>,
    ) -> Result<Self, VfsError> {
        let (handle, id, len) = vfs.open_exported(ino, origin)?;
        Ok(Self { vfs: Arc::clone(vfs), handle, id, len })
    }

    /// Returns the identity of the file.
    #[must_use]
    pub fn id(&self) -> FileId {
        self.id
    }

    /// Returns the length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Returns whether the file has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the handle, as in [`Vfs::readers`].
    #[must_use]
    pub fn handle(&self) -> HandleId {
        self.handle
    }

    /// Reads `len` bytes at `offset`; fewer only at the end of the file.
    ///
    /// # Errors
    /// As [`Vfs::read`].
    ///
    /// # Cancel safety
    /// Dropping the future ends the read and releases its resources.
    pub async fn read(&self, offset: u64, len: u32) -> Result<Bytes, VfsError> {
        if let Some(answer) = self.vfs.try_read(self.handle, offset, len) {
            return answer;
        }
        self.vfs.read(self.handle, offset, len).await
    }
}

impl<S: TorrentSource> Drop for ExportFile<S> {
    fn drop(&mut self) {
        self.vfs.release(self.handle);
    }
}
