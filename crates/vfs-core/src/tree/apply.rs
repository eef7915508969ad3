//! Applies a listing to the tree.
//!
//! ```text
//! listing --compare, part by part--> Difference --apply_names--> names, nodes
//!                                              `--apply_progress, part by part--> progress
//! ```
//!
//! Consecutive listings are the same for almost all torrents. So the changes are computed first,
//! while other threads read the tree, and only they are written. No thread holds the lock for
//! longer than one part takes, except while names are added or removed, which becomes visible
//! atomically.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::history::{PastTorrent, RestoredTorrent};
use super::names::{NameKey, NameOwner, NameWish, ReservedNames};
use super::notices::Invalidation;
use super::per_server::PerServerState;
use super::{
    Changes, FolderId, NodeIdx, RootLayout, TorrentKey, TorrentTree, Totals, Tree, TreePlace,
    TreeTorrent,
};
use crate::{Child, InfoHash, Ino, ServerId, TorrentSummary};

/// Difference between a server's listing and the tree.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    /// Torrents in the tree whose summaries have changed.
    pub(crate) changed: Vec<TorrentSummary>,
    /// Torrents that the tree lacks.
    pub(crate) unknown: Vec<TorrentSummary>,
    /// Torrents of the server in the tree that it no longer lists.
    pub(crate) gone: Vec<InfoHash>,
    /// Number of listed torrents that the tree has from the server.
    pub(crate) kept_count: usize,
}

impl Difference {
    /// Sorts by order of addition: the first torrent keeps a plain name; the hash makes the order
    /// total.
    pub(crate) fn sort(&mut self) {
        let order = |summary: &TorrentSummary| (summary.added_order, summary.info_hash);
        self.changed.sort_by_key(order);
        self.unknown.sort_by_key(order);
    }
}

/// A part of a directory's listing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListingPart {
    /// The cookie of the entry before it; 0 for the start.
    pub(crate) after: u64,
    /// The maximum number of entries.
    pub(crate) count: usize,
}

impl Tree {
    /// Adds the changes of a part of a server's listing. No torrent is in two parts.
    pub(crate) fn compare(
        &self,
        server: ServerId,
        part: Vec<TorrentSummary>,
        difference: &mut Difference,
    ) {
        let folder = self.layout.folder_of(server);
        for summary in part {
            let info_hash = summary.info_hash;
            let torrent = self.torrents.get(&TorrentKey { folder, info_hash });
            let known = torrent.map(|torrent| torrent.standing.of(server));
            difference.kept_count += usize::from(matches!(known, Some(Some(_))));
            match known {
                None => difference.unknown.push(summary),
                Some(Some(last)) if *last == summary => {}
                Some(_) => difference.changed.push(summary),
            }
        }
    }

    /// Returns the number of torrents in the tree from a server.
    pub(crate) fn torrent_count(&self, server: ServerId) -> usize {
        self.torrent_counts.get(usize::from(server.0)).copied().unwrap_or(0)
    }

    /// Adds the last summaries of a server's unlisted torrents in a part of their directory.
    /// Returns the cookie to continue after, or `None` at the end.
    pub(crate) fn unlisted_after(
        &self,
        server: ServerId,
        listed: &HashSet<InfoHash>,
        part: ListingPart,
        unlisted: &mut Vec<TorrentSummary>,
    ) -> Option<u64> {
        let id = self.layout.folder_of(server);
        if part.after == 0 {
            let unnamed = self.unnamed.iter().filter(|key| key.folder == id);
            let gone = unnamed.filter(|key| !listed.contains(&key.info_hash));
            let torrents = gone.filter_map(|key| self.torrents.get(key));
            unlisted.extend(torrents.filter_map(|torrent| torrent.standing.of(server).cloned()));
        }
        let mut last = None;
        let entries = self.folder(id)?.names.after(part.after).take(part.count);
        for (_, NameOwner { key, cookie }) in entries {
            let info_hash = key.info_hash;
            last = Some(cookie);
            if listed.contains(&info_hash) {
                continue;
            }
            let torrent = self.torrents.get(&TorrentKey { folder: id, info_hash });
            unlisted.extend(torrent.and_then(|torrent| torrent.standing.of(server).cloned()));
        }
        last
    }

