//! The tree: every name and inode, in memory, rebuilt from what the servers list.
//!
//! ```text
//! Tree
//!  |- Folder        a directory of torrents: the root, or one for each server below it
//!  |   `- Names     the names in it, each with its cookie
//!  |- torrents      directory, info hash -> layout (never changes), what each server says (does)
//!  `- InodeTable    inode number -> node of a layout, lookup count
//! ```

mod apply;
mod build;
mod facts;
mod folder;
mod history;
mod inode;
mod known;
mod layout;
mod links;
mod lookup;
mod names;
mod notices;
mod paths;
mod per_server;
mod ranges;
mod recent;
mod replace;
mod totals;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

pub(crate) use apply::Difference;
#[cfg(test)]
pub(crate) use facts::Amount;
pub(crate) use facts::NodeFacts;
pub use folder::RootLayout;
use folder::TorrentFolder;
pub(crate) use folder::{FOLDER_NUMBER_MIN, FolderId, TorrentKey};
pub use history::RestoredTorrent;
use inode::{InodeTable, NUMBER_MIN, NodeRef};
pub use known::KnownNode;
pub(crate) use layout::{NodeBody, NodeIdx, TorrentTree};
pub(crate) use notices::Invalidation;
pub(crate) use paths::{Added, Top};
use per_server::PerServerState;
pub use ranges::NumberRange;
use totals::Totals;

use crate::{
    FileId, Geometry, InfoHash, Ino, InodeNumbers, ServerId, TorrentState, TorrentSummary,
};

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
    pub joined: Vec<RestoredTorrent>,
    /// Torrents that this server does not have any more, but others do, with their names.
    pub left: Vec<(InfoHash, String)>,
    /// The inode numbers of torrents that came, to be kept, where they are ranges.
    pub numbers: Vec<(InfoHash, NumberRange)>,
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
    /// Whether the newest list of the server has the torrent.
    pub(crate) is_listed: bool,
}

impl FileState {
    /// Returns whether the last listing had all of a file of `len` bytes.
    pub(crate) fn is_complete(self, len: u64) -> bool {
        self.have_bytes >= len && self.torrent != TorrentState::Initializing
    }

    /// Returns whether the last listing allows that all of a file of `len` bytes is there: it had
    /// all of it, or said nothing of its pieces, since the torrent is being checked or has failed.
    /// Then an earlier verification of the file decides.
    pub(crate) fn may_be_whole(self, len: u64) -> bool {
        match self.torrent {
            TorrentState::Live | TorrentState::Paused => self.have_bytes >= len,
            TorrentState::Initializing | TorrentState::Failed => true,
        }
    }
}

/// A torrent in the tree.
#[derive(Debug)]
struct TreeTorrent {
    tree: Arc<TorrentTree>,
    /// The number of each node of `tree`, by node index.
    inos: Arc<[Ino]>,
    /// What the number of the directory is that it is in.
    parent: Ino,
    standing: PerServerState,
    /// When it was first seen, in seconds since 1970.
    first_seen: i64,
    /// Its part of the sums over all torrents.
    totals: Totals,
}

/// All names and inodes. Operations cost memory accesses only.
#[derive(Debug)]
pub(crate) struct Tree {
    layout: RootLayout,
    /// In a union the root, else a directory for each server in their order.
    folders: Vec<TorrentFolder>,
    torrents: HashMap<TorrentKey, TreeTorrent>,
    /// Those of them that have no name, since nothing of them can be shown.
    unnamed: HashSet<TorrentKey>,
    inodes: InodeTable,
    /// Of which servers a listing was ever received, in their order. Before that, nothing is known
    /// of a server, not even emptiness.
    known_servers: Vec<bool>,
    /// How many torrents it has from each server, in their order.
    torrent_counts: Vec<usize>,
    /// Counts up over all directories.
    next_cookie: u64,
    totals: Totals,
}

impl Tree {
    /// Returns a tree for servers with these names, at least one, of which nothing is known.
    pub(crate) fn new(layout: RootLayout, server_names: &[String], numbers: InodeNumbers) -> Self {
        Self {
            layout,
            folders: layout.folders(server_names),
            torrents: HashMap::new(),
            unnamed: HashSet::new(),
            inodes: InodeTable::new(numbers),
            known_servers: vec![false; server_names.len()],
            torrent_counts: vec![0; server_names.len()],
            next_cookie: FIRST_COOKIE,
            totals: Totals::default(),
        }
    }

    /// Takes over what is known of a server from before. Torrents get the names and times that they
    /// had when they come; it shows none of them.
    pub(crate) fn remember(
        &mut self,
        server: ServerId,
        changed_at: Option<i64>,
        torrents: impl IntoIterator<Item = RestoredTorrent>,
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

    /// Takes over which numbers torrents of a server had.
    pub(crate) fn remember_numbers(
        &mut self,
        server: ServerId,
        ranges: impl IntoIterator<Item = (InfoHash, NumberRange)>,
    ) {
        let folder = self.layout.folder_of(server);
        for (info_hash, range) in ranges {
            self.inodes.remember(TorrentKey { folder, info_hash }, range);
        }
    }

    /// Returns the numbers of a torrent that is there, if they are a range.
    pub(crate) fn numbers_of(&self, server: ServerId, info_hash: InfoHash) -> Option<NumberRange> {
        let folder = self.layout.folder_of(server);
        self.inodes.range(TorrentKey { folder, info_hash })
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

    /// Returns the progress that a server last said of a torrent, also before it began to check it.
    pub(crate) fn last_progress(
        &self,
        server: ServerId,
        info_hash: InfoHash,
    ) -> Option<Arc<[u64]>> {
        let key = TorrentKey { folder: self.layout.folder_of(server), info_hash };
        self.torrents.get(&key)?.standing.last_progress(server)
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
    fn copies(&self, info_hash: InfoHash) -> impl Iterator<Item = (TorrentKey, &TreeTorrent)> {
        let folders = (0..).map(FolderId).take(self.folders.len());
        folders.filter_map(move |folder| {
            let key = TorrentKey { folder, info_hash };
            self.torrents.get(&key).map(|torrent| (key, torrent))
        })
    }

    /// Brings the sums over all torrents up to date with one that has changed.
    fn sum_up(&mut self, key: TorrentKey) {
        let Some(torrent) = self.torrents.get_mut(&key) else { return };
        let totals = torrent.sum_up();
        self.totals.subtract(torrent.totals);
        self.totals.add(totals);
        torrent.totals = totals;
    }

    fn folder(&self, id: FolderId) -> Option<&TorrentFolder> {
        self.folders.get(id.position())
    }

    fn name(&self, key: TorrentKey) -> Option<&str> {
        self.folder(key.folder)?.names.name(key.info_hash)
    }
}

impl TreeTorrent {
    /// Returns whether a layout is the current one of the torrent, and not one that was replaced.
    fn has(&self, tree: &Arc<TorrentTree>) -> bool {
        Arc::ptr_eq(&self.tree, tree)
    }

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
        let (torrent, is_listed) = (summary.state, summary.is_listed);
        Self { torrent, have_bytes: have_bytes.unwrap_or(0), is_listed }
    }
}
