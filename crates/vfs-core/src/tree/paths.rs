//! Queries by path and position, for views and searches.

use std::sync::Arc;

use super::names::NameOwner;
use super::{FolderId, NodeBody, NodeIdx, NodeRef, TorrentKey, TorrentTree, Tree};
use crate::{FileId, FileIndex, Geometry, InfoHash, Ino, ServerId, TorrentFile, VfsError};

/// A torrent and its path from the root.
pub(crate) type Added = (Arc<TorrentTree>, String);

/// A torrent in its directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Top {
    pub(crate) info_hash: InfoHash,
    pub(crate) cookie: u64,
    /// Inode number of its directory or only file.
    pub(crate) ino: Ino,
}

/// A node of a torrent, and the path of the torrent from the root.
pub(crate) type NodePath = (Arc<TorrentTree>, NodeIdx, String);

impl Tree {
    /// Returns the torrent with this info hash; in a layout by server, that of the first server.
    pub(crate) fn top(&self, info_hash: InfoHash) -> Option<Top> {
        self.tops(info_hash).next()
    }

    /// Returns the torrents with cookies after this one, in their order, and each info hash once.
    pub(crate) fn tops_after(&self, cookie: u64) -> Vec<Top> {
        let folders = (0..).map(FolderId).zip(&self.folders);
        let named =
            folders.flat_map(|(id, it)| it.names.after(cookie).map(move |named| (id, named)));
        let mut tops: Vec<_> =
            named.filter_map(|(id, (_, named))| self.top_of(id, named)).collect();
        if self.folders.len() > 1 {
            // If several directories have it, the one that was added first represents all.
            tops.retain(|top| self.tops(top.info_hash).all(|other| other.cookie >= top.cookie));
            tops.sort_unstable_by_key(|top| top.cookie);
        }
        tops
    }

    /// Returns a torrent that was just added, and its path from the root.
    pub(crate) fn added(&self, server: ServerId, info_hash: InfoHash) -> Option<Added> {
        let key = TorrentKey { folder: self.layout.folder_of(server), info_hash };
        Some((Arc::clone(&self.torrents.get(&key)?.tree), self.path_of(key)?))
    }

    /// Returns the inode number of a node, if its torrent exists with this layout.
    pub(crate) fn number(&self, tree: &Arc<TorrentTree>, idx: NodeIdx) -> Option<Ino> {
        let torrent = self.torrents.get(&tree.key()).filter(|torrent| torrent.has(tree))?;
        torrent.inos.get(idx.position()).copied()
    }

    /// Appends the path from the root of an inode whose torrent exists.
    pub(crate) fn write_path(&self, ino: Ino, path: &mut String) -> Result<(), VfsError> {
        let NodeRef { tree, idx } = self.inodes.get(ino).ok_or(VfsError::Stale)?;
        if self.torrents.get(&tree.key()).is_none_or(|torrent| !torrent.has(tree)) {
            return Err(VfsError::Stale);
        }
        path.push_str(&self.path_of(tree.key()).ok_or(VfsError::Stale)?);
        tree.write_path(idx, path);
        Ok(())
    }

    /// Returns the node at a path from the root and the path of its torrent; for a directory of
    /// torrents, the top of each, and for the root, of all.
    pub(crate) fn places(&self, path: &str) -> Result<Vec<NodePath>, VfsError> {
        let mut ino = Ino::ROOT;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            ino = self.lookup(ino, name)?.attr.ino;
        }
        let folder = self.folder_at(ino);
        if ino == Ino::ROOT || folder.is_some() {
            self.check_directory(ino)?;
            let mut keys: Vec<_> = self.torrents.keys().copied().collect();
            keys.retain(|key| folder.is_none_or(|folder| key.folder == folder));
            keys.sort_unstable_by_key(|key| (key.folder, self.cookie(*key)));
            let places = keys.into_iter().filter_map(|key| {
                let tree = &self.torrents.get(&key)?.tree;
                Some((Arc::clone(tree), NodeIdx::TOP, self.path_of(key)?))
            });
            return Ok(places.collect());
        }
        let NodeRef { tree, idx } = self.inodes.get(ino).ok_or(VfsError::NotFound)?;
        let path = self.path_of(tree.key()).ok_or(VfsError::NotFound)?;
        Ok(vec![(Arc::clone(tree), idx, path)])
    }

    /// Returns the position of a file among the pieces of its torrent, if known; `None` if the
    /// torrent was removed.
    pub(crate) fn geometry(&self, file: FileId) -> Option<Option<Geometry>> {
        Some(self.copies(file.torrent).next()?.1.tree.geometry(file.index))
    }

    /// Returns the visible number of downloaded bytes of a file; `None` if its torrent was removed.
    pub(crate) fn have_bytes(&self, key: TorrentKey, index: FileIndex, len: u64) -> Option<u64> {
        let shown = self.torrents.get(&key)?.standing.shown();
        Some(shown.have_bytes(index).min(len))
    }

    fn tops(&self, info_hash: InfoHash) -> impl Iterator<Item = Top> {
        self.copies(info_hash).filter_map(|(key, _)| {
            let names = &self.folder(key.folder)?.names;
            let (_, named) = names.find(names.name(key.info_hash)?)?;
            self.top_of(key.folder, named)
        })
    }

    fn top_of(&self, folder: FolderId, named: NameOwner) -> Option<Top> {
        let NameOwner { info_hash, cookie } = named;
        let torrent = self.torrents.get(&TorrentKey { folder, info_hash })?;
        Some(Top { info_hash, cookie, ino: torrent.ino(NodeIdx::TOP) })
    }

    fn cookie(&self, key: TorrentKey) -> Option<u64> {
        let names = &self.folder(key.folder)?.names;
        names.find(names.name(key.info_hash)?).map(|(_, named)| named.cookie)
    }

    /// Returns the path of a torrent from the root.
    fn path_of(&self, key: TorrentKey) -> Option<String> {
        let folder = self.folder(key.folder)?;
        folder.names.name(key.info_hash).map(|name| folder.path(name))
    }
}

impl TorrentTree {
    /// Adds all files at and below a node, for a torrent with this `name`.
    pub(crate) fn push_files(&self, idx: NodeIdx, name: &str, files: &mut Vec<TorrentFile>) {
        let mut nodes = vec![idx];
        while let Some(idx) = nodes.pop() {
            // Reversed, because the last one is taken first.
            nodes.extend(self.children(idx).iter().rev());
            if let NodeBody::File { index, len } = self.node(idx).body {
                let mut path = name.to_owned();
                self.write_path(idx, &mut path);
                let id = FileId { torrent: self.info_hash(), index };
                files.push(TorrentFile { id, len, path });
            }
        }
    }

    pub(crate) fn is_file(&self, idx: NodeIdx) -> bool {
        matches!(self.node(idx).body, NodeBody::File { .. })
    }
}
