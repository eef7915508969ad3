//! The tree for front ends that have no lookup counts: WebDAV, NFS, and programs that embed the
//! core.

mod file;
mod links;
mod pool;

use std::sync::Arc;

pub use self::file::ExportFile;
pub use self::pool::FilePool;
use crate::{Attr, ExportPage, FileId, Ino, ReaderOrigin, TorrentSource, Vfs, VfsError};

/// The tree of a [`Vfs`] for front ends that address nodes by path or number.
///
/// Unlike [`Vfs::lookup`], its calls change no lookup count and never take the write lock of the
/// tree. The control directory `.tfs` does not exist here: it names servers. Clones share the
/// filesystem.
#[derive(Debug)]
pub struct Export<S> {
    vfs: Arc<Vfs<S>>,
}

impl<S> Clone for Export<S> {
    fn clone(&self) -> Self {
        Self { vfs: Arc::clone(&self.vfs) }
    }
}

impl<S: TorrentSource> Export<S> {
    /// Exports a filesystem, which lives as long as the export and its open files.
    #[must_use]
    pub fn new(vfs: Arc<Vfs<S>>) -> Self {
        Self { vfs }
    }

    /// Returns the filesystem.
    #[must_use]
    pub fn vfs(&self) -> &Arc<Vfs<S>> {
        &self.vfs
    }

    /// Returns the attributes of `ino`.
    ///
    /// # Errors
    /// `Stale` if its torrent was removed, as far as the number is remembered: the last half
    /// million are. Otherwise `NotFound`, or `NoTree` if it may belong to a torrent that is not
    /// listed yet.
    pub fn attr(&self, ino: Ino) -> Result<Attr, VfsError> {
        self.vfs.exported_attr(ino)
    }

    /// Returns the attributes of the entry `name` of the directory `dir`. `.` is `dir`, and `..`
    /// its parent; the parent of the root is the root.
    ///
    /// # Errors
    /// `NotDirectory`; `NotFound` for a name that is not UTF-8 too; as [`attr`](Self::attr) for
    /// `dir`; `NoTree` in a directory of torrents that are not listed yet.
    pub fn child(&self, dir: Ino, name: &[u8]) -> Result<Attr, VfsError> {
        self.vfs.exported_child(dir, name)
    }

    /// Returns the attributes of the node at a path from the root: names without slashes. Does not
    /// follow symbolic links. `.` and `..` are not found: they are resolved by clients.
    ///
    /// # Errors
    /// As [`child`](Self::child).
    pub fn find<'a>(&self, path: impl IntoIterator<Item = &'a [u8]>) -> Result<Attr, VfsError> {
        let mut attr = self.attr(Ino::ROOT)?;
        for name in path {
            if matches!(name, b"." | b"..") {
                return Err(VfsError::NotFound);
            }
            attr = self.child(attr.ino, name)?;
        }
        Ok(attr)
    }

    /// Returns at most `entries_max` entries, at least one, of the directory `dir` after `cookie`
    /// (0: from the start). The lock of the tree is held meanwhile: pages of some hundred entries
    /// let changes through. Changes between two pages have the effect that [`Vfs::read_dir`] says.
    ///
    /// # Errors
    /// `NotDirectory`; as [`attr`](Self::attr); `NoTree` if its torrents are not listed yet.
    pub fn list(&self, dir: Ino, cookie: u64, entries_max: usize) -> Result<ExportPage, VfsError> {
        self.vfs.exported_page(dir, cookie, entries_max)
    }

    /// Returns the identity of the file `ino`: its bytes never change.
    ///
    /// # Errors
    /// `IsDirectory`; `NotFound` for a symbolic link too; as [`attr`](Self::attr).
    pub fn file_id(&self, ino: Ino) -> Result<FileId, VfsError> {
        self.vfs.exported_file(ino)
    }

    /// Returns the path of the node `ino` from the root, without a leading slash; empty for the
    /// root.
    ///
    /// # Errors
    /// `NotFound`; `NoTree` if it may belong to a torrent that is not listed yet; `Stale` if its
    /// torrent was removed.
    pub fn path(&self, ino: Ino) -> Result<String, VfsError> {
        self.vfs.exported_path(ino)
    }

    /// Returns the target of the symbolic link `ino`, relative to its directory.
    ///
    /// # Errors
    /// `NotSymlink`, and as [`attr`](Self::attr).
    pub fn read_link(&self, ino: Ino) -> Result<String, VfsError> {
        self.vfs.exported_link(ino)
    }

    /// Returns the attributes of the directory that contains `ino`; of the root for the root.
    ///
    /// # Errors
    /// As [`attr`](Self::attr).
    pub fn parent(&self, ino: Ino) -> Result<Attr, VfsError> {
        self.vfs.exported_parent(ino)
    }

    /// Opens the file `ino` for a reader. Sends no request. The file is closed when the result is
    /// dropped.
    ///
    /// # Errors
    /// `IsDirectory`; `NotFound` for a symbolic link too; as [`attr`](Self::attr).
    pub fn open(&self, ino: Ino, origin: &Arc<ReaderOrigin>) -> Result<ExportFile<S>, VfsError> {
        ExportFile::open(&self.vfs, ino, origin)
    }
}
