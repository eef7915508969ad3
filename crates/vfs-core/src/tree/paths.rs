//! Queries by path and position, for views and searches.

use std::sync::Arc;

use super::names::{NameKey, NameOwner};
use super::{FolderId, NodeBody, NodeIdx, TorrentKey, TorrentTree, Tree};
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
        let folders = (0..self.server_folder_count).map(FolderId).zip(&self.folders);
        let named =
            folders.flat_map(|(id, it)| it.names.after(cookie).map(move |named| (id, named)));
        let mut tops: Vec<_> =
            named.filter_map(|(id, (_, named))| self.top_of(id, named)).collect();
        if self.server_folder_count > 1 {
            // If several directories have it, the one that was added first represents all.
            tops.retain(|top| self.tops(top.info_hash).all(|other| other.cookie >= top.cookie));
            tops.sort_unstable_by_key(|top| top.cookie);
        }
        tops
    }

    /// Returns a torrent that was just added, and its path from the root, outside of views.
    pub(crate) fn added(&self, server: ServerId, info_hash: InfoHash) -> Option<Added> {
        let key = TorrentKey { folder: self.layout.folder_of(server), info_hash };
        let tree = &self.torrents.get(&key)?.place.tree;
        Some((Arc::clone(tree), self.path_to(tree, NodeIdx::TOP)?))
    }

    /// Returns the path of a torrent of a server from the root: in a root without torrents, that in
    /// the first view with it.
    pub(crate) fn torrent_path(&self, server: ServerId, info_hash: InfoHash) -> Option<String> {
        let key = TorrentKey { folder: self.layout.folder_of(server), info_hash };
        if self.folder(key.folder)?.is_shown {
            return self.path_to(&self.torrents.get(&key)?.place.tree, NodeIdx::TOP);
        }
        self.path(self.top(info_hash)?.ino)
    }

    /// Returns the inode number of a file and its path, if its torrent exists with this layout: in
    /// the root without torrents, those in the first view that shows it.
    pub(crate) fn locate(&self, tree: &Arc<TorrentTree>, idx: NodeIdx) -> Option<(Ino, String)> {
        let TorrentKey { folder, info_hash } = tree.key();
        let own = self.place(tree.key()).filter(|place| place.has(tree))?;
        if self.folder(folder)?.is_shown {
            return Some((own.inos.get(idx.position()).copied()?, self.path_to(tree, idx)?));
        }
        let NodeBody::File { index, .. } = tree.node(idx).body else { return None };
        self.places_in_views(info_hash).find_map(|place| {
            let idx = place.tree.find_file(index)?;
            Some((place.ino(idx), self.path_to(&place.tree, idx)?))
        })
    }

    /// Returns whether torrents are shown in views only.
    pub(crate) fn has_views_only(&self) -> bool {
        self.folders.first().is_some_and(|folder| !folder.is_shown)
    }

    /// Returns the path of a directory or file from the root; empty for the root itself.
    pub(crate) fn path_from_root(&self, ino: Ino) -> Result<String, VfsError> {
        let mut path = String::new();
        match self.folder_at(ino).and_then(|id| self.folder(id)) {
            Some(folder) => path.push_str(&folder.name),
            None if ino == Ino::ROOT => {}
            None => self.write_path(ino, &mut path)?,
        }
        Ok(path)
    }

    /// Appends the path from the root of an inode whose torrent exists.
    pub(crate) fn write_path(&self, ino: Ino, path: &mut String) -> Result<(), VfsError> {
        let (place, idx) = self.linked(ino).map_err(|_gone| VfsError::Stale)?;
        path.push_str(&self.path_to(&place.tree, idx).ok_or(VfsError::Stale)?);
        Ok(())
    }

    /// Returns the node at a path from the root and the path of its torrent; for a directory of
    /// torrents, the top of each, and for the root, of all.
    pub(crate) fn places(&self, path: &str) -> Result<Vec<NodePath>, VfsError> {
        let mut ino = Ino::ROOT;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            ino = self.lookup(ino, name)?.attr.ino;
        }
        let folders = match self.folder_at(ino) {
            Some(folder) => vec![folder],
            None if ino == Ino::ROOT => self.torrent_folders(),
            None => {
                let (place, idx) = self.linked(ino).map_err(|_gone| VfsError::NotFound)?;
                let top = place.tree.top_of(idx);
                let path = self.path_to(&place.tree, top).ok_or(VfsError::NotFound)?;
                return Ok(vec![(Arc::clone(&place.tree), idx, path)]);
            }
        };
        self.check_directory(ino)?;
        let names = folders.into_iter().filter_map(|id| Some((id, &self.folder(id)?.names)));
        let places = names.flat_map(|(folder, names)| {
            names.after(0).filter_map(move |(_, NameOwner { key, .. })| {
                let place = self.place(TorrentKey { folder, info_hash: key.info_hash })?;
                let top = place.top(key.part)?;
                Some((Arc::clone(&place.tree), top, self.path_to(&place.tree, top)?))
            })
        });
        Ok(places.collect())
    }

    /// Returns the directories that together show all torrents: without views, unless there is
    /// nothing else.
    fn torrent_folders(&self) -> Vec<FolderId> {
        let all = 0..u16::try_from(self.folders.len()).unwrap_or(u16::MAX);
        let shown = if self.has_views_only() {
            self.server_folder_count..all.end
        } else {
            0..self.server_folder_count
        };
        shown.map(FolderId).collect()
    }

    /// Returns the position of a file among the pieces of its torrent, if known; `None` if the
    /// torrent was removed.
    pub(crate) fn geometry(&self, file: FileId) -> Option<Option<Geometry>> {
        Some(self.copies(file.torrent).next()?.1.place.tree.geometry(file.index))
    }

    /// Returns the visible number of downloaded bytes of a file; `None` if its torrent was removed.
    pub(crate) fn have_bytes(&self, key: TorrentKey, index: FileIndex, len: u64) -> Option<u64> {
        let shown = self.torrents.get(&key)?.standing.shown();
        Some(shown.have_bytes(index).min(len))
    }

    fn tops(&self, info_hash: InfoHash) -> impl Iterator<Item = Top> {
        self.copies(info_hash).filter_map(|(key, _)| {
            let key_in = NameKey::torrent(key.info_hash);
            let cookie = self.folder(key.folder)?.names.cookie(key_in)?;
            self.top_of(key.folder, NameOwner { key: key_in, cookie })
        })
    }

    /// Returns the top of a torrent: in a root without torrents, that in the first view that has
    /// it, or the first of its files there.
    fn top_of(&self, folder: FolderId, named: NameOwner) -> Option<Top> {
        let NameOwner { key: NameKey { info_hash, .. }, cookie } = named;
        let place = if self.folder(folder)?.is_shown {
            self.place(TorrentKey { folder, info_hash })?
        } else {
            self.places_in_views(info_hash).next()?
        };
        let top = place.tree.tops().first().copied()?;
        Some(Top { info_hash, cookie, ino: place.ino(top) })
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
