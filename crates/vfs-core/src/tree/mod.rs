//! The tree: all names and inodes, in memory, updated from the listings of the servers.
//!
//! ```text
//! Tree
//!  |- Folder        a directory of torrents: the root, or one for each server below it, and views
//!  |   `- Names     the names in it, each with its cookie
//!  |- torrents      directory, info hash -> place, state on each server (changes)
//!  |- views         directory, info hash -> place
//!  |   `- TreePlace     layout (immutable), and its inode numbers
//!  `- InodeTable    inode number -> node of a layout, lookup count
//! ```

mod apply;
mod arrange;
mod build;
mod draft;
mod facts;
mod filter;
mod folder;
mod history;
mod inode;
mod known;
mod labels;
mod layout;
mod links;
mod lookup;
mod names;
mod node;
mod notices;
mod paths;
mod per_server;
mod place;
mod ranges;
mod recent;
mod replace;
mod times;
mod totals;
mod view_places;
mod views;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

pub(crate) use apply::{Difference, ListingPart};
pub(crate) use arrange::ToArrange;
#[cfg(test)]
pub(crate) use facts::Amount;
pub(crate) use facts::NodeFacts;
pub use folder::RootLayout;
pub(crate) use folder::{FOLDER_NUMBER_MIN, FolderId, TorrentKey};
use folder::{RootDirectory, TorrentFolder};
pub use history::RestoredTorrent;
use inode::{InodeTable, NUMBER_MIN, NodeRef};
pub use known::KnownNode;
use labels::Labels;
pub(crate) use layout::TorrentTree;
use names::NameKey;
pub(crate) use node::{NodeBody, NodeIdx};
pub(crate) use notices::{Invalidation, tell};
pub(crate) use paths::{Added, Top};
use per_server::PerServerState;
use place::TreePlace;
pub use ranges::NumberRange;
pub use times::TorrentTime;
use totals::Totals;
use views::Views;

use crate::{
    FileId, Geometry, InfoHash, Ino, InodeNumbers, ServerId, TorrentState, TorrentSummary,
};

/// Cookies of `.` and `..`, and of `.tfs` if it is listed; the cookies of entries follow.
pub(crate) const DOT_COOKIE: u64 = 1;
pub(crate) const DOT_DOT_COOKIE: u64 = 2;
pub(crate) const CONTROL_COOKIE: u64 = 3;
pub(crate) const FIRST_COOKIE: u64 = 4;

/// Changes by a server's listing, for logs and for notifications to the kernel.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Changes {
    /// Added torrents, with their names.
    pub added: Vec<(InfoHash, String)>,
    /// Removed torrents, with their names.
    pub removed: Vec<(InfoHash, String)>,
    /// Torrents of other servers that this server now has too.
    pub joined: Vec<RestoredTorrent>,
    /// Torrents that this server no longer has, but others do, with their names.
    pub left: Vec<(InfoHash, String)>,
    /// Inode numbers of added torrents, to be persisted, if they are ranges.
    pub numbers: Vec<(InfoHash, NumberRange)>,
    /// Torrents whose state or progress has changed, including added ones.
    pub progress: Vec<InfoHash>,
}

impl Changes {
    /// Returns whether names were added or removed.
    pub(crate) fn has_names(&self) -> bool {
        !self.added.is_empty() || !self.removed.is_empty()
    }
}

/// Data of a file for a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileRef {
    pub(crate) id: FileId,
    pub(crate) ino: Ino,
    pub(crate) len: u64,
    pub(crate) geometry: Option<Geometry>,
}

/// Changing data of a file, which decides whether a read may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileState {
    pub(crate) torrent: TorrentState,
    pub(crate) have_bytes: u64,
    /// Whether the newest list of the server contains the torrent.
    pub(crate) is_listed: bool,
}

impl FileState {
    /// Returns whether a file of `len` bytes was complete in the last listing.
    pub(crate) fn is_complete(self, len: u64) -> bool {
        self.have_bytes >= len && self.torrent != TorrentState::Initializing
    }

    /// Returns whether a file of `len` bytes may be complete by the last listing: it was complete,
    /// or its pieces are unknown because the torrent is being checked or has failed. An earlier
    /// verification of the file then decides.
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
    /// Its place outside of views.
    place: TreePlace,
    standing: PerServerState,
    /// When it was first seen, in seconds since 1970.
    first_seen: i64,
    /// When it was first seen complete, in seconds since 1970.
    finished_at: Option<i64>,
    /// Its part of the sums over all torrents.
    totals: Totals,
}

/// All names and inodes. Operations access memory only.
#[derive(Debug)]
pub(crate) struct Tree {
    layout: RootLayout,
    root: RootDirectory,
    /// In a union the root, otherwise one for each server, in their order; then the views.
    folders: Vec<TorrentFolder>,
    /// Number of directories in front of the views.
    server_folder_count: u16,
    server_names: Box<[Arc<str>]>,
    torrents: HashMap<TorrentKey, TreeTorrent>,
    /// Torrents without a name, since nothing of them can be shown.
    unnamed: HashSet<TorrentKey>,
    inodes: InodeTable,
    /// Whether a listing of each server was ever received, in their order. Before that, not even
    /// emptiness is known.
    known_servers: Vec<bool>,
    /// Number of torrents from each server, in their order.
    torrent_counts: Vec<usize>,
    /// Increases over all directories.
    next_cookie: u64,
    totals: Totals,
    labels: Labels,
    views: Option<Views>,
    /// Which times torrents show.
    times: TorrentTime,
}

