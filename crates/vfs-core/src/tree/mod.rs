//! The tree: every name and inode, in memory, rebuilt from what a source lists.
//!
//! ```text
//! Tree
//!  |- Root          names in the root directory, each with its cookie
//!  |- torrents      info hash -> its layout (never changes) and its progress (does)
//!  `- InodeTable    inode number -> node of a layout, lookup count
//! ```

mod build;
mod facts;
mod inode;
mod known;
mod layout;
mod notices;
mod past;
mod paths;
mod root;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

#[cfg(test)]
pub(crate) use facts::Amount;
pub(crate) use facts::{NodeFacts, ServedNode};
use inode::{InodeTable, NodeRef};
pub use known::KnownNode;
pub(crate) use layout::{NodeBody, NodeIdx, TorrentTree};
pub(crate) use notices::Notice;
pub use past::Remembered;
use past::{Memory, Past};
pub(crate) use paths::Top;
use root::{HeldNames, Root};

use crate::{
    Attr, Child, DirEntry, FileId, FileIndex, FsStats, Geometry, InfoHash, Ino, NodeKind,
    TorrentState, TorrentSummary, Validity, VfsError,
};

/// The cookies of `.` and `..`, and of `.tfs` where it is listed; those of the entries follow.
pub(crate) const DOT_COOKIE: u64 = 1;
pub(crate) const DOT_DOT_COOKIE: u64 = 2;
pub(crate) const CONTROL_COOKIE: u64 = 3;
pub(crate) const FIRST_COOKIE: u64 = 4;

/// What an update of the tree did, for logs and for those who tell the kernel.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Changes {
    /// Torrents that are new, with their names in the root.
    pub added: Vec<(InfoHash, String)>,
    /// Torrents that are gone, with their names in the root.
    pub removed: Vec<(InfoHash, String)>,
}

/// A file as a reader needs to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileRef {
    pub(crate) id: FileId,
    pub(crate) ino: Ino,
    pub(crate) len: u64,
    pub(crate) geometry: Option<Geometry>,
}

/// What changes about a file and decides whether a read may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileState {
    pub(crate) torrent: TorrentState,
    pub(crate) have_bytes: u64,
}

impl FileState {
    /// Returns whether the last listing had all of a file of `len` bytes.
    pub(crate) fn is_complete(self, len: u64) -> bool {
        self.have_bytes >= len && self.torrent != TorrentState::Initializing
    }
}

/// A torrent in the tree.
#[derive(Debug)]
struct Torrent {
    tree: Arc<TorrentTree>,
    /// The number of each node of `tree`, by node index.
    inos: Arc<[Ino]>,
    summary: TorrentSummary,
    /// When it was first seen, in seconds since 1970.
    first_seen: i64,
}

/// All names and inodes. Operations cost memory accesses only.
#[derive(Debug)]
pub(crate) struct Tree {
    root: Root,
    torrents: HashMap<InfoHash, Torrent>,
    inodes: InodeTable,
    past: Past,
    /// Whether a listing was ever received: before that, nothing is known, not even emptiness.
    is_known: bool,
    /// When a torrent last came or went while a tree was known, in seconds since 1970; 0 if none
    /// did. Learning what was there all along is no change.
    changed_at: i64,
    /// When the root was last modified: `changed_at`, or the newest time of its torrents while that
    /// is not known. Never the time of the mount, or each remount would look like a change.
    root_mtime: i64,
    /// How many torrents are directories.
    directory_count: usize,
}

impl Tree {
    pub(crate) fn new() -> Self {
        Self {
            root: Root::new(),
            torrents: HashMap::new(),
            inodes: InodeTable::new(),
            past: Past::default(),
            is_known: false,
            changed_at: 0,
            root_mtime: 0,
            directory_count: 0,
        }
    }

