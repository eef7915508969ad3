//! Queries of the tree: lookups, attributes, listings, and files to open.

use super::folder::TorrentFolder;
use super::names::NameOwner;
use super::place::ShownProgress;
use super::{
    DOT_COOKIE, DOT_DOT_COOKIE, FIRST_COOKIE, FileRef, FolderId, NodeBody, NodeIdx, NodeRef,
    TorrentKey, TorrentTree, Totals, Tree, TreePlace,
};
use crate::{Attr, DirEntry, FileId, FsStats, Ino, NodeKind, Validity, VfsError};

/// Type of a directory.
enum Dir<'a> {
    Root,
    /// A directory of torrents in the root.
    OfTorrents(FolderId, &'a TorrentFolder),
    /// A directory inside a torrent, or not a directory.
    Node,
}

impl Tree {
    pub(crate) fn lookup(&self, parent: Ino, name: &str) -> Result<DirEntry<'_>, VfsError> {
        match self.dir(parent) {
            Dir::Root => {
                let mut directories = self.root_directories();
                match directories.find(|(_, folder)| *folder.name == *name) {
                    Some((cookie, folder)) => Ok(folder.entry(cookie)),
                    None => {
                        let (id, folder) = self.root_torrents().ok_or(VfsError::NotFound)?;
                        self.lookup_torrent(id, folder, name)
                    }
                }
            }
            Dir::OfTorrents(id, folder) => self.lookup_torrent(id, folder, name),
            Dir::Node => {
                let (place, idx) = self.linked(parent)?;
                let NodeBody::Directory { children, .. } = &place.tree.node(idx).body else {
                    return Err(VfsError::NotDirectory);
                };
                let position = children
                    .binary_search_by(|child| place.tree.node(*child).name.as_ref().cmp(name))
                    .map_err(|_not_there| VfsError::NotFound)?;
                let child = children.get(position).copied().ok_or(VfsError::NotFound)?;
                let shown = self.progress(place.tree.key()).ok_or(VfsError::Stale)?;
                Ok(child_entry(place, &shown, child, position))
            }
        }
    }

    pub(crate) fn attr(&self, ino: Ino) -> Result<Attr, VfsError> {
        match self.dir(ino) {
            Dir::Root => Ok(self.root_attr()),
            Dir::OfTorrents(_, folder) => Ok(folder.attr()),
            Dir::Node => {
                let NodeRef { tree, idx } = self.inodes.get(ino).ok_or(VfsError::NotFound)?;
                if tree.is_hidden(idx) {
                    return Err(VfsError::NotFound);
                }
                let place = self.place(tree.key()).filter(|place| place.has(tree));
                let shown = place.and_then(|_| self.progress(tree.key()));
                Ok(node_attr(tree, idx, ino, shown.as_ref()))
            }
        }
    }

    /// Returns how long the list of names of a directory is valid.
    pub(crate) fn names_validity(&self, dir: Ino) -> Validity {
        match (self.dir(dir), self.inodes.get(dir)) {
            (Dir::OfTorrents(..), _) => Validity::Announced,
            (Dir::Root, _) if self.root.torrents.is_some() => Validity::Announced,
            (Dir::Root, _) => Validity::Fixed,
            (Dir::Node, Some(NodeRef { tree, .. })) => tree.inner_validity(),
            (Dir::Node, None) => Validity::Unannounced,
        }
    }

    /// Returns whether a directory has torrents as entries, or directories of them.
    pub(crate) fn has_torrents(&self, dir: Ino) -> bool {
        matches!(self.dir(dir), Dir::Root | Dir::OfTorrents(..))
    }

    pub(crate) fn link_target(&self, ino: Ino) -> Result<&str, VfsError> {
        match self.dir(ino) {
            Dir::Root | Dir::OfTorrents(..) => Err(VfsError::NotSymlink),
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
        let (place, idx) = match self.dir(ino) {
            Dir::Root | Dir::OfTorrents(..) => return Err(VfsError::IsDirectory),
            Dir::Node => self.linked(ino)?,
        };
        match place.tree.node(idx).body {
            NodeBody::File { index, len } => {
                let id = FileId { torrent: place.tree.info_hash(), index };
                // The layout of a view may be older than the metadata.
                let geometry = self.geometry(id).flatten();
                Ok(FileRef { id, ino, len, geometry })
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
            Dir::Root => {
                let mut directories = self.root_directories().filter(|(own, _)| *own > cookie);
                let torrents = self.root_torrents();
                if directories.all(|(cookie, folder)| each(&folder.entry(cookie)))
                    && let Some((id, folder)) = torrents
                {
                    self.list_torrents(id, folder, cookie, &mut each)?;
                }
            }
            Dir::OfTorrents(id, folder) => self.list_torrents(id, folder, cookie, &mut each)?,
            Dir::Node => {
                let (place, idx) = self.linked(dir)?;
                let shown = self.progress(place.tree.key()).ok_or(VfsError::Stale)?;
                let mut children = place.tree.children(idx).iter().enumerate().skip(skip);
                children
                    .all(|(position, child)| each(&child_entry(place, &shown, *child, position)));
            }
        }
        Ok(())
    }

    /// Returns the total size. Costs O(1): the totals are maintained.
    pub(crate) fn stats(&self) -> FsStats {
        let directory_count = self.root.directories.len() as u64;
        let Totals { total_bytes, have_bytes, node_count } = self.totals;
        FsStats {
            total_bytes: u64::try_from(total_bytes).unwrap_or(u64::MAX),
            have_bytes: u64::try_from(have_bytes).unwrap_or(u64::MAX),
            inode_count: node_count.saturating_add(directory_count).saturating_add(1),
        }
    }

    /// Returns the attributes of the node with a number, whether the front end knows it or not: an
    /// NFS file handle outlives both the front end's cache and the mount.
    pub(crate) fn by_number(&self, ino: Ino) -> Result<Attr, VfsError> {
        match self.attr(ino) {
            Ok(attr) if attr.nlink == 0 => Err(VfsError::Stale),
            // It may belong to a torrent that was not listed yet.
            Err(VfsError::NotFound) if self.is_incomplete() => Err(VfsError::NoTree),
            found => found,
        }
    }

    /// Returns the attributes of the node with a number that a client kept, without a lookup count:
    /// of a torrent that was removed, the number is `Stale` for as long as it is not reused.
    pub(crate) fn by_handle(&self, ino: Ino) -> Result<Attr, VfsError> {
        match self.by_number(ino) {
            Err(VfsError::NotFound | VfsError::NoTree) if self.inodes.is_retired(ino) => {
                Err(VfsError::Stale)
            }
            found => found,
        }
    }

    /// Returns the file with a number that a client kept, as [`by_handle`](Self::by_handle).
    pub(crate) fn file_by_handle(&self, ino: Ino) -> Result<FileRef, VfsError> {
        self.by_handle(ino)?;
        self.file(ino)
    }

    /// Returns the attributes of the parent directory of the node with a number.
    pub(crate) fn parent_by_number(&self, ino: Ino) -> Result<Attr, VfsError> {
        self.by_number(ino)?;
        self.by_number(self.parent(ino)?)
    }

    /// Checks that `dir` is a directory whose entries are known.
    pub(crate) fn check_directory(&self, dir: Ino) -> Result<(), VfsError> {
        match self.dir(dir) {
            Dir::Root => return self.root_torrents().map_or(Ok(()), |(_, it)| it.check_known()),
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

    /// Returns the place and node with number `ino`, if the torrent is still there.
    pub(super) fn linked(&self, ino: Ino) -> Result<(&TreePlace, NodeIdx), VfsError> {
        let NodeRef { tree, idx } = self.inodes.get(ino).ok_or(VfsError::NotFound)?;
        if tree.is_hidden(idx) {
            return Err(VfsError::NotFound);
        }
        let place = self.place(tree.key()).filter(|place| place.has(tree));
        Ok((place.ok_or(VfsError::Stale)?, idx))
    }

    /// Returns the directory of torrents with this number, if there is one; the root is none.
    pub(super) fn folder_at(&self, ino: Ino) -> Option<FolderId> {
        match self.dir(ino) {
            Dir::OfTorrents(id, _) => Some(id),
            Dir::Root | Dir::Node => None,
        }
    }

    fn dir(&self, ino: Ino) -> Dir<'_> {
        let mut folders = (0..).map(FolderId).zip(&self.folders);
        match ino {
            Ino::ROOT => Dir::Root,
            _ if ino.0 >= super::inode::NUMBER_MIN => Dir::Node,
            _ => folders
                .find(|(_, folder)| folder.ino == ino)
                .map_or(Dir::Node, |(id, folder)| Dir::OfTorrents(id, folder)),
        }
    }

    /// Returns the permanent directories in the root, with their cookies.
    fn root_directories(&self) -> impl Iterator<Item = (u64, &TorrentFolder)> {
        let directories = (FIRST_COOKIE..).zip(&self.root.directories);
        directories.filter_map(|(cookie, id)| Some((cookie, self.folder(*id)?)))
    }

    /// Returns the torrents in the root, if it has any.
    fn root_torrents(&self) -> Option<(FolderId, &TorrentFolder)> {
        let id = self.root.torrents?;
        Some((id, self.folder(id)?))
    }

    fn parent(&self, dir: Ino) -> Result<Ino, VfsError> {
        match self.dir(dir) {
            Dir::Root | Dir::OfTorrents(..) => Ok(Ino::ROOT),
            Dir::Node => self.linked(dir).map(|(place, idx)| place.parent_of(idx)),
        }
    }

    /// Returns the attributes of the root. If its names are fixed, its time is that of the last
    /// change below, which is not announced.
    fn root_attr(&self) -> Attr {
        let directories = self.root.directories.len();
        if let Some((_, folder)) = self.root_torrents() {
            return folder.attr_with(directories);
        }
        let count = u32::try_from(directories).unwrap_or(u32::MAX);
        let (mtime, validity) = (self.root_mtime(), Validity::Unannounced);
        Attr { mtime, validity, ..directory_attr(Ino::ROOT, count) }
    }

    fn lookup_torrent<'a>(
        &self,
        id: FolderId,
        folder: &'a TorrentFolder,
        name: &str,
    ) -> Result<DirEntry<'a>, VfsError> {
        folder.check_known()?;
        let (name, named) = folder.names.find(name).ok_or(VfsError::NotFound)?;
        self.torrent_entry(id, name, named)
    }

    fn list_torrents(
        &self,
        id: FolderId,
        folder: &TorrentFolder,
        cookie: u64,
        each: &mut dyn FnMut(&DirEntry<'_>) -> bool,
    ) -> Result<(), VfsError> {
        for (name, named) in folder.names.after(cookie) {
            if !each(&self.torrent_entry(id, name, named)?) {
                break;
            }
        }
        Ok(())
    }

    fn torrent_entry<'a>(
        &self,
        folder: FolderId,
        name: &'a str,
        NameOwner { key, cookie }: NameOwner,
    ) -> Result<DirEntry<'a>, VfsError> {
        let at = TorrentKey { folder, info_hash: key.info_hash };
        let place = self.place(at).ok_or(VfsError::NotFound)?;
        let top = place.top(key.part).ok_or(VfsError::NotFound)?;
        let shown = self.progress(at);
        let attr = node_attr(&place.tree, top, place.ino(top), shown.as_ref());
        Ok(DirEntry { name, cookie, attr, name_validity: Validity::Announced })
    }
}

