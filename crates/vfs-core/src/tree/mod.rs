//! The tree: every name and inode, in memory, rebuilt from what the servers list.
//!
//! ```text
//! Tree
//!  |- Folder        a directory of torrents: the root, or one for each server below it
//!  |   `- Names     the names in it, each with its cookie
//!  |- torrents      directory, info hash -> layout (never changes), what each server says (does)
//!  `- InodeTable    inode number -> node of a layout, lookup count
//! ```

mod build;
mod facts;
mod folder;
mod inode;
mod known;
mod layout;
mod look;
mod names;
mod notices;
mod past;
mod paths;
mod standing;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

#[cfg(test)]
pub(crate) use facts::Amount;
pub(crate) use facts::NodeFacts;
use folder::Folder;
pub use folder::RootLayout;
pub(crate) use folder::{FOLDER_NUMBER_MIN, FolderId, TorrentKey};
use inode::{InodeTable, NUMBER_MIN, NodeRef};
pub use known::KnownNode;
pub(crate) use layout::{NodeBody, NodeIdx, TorrentTree};
use names::{HeldNames, Named};
pub(crate) use notices::Notice;
use past::Memory;
pub use past::Remembered;
pub(crate) use paths::{Added, Top};
use standing::Standing;

use crate::{Child, FileId, Geometry, InfoHash, Ino, ServerId, TorrentState, TorrentSummary};

/// The cookies of `.` and `..`, and of `.tfs` where it is listed; those of the entries follow.
pub(crate) const DOT_COOKIE: u64 = 1;
pub(crate) const DOT_DOT_COOKIE: u64 = 2;
pub(crate) const CONTROL_COOKIE: u64 = 3;
pub(crate) const FIRST_COOKIE: u64 = 4;

/// What a listing of a server changed, for logs and for those who tell the kernel.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Changes {
    /// Torrents that are new, with their names.
    pub added: Vec<(InfoHash, String)>,
    /// Torrents that are gone, with their names.
    pub removed: Vec<(InfoHash, String)>,
    /// Torrents that other servers had, and this one has now too.
    pub joined: Vec<Remembered>,
    /// Torrents that this server does not have any more, but others do, with their names.
    pub left: Vec<(InfoHash, String)>,
}

impl Changes {
    /// Returns whether names came or went.
    #[must_use]
    pub fn has_names(&self) -> bool {
        !self.added.is_empty() || !self.removed.is_empty()
    }
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
    /// What the number of the directory is that it is in.
    parent: Ino,
    standing: Standing,
    /// When it was first seen, in seconds since 1970.
    first_seen: i64,
}

/// All names and inodes. Operations cost memory accesses only.
#[derive(Debug)]
pub(crate) struct Tree {
    layout: RootLayout,
    /// In a union the root, else a directory for each server in their order.
    folders: Vec<Folder>,
    torrents: HashMap<TorrentKey, Torrent>,
    inodes: InodeTable,
    /// Of which servers a listing was ever received, in their order. Before that, nothing is known
    /// of a server, not even emptiness.
    known_servers: Vec<bool>,
    /// Counts up over all directories.
    next_cookie: u64,
}

impl Tree {
    /// Returns a tree for servers with these names, at least one, of which nothing is known.
    pub(crate) fn new(layout: RootLayout, server_names: &[String]) -> Self {
        Self {
            layout,
            folders: layout.folders(server_names),
            torrents: HashMap::new(),
            inodes: InodeTable::new(),
            known_servers: vec![false; server_names.len()],
            next_cookie: FIRST_COOKIE,
        }
    }

    /// Takes over what is known of a server from before. Torrents get the names and times that they
    /// had when they come; it shows none of them.
    pub(crate) fn remember(
        &mut self,
        server: ServerId,
        changed_at: Option<i64>,
        torrents: impl IntoIterator<Item = Remembered>,
    ) {
        let id = self.layout.folder_of(server);
        let Some(folder) = self.folders.get_mut(id.position()) else { return };
        folder.changed_at = folder.changed_at.max(changed_at.unwrap_or(0));
        for remembered in torrents {
            let key = TorrentKey { folder: id, info_hash: remembered.info_hash };
            if !self.torrents.contains_key(&key) {
                folder.past.remember(remembered);
            }
        }
    }