    /// Takes over what is known from before. Torrents get the names and times that they had when
    /// they come; it shows none of them.
    pub(crate) fn remember(
        &mut self,
        changed_at: Option<i64>,
        torrents: impl IntoIterator<Item = Remembered>,
    ) {
        self.changed_at = self.changed_at.max(changed_at.unwrap_or(0));
        for remembered in torrents {
            if !self.torrents.contains_key(&remembered.info_hash) {
                self.past.remember(remembered);
            }
        }
    }

    pub(crate) fn first_seen(&self, info_hash: InfoHash) -> Option<i64> {
        let past = self.past.get(info_hash).map(|memory| memory.first_seen);
        self.torrents.get(&info_hash).map_or(past, |torrent| Some(torrent.first_seen))
    }

    /// Returns what was last listed of the torrents that are not among these, in the order of the
    /// root directory.
    pub(crate) fn summaries_except(&self, listed: &HashSet<InfoHash>) -> Vec<TorrentSummary> {
        let entries = self.root.after(0).map(|(_, entry)| entry.info_hash);
        let others = entries.filter(|info_hash| !listed.contains(info_hash));
        others
            .filter_map(|info_hash| self.torrents.get(&info_hash))
            .map(|torrent| torrent.summary.clone())
            .collect()
    }

    /// Takes over a complete listing: drops torrents that are not in it, takes in those whose
    /// layouts are given, and remembers the progress of all. `seen_at` is now, in seconds since
    /// 1970. Returns what it did, and what of it a front end may not know.
    pub(crate) fn apply(
        &mut self,
        mut listing: Vec<TorrentSummary>,
        layouts: Vec<TorrentTree>,
        seen_at: i64,
    ) -> (Changes, Vec<Notice>) {
        let mut layouts: HashMap<_, _> =
            layouts.into_iter().map(|layout| (layout.info_hash(), layout)).collect();
        let listed: HashSet<_> = listing.iter().map(|summary| summary.info_hash).collect();
        let gone: Vec<_> =
            self.torrents.keys().copied().filter(|hash| !listed.contains(hash)).collect();

        let mut changes = Changes::default();
        let mut notices = Vec::new();
        for info_hash in gone {
            let name = self.remove(info_hash, &mut notices);
            changes.removed.extend(name.map(|name| (info_hash, name)));
        }
        // Who came first keeps a plain name; the hash makes the order total.
        listing.sort_by_key(|summary| (summary.added_order, summary.info_hash));
        let held = if layouts.is_empty() { HeldNames::new() } else { self.held_names(&listing) };
        for summary in listing {
            let info_hash = summary.info_hash;
            if let Some(torrent) = self.torrents.get_mut(&info_hash) {
                notices.extend(torrent.progress_notices(&summary, &self.inodes));
                torrent.update(summary);
            } else if let Some(layout) = layouts.remove(&info_hash) {
                let name = self.add(summary, layout, &held, seen_at);
                // Before the first listing nobody was told that there is no such name.
                notices.extend(self.is_known.then(|| Notice::Added { name: name.clone() }));
                changes.added.push((info_hash, name));
            }
        }
        if !changes.added.is_empty() {
            self.past.shrink();
        }
        if self.is_known && changes != Changes::default() {
            self.changed_at = seen_at.max(0);
        }
        self.is_known = true;
        let directories = self.torrents.values().filter(|t| t.tree.top().is_directory());
        self.directory_count = directories.count();
        let newest = || self.torrents.values().map(|torrent| torrent.tree.mtime()).max();
        self.root_mtime = if self.changed_at > 0 { self.changed_at } else { newest().unwrap_or(0) };
        (changes, notices)
    }

    /// Returns the names that listed torrents had and do not have now: nobody else gets them, also
    /// while their details are not there yet.
    fn held_names(&self, listing: &[TorrentSummary]) -> HeldNames {
        let mut held = HeldNames::new();
        for summary in listing {
            if let Some(memory) = self.past.get(summary.info_hash) {
                held.entry(memory.name.clone()).or_insert(summary.info_hash);
            }
        }
        held
    }