impl TorrentFolder {
    fn check_known(&self) -> Result<(), VfsError> {
        if self.is_known { Ok(()) } else { Err(VfsError::NoTree) }
    }

    fn attr(&self) -> Attr {
        self.attr_with(0)
    }

    /// Returns its attributes with more directories in it than torrents.
    fn attr_with(&self, directory_count: usize) -> Attr {
        let count = self.directory_count.saturating_add(directory_count);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        Attr { mtime: self.mtime, ..directory_attr(self.ino, count) }
    }

    /// Returns its entry in the root.
    fn entry(&self, cookie: u64) -> DirEntry<'_> {
        let name_validity = Validity::Fixed;
        DirEntry { name: &self.name, cookie, attr: self.attr(), name_validity }
    }
}

fn child_entry<'a>(
    place: &'a TreePlace,
    shown: &ShownProgress<'_>,
    child: NodeIdx,
    position: usize,
) -> DirEntry<'a> {
    DirEntry {
        name: &place.tree.node(child).name,
        cookie: FIRST_COOKIE + position as u64,
        attr: node_attr(&place.tree, child, place.ino(child), Some(shown)),
        name_validity: place.tree.inner_validity(),
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

/// Returns the attributes of a node; `shown` is `None` if it was removed.
fn node_attr(
    tree: &TorrentTree,
    idx: NodeIdx,
    ino: Ino,
    shown: Option<&ShownProgress<'_>>,
) -> Attr {
    let node = tree.node(idx);
    let (kind, size, have_bytes, nlink) = match &node.body {
        NodeBody::Directory { subdirectory_count, .. } => {
            (NodeKind::Directory, 0, 0, link_count(*subdirectory_count))
        }
        NodeBody::File { index, len } => {
            (NodeKind::File, *len, shown.map_or(0, |shown| shown.have_bytes(*index)).min(*len), 1)
        }
        NodeBody::Symlink { target, .. } => (NodeKind::Symlink, target.len() as u64, 0, 1),
    };
    Attr {
        ino,
        kind,
        size,
        have_bytes,
        mtime: tree.mtime(),
        nlink: if shown.is_some() { nlink } else { 0 },
        generation: tree.identity(idx).generation(),
        validity: match kind {
            NodeKind::File if have_bytes < size => Validity::Announced,
            NodeKind::Directory => tree.inner_validity(),
            NodeKind::File | NodeKind::Symlink => Validity::Fixed,
        },
    }
}

fn link_count(subdirectory_count: u32) -> u32 {
    subdirectory_count.saturating_add(2)
}
