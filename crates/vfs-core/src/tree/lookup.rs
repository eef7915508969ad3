//! Queries of the tree: lookups, attributes, listings, and files to open.

use super::folder::TorrentFolder;
use super::names::NameOwner;
use super::{
    DOT_COOKIE, DOT_DOT_COOKIE, FIRST_COOKIE, FileRef, FolderId, NodeBody, NodeIdx, NodeRef,
    RootLayout, TorrentKey, TorrentTree, Totals, Tree, TreeTorrent,
};
use crate::{Attr, DirEntry, FileId, FsStats, Ino, NodeKind, TorrentSummary, Validity, VfsError};

/// Type of a directory.
enum Dir<'a> {
    /// The root, if it contains the directories of servers.
    OfServers,
    /// A directory of torrents.
    OfTorrents(FolderId, &'a TorrentFolder),
    /// A directory inside a torrent, or not a directory.
    Node,
}

impl Tree {
    pub(crate) fn lookup(&self, parent: Ino, name: &str) -> Result<DirEntry<'_>, VfsError> {
        match self.dir(parent) {
            Dir::OfServers => {
                let mut folders = (FIRST_COOKIE..).zip(&self.folders);
                let found = folders.find(|(_, folder)| *folder.name == *name);
                found.map(|(cookie, it)| it.entry(cookie)).ok_or(VfsError::NotFound)
            }
            Dir::OfTorrents(id, folder) => {
                folder.check_known()?;
                let (name, named) = folder.names.find(name).ok_or(VfsError::NotFound)?;
                self.torrent_entry(id, name, named)
            }
            Dir::Node => {
                let (torrent, idx) = self.linked(parent)?;
                let NodeBody::Directory { children, .. } = &torrent.tree.node(idx).body else {
                    return Err(VfsError::NotDirectory);
                };
                let position = children
                    .binary_search_by(|child| torrent.tree.node(*child).name.as_ref().cmp(name))
                    .map_err(|_not_there| VfsError::NotFound)?;
                let child = children.get(position).copied().ok_or(VfsError::NotFound)?;
                Ok(child_entry(torrent, child, position))
            }
        }
    }

    pub(crate) fn attr(&self, ino: Ino) -> Result<Attr, VfsError> {
        match self.dir(ino) {
            Dir::OfServers => Ok(self.servers_attr()),
            Dir::OfTorrents(_, folder) => Ok(folder.attr()),
            Dir::Node => {
                let NodeRef { tree, idx } = self.inodes.get(ino).ok_or(VfsError::NotFound)?;
                let torrent = self.torrents.get(&tree.key()).filter(|torrent| torrent.has(tree));
                Ok(node_attr(tree, idx, ino, torrent.map(|torrent| torrent.standing.shown())))
            }
        }
    }

    /// Returns how long the list of names of a directory is valid.
    pub(crate) fn names_validity(&self, dir: Ino) -> Validity {
        match (self.dir(dir), self.inodes.get(dir)) {
            (Dir::OfTorrents(..), _) => Validity::Announced,
            (Dir::OfServers, _) | (Dir::Node, Some(_)) => Validity::Fixed,
            (Dir::Node, None) => Validity::Unannounced,
        }
    }

    /// Returns whether a directory has torrents as entries, or the directories of servers.
    pub(crate) fn has_torrents(&self, dir: Ino) -> bool {
        matches!(self.dir(dir), Dir::OfServers | Dir::OfTorrents(..))
    }

    pub(crate) fn link_target(&self, ino: Ino) -> Result<&str, VfsError> {
        match self.dir(ino) {
            Dir::OfServers | Dir::OfTorrents(..) => Err(VfsError::NotSymlink),
            Dir::Node => {
                let NodeRef { tree, idx } = self.inodes.get(ino).ok_or(VfsError::NotFound)?;
                match &tree.node(idx).body {
                    NodeBody::Symlink { target, .. } => Ok(target),
                    NodeBody::Directory { .. } | NodeBody::File { .. } => Err(VfsError::NotSymlink),
                }
            }
        }
    }

    /// Returns the file with number `ino`, if its torrent still exists.
    pub(crate) fn file(&self, ino: Ino) -> Result<FileRef, VfsError> {
        let (torrent, idx) = match self.dir(ino) {
            Dir::OfServers | Dir::OfTorrents(..) => return Err(VfsError::IsDirectory),
            Dir::Node => self.linked(ino)?,
        };
        match torrent.tree.node(idx).body {
            NodeBody::File { index, len } => {
                let id = FileId { torrent: torrent.tree.info_hash(), index };
                Ok(FileRef { id, ino, len, geometry: torrent.tree.geometry(index) })
            }
            NodeBody::Directory { .. } => Err(VfsError::IsDirectory),
            // Linux resolves links before it opens a file, or refuses with O_NOFOLLOW.
            NodeBody::Symlink { .. } => Err(VfsError::NotFound),
        }
    }

    /// Calls `each` with the entries of `dir` after `cookie` (0: from the start) until it returns
    /// false.
    pub(crate) fn list(
        &self,
        dir: Ino,
        cookie: u64,
        mut each: impl FnMut(&DirEntry<'_>) -> bool,
    ) -> Result<(), VfsError> {
        self.check_directory(dir)?;
        for (name, dot_cookie, ino) in
            [(".", DOT_COOKIE, dir), ("..", DOT_DOT_COOKIE, self.parent(dir)?)]
        {
            if cookie < dot_cookie {
                let attr = self.attr(ino)?;
                let name_validity = Validity::Announced;
                if !each(&DirEntry { name, cookie: dot_cookie, attr, name_validity }) {
                    return Ok(());
                }
            }
        }
        let skip = cookie.saturating_sub(FIRST_COOKIE - 1);
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        match self.dir(dir) {
            Dir::OfServers => {
                let mut folders = (FIRST_COOKIE..).zip(&self.folders).skip(skip);
                folders.all(|(cookie, folder)| each(&folder.entry(cookie)));
            }
            Dir::OfTorrents(id, folder) => {
                for (name, named) in folder.names.after(cookie) {
                    if !each(&self.torrent_entry(id, name, named)?) {
                        break;
                    }
                }
            }
            Dir::Node => {
                let (torrent, idx) = self.linked(dir)?;
                let mut children = torrent.tree.children(idx).iter().enumerate().skip(skip);
                children.all(|(position, child)| each(&child_entry(torrent, *child, position)));
            }
        }
        Ok(())
    }

    /// Returns the total size. Costs O(1): the totals are maintained.
    pub(crate) fn stats(&self) -> FsStats {
        let folders = match self.layout {
            RootLayout::Union => 0,
            RootLayout::ByServer => self.folders.len() as u64,
        };
        let Totals { total_bytes, have_bytes, node_count } = self.totals;
        FsStats {
            total_bytes: u64::try_from(total_bytes).unwrap_or(u64::MAX),
            have_bytes: u64::try_from(have_bytes).unwrap_or(u64::MAX),
            inode_count: node_count.saturating_add(folders).saturating_add(1),
        }
    }

    /// Returns the attributes of the node with a number, whether the front end knows it or not: an
    /// NFS file handle outlives both the front end's cache and the mount.
    pub(crate) fn by_number(&self, ino: Ino) -> Result<Attr, VfsError> {
        match self.attr(ino) {
            Ok(attr) if attr.nlink == 0 => Err(VfsError::Stale),
            // It may belong to a torrent that was not listed yet.
            Err(VfsError::NotFound) if self.known_servers.contains(&false) => Err(VfsError::NoTree),
            found => found,
        }
    }

    /// Returns the attributes of the parent directory of the node with a number.
    pub(crate) fn parent_by_number(&self, ino: Ino) -> Result<Attr, VfsError> {
        self.by_number(ino)?;
        self.by_number(self.parent(ino)?)
    }

    /// Checks that `dir` is a directory whose entries are known.
    pub(crate) fn check_directory(&self, dir: Ino) -> Result<(), VfsError> {
        match self.dir(dir) {
            Dir::OfServers => return Ok(()),
            Dir::OfTorrents(_, folder) => return folder.check_known(),
            Dir::Node => {}
        }
        let attr = self.attr(dir)?;
        match attr.kind {
            NodeKind::Directory if attr.nlink == 0 => Err(VfsError::Stale),
            NodeKind::Directory => Ok(()),
            NodeKind::File | NodeKind::Symlink => Err(VfsError::NotDirectory),
        }
    }

    /// Checks that the torrents of at least one server are known.
    pub(crate) fn check_known(&self) -> Result<(), VfsError> {
        if self.is_known() { Ok(()) } else { Err(VfsError::NoTree) }
    }

    pub(crate) fn is_known(&self) -> bool {
        self.folders.iter().any(|folder| folder.is_known)
    }

    /// Returns when a torrent was last added or removed in any directory.
    pub(crate) fn root_mtime(&self) -> i64 {
        self.folders.iter().map(|folder| folder.mtime).max().unwrap_or(0)
    }

    /// Returns the torrent and node with number `ino`, if the torrent still exists.
    pub(super) fn linked(&self, ino: Ino) -> Result<(&TreeTorrent, NodeIdx), VfsError> {
        let NodeRef { tree, idx } = self.inodes.get(ino).ok_or(VfsError::NotFound)?;
        let torrent = self.torrents.get(&tree.key()).filter(|torrent| torrent.has(tree));
        Ok((torrent.ok_or(VfsError::Stale)?, idx))
    }

    /// Returns the directory of torrents with this number, if there is one.
    pub(super) fn folder_at(&self, ino: Ino) -> Option<FolderId> {
        match self.dir(ino) {
            Dir::OfTorrents(id, _) => Some(id),
            Dir::OfServers | Dir::Node => None,
        }
    }

    fn dir(&self, ino: Ino) -> Dir<'_> {
        let mut folders = (0..).map(FolderId).zip(&self.folders);
        match self.layout {
            _ if ino.0 >= super::inode::NUMBER_MIN => Dir::Node,
            RootLayout::ByServer if ino == Ino::ROOT => Dir::OfServers,
            RootLayout::ByServer | RootLayout::Union => folders
                .find(|(_, folder)| folder.ino == ino)
                .map_or(Dir::Node, |(id, folder)| Dir::OfTorrents(id, folder)),
        }
    }

    fn parent(&self, dir: Ino) -> Result<Ino, VfsError> {
        match self.dir(dir) {
            Dir::OfServers | Dir::OfTorrents(..) => Ok(Ino::ROOT),
            Dir::Node => self.linked(dir).map(|(torrent, idx)| torrent.parent_of(idx)),
        }
    }

    /// Returns the attributes of a root with directories of servers. Its names are fixed; its time
    /// is that of the last change below, which is not announced.
    fn servers_attr(&self) -> Attr {
        let count = u32::try_from(self.folders.len()).unwrap_or(u32::MAX);
        let (mtime, validity) = (self.root_mtime(), Validity::Unannounced);
        Attr { mtime, validity, ..directory_attr(Ino::ROOT, count) }
    }

    fn torrent_entry<'a>(
        &self,
        folder: FolderId,
        name: &'a str,
        NameOwner { info_hash, cookie }: NameOwner,
    ) -> Result<DirEntry<'a>, VfsError> {
        let torrent =
            self.torrents.get(&TorrentKey { folder, info_hash }).ok_or(VfsError::NotFound)?;
        let (top, shown) = (NodeIdx::TOP, torrent.standing.shown());
        let attr = node_attr(&torrent.tree, top, torrent.ino(top), Some(shown));
        Ok(DirEntry { name, cookie, attr, name_validity: Validity::Announced })
    }
}