    fn add(
        &mut self,
        summary: TorrentSummary,
        layout: TorrentTree,
        held: &HeldNames,
        seen_at: i64,
    ) -> String {
        let info_hash = summary.info_hash;
        let tree = Arc::new(layout);
        let inos = self.inodes.attach(&tree);
        let memory = self.past.on_added(info_hash);
        let first_seen = memory.as_ref().map_or(seen_at, |memory| memory.first_seen);
        let had = memory.map(|memory| memory.name);
        let is_directory = tree.top().is_directory();
        let name = self.root.add(tree.raw_name(), info_hash, is_directory, had.as_deref(), held);
        self.torrents.insert(info_hash, Torrent { tree, inos, summary, first_seen });
        name
    }

    fn remove(&mut self, info_hash: InfoHash, notices: &mut Vec<Notice>) -> Option<String> {
        let torrent = self.torrents.remove(&info_hash)?;
        notices.extend(torrent.removal_notices(&self.inodes));
        self.inodes.detach(&torrent.inos);
        let name = self.root.remove(info_hash)?;
        let child = Child { ino: torrent.ino(NodeIdx::TOP), kind: torrent.tree.top().kind() };
        notices.push(Notice::Removed { name: name.clone(), child });
        let memory = Memory { name: name.clone(), first_seen: torrent.first_seen };
        self.past.on_removed(info_hash, memory);
        Some(name)
    }

    /// Adds `count` to the number of times that the front end knows of `ino`.
    pub(crate) fn acquire(&self, ino: Ino, count: u64) {
        self.inodes.acquire(ino, count);
    }

    /// Takes `count` from the number of times that the front end knows of `ino`. What is gone and
    /// no longer known is dropped.
    pub(crate) fn forget(&mut self, ino: Ino, count: u64) {
        self.inodes.forget(ino, count);
    }

    pub(crate) fn contains(&self, info_hash: InfoHash) -> bool {
        self.torrents.contains_key(&info_hash)
    }

