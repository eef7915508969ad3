//! Calls behind [`Export`](crate::Export): no lookup counts, no control directory.

use std::sync::Arc;

use super::Vfs;
use crate::handle::OpenFile;
use crate::{
    Attr, ExportEntry, ExportPage, FileId, HandleId, Ino, NodeKind, ReaderOrigin, TorrentSource,
    VfsError,
};

impl<S: TorrentSource> Vfs<S> {
    pub(crate) fn exported_attr(&self, ino: Ino) -> Result<Attr, VfsError> {
        self.check_exported(ino)?;
        self.tree().by_handle(ino)
    }

    pub(crate) fn exported_child(&self, dir: Ino, name: &[u8]) -> Result<Attr, VfsError> {
        self.check_exported(dir)?;
        let name = str::from_utf8(name).map_err(|_not_utf8| VfsError::NotFound)?;
        let tree = self.tree();
        let attr = tree.by_handle(dir)?;
        match name {
            _ if attr.kind != NodeKind::Directory => Err(VfsError::NotDirectory),
            "." => Ok(attr),
            ".." => tree.parent_by_number(dir),
            name => {
                let found = tree.lookup(dir, name).map(|entry| entry.attr);
                if matches!(found, Err(VfsError::NotFound)) && tree.has_torrents(dir) {
                    self.looks.note();
                }
                found
            }
        }
    }

    pub(crate) fn exported_path(&self, ino: Ino) -> Result<String, VfsError> {
        self.check_exported(ino)?;
        let tree = self.tree();
        tree.by_number(ino)?;
        tree.path_from_root(ino)
    }

    pub(crate) fn exported_page(
        &self,
        dir: Ino,
        cookie: u64,
        entries_max: usize,
    ) -> Result<ExportPage, VfsError> {
        self.check_exported(dir)?;
        let tree = self.tree();
        tree.by_handle(dir)?;
        if cookie == 0 {
            self.note_listing(&tree, dir);
        }
        let mut page = ExportPage { entries: Vec::new(), is_end: true };
        tree.list(dir, cookie, |entry| {
            if matches!(entry.name, "." | "..") {
                return true;
            }
            if page.entries.len() >= entries_max.max(1) {
                page.is_end = false;
                return false;
            }
            let (name, cookie, attr) = (entry.name.to_owned(), entry.cookie, entry.attr);
            page.entries.push(ExportEntry { name, cookie, attr });
            true
        })?;
        Ok(page)
    }

    pub(crate) fn exported_file(&self, ino: Ino) -> Result<FileId, VfsError> {
        self.check_exported(ino)?;
        self.tree().file_by_handle(ino).map(|file| file.id)
    }

    pub(crate) fn open_exported(
        &self,
        ino: Ino,
        origin: &Arc<ReaderOrigin>,
    ) -> Result<(HandleId, FileId, u64), VfsError> {
        self.check_exported(ino)?;
        let file = self.tree().file_by_handle(ino)?;
        let handle = self.handles.open_by(OpenFile::Torrent(file), Some(Arc::clone(origin)));
        self.looks.note();
        self.engine.open(handle);
        tracing::debug!(ino = ino.0, fh = handle.0, ?origin, "open by a client");
        Ok((handle, file.id, file.len))
    }

    pub(crate) fn exported_link(&self, ino: Ino) -> Result<String, VfsError> {
        self.check_exported(ino)?;
        let tree = self.tree();
        tree.by_handle(ino)?;
        tree.link_target(ino).map(str::to_owned)
    }

    /// Returns the directory that contains a node, which need not be a directory itself.
    pub(crate) fn exported_parent(&self, ino: Ino) -> Result<Attr, VfsError> {
        self.check_exported(ino)?;
        let tree = self.tree();
        tree.by_handle(ino)?;
        tree.parent_by_number(ino)
    }

    /// Checks that a node is not in the control directory, which names servers.
    fn check_exported(&self, ino: Ino) -> Result<(), VfsError> {
        match self.control.numbers.find(ino) {
            Some(_) => Err(VfsError::NotFound),
            None => Ok(()),
        }
    }
}
