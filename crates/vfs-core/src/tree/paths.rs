//! Paths and places: what views and searches ask the tree.

use std::sync::Arc;

use super::root::RootEntry;
use super::{NodeBody, NodeIdx, NodeRef, TorrentTree, Tree};
use crate::{FileId, Geometry, InfoHash, Ino, TorrentFile, VfsError};

/// A torrent in its place in the root.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Top<'a> {
    pub(crate) info_hash: InfoHash,
    pub(crate) name: &'a str,
    pub(crate) cookie: u64,
    /// The number of its directory or only file.
    pub(crate) ino: Ino,
    pub(crate) tree: &'a Arc<TorrentTree>,
}

/// A node of a torrent, and the name that the torrent has.
pub(crate) type Place = (Arc<TorrentTree>, NodeIdx, String);

impl Tree {
    /// Returns the torrent with this info hash.
    pub(crate) fn top(&self, info_hash: InfoHash) -> Option<Top<'_>> {
        let (name, entry) = self.root.find(self.root.name(info_hash)?)?;
        self.top_of(name, entry)
    }

    /// Returns the torrents whose cookies in the root come after this one, in their order.
    pub(crate) fn tops_after(&self, cookie: u64) -> impl Iterator<Item = Top<'_>> {
        self.root.after(cookie).filter_map(|(name, entry)| self.top_of(name, entry))
    }

    /// Returns the inode number of a node of a torrent that is there.
    pub(crate) fn number(&self, info_hash: InfoHash, idx: NodeIdx) -> Option<Ino> {
        self.torrents.get(&info_hash)?.inos.get(idx.position()).copied()
    }

    /// Appends the path from the root of an inode whose torrent is there.
    pub(crate) fn write_path(&self, ino: Ino, path: &mut String) -> Result<(), VfsError> {
        let NodeRef { tree, idx } = self.inodes.get(ino).ok_or(VfsError::Stale)?;
        path.push_str(self.root.name(tree.info_hash()).ok_or(VfsError::Stale)?);
        tree.write_path(idx, path);
        Ok(())
    }

    /// Returns the node at a path from the root and the name of its torrent; for the root, the top
    /// of each torrent.
    pub(crate) fn places(&self, path: &str) -> Result<Vec<Place>, VfsError> {
        self.check_known()?;
        let mut ino = Ino::ROOT;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            ino = self.lookup(ino, name)?.attr.ino;
        }
        if ino == Ino::ROOT {
            let tops = self.tops_after(0);
            let places = tops.map(|top| (Arc::clone(top.tree), NodeIdx::TOP, top.name.to_owned()));
            return Ok(places.collect());
        }
        let NodeRef { tree, idx } = self.inodes.get(ino).ok_or(VfsError::NotFound)?;
        let name = self.root.name(tree.info_hash()).ok_or(VfsError::NotFound)?;
        Ok(vec![(Arc::clone(tree), idx, name.to_owned())])
    }

    /// Returns where a file lies among the pieces of its torrent, as far as that is known; `None`
    /// if the torrent is gone.
    pub(crate) fn geometry(&self, file: FileId) -> Option<Option<Geometry>> {
        Some(self.torrents.get(&file.torrent)?.tree.geometry(file.index))
    }

    /// Returns how many bytes of a file are downloaded; `None` if its torrent is gone.
    pub(crate) fn have_bytes(&self, file: FileId, len: u64) -> Option<u64> {
        self.file_state(file).map(|state| state.have_bytes.min(len))
    }

    pub(crate) fn root_mtime(&self) -> i64 {
        self.root_mtime
    }

    pub(crate) fn is_known(&self) -> bool {
        self.is_known
    }

    fn top_of<'a>(&'a self, name: &'a str, entry: RootEntry) -> Option<Top<'a>> {
        let RootEntry { info_hash, cookie } = entry;
        let torrent = self.torrents.get(&info_hash)?;
        Some(Top { info_hash, name, cookie, ino: torrent.ino(NodeIdx::TOP), tree: &torrent.tree })
    }
}

impl TorrentTree {
    /// Adds all files at and below a node, for a torrent that is called `name`.
    pub(crate) fn push_files(&self, idx: NodeIdx, name: &str, files: &mut Vec<TorrentFile>) {
        let mut nodes = vec![idx];
        while let Some(idx) = nodes.pop() {
            // In the order of names, as the last is taken first.
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