    pub(crate) fn lookup(&self, parent: Ino, name: &str) -> Result<DirEntry<'_>, VfsError> {
        self.check_known()?;
        if parent == Ino::ROOT {
            let (entry_name, entry) = self.root.find(name).ok_or(VfsError::NotFound)?;
            return self.root_entry(entry_name, entry);
        }
        let (torrent, idx) = self.linked(parent)?;
        let NodeBody::Directory { children, .. } = &torrent.tree.node(idx).body else {
            return Err(VfsError::NotDirectory);
        };
        let position = children
            .binary_search_by(|child| torrent.tree.node(*child).name.as_ref().cmp(name))
            .map_err(|_not_there| VfsError::NotFound)?;
        let child = children.get(position).copied().ok_or(VfsError::NotFound)?;
        Ok(self.child_entry(torrent, child, position))
    }

    pub(crate) fn attr(&self, ino: Ino) -> Result<Attr, VfsError> {
        if ino == Ino::ROOT {
            return Ok(self.root_attr());
        }
        let NodeRef { tree, idx } = self.inodes.get(ino).ok_or(VfsError::NotFound)?;
        let torrent = self.torrents.get(&tree.info_hash());
        Ok(node_attr(tree, idx, ino, torrent.map(|torrent| &torrent.summary)))
    }

    /// Returns how long it holds that a directory has the names that it has and no others.
    pub(crate) fn names_validity(&self, dir: Ino) -> Validity {
        match self.inodes.get(dir) {
            _ if dir == Ino::ROOT => Validity::Announced,
            Some(_) => Validity::Fixed,
            None => Validity::Unannounced,
        }
    }

    pub(crate) fn link_target(&self, ino: Ino) -> Result<&str, VfsError> {
        match self.body(ino)? {
            NodeBody::Symlink { target, .. } => Ok(target),
            NodeBody::Directory { .. } | NodeBody::File { .. } => Err(VfsError::NotSymlink),
        }
    }

    /// Returns the file behind `ino`, if its torrent is still there.
    pub(crate) fn file(&self, ino: Ino) -> Result<FileRef, VfsError> {
        if ino == Ino::ROOT {
            return Err(VfsError::IsDirectory);
        }
        let (torrent, idx) = self.linked(ino)?;
        match torrent.tree.node(idx).body {
            NodeBody::File { index, len } => {
                let id = FileId { torrent: torrent.tree.info_hash(), index };
                Ok(FileRef { id, ino, len, geometry: torrent.tree.geometry(index) })
            }
            NodeBody::Directory { .. } => Err(VfsError::IsDirectory),
            // Linux resolves links before it opens, or refuses with O_NOFOLLOW.
            NodeBody::Symlink { .. } => Err(VfsError::NotFound),
        }
    }

    /// Returns what the last listing said of a file that reads care for; `None` if its torrent is
    /// gone.
    pub(crate) fn file_state(&self, file: FileId) -> Option<FileState> {
        let summary = &self.torrents.get(&file.torrent)?.summary;
        let index = usize::try_from(file.index.0).ok()?;
        let progress = summary.file_progress.as_ref().and_then(|all| all.get(index).copied());
        Some(FileState { torrent: summary.state, have_bytes: progress.unwrap_or(0) })
    }

    /// Calls `each` with the entries of `dir` after `cookie` (0: from the beginning) until it
    /// returns false.
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
                if !each(&DirEntry {
                    name,
                    cookie: dot_cookie,
                    attr,
                    name_validity: Validity::Announced,
                }) {
                    return Ok(());
                }
            }
        }
        if dir == Ino::ROOT {
            for (name, entry) in self.root.after(cookie) {
                if !each(&self.root_entry(name, entry)?) {
                    break;
                }
            }
            return Ok(());
        }
        let (torrent, idx) = self.linked(dir)?;
        let skip = cookie.saturating_sub(FIRST_COOKIE - 1);
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        for (position, child) in torrent.tree.children(idx).iter().enumerate().skip(skip) {
            if !each(&self.child_entry(torrent, *child, position)) {
                break;
            }
        }
        Ok(())
    }

    pub(crate) fn stats(&self) -> FsStats {
        let mut stats = FsStats { inode_count: 1, ..FsStats::default() };
        for torrent in self.torrents.values() {
            stats.total_bytes = stats.total_bytes.saturating_add(torrent.tree.total_bytes());
            let have = torrent.summary.file_progress.iter().flat_map(|progress| progress.iter());
            let have_bytes = have.fold(0_u64, |sum, bytes| sum.saturating_add(*bytes));
            stats.have_bytes = stats.have_bytes.saturating_add(have_bytes);
            stats.inode_count += torrent.inos.len() as u64;
        }
        // Padding counts as progress on the server, but is not shown here.
        stats.have_bytes = stats.have_bytes.min(stats.total_bytes);
        stats
    }

    /// Checks that `dir` is a directory whose entries can be told.
    pub(crate) fn check_directory(&self, dir: Ino) -> Result<(), VfsError> {
        if dir == Ino::ROOT {
            return self.check_known();
        }
        let attr = self.attr(dir)?;
        match attr.kind {
            NodeKind::Directory if attr.nlink == 0 => Err(VfsError::Stale),
            NodeKind::Directory => Ok(()),
            NodeKind::File | NodeKind::Symlink => Err(VfsError::NotDirectory),
        }
    }

    pub(crate) fn check_known(&self) -> Result<(), VfsError> {
        if self.is_known { Ok(()) } else { Err(VfsError::NoTree) }
    }

    fn body(&self, ino: Ino) -> Result<&NodeBody, VfsError> {
        let NodeRef { tree, idx } = self.inodes.get(ino).ok_or(VfsError::NotFound)?;
        Ok(&tree.node(idx).body)
    }

    /// Returns the torrent and node behind `ino`, if the torrent is still there.
    fn linked(&self, ino: Ino) -> Result<(&Torrent, NodeIdx), VfsError> {
        let NodeRef { tree, idx } = self.inodes.get(ino).ok_or(VfsError::NotFound)?;
        let torrent = self.torrents.get(&tree.info_hash()).ok_or(VfsError::Stale)?;
        Ok((torrent, idx))
    }

    fn parent(&self, dir: Ino) -> Result<Ino, VfsError> {
        if dir == Ino::ROOT {
            return Ok(Ino::ROOT);
        }
        let (torrent, idx) = self.linked(dir)?;
        Ok(torrent.tree.node(idx).parent.map_or(Ino::ROOT, |parent| torrent.ino(parent)))
    }

    fn root_attr(&self) -> Attr {
        Attr {
            ino: Ino::ROOT,
            kind: NodeKind::Directory,
            size: 0,
            have_bytes: 0,
            mtime: self.root_mtime,
            nlink: link_count(u32::try_from(self.directory_count).unwrap_or(u32::MAX)),
            validity: Validity::Announced,
        }
    }

    fn root_entry<'a>(
        &self,
        name: &'a str,
        entry: root::RootEntry,
    ) -> Result<DirEntry<'a>, VfsError> {
        let torrent = self.torrents.get(&entry.info_hash).ok_or(VfsError::NotFound)?;
        let top = NodeIdx::TOP;
        let attr = node_attr(&torrent.tree, top, torrent.ino(top), Some(&torrent.summary));
        Ok(DirEntry { name, cookie: entry.cookie, attr, name_validity: Validity::Announced })
    }

    fn child_entry<'a>(
        &self,
        torrent: &'a Torrent,
        child: NodeIdx,
        position: usize,
    ) -> DirEntry<'a> {
        let attr = node_attr(&torrent.tree, child, torrent.ino(child), Some(&torrent.summary));
        let cookie = FIRST_COOKIE + position as u64;
        DirEntry {
            name: &torrent.tree.node(child).name,
            cookie,
            attr,
            name_validity: Validity::Fixed,
        }
    }
}