    /// Removes the server from torrents that it no longer lists, drops torrents that no other
    /// server has, and adds unknown ones whose layouts are given. `seen_at` is the current time, in
    /// seconds since 1970. Returns the changes, and the invalidations for a front end.
    pub(crate) fn apply_names(
        &mut self,
        server: ServerId,
        Difference { unknown, gone, .. }: Difference,
        mut layouts: HashMap<InfoHash, TorrentTree>,
        seen_at: i64,
    ) -> (Changes, Vec<Invalidation>) {
        let id = self.layout.folder_of(server);
        let mut changes = Changes::default();
        let mut notices = Vec::new();
        for info_hash in gone {
            let key = TorrentKey { folder: id, info_hash };
            self.drop_unlisted(server, key, (&mut changes, &mut notices));
        }
        let held =
            if layouts.is_empty() { ReservedNames::new() } else { self.held_names(id, &unknown) };
        let is_known = self.folder(id).is_some_and(|folder| folder.is_known && folder.is_shown);
        self.inodes.reserve(layouts.values().map(|layout| layout.node_count()).sum());
        for summary in unknown {
            let info_hash = summary.info_hash;
            let Some(layout) = layouts.remove(&info_hash) else { continue };
            notices.extend(self.copy_notices(&summary));
            let Some((parent, name)) = self.add((server, summary), layout, &held, seen_at) else {
                continue;
            };
            // Before the first listing there are no negative entries.
            let notice = || Invalidation::Added { parent, name: name.clone() };
            notices.extend(is_known.then(notice));
            changes.added.push((info_hash, name));
            let numbers = self.inodes.range(TorrentKey { folder: id, info_hash });
            changes.numbers.extend(numbers.map(|numbers| (info_hash, numbers)));
        }
        self.date(server, changes.has_names(), seen_at);
        (changes, notices)
    }

    /// Updates the summaries of a server's torrents in the tree.
    pub(crate) fn apply_progress(
        &mut self,
        server: ServerId,
        part: Vec<TorrentSummary>,
        (changes, notices): (&mut Changes, &mut Vec<Invalidation>),
    ) {
        let folder = self.layout.folder_of(server);
        for summary in part {
            let info_hash = summary.info_hash;
            let Some(torrent) = self.torrents.get_mut(&TorrentKey { folder, info_hash }) else {
                continue;
            };
            let last = torrent.standing.of(server);
            let is_new = last.is_none();
            let is_same = |last: &TorrentSummary| {
                last.state == summary.state && last.file_progress == summary.file_progress
            };
            if !last.is_some_and(is_same) {
                changes.progress.push(info_hash);
            }
            let before = torrent.standing.set(server, summary);
            let is_other = torrent.standing.shown().file_progress != before.file_progress;
            if is_other {
                let key = TorrentKey { folder, info_hash };
                notices.extend(self.progress_notices(key, &before));
                self.sum_up(key);
            }
            if is_new {
                self.count(server, |count| count.saturating_add(1));
                changes.joined.extend(self.remembered(folder, info_hash));
                let numbers = self.inodes.range(TorrentKey { folder, info_hash });
                changes.numbers.extend(numbers.map(|numbers| (info_hash, numbers)));
            }
        }
    }

    fn drop_unlisted(
        &mut self,
        server: ServerId,
        key: TorrentKey,
        (changes, notices): (&mut Changes, &mut Vec<Invalidation>),
    ) {
        let Some(torrent) = self.torrents.get_mut(&key) else { return };
        if let Some(before) = torrent.standing.remove(server) {
            notices.extend(self.progress_notices(key, &before));
            self.sum_up(key);
            let name = self.torrent_name(key.folder, key.info_hash).map(str::to_owned);
            changes.left.extend(name.map(|name| (key.info_hash, name)));
        } else {
            let name = self.remove(key, notices);
            changes.removed.extend(name.map(|name| (key.info_hash, name)));
        }
        self.count(server, |count| count.saturating_sub(1));
    }

    fn count(&mut self, server: ServerId, change: impl FnOnce(usize) -> usize) {
        if let Some(count) = self.torrent_counts.get_mut(usize::from(server.0)) {
            *count = change(*count);
        }
    }

    /// Records that a listing of a server was applied, and updates the time of its directory.
    fn date(&mut self, server: ServerId, has_changed: bool, seen_at: i64) {
        if let Some(known) = self.known_servers.get_mut(usize::from(server.0)) {
            *known = true;
        }
        let id = self.layout.folder_of(server);
        let all_known = self.known_servers.iter().all(|is_known| *is_known);
        let Some(folder) = self.folders.get_mut(id.position()) else { return };
        // A union that appears empty may not be, as long as one of its servers is unknown.
        let is_told = match self.layout {
            RootLayout::Union => !folder.names.is_empty() || all_known,
            RootLayout::ByServer => true,
        };
        if folder.is_known && has_changed {
            folder.changed_at = seen_at.max(0);
        }
        if has_changed {
            folder.past.shrink();
        }
        folder.is_known |= is_told;
        if folder.changed_at > 0 {
            folder.mtime = folder.changed_at;
        } else if has_changed {
            let torrents = self.torrents.iter().filter(|(key, _)| key.folder == id);
            let newest = torrents.map(|(_, torrent)| torrent.place.tree.mtime()).max();
            folder.mtime = newest.unwrap_or(0);
        }
    }