impl Tree {
    /// Returns an empty tree for servers with these names, at least one, without known torrents.
    pub(crate) fn new(layout: RootLayout, server_names: &[String], numbers: InodeNumbers) -> Self {
        let folders = layout.folders(server_names, &[]);
        Self {
            layout,
            root: layout.root(&folders),
            server_folder_count: u16::try_from(folders.len()).unwrap_or(u16::MAX),
            server_names: server_names.iter().map(|name| name.as_str().into()).collect(),
            folders,
            torrents: HashMap::new(),
            unnamed: HashSet::new(),
            inodes: InodeTable::new(numbers),
            known_servers: vec![false; server_names.len()],
            torrent_counts: vec![0; server_names.len()],
            next_cookie: FIRST_COOKIE,
            totals: Totals::default(),
            labels: Labels::default(),
            views: None,
            times: TorrentTime::default(),
        }
    }

    /// Restores persisted state of a server. Torrents get their earlier names and times when they
    /// are added; none becomes visible.
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

    /// Restores the inode numbers of a server's torrents.
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

    /// Returns the inode numbers of an existing torrent, if they are a range.
    pub(crate) fn numbers_of(&self, server: ServerId, info_hash: InfoHash) -> Option<NumberRange> {
        let folder = self.layout.folder_of(server);
        self.inodes.range(TorrentKey { folder, info_hash })
    }

    /// Returns the directory of a server's torrents, and the name of its server.
    pub(crate) fn place_of(&self, server: ServerId) -> (FolderId, Option<&str>) {
        let id = self.layout.folder_of(server);
        (id, self.folder(id).and_then(|folder| folder.server.as_deref()))
    }

    pub(crate) fn first_seen(&self, server: ServerId, info_hash: InfoHash) -> Option<i64> {
        let folder = self.layout.folder_of(server);
        let torrent = self.torrents.get(&TorrentKey { folder, info_hash });
        let past = || {
            let past = &self.folder(folder)?.past;
            Some(past.get(NameKey::torrent(info_hash))?.first_seen)
        };
        torrent.map_or_else(past, |torrent| Some(torrent.first_seen))
    }

    /// Adds `count` to the lookup count of `ino`.
    pub(crate) fn acquire(&self, ino: Ino, count: u64) {
        self.inodes.acquire(ino, count);
    }

    /// Subtracts `count` from the lookup count of `ino`. Returns whether the node has to be
    /// [dropped](Self::drop_forgotten).
    pub(crate) fn release(&self, ino: Ino, count: u64) -> bool {
        // The directories of servers are permanent.
        ino.0 >= NUMBER_MIN && self.inodes.release(ino, count)
    }

    /// Drops a removed node that is no longer known.
    pub(crate) fn drop_forgotten(&mut self, ino: Ino) {
        self.inodes.drop_if_unused(ino);
    }

    /// Returns whether the tree has a torrent from this server; other servers do not count.
    pub(crate) fn contains(&self, server: ServerId, info_hash: InfoHash) -> bool {
        let key = TorrentKey { folder: self.layout.folder_of(server), info_hash };
        self.torrents.get(&key).is_some_and(|torrent| torrent.standing.of(server).is_some())
    }

    /// Returns the state of a file in the last listing of each server, in the order of the servers;
    /// empty if its torrent was removed.
    pub(crate) fn file_states(&self, file: FileId) -> Vec<(ServerId, FileState)> {
        let torrents = self.copies(file.torrent);
        torrents
            .flat_map(|(_, torrent)| torrent.standing.all())
            .map(|(server, summary)| (server, FileState::new(summary, file)))
            .collect()
    }

    /// Returns the visible state of a file; `None` if its torrent was removed.
    pub(crate) fn file_state(&self, file: FileId) -> Option<FileState> {
        let states = self.copies(file.torrent);
        let states = states.map(|(_, torrent)| FileState::new(torrent.standing.shown(), file));
        states.max_by_key(|state| state.have_bytes)
    }

    /// Returns the last summary of a torrent on a server, with its progress from before a check.
    pub(crate) fn last_summary(
        &self,
        server: ServerId,
        info_hash: InfoHash,
    ) -> Option<TorrentSummary> {
        let key = TorrentKey { folder: self.layout.folder_of(server), info_hash };
        self.torrents.get(&key)?.standing.last_summary(server)
    }

    /// Returns when the directory of a server's torrents was last modified.
    pub(crate) fn changed_at(&self, server: ServerId) -> i64 {
        self.folder(self.layout.folder_of(server)).map_or(0, |folder| folder.mtime)
    }

    /// Returns whether a listing of a server was ever received.
    pub(crate) fn is_server_known(&self, server: ServerId) -> bool {
        self.known_servers.get(usize::from(server.0)).is_some_and(|is_known| *is_known)
    }

    /// Returns the copies of a torrent in all directories but views, in the order of the
    /// directories.
    fn copies(&self, info_hash: InfoHash) -> impl Iterator<Item = (TorrentKey, &TreeTorrent)> {
        let folders = (0..self.server_folder_count).map(FolderId);
        folders.filter_map(move |folder| {
            let key = TorrentKey { folder, info_hash };
            self.torrents.get(&key).map(|torrent| (key, torrent))
        })
    }

    /// Updates the sums over all torrents after a change of one.
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