impl TorrentFolder {
    fn check_known(&self) -> Result<(), VfsError> {
        if self.is_known { Ok(()) } else { Err(VfsError::NoTree) }
    }

    fn attr(&self) -> Attr {
        let count = u32::try_from(self.directory_count).unwrap_or(u32::MAX);
        Attr { mtime: self.mtime, ..directory_attr(self.ino, count) }
    }

    /// Returns its entry in the root.
    fn entry(&self, cookie: u64) -> DirEntry<'_> {
        let name_validity = Validity::Fixed;
        DirEntry { name: &self.name, cookie, attr: self.attr(), name_validity }
    }
}

fn child_entry(torrent: &TreeTorrent, child: NodeIdx, position: usize) -> DirEntry<'_> {
    let shown = torrent.standing.shown();
    DirEntry {
        name: &torrent.tree.node(child).name,
        cookie: FIRST_COOKIE + position as u64,
        attr: node_attr(&torrent.tree, child, torrent.ino(child), Some(shown)),
        name_validity: Validity::Fixed,
    }
}

fn directory_attr(ino: Ino, subdirectory_count: u32) -> Attr {
    Attr {
        ino,
        kind: NodeKind::Directory,
        size: 0,
        have_bytes: 0,
        mtime: 0,
        nlink: link_count(subdirectory_count),
        generation: 0,
        validity: Validity::Announced,
    }
}

/// Returns the attributes of a node; `summary` is `None` if its torrent was removed.
fn node_attr(tree: &TorrentTree, idx: NodeIdx, ino: Ino, summary: Option<&TorrentSummary>) -> Attr {
    let node = tree.node(idx);
    let (kind, size, have_bytes, nlink) = match &node.body {
        NodeBody::Directory { subdirectory_count, .. } => {
            (NodeKind::Directory, 0, 0, link_count(*subdirectory_count))
        }
        NodeBody::File { index, len } => (
            NodeKind::File,
            *len,
            summary.map_or(0, |summary| summary.have_bytes(*index)).min(*len),
            1,
        ),
        NodeBody::Symlink { target, .. } => (NodeKind::Symlink, target.len() as u64, 0, 1),
    };
    Attr {
        ino,
        kind,
        size,
        have_bytes,
        mtime: tree.mtime(),
        nlink: if summary.is_some() { nlink } else { 0 },
        generation: tree.identity(idx).generation(),
        validity: if kind != NodeKind::File || have_bytes == size {
            Validity::Fixed
        } else {
            Validity::Announced
        },
    }
}

fn link_count(subdirectory_count: u32) -> u32 {
    subdirectory_count.saturating_add(2)
}