    /// Returns which directory the torrents of a server are in, and whose it is.
    pub(crate) fn place_of(&self, server: ServerId) -> (FolderId, Option<&str>) {
        let id = self.layout.folder_of(server);
        (id, self.folder(id).and_then(|folder| folder.server.as_deref()))
    }

    pub(crate) fn first_seen(&self, server: ServerId, info_hash: InfoHash) -> Option<i64> {
        let folder = self.layout.folder_of(server);
        let torrent = self.torrents.get(&TorrentKey { folder, info_hash });
        let past = || Some(self.folder(folder)?.past.get(info_hash)?.first_seen);
        torrent.map_or_else(past, |torrent| Some(torrent.first_seen))
    }

    /// Returns what a server last listed of its torrents that are not among these, in the order of
    /// their directory.
    pub(crate) fn summaries_except(
        &self,
        server: ServerId,
        listed: &HashSet<InfoHash>,
    ) -> Vec<TorrentSummary> {
        let id = self.layout.folder_of(server);
        let entries = self.folder(id).into_iter().flat_map(|folder| folder.names.after(0));
        let others =
            entries.map(|(_, named)| named.info_hash).filter(|hash| !listed.contains(hash));
        others
            .filter_map(|info_hash| self.torrents.get(&TorrentKey { folder: id, info_hash }))
            .filter_map(|torrent| torrent.standing.of(server).cloned())
            .collect()
    }

    /// Takes over a complete listing of a server: drops torrents that no server has any more, takes
    /// in those whose layouts are given, and remembers the progress of all. `seen_at` is now, in
    /// seconds since 1970. Returns what it did, and what of it a front end may not know.
    pub(crate) fn apply(
        &mut self,
        server: ServerId,
        mut listing: Vec<TorrentSummary>,
        layouts: Vec<TorrentTree>,
        seen_at: i64,
    ) -> (Changes, Vec<Notice>) {
        let id = self.layout.folder_of(server);
        let mut layouts: HashMap<_, _> =
            layouts.into_iter().map(|layout| (layout.info_hash(), layout)).collect();
        let mut changes = Changes::default();
        let mut notices = Vec::new();
        self.drop_unlisted(server, &listing, (&mut changes, &mut notices));
        // Who came first keeps a plain name; the hash makes the order total.
        listing.sort_by_key(|summary| (summary.added_order, summary.info_hash));
        let held =
            if layouts.is_empty() { HeldNames::new() } else { self.held_names(id, &listing) };
        let is_known = self.folder(id).is_some_and(|folder| folder.is_known);
        for summary in listing {
            let info_hash = summary.info_hash;
            if let Some(torrent) = self.torrents.get_mut(&TorrentKey { folder: id, info_hash }) {
                let is_new = torrent.standing.of(server).is_none();
                let before = torrent.standing.set(server, summary);
                notices.extend(torrent.progress_notices(&before, &self.inodes));
                if is_new {
                    changes.joined.extend(self.remembered(id, info_hash));
                }
            } else if let Some(layout) = layouts.remove(&info_hash) {
                let Some((parent, name)) = self.add((server, summary), layout, &held, seen_at)
                else {
                    continue;
                };
                // Before the first listing nobody was told that there is no such name.
                let notice = || Notice::Added { parent, name: name.clone() };
                notices.extend(is_known.then(notice));
                changes.added.push((info_hash, name));
            }
        }
        self.date(server, changes.has_names(), seen_at);
        (changes, notices)
    }

