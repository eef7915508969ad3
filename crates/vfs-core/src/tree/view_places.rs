//! Shows torrents in views: adds, changes and removes their places.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::arrange::{ReleaseId, WantedPlace, WantedPlaces};
use super::history::PastTorrent;
use super::names::{NameKey, NameOwner, NameWish, ReservedNames};
use super::notices::Invalidation;
use super::place::TreePlace;
use super::{FolderId, TorrentKey, TorrentTree, Tree};
use crate::{Child, FileIndex, InfoHash, Ino};

/// A place that a torrent should have, and the name that it has elsewhere.
#[derive(Debug)]
struct NewPlace<'a> {
    wanted: WantedPlace,
    shown_name: &'a str,
}

/// Names of the parts of a place.
type PartNames = HashMap<Option<FileIndex>, Box<str>>;

impl Tree {
    /// Gives torrents the places that they should have, and no others: `torrents` are those that
    /// were arranged, including removed ones. `at` is the current time in seconds since 1970, if it
    /// is known. Returns the invalidations for a front end.
    ///
    /// Of several new names, the torrent that was added first gets the plain one, then the one with
    /// the smaller hash. So a restart gives the same names, unless one that came later kept a plain
    /// name because the first was not there.
    pub(crate) fn show_in_views(
        &mut self,
        torrents: &[InfoHash],
        mut wanted: Vec<WantedPlaces>,
        at: Option<i64>,
    ) -> Vec<Invalidation> {
        let Some(views) = &self.views else { return Vec::new() };
        let views: Vec<_> = views.folders().collect();
        wanted.retain(|torrent| self.copies(torrent.info_hash).next().is_some());
        wanted.sort_by_key(|torrent| (torrent.added_at, torrent.info_hash));
        hide_duplicates(&mut wanted);
        let unknown = self.folders.iter().filter(|folder| !folder.is_known);
        let unknown: HashSet<Ino> = unknown.map(|folder| folder.ino).collect();
        let mut notices = Vec::new();
        let mut news = BTreeMap::new();
        for (order, torrent) in wanted.iter_mut().enumerate() {
            let shown_name = torrent.shown_name.as_str();
            for wanted in torrent.places.drain(..) {
                news.insert(wanted.tree.key(), (order, NewPlace { wanted, shown_name }));
            }
        }
        let keys = torrents.iter().flat_map(|info_hash| {
            views.iter().map(|folder| TorrentKey { folder: *folder, info_hash: *info_hash })
        });
        let gone = keys.filter(|key| !news.contains_key(key) && self.has_in_views(*key));
        for key in gone.collect::<Vec<_>>() {
            self.remove_from_view(key, &mut notices);
        }
        let mut news: Vec<_> = news.into_values().collect();
        news.sort_by_key(|(order, new)| (*order, new.wanted.tree.key()));
        let added = news.iter().filter(|(_, new)| !self.has_in_views(new.wanted.tree.key()));
        let node_count = added.map(|(_, new)| new.wanted.tree.node_count()).sum();
        self.inodes.reserve(node_count);
        for (_, new) in news {
            if self.has_in_views(new.wanted.tree.key()) {
                self.change_in_view(new, &mut notices);
            } else {
                self.add_to_view(new, &mut notices);
            }
        }
        self.date_views(&views, at);
        // Before its first arrangement a view has no negative entries.
        notices.retain(|notice| match notice {
            Invalidation::Added { parent, .. } => !unknown.contains(parent),
            Invalidation::Removed { .. } | Invalidation::AttrChanged { .. } => true,
        });
        notices
    }

    /// Removes a torrent from all views.
    pub(super) fn remove_from_views(
        &mut self,
        info_hash: InfoHash,
        notices: &mut Vec<Invalidation>,
    ) {
        let Some(views) = &self.views else { return };
        for folder in views.folders() {
            self.remove_from_view(TorrentKey { folder, info_hash }, notices);
        }
    }