impl Torrent {
    /// Takes over what a listing says. Progress that did not change stays where it is in memory:
    /// else ten thousand lists would change places with each poll, and leave holes behind.
    fn update(&mut self, summary: TorrentSummary) {
        let old = std::mem::replace(&mut self.summary, summary);
        if old.file_progress == self.summary.file_progress {
            self.summary.file_progress = old.file_progress;
        }
    }

    fn ino(&self, idx: NodeIdx) -> Ino {
        // Every node got a number when the torrent was attached; 0 is no inode.
        self.inos.get(idx.position()).copied().unwrap_or(Ino(0))
    }
}

/// Returns the attributes of a node; `summary` is `None` when its torrent is gone.
fn node_attr(tree: &TorrentTree, idx: NodeIdx, ino: Ino, summary: Option<&TorrentSummary>) -> Attr {
    let node = tree.node(idx);
    let (kind, size, have_bytes, nlink) = match &node.body {
        NodeBody::Directory { subdirectory_count, .. } => {
            (NodeKind::Directory, 0, 0, link_count(*subdirectory_count))
        }
        NodeBody::File { index, len } => {
            (NodeKind::File, *len, have_bytes(summary, *index).min(*len), 1)
        }
        NodeBody::Symlink { target, .. } => (NodeKind::Symlink, target.len() as u64, 0, 1),
    };
    Attr {
        ino,
        kind,
        size,
        have_bytes,
        mtime: tree.mtime(),
        nlink: if summary.is_some() { nlink } else { 0 },
        validity: if kind != NodeKind::File || have_bytes == size {
            Validity::Fixed
        } else {
            Validity::Announced
        },
    }
}

fn have_bytes(summary: Option<&TorrentSummary>, index: FileIndex) -> u64 {
    summary
        .and_then(|summary| summary.file_progress.as_ref())
        .and_then(|progress| progress.get(usize::try_from(index.0).ok()?).copied())
        .unwrap_or(0)
}

fn link_count(subdirectory_count: u32) -> u32 {
    subdirectory_count.saturating_add(2)
}