    /// Takes a server from the torrents that its listing lacks, and drops those that no other has.
    fn drop_unlisted(
        &mut self,
        server: ServerId,
        listing: &[TorrentSummary],
        (changes, notices): (&mut Changes, &mut Vec<Notice>),
    ) {
        let listed: HashSet<_> = listing.iter().map(|summary| summary.info_hash).collect();
        let gone = self.torrents.iter().filter(|(key, torrent)| {
            !listed.contains(&key.info_hash) && torrent.standing.of(server).is_some()
        });
        let gone: Vec<_> = gone.map(|(key, _)| *key).collect();
        for key in gone {
            let Some(torrent) = self.torrents.get_mut(&key) else { continue };
            if let Some(before) = torrent.standing.remove(server) {
                notices.extend(torrent.progress_notices(&before, &self.inodes));
                let name = self.name(key).unwrap_or_default().to_owned();
                changes.left.push((key.info_hash, name));
                continue;
            }
            let name = self.remove(key, notices);
            changes.removed.extend(name.map(|name| (key.info_hash, name)));
        }
    }

    /// Notes that a listing of a server was taken over, and what that means for its directory.
    fn date(&mut self, server: ServerId, has_changed: bool, seen_at: i64) {
        if let Some(known) = self.known_servers.get_mut(usize::from(server.0)) {
            *known = true;
        }
        let id = self.layout.folder_of(server);
        let torrents = || self.torrents.iter().filter(|(key, _)| key.folder == id);
        let is_empty = torrents().next().is_none();
        let directory_count = torrents().filter(|(_, it)| it.tree.top().is_directory()).count();
        let newest = torrents().map(|(_, torrent)| torrent.tree.mtime()).max();
        // An empty union may only look empty, as long as nothing is known of one of its servers.
        let is_told = match self.layout {
            RootLayout::Union => !is_empty || self.known_servers.iter().all(|is_known| *is_known),
            RootLayout::ByServer => true,
        };
        let Some(folder) = self.folders.get_mut(id.position()) else { return };
        if folder.is_known && has_changed {
            folder.changed_at = seen_at.max(0);
        }
        if has_changed {
            folder.past.shrink();
        }
        folder.is_known |= is_told;
        folder.directory_count = directory_count;
        folder.mtime = if folder.changed_at > 0 { folder.changed_at } else { newest.unwrap_or(0) };
    }

    /// Returns the names that listed torrents had and do not have now: nobody else gets them, also
    /// while their details are not there yet.
    fn held_names(&self, id: FolderId, listing: &[TorrentSummary]) -> HeldNames {
        let mut held = HeldNames::new();
        let Some(folder) = self.folder(id) else { return held };
        for summary in listing {
            if let Some(memory) = folder.past.get(summary.info_hash) {
                held.entry(memory.name.clone()).or_insert(summary.info_hash);
            }
        }
        held
    }

    /// Returns the directory in which the torrent is, and its name there.
    fn add(
        &mut self,
        (server, summary): (ServerId, TorrentSummary),
        layout: TorrentTree,
        held: &HeldNames,
        seen_at: i64,
    ) -> Option<(Ino, String)> {
        let key = layout.key();
        let folder = self.folders.get_mut(key.folder.position())?;
        let tree = Arc::new(layout);
        let inos = self.inodes.attach(&tree);
        let memory = folder.past.on_added(key.info_hash);
        let first_seen = memory.as_ref().map_or(seen_at, |memory| memory.first_seen);
        let had = memory.map(|memory| memory.name);
        let named = Named { info_hash: key.info_hash, cookie: self.next_cookie };
        self.next_cookie += 1;
        let is_directory = tree.top().is_directory();
        let name = folder.names.add(tree.raw_name(), named, is_directory, had.as_deref(), held);
        let (parent, standing) = (folder.ino, Standing::new(server, summary));
        self.torrents.insert(key, Torrent { tree, inos, parent, standing, first_seen });
        Some((parent, name))
    }

    fn remove(&mut self, key: TorrentKey, notices: &mut Vec<Notice>) -> Option<String> {
        let torrent = self.torrents.remove(&key)?;
        notices.extend(torrent.removal_notices(&self.inodes));
        self.inodes.detach(&torrent.inos);
        let folder = self.folders.get_mut(key.folder.position())?;
        let name = folder.names.remove(key.info_hash)?;
        let child = Child { ino: torrent.ino(NodeIdx::TOP), kind: torrent.tree.top().kind() };
        notices.push(Notice::Removed { parent: folder.ino, name: name.clone(), child });
        let memory = Memory { name: name.clone(), first_seen: torrent.first_seen };
        folder.past.on_removed(key.info_hash, memory);
        Some(name)
    }

