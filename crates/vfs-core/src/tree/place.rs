//! A place: the nodes of a torrent in one directory of torrents.

use std::collections::HashMap;
use std::sync::Arc;

use super::inode::InodeTable;
use super::names::NameKey;
use super::node::{NodeBody, NodeIdx};
use super::notices::Invalidation;
use super::{FolderId, TorrentKey, TorrentTree, Tree, TreeTorrent};
use crate::{Child, FileIndex, InfoHash, Ino, TorrentState, TorrentSummary};

/// The nodes of a torrent in a directory, and their numbers.
#[derive(Debug)]
pub(super) struct TreePlace {
    pub(super) tree: Arc<TorrentTree>,
    /// Inode number of each node of `tree`, by node index; empty if none is shown.
    pub(super) inos: Arc<[Ino]>,
    /// Inode number of its directory.
    pub(super) parent: Ino,
}

/// Visible progress of a torrent at a place: in a view, the best of its copies.
#[derive(Debug)]
pub(super) struct ShownProgress<'a> {
    first: &'a TorrentSummary,
    /// Those of other directories of servers.
    others: Vec<&'a TorrentSummary>,
}

/// State of a node before its layout is replaced.
#[derive(Debug)]
pub(super) struct Before {
    parent: Ino,
    name: Box<str>,
    child: Child,
    /// Whether the front end knows it.
    is_known: bool,
}

impl TreePlace {
    /// Returns whether a layout is the current one of the place, and was not replaced.
    pub(super) fn has(&self, tree: &Arc<TorrentTree>) -> bool {
        Arc::ptr_eq(&self.tree, tree)
    }

    pub(super) fn ino(&self, idx: NodeIdx) -> Ino {
        // Every shown node got a number when the torrent was attached; 0 is not an inode number.
        self.inos.get(idx.position()).copied().unwrap_or(Ino(0))
    }

    /// Returns the inode number of a node's parent directory.
    pub(super) fn parent_of(&self, idx: NodeIdx) -> Ino {
        self.tree.node(idx).parent.map_or(self.parent, |parent| self.ino(parent))
    }

    /// Returns whether it is a directory in the directory that it is in.
    pub(super) fn is_directory(&self) -> bool {
        !self.tree.place().is_flat && self.tree.top().is_directory()
    }

    /// Returns how many directories it adds to the directory that it is in.
    pub(super) fn directory_count(&self) -> usize {
        usize::from(self.is_directory())
    }

    /// Returns its nodes that are shown.
    pub(super) fn shown(&self) -> impl Iterator<Item = NodeIdx> {
        self.tree.indices().filter(|idx| !self.tree.is_hidden(*idx))
    }

    /// Returns the key of the name of each node that stands in the directory, and the node.
    pub(super) fn tops(&self) -> impl Iterator<Item = (NameKey, NodeIdx)> {
        let info_hash = self.tree.info_hash();
        let tops = self.tree.tops().iter();
        tops.map(move |idx| (NameKey { info_hash, part: self.tree.part(*idx) }, *idx))
    }

    /// Returns the node in the directory that has this key.
    pub(super) fn top(&self, part: Option<FileIndex>) -> Option<NodeIdx> {
        match part {
            None => Some(NodeIdx::TOP),
            Some(index) => self.tree.find_file(index),
        }
    }

    /// Returns the known files whose progress has changed: given their index and length, whether it
    /// has. Costs O(nodes).
    fn progress_notices(
        &self,
        is_changed: &dyn Fn(FileIndex, u64) -> bool,
        inodes: &InodeTable,
    ) -> Vec<Invalidation> {
        let is_changed = |idx: &NodeIdx| match self.tree.node(*idx).body {
            NodeBody::File { index, len } => is_changed(index, len),
            NodeBody::Directory { .. } | NodeBody::Symlink { .. } => false,
        };
        self.notices(self.tree.indices().filter(is_changed), inodes)
    }

    /// Returns all nodes that the front end knows: they lose their last link.
    pub(super) fn removal_notices(&self, inodes: &InodeTable) -> Vec<Invalidation> {
        self.notices(self.shown(), inodes)
    }

    fn notices(
        &self,
        nodes: impl Iterator<Item = NodeIdx>,
        inodes: &InodeTable,
    ) -> Vec<Invalidation> {
        let known = nodes.filter(|idx| inodes.is_known(self.ino(*idx)));
        let notice =
            |idx| Invalidation::AttrChanged { parent: self.parent_of(idx), ino: self.ino(idx) };
        known.map(notice).collect()
    }
}

impl ShownProgress<'_> {
    /// Returns the number of downloaded bytes of a file.
    pub(super) fn have_bytes(&self, index: FileIndex) -> u64 {
        self.all().map(|summary| summary.have_bytes(index)).max().unwrap_or(0)
    }

    /// Returns whether the progress is known.
    pub(super) fn is_known(&self) -> bool {
        self.all().any(|summary| summary.file_progress.is_some())
    }

    /// Returns the most promising state.
    pub(super) fn state(&self) -> TorrentState {
        let states = self.all().map(|summary| summary.state);
        states.min_by_key(|state| state.rank()).unwrap_or(self.first.state)
    }

    fn all(&self) -> impl Iterator<Item = &TorrentSummary> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }
}

impl Tree {
    /// Returns the place of a torrent in a directory of torrents.
    pub(super) fn place(&self, key: TorrentKey) -> Option<&TreePlace> {
        match self.torrents.get(&key) {
            Some(torrent) => Some(&torrent.place),
            None => self.views.as_ref()?.places.get(&key),
        }
    }

    /// Returns all places of all torrents.
    pub(super) fn all_places(&self) -> impl Iterator<Item = &TreePlace> {
        let in_views = self.views.iter().flat_map(|views| views.places.values());
        self.torrents.values().map(|torrent| &torrent.place).chain(in_views)
    }

