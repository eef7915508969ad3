//! Views: directories in the root that show torrents by the rules of an [`Arrangement`].
//!
//! ```text
//! changed torrents --to_arrange--> ToArrange --Arranger, without a lock--> WantedPlaces
//!                                                   --show_in_views--> places, names, notices
//! ```

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use super::arrange::{Arranger, ReleaseId, ToArrange};
use super::folder::{FolderId, RootDirectory, TorrentFolder, free_number, hash};
use super::labels::is_selected;
use super::names::RESERVED;
use super::place::TreePlace;
use super::{TorrentKey, Tree};
use crate::name::{escape, escape_marked};
use crate::{Arrangement, Bitfield, FileId, InfoHash, RootContents, ServerId};

/// The views of a tree.
#[derive(Debug)]
pub(crate) struct Views {
    arranger: Arranger,
    pub(super) places: HashMap<TorrentKey, TreePlace>,
    /// Torrents by their lists of files, to find those with the same.
    releases: Releases,
    /// Whether the places of some torrents are yet to be computed.
    pub(super) is_behind: bool,
}

/// Groups of torrents with the same files.
#[derive(Debug, Default)]
struct Releases {
    /// Randomized: the creator of a torrent controls the list of files.
    hasher: RandomState,
    ids: HashMap<InfoHash, u64>,
    members: BTreeSet<(u64, InfoHash)>,
}

impl Views {
    /// Returns the directories of the views, in their order.
    pub(super) fn folders(&self) -> impl Iterator<Item = FolderId> + use<> {
        self.arranger.folders()
    }
}

impl Releases {
    /// Sets the list of files of a torrent, `None` if it was removed, and adds all torrents of the
    /// groups that it leaves and joins, unless it is alone.
    fn set(&mut self, torrent: InfoHash, id: Option<&ReleaseId>, same: &mut Vec<InfoHash>) {
        let new = id.map(|id| self.hasher.hash_one(id));
        let old = match new {
            Some(new) => self.ids.insert(torrent, new),
            None => self.ids.remove(&torrent),
        };
        for id in [old, new].into_iter().flatten() {
            self.members.remove(&(id, torrent));
            let first = (id, InfoHash::from_bytes([0; InfoHash::BYTES]));
            let group = self.members.range(first..).take_while(|(other, _)| *other == id);
            let count = same.len();
            same.extend(group.map(|(_, torrent)| *torrent));
            if same.len() > count {
                same.push(torrent);
            }
        }
        self.members.extend(new.map(|new| (new, torrent)));
    }
}

impl Tree {
    /// Adds directories of views to the root. The tree must be empty.
    pub(crate) fn set_views(&mut self, arrangement: Arc<dyn Arrangement>, contents: RootContents) {
        let mut view_names = arrangement.view_names();
        // Each has an index of 16 bits, as the directories of servers have.
        view_names.truncate(usize::from(u16::MAX - self.server_folder_count));
        let shown_names = shown_names(&view_names);
        let server_names: Vec<_> =
            self.server_names.iter().map(|name| name.as_ref().to_owned()).collect();
        let is_shown = contents != RootContents::Flat && !view_names.is_empty();
        let reserved = if is_shown { shown_names.as_slice() } else { &[] };
        self.folders = self.layout.folders(&server_names, reserved);
        let mut root = self.layout.root(&self.folders);
        if !is_shown {
            view_names.clear();
        } else if contents == RootContents::Views {
            self.folders.iter_mut().for_each(|folder| folder.is_shown = false);
            root = RootDirectory { directories: Vec::new(), torrents: None };
        }
        let mut directories = Vec::new();
        for (name, shown) in view_names.iter().zip(&shown_names) {
            let ino = free_number(hash(&format!("view {name}")), &self.folders);
            directories.extend(u16::try_from(self.folders.len()).ok().map(FolderId));
            self.folders.push(TorrentFolder::new(ino, None, shown));
        }
        directories.append(&mut root.directories);
        self.next_cookie = self.next_cookie.max(super::FIRST_COOKIE + directories.len() as u64);
        self.root = RootDirectory { directories, torrents: root.torrents };
        let names = view_names.iter().map(|name| name.as_str().into()).collect();
        let arranger = Arranger::new(arrangement, names, self.server_folder_count);
        let is_behind = is_shown;
        let (places, releases) = Default::default();
        self.views = is_shown.then_some(Views { arranger, places, releases, is_behind });
    }

    /// Returns what decides where torrents stand; `None` without views.
    pub(crate) fn arranger(&self) -> Option<Arranger> {
        self.views.as_ref().map(|views| views.arranger.clone())
    }

    /// Returns what decides about the places of these torrents, as far as they exist.
    pub(crate) fn to_arrange(&self, torrents: &[InfoHash]) -> Vec<ToArrange> {
        torrents.iter().filter_map(|info_hash| self.one_to_arrange(*info_hash)).collect()
    }