    /// Adds `count` to the number of times that the front end knows of `ino`.
    pub(crate) fn acquire(&self, ino: Ino, count: u64) {
        self.inodes.acquire(ino, count);
    }

    /// Takes `count` from the number of times that the front end knows of `ino`. What is gone and
    /// no longer known is dropped.
    pub(crate) fn forget(&mut self, ino: Ino, count: u64) {
        // The directories of servers stay.
        if ino.0 >= NUMBER_MIN {
            self.inodes.forget(ino, count);
        }
    }

    /// Returns whether it has a torrent of a server. That another server has it does not count.
    pub(crate) fn contains(&self, server: ServerId, info_hash: InfoHash) -> bool {
        let key = TorrentKey { folder: self.layout.folder_of(server), info_hash };
        self.torrents.get(&key).is_some_and(|torrent| torrent.standing.of(server).is_some())
    }

    /// Returns what the last listing of each server said of a file that reads care for, in the
    /// order of the servers; nothing if its torrent is gone.
    pub(crate) fn file_states(&self, file: FileId) -> Vec<(ServerId, FileState)> {
        let torrents = self.copies(file.torrent);
        torrents
            .flat_map(|(_, torrent)| torrent.standing.all())
            .map(|(server, summary)| (server, FileState::new(summary, file)))
            .collect()
    }

    /// Returns what is shown of a file that reads care for; `None` if its torrent is gone.
    pub(crate) fn file_state(&self, file: FileId) -> Option<FileState> {
        let states = self.copies(file.torrent);
        let states = states.map(|(_, torrent)| FileState::new(torrent.standing.shown(), file));
        states.max_by_key(|state| state.have_bytes)
    }

    /// Returns when the directory in which the torrents of a server are was last modified.
    pub(crate) fn changed_at(&self, server: ServerId) -> i64 {
        self.folder(self.layout.folder_of(server)).map_or(0, |folder| folder.mtime)
    }

    /// Returns whether a listing of a server was ever received.
    pub(crate) fn is_server_known(&self, server: ServerId) -> bool {
        self.known_servers.get(usize::from(server.0)).is_some_and(|is_known| *is_known)
    }

    /// Returns a torrent as each directory has it, in the order of the directories.
    fn copies(&self, info_hash: InfoHash) -> impl Iterator<Item = (TorrentKey, &Torrent)> {
        let folders = (0..).map(FolderId).take(self.folders.len());
        folders.filter_map(move |folder| {
            let key = TorrentKey { folder, info_hash };
            self.torrents.get(&key).map(|torrent| (key, torrent))
        })
    }

    fn folder(&self, id: FolderId) -> Option<&Folder> {
        self.folders.get(id.position())
    }

    fn name(&self, key: TorrentKey) -> Option<&str> {
        self.folder(key.folder)?.names.name(key.info_hash)
    }

    fn remembered(&self, id: FolderId, info_hash: InfoHash) -> Option<Remembered> {
        let folder = self.folder(id)?;
        let name = folder.names.name(info_hash)?.to_owned();
        let first_seen = self.torrents.get(&TorrentKey { folder: id, info_hash })?.first_seen;
        Some(Remembered { info_hash, name, first_seen })
    }
}

impl Torrent {
    fn ino(&self, idx: NodeIdx) -> Ino {
        // Every node got a number when the torrent was attached; 0 is no inode.
        self.inos.get(idx.position()).copied().unwrap_or(Ino(0))
    }

    /// Returns the number of the directory that a node is in.
    fn parent_of(&self, idx: NodeIdx) -> Ino {
        self.tree.node(idx).parent.map_or(self.parent, |parent| self.ino(parent))
    }
}

impl FileState {
    fn new(summary: &TorrentSummary, file: FileId) -> Self {
        let index = usize::try_from(file.index.0).ok();
        let progress = summary.file_progress.as_ref().zip(index);
        let have_bytes = progress.and_then(|(all, index)| all.get(index).copied());
        Self { torrent: summary.state, have_bytes: have_bytes.unwrap_or(0) }
    }
}