    /// Returns the visible progress at a place.
    pub(super) fn progress(&self, key: TorrentKey) -> Option<ShownProgress<'_>> {
        if let Some(torrent) = self.torrents.get(&key) {
            return Some(ShownProgress { first: torrent.standing.shown(), others: Vec::new() });
        }
        let mut copies = self.copies(key.info_hash).map(|(_, torrent)| torrent.standing.shown());
        Some(ShownProgress { first: copies.next()?, others: copies.collect() })
    }

    /// Returns the known files of a torrent whose visible progress has changed, at all its places.
    /// Costs a comparison of both progresses, and O(nodes) if they differ.
    pub(super) fn progress_notices(
        &self,
        key: TorrentKey,
        before: &TorrentSummary,
    ) -> Vec<Invalidation> {
        let Some(TreeTorrent { place, standing, .. }) = self.torrents.get(&key) else {
            return Vec::new();
        };
        let now = standing.shown();
        if now.file_progress == before.file_progress {
            return Vec::new();
        }
        let is_changed = |index, len| {
            let shown = |summary: &TorrentSummary| summary.have_bytes(index).min(len);
            shown(now) != shown(before)
        };
        let places = std::iter::once(place).chain(self.places_in_views(key.info_hash));
        places.flat_map(|place| place.progress_notices(&is_changed, &self.inodes)).collect()
    }

    /// Returns the known files in views whose visible progress changes when a copy with this
    /// summary comes or goes, which is not in the tree.
    pub(super) fn copy_notices(&self, copy: &TorrentSummary) -> Vec<Invalidation> {
        let others = self.copies(copy.info_hash).map(|(_, torrent)| torrent.standing.shown());
        let others: Vec<_> = others.collect();
        let is_changed = |index, len| {
            let most = others.iter().map(|summary| summary.have_bytes(index)).max();
            copy.have_bytes(index).min(len) > most.unwrap_or(0).min(len)
        };
        let places = self.places_in_views(copy.info_hash);
        places.flat_map(|place| place.progress_notices(&is_changed, &self.inodes)).collect()
    }

    /// Returns the path from the root of a node, whose torrent exists.
    pub(super) fn path_to(&self, tree: &TorrentTree, idx: NodeIdx) -> Option<String> {
        let TorrentKey { folder, info_hash } = tree.key();
        let folder = self.folder(folder)?;
        let part = tree.part(tree.top_of(idx));
        let mut path = folder.path(folder.names.name(NameKey { info_hash, part })?);
        tree.write_path(idx, &mut path);
        Some(path)
    }

    /// Returns all shown nodes of a place, by inode number.
    pub(super) fn nodes_of(&self, key: TorrentKey) -> HashMap<Ino, Before> {
        let Some(place) = self.place(key) else { return HashMap::new() };
        let nodes = place.shown().map(|idx| {
            let (ino, node) = (place.ino(idx), place.tree.node(idx));
            let before = Before {
                parent: place.parent_of(idx),
                name: self.node_name(place, idx).into(),
                child: Child { ino, kind: node.kind() },
                is_known: self.inodes.is_known(ino),
            };
            (ino, before)
        });
        nodes.collect()
    }

    /// Adds the invalidations for nodes that differ from those before.
    pub(super) fn replacement_notices(
        &self,
        key: TorrentKey,
        mut before: HashMap<Ino, Before>,
        old_mtime: i64,
        notices: &mut Vec<Invalidation>,
    ) {
        let Some(place) = self.place(key) else { return };
        for idx in place.shown() {
            let (ino, parent) = (place.ino(idx), place.parent_of(idx));
            let name = self.node_name(place, idx);
            let is_directory = place.tree.node(idx).is_directory();
            match before.remove(&ino) {
                Some(it) if it.parent == parent && *it.name == *name => {
                    // A directory may have other entries, which count in its attributes.
                    if it.is_known && (is_directory || old_mtime != place.tree.mtime()) {
                        notices.push(Invalidation::AttrChanged { parent, ino });
                    }
                }
                Some(it) => {
                    notices.push(it.removed());
                    notices.push(Invalidation::Added { parent, name: name.to_owned() });
                }
                None => notices.push(Invalidation::Added { parent, name: name.to_owned() }),
            }
        }
        notices.extend(before.into_values().map(Before::removed));
    }

    /// Returns the name of a node.
    pub(super) fn node_name<'a>(&'a self, place: &'a TreePlace, idx: NodeIdx) -> &'a str {
        let (TorrentKey { folder, info_hash }, node) = (place.tree.key(), place.tree.node(idx));
        if node.parent.is_some() {
            return &node.name;
        }
        let key = NameKey { info_hash, part: place.tree.part(idx) };
        self.folder(folder).and_then(|folder| folder.names.name(key)).unwrap_or_default()
    }

    /// Returns the places of a torrent in views, in the order of the views.
    pub(super) fn places_in_views(&self, info_hash: InfoHash) -> impl Iterator<Item = &TreePlace> {
        let views = self.views.iter();
        views.flat_map(move |views| {
            let folders = views.folders();
            folders.filter_map(move |folder| views.places.get(&TorrentKey { folder, info_hash }))
        })
    }

    /// Returns the name of a torrent in a directory.
    pub(super) fn torrent_name(&self, folder: FolderId, info_hash: InfoHash) -> Option<&str> {
        self.folder(folder)?.names.name(NameKey::torrent(info_hash))
    }
}

impl Before {
    fn removed(self) -> Invalidation {
        let Self { parent, name, child, .. } = self;
        Invalidation::Removed { parent, name: name.into_string(), child }
    }
}