    fn has_in_views(&self, key: TorrentKey) -> bool {
        self.views.as_ref().is_some_and(|views| views.places.contains_key(&key))
    }

    fn remove_from_view(&mut self, key: TorrentKey, notices: &mut Vec<Invalidation>) {
        let Some(views) = &mut self.views else { return };
        let Some(place) = views.places.remove(&key) else { return };
        notices.extend(place.removal_notices(&self.inodes));
        self.inodes.detach(&place.inos);
        let Some(folder) = self.folders.get_mut(key.folder.position()) else { return };
        folder.count_directories(place.directory_count(), 0);
        for (name_key, idx) in place.tops() {
            let Some(name) = folder.names.remove(name_key) else { continue };
            let child = Child { ino: place.ino(idx), kind: place.tree.node(idx).kind() };
            notices.push(Invalidation::Removed { parent: folder.ino, name: name.clone(), child });
            folder
                .past
                .on_removed(name_key, PastTorrent { name, first_seen: 0, finished_at: None });
        }
        folder.is_changed = true;
    }

    fn add_to_view(&mut self, new: NewPlace<'_>, notices: &mut Vec<Invalidation>) {
        let NewPlace { wanted, shown_name } = new;
        let key = wanted.tree.key();
        let tree = Arc::new(wanted.tree);
        let inos = self.inodes.attach(&tree);
        let Some(folder) = self.folders.get_mut(key.folder.position()) else { return };
        let parent = folder.ino;
        let place = TreePlace { tree, inos, parent };
        folder.count_directories(0, place.directory_count());
        folder.is_changed = true;
        let names = wish_names(&place.tree, shown_name, wanted.part_names);
        for (name_key, _) in place.tops().collect::<Vec<_>>() {
            let name = self.name_in_view(&place, name_key, &names);
            notices.extend(name.map(|name| Invalidation::Added { parent, name }));
        }
        if let Some(views) = &mut self.views {
            views.places.insert(key, place);
        }
    }

    /// Replaces the layout of a torrent in a view, if it differs. Nodes of the same identity keep
    /// their numbers, and entries of the view their names.
    fn change_in_view(&mut self, new: NewPlace<'_>, notices: &mut Vec<Invalidation>) {
        let NewPlace { wanted, shown_name } = new;
        let key = wanted.tree.key();
        let Some(old) = self.place(key) else { return };
        let (old_place, new_place) = (old.tree.place(), wanted.tree.place());
        let is_renamed = old_place.is_renamed != new_place.is_renamed
            || old_place.raw_name != new_place.raw_name;
        if !is_renamed && old.tree.is_same(&wanted.tree) {
            return;
        }
        let before = self.nodes_of(key);
        let Some(old) = self.views.as_mut().and_then(|views| views.places.remove(&key)) else {
            return;
        };
        self.inodes.detach(&old.inos);
        let tree = Arc::new(wanted.tree);
        let inos = self.inodes.attach(&tree);
        let place = TreePlace { tree, inos, parent: old.parent };
        let names = wish_names(&place.tree, shown_name, wanted.part_names);
        let old_keys: HashSet<_> = old.tops().map(|(name_key, _)| name_key).collect();
        let new_keys: Vec<_> = place.tops().map(|(name_key, _)| name_key).collect();
        let kept: HashSet<_> = new_keys.iter().copied().collect();
        let Some(folder) = self.folders.get_mut(key.folder.position()) else { return };
        folder.count_directories(old.directory_count(), place.directory_count());
        let mut is_changed = false;
        for name_key in &old_keys {
            if !kept.contains(name_key) || (is_renamed && name_key.part.is_none()) {
                is_changed = true;
                if let Some(name) = folder.names.remove(*name_key) {
                    folder.past.on_removed(
                        *name_key,
                        PastTorrent { name, first_seen: 0, finished_at: None },
                    );
                }
            }
        }
        for name_key in new_keys {
            let has_name = self.folder(key.folder).is_some_and(|it| it.names.has(name_key));
            if !has_name {
                is_changed = true;
                self.name_in_view(&place, name_key, &names);
            }
        }
        if is_changed && let Some(folder) = self.folders.get_mut(key.folder.position()) {
            folder.is_changed = true;
        }
        let old_mtime = old.tree.mtime();
        if let Some(views) = &mut self.views {
            views.places.insert(key, place);
        }
        self.replacement_notices(key, before, old_mtime, notices);
    }