    /// Returns the earlier names of listed torrents that the tree lacks: other torrents must not
    /// get them, even before their details arrive.
    fn held_names(&self, id: FolderId, listing: &[TorrentSummary]) -> ReservedNames {
        let mut held = ReservedNames::new();
        let Some(folder) = self.folder(id) else { return held };
        for summary in listing {
            if let Some(memory) = folder.past.get(NameKey::torrent(summary.info_hash)) {
                held.entry(memory.name.clone()).or_insert(summary.info_hash);
            }
        }
        held
    }

    /// Returns the directory of the torrent, and its name there; `None` if it is not shown.
    fn add(
        &mut self,
        (server, summary): (ServerId, TorrentSummary),
        layout: TorrentTree,
        held: &ReservedNames,
        seen_at: i64,
    ) -> Option<(Ino, String)> {
        let key = layout.key();
        let folder = self.folders.get_mut(key.folder.position())?;
        let (parent, is_folder_shown) = (folder.ino, folder.is_shown);
        let tree = Arc::new(layout);
        let (standing, totals) = (PerServerState::new(server, summary), Totals::default());
        if !tree.is_shown() {
            tracing::debug!(torrent = %key.info_hash, "hiding a torrent whose only file is hidden");
            let place = TreePlace { tree, inos: Arc::default(), parent };
            let (first_seen, finished_at) = (seen_at, None);
            let torrent = TreeTorrent { place, standing, first_seen, finished_at, totals };
            self.torrents.insert(key, torrent);
            self.unnamed.insert(key);
            self.count(server, |count| count.saturating_add(1));
            return None;
        }
        let inos = if is_folder_shown { self.inodes.attach(&tree) } else { Arc::default() };
        let name_key = NameKey::torrent(key.info_hash);
        let memory = folder.past.on_added(name_key);
        let first_seen = memory.as_ref().map_or(seen_at, |memory| memory.first_seen);
        let finished_at = memory.as_ref().and_then(|memory| memory.finished_at);
        let had = memory.map(|memory| memory.name);
        let named = NameOwner { key: name_key, cookie: self.next_cookie };
        self.next_cookie += 1;
        let place = TreePlace { tree, inos, parent };
        let is_directory = place.is_directory();
        let name = NameWish::of_raw(place.tree.raw_name(), is_directory, |wish| {
            folder.names.add(wish, named, had.as_deref(), held)
        });
        folder.count_directories(0, usize::from(is_directory));
        let torrent = TreeTorrent { place, standing, first_seen, finished_at, totals };
        self.torrents.insert(key, torrent);
        self.sum_up(key);
        self.count(server, |count| count.saturating_add(1));
        Some((parent, name))
    }

    fn remove(&mut self, key: TorrentKey, notices: &mut Vec<Invalidation>) -> Option<String> {
        let TreeTorrent { place, standing, first_seen, finished_at, totals } =
            self.torrents.remove(&key)?;
        self.totals.subtract(totals);
        notices.extend(place.removal_notices(&self.inodes));
        if self.copies(key.info_hash).next().is_none() {
            self.remove_from_views(key.info_hash, notices);
        } else {
            notices.extend(self.copy_notices(standing.shown()));
        }
        if self.unnamed.remove(&key) {
            return None;
        }
        self.inodes.detach(&place.inos);
        let folder = self.folders.get_mut(key.folder.position())?;
        folder.count_directories(place.directory_count(), 0);
        let name_key = NameKey::torrent(key.info_hash);
        let name = folder.names.remove(name_key)?;
        if folder.is_shown {
            let child = Child { ino: place.ino(NodeIdx::TOP), kind: place.tree.top().kind() };
            notices.push(Invalidation::Removed { parent: folder.ino, name: name.clone(), child });
        }
        let memory = PastTorrent { name: name.clone(), first_seen, finished_at };
        folder.past.on_removed(name_key, memory);
        Some(name)
    }

    fn remembered(&self, id: FolderId, info_hash: InfoHash) -> Option<RestoredTorrent> {
        let folder = self.folder(id)?;
        let name = folder.names.name(NameKey::torrent(info_hash))?.to_owned();
        let torrent = self.torrents.get(&TorrentKey { folder: id, info_hash })?;
        let TreeTorrent { first_seen, finished_at, .. } = *torrent;
        Some(RestoredTorrent { info_hash, name, first_seen, finished_at })
    }
}