    fn one_to_arrange(&self, info_hash: InfoHash) -> Option<ToArrange> {
        let (key, torrent) = self.copies(info_hash).find(|(key, _)| !self.unnamed.contains(key))?;
        let first_seen = self.copies(info_hash).map(|(_, torrent)| torrent.first_seen).min();
        let servers = self.servers_of(info_hash);
        let names = servers
            .iter()
            .filter_map(|server| self.server_names.get(usize::from(server.0)).map(Arc::clone));
        Some(ToArrange {
            tree: Arc::clone(&torrent.place.tree),
            shown_name: self.torrent_name(key.folder, info_hash)?.to_owned(),
            servers: names.collect(),
            added_at: first_seen.unwrap_or(torrent.first_seen),
            tags: self.labels.tags(info_hash),
            selections: self.labels.selections(info_hash, servers),
        })
    }

    /// Sets the lists of files of torrents, and of removed ones that there is none. Returns all
    /// torrents of the groups that have changed and have several members.
    pub(crate) fn set_releases(
        &mut self,
        torrents: impl IntoIterator<Item = (InfoHash, Option<ReleaseId>)>,
    ) -> Vec<InfoHash> {
        let mut same = Vec::new();
        if let Some(views) = &mut self.views {
            for (torrent, id) in torrents {
                views.releases.set(torrent, id.as_ref(), &mut same);
            }
        }
        same
    }

    /// Returns whether the tree does not know all torrents, or not all their places.
    pub(super) fn is_incomplete(&self) -> bool {
        self.known_servers.contains(&false)
            || self.views.as_ref().is_some_and(|views| views.is_behind)
    }

    /// Returns whether the names of some view are unknown, but would be known after an arrangement.
    pub(crate) fn has_views_to_show(&self) -> bool {
        let Some(views) = &self.views else { return false };
        let is_known = |folder: FolderId| self.folder(folder).is_some_and(|it| it.is_known);
        views.is_behind || (self.knows_all_servers() && !views.folders().all(is_known))
    }

    pub(super) fn knows_all_servers(&self) -> bool {
        self.known_servers.iter().all(|is_known| *is_known)
    }

    /// Replaces the tags of a torrent. Returns whether they have changed.
    pub(crate) fn set_tags(&mut self, torrent: InfoHash, tags: Arc<[String]>) -> bool {
        self.labels.set_tags(torrent, tags)
    }

    pub(crate) fn tags(&self, torrent: InfoHash) -> Arc<[String]> {
        self.labels.tags(torrent)
    }

    /// Replaces the selection of a torrent on a server. Returns whether it has changed.
    pub(crate) fn set_selection(
        &mut self,
        server: ServerId,
        torrent: InfoHash,
        selected: Option<Bitfield>,
    ) -> bool {
        self.labels.set_selection(server, torrent, selected)
    }

    /// Replaces the on-demand torrents of a server.
    pub(crate) fn set_on_demand(&mut self, server: ServerId, torrents: HashSet<InfoHash>) {
        self.labels.set_on_demand(server, torrents);
    }

    /// Returns whether one of the servers of a torrent downloads a file.
    pub(crate) fn is_selected(&self, file: FileId) -> bool {
        let servers = self.servers_of(file.torrent);
        is_selected(&self.labels.selections(file.torrent, servers), file.index)
    }

    /// Returns the servers that have a torrent, in their order.
    fn servers_of(&self, torrent: InfoHash) -> Vec<ServerId> {
        let copies = self.copies(torrent).flat_map(|(_, torrent)| torrent.standing.all());
        copies.map(|(server, _)| server).collect()
    }
}

/// Returns valid and different file names for views.
fn shown_names(view_names: &[String]) -> Vec<Box<str>> {
    let mut shown: Vec<Box<str>> = Vec::new();
    for (position, name) in view_names.iter().enumerate() {
        let marks = (1_u64..).map(|n| match n {
            1 => format!("#{position}"),
            _ => format!("#{position} {n}"),
        });
        let marked = marks.map(|mark| escape_marked(name, &mark, true));
        let is_free = |name: &String| {
            !RESERVED.contains(&name.as_str()) && shown.iter().all(|other| **other != **name)
        };
        let free = std::iter::once(escape(name)).chain(marked).find(is_free);
        shown.push(free.unwrap_or_default().into());
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::shown_names;

    #[test]
    fn views_have_valid_and_different_names() {
        let names = ["Films", "a/b", "..", "", ".tfs", "Films", "Films [#5]", "\n"];
        let shown = shown_names(&names.map(str::to_owned));
        let shown: Vec<_> = shown.iter().map(AsRef::as_ref).collect();
        let want = ["Films", "a%2Fb", "%2E%2E", "%empty", ".tfs [#4]", "Films [#5]"];
        assert_eq!(shown[..6], want);
        assert_eq!(shown[6..], ["Films [#5] [#6]", "%0A"]);
    }
}