    /// Gives an entry of a view a name, and returns it.
    fn name_in_view(
        &mut self,
        place: &TreePlace,
        key: NameKey,
        names: &PartNames,
    ) -> Option<String> {
        let folder = self.folders.get_mut(place.tree.key().folder.position())?;
        let had = folder.past.on_added(key).map(|past| past.name);
        let entry = NameOwner { key, cookie: self.next_cookie };
        self.next_cookie += 1;
        let held = ReservedNames::new();
        let is_directory = place.is_directory();
        let add = |wish: NameWish<'_>| folder.names.add(wish, entry, had.as_deref(), &held);
        Some(match names.get(&key.part) {
            Some(shown) => NameWish::of_shown(shown, is_directory, add),
            None => NameWish::of_raw(place.tree.raw_name(), is_directory, add),
        })
    }

    /// Updates the times of views whose entries have changed, and of those that become known.
    fn date_views(&mut self, views: &[FolderId], at: Option<i64>) {
        let (is_known, knows_all) = (self.is_known(), self.knows_all_servers());
        for id in views {
            let newest = self.folder(*id).filter(|it| !it.is_known).map(|_| self.newest(*id, at));
            let Some(folder) = self.folders.get_mut(id.position()) else { continue };
            // A view that appears empty may not be, as long as a server is unknown.
            if let Some(newest) = newest {
                folder.is_known = is_known && (!folder.names.is_empty() || knows_all);
                folder.mtime = newest;
            } else if folder.is_changed {
                folder.changed_at = at.unwrap_or(folder.mtime).max(0);
                folder.mtime = folder.changed_at;
            }
            folder.is_changed = false;
        }
        if let Some(views) = &mut self.views {
            views.is_behind &= !is_known;
        }
    }

    /// Returns the first time of a view: when a torrent in it was last added. That of one that is
    /// new at the start is its creation date: the time of a mount would appear as a change.
    fn newest(&self, view: FolderId, at: Option<i64>) -> i64 {
        let Some(views) = &self.views else { return 0 };
        let places = views.places.iter().filter(|(key, _)| key.folder == view);
        let times = places.map(|(key, place)| {
            let copies = self.copies(key.info_hash).map(|(_, torrent)| torrent.first_seen);
            let added_at = copies.min().filter(|added_at| at.is_some_and(|at| *added_at < at));
            added_at.unwrap_or(place.tree.mtime())
        });
        times.max().unwrap_or(0).max(0)
    }
}

/// Returns the names that the entries of a place should have. Without one, it is the raw name of
/// the torrent's layout.
fn wish_names(
    tree: &TorrentTree,
    shown_name: &str,
    part_names: Vec<(FileIndex, Box<str>)>,
) -> PartNames {
    let mut names: PartNames =
        part_names.into_iter().map(|(index, name)| (Some(index), name)).collect();
    if !tree.place().is_renamed {
        names.insert(None, shown_name.into());
    }
    names
}

/// Drops the places of torrents that an earlier one with the same files hides. They are sorted by
/// the time of their addition.
fn hide_duplicates(torrents: &mut [WantedPlaces]) {
    let mut seen: HashSet<(FolderId, Arc<ReleaseId>)> = HashSet::new();
    for torrent in torrents {
        let Some(release) = torrent.release.take().map(Arc::new) else { continue };
        torrent.places.retain(|place| {
            let is_first = seen.insert((place.tree.key().folder, Arc::clone(&release)));
            is_first || !place.hides_duplicates
        });
    }
}
