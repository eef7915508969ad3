//! The files of a mount by their identity, for the page: what is there of them, and their bytes.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tfs_api::wire::{FailureBody, FailureKind};
use tfs_types::chain;
use tfs_web::WebFile;
use vfs_core::{
    FileId, HandleId, OpenReader, PieceShares, ReaderOrigin, SourceErrorKind, TorrentSource, Vfs,
    VfsError,
};

/// The files of a mount.
pub(crate) trait MountFiles: Send + Sync {
    /// Returns the path of each file from the root, without a leading slash; `None` if it is not
    /// shown.
    fn paths_of(&self, files: &[FileId]) -> Vec<Option<String>>;

    /// Returns what is there of a file; `None` if its torrent was removed. May wait for half a
    /// second.
    fn piece_shares(&self, file: FileId, buckets: usize) -> BoxFuture<'_, Option<PieceShares>>;

    /// Returns the readers of a file: where each is, and where it waits.
    fn readers_of(&self, file: FileId) -> Vec<(u64, Option<u64>)>;

    /// Opens a file for a client. It is released when the result is dropped.
    fn open(
        &self,
        file: FileId,
        origin: &Arc<ReaderOrigin>,
    ) -> Result<Box<dyn WebFile>, FailureBody>;
}

/// The files of a filesystem, which it does not keep alive.
#[derive(Debug)]
pub(crate) struct FilesOfMount<S> {
    vfs: Weak<Vfs<S>>,
}

impl<S> FilesOfMount<S> {
    pub(crate) fn new(vfs: &Arc<Vfs<S>>) -> Self {
        Self { vfs: Arc::downgrade(vfs) }
    }
}

impl<S: TorrentSource> MountFiles for FilesOfMount<S> {
    fn paths_of(&self, files: &[FileId]) -> Vec<Option<String>> {
        let vfs = self.vfs.upgrade();
        files.iter().map(|file| vfs.as_ref()?.path_of(*file)).collect()
    }

    fn piece_shares(&self, file: FileId, buckets: usize) -> BoxFuture<'_, Option<PieceShares>> {
        let vfs = self.vfs.upgrade();
        Box::pin(async move { vfs?.piece_map(file, buckets).await })
    }

    fn readers_of(&self, file: FileId) -> Vec<(u64, Option<u64>)> {
        let readers = self.vfs.upgrade().map(|vfs| vfs.readers()).unwrap_or_default();
        let readers = readers.into_iter().filter(|reader| reader.file == file);
        let place = |reader: OpenReader| (reader.offset, reader.wait.map(|wait| wait.offset));
        readers.map(place).collect()
    }

    fn open(
        &self,
        file: FileId,
        origin: &Arc<ReaderOrigin>,
    ) -> Result<Box<dyn WebFile>, FailureBody> {
        let vfs = self.vfs.upgrade().ok_or_else(ended)?;
        let opened = vfs.open_file(file, origin);
        let (handle, found) = opened.map_err(|error| read_failure(&error))?;
        let name = found.path.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(Box::new(OpenPageFile { vfs: Weak::clone(&self.vfs), handle, name, len: found.len }))
    }
}

/// An open file.
struct OpenPageFile<S: TorrentSource> {
    vfs: Weak<Vfs<S>>,
    handle: HandleId,
    name: String,
    len: u64,
}

impl<S: TorrentSource> WebFile for OpenPageFile<S> {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn read(&self, offset: u64, len: u32) -> BoxFuture<'_, Result<Bytes, FailureBody>> {
        Box::pin(async move {
            let vfs = self.vfs.upgrade().ok_or_else(ended)?;
            vfs.read(self.handle, offset, len).await.map_err(|error| read_failure(&error))
        })
    }
}

impl<S: TorrentSource> Drop for OpenPageFile<S> {
    fn drop(&mut self) {
        if let Some(vfs) = self.vfs.upgrade() {
            vfs.release(self.handle);
        }
    }
}

fn ended() -> FailureBody {
    FailureBody::new(FailureKind::UnknownMount, "the mount has ended")
}

/// Returns the failure of an open or a read.
fn read_failure(error: &VfsError) -> FailureBody {
    let kind = match error {
        VfsError::NotFound
        | VfsError::NotDirectory
        | VfsError::IsDirectory
        | VfsError::NotSymlink => FailureKind::UnknownFile,
        VfsError::TimedOut => FailureKind::TimedOut,
        VfsError::WouldBlock | VfsError::Partial | VfsError::NoTree | VfsError::ShuttingDown => {
            FailureKind::Unavailable
        }
        VfsError::Stale => FailureKind::Gone,
        VfsError::Source(source) if source.kind == SourceErrorKind::Unreachable => {
            FailureKind::ServerUnreachable
        }
        VfsError::Source(_) => FailureKind::ServerFailed,
        VfsError::BadHandle | VfsError::NoAttribute | VfsError::NothingThere => FailureKind::Failed,
    };
    FailureBody::new(kind, format!("failed to read the file: {}", chain(error)))
}
