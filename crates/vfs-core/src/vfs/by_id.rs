//! Files by their identity, for callers that show a torrent instead of the tree.

use std::sync::Arc;

use super::Vfs;
use crate::handle::OpenFile;
use crate::{FileId, HandleId, ReaderOrigin, TorrentFile, TorrentSource, VfsError};

impl<S: TorrentSource> Vfs<S> {
    /// Opens a file by its identity for a client, as [`open`](Self::open) does by its inode number,
    /// and returns it with its path: in a root with views only, that in the first view that shows
    /// it. The handle must be [released](Self::release).
    ///
    /// # Errors
    /// `NotFound` if its torrent was removed, or nothing shows the file.
    pub fn open_file(
        &self,
        id: FileId,
        origin: &Arc<ReaderOrigin>,
    ) -> Result<(HandleId, TorrentFile), VfsError> {
        let (file, path) = {
            let tree = self.tree();
            let file = tree.file_by_id(id).ok_or(VfsError::NotFound)?;
            (file, tree.path_of_file(id).ok_or(VfsError::NotFound)?)
        };
        let handle = self.handles.open_by(OpenFile::Torrent(file), Some(Arc::clone(origin)));
        self.looks.note();
        self.engine.open(handle);
        tracing::debug!(fh = handle.0, path, "open by identity");
        Ok((handle, TorrentFile { id, len: file.len, path }))
    }
}
