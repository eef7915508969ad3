//! Replaces the layout of a torrent when its metadata arrives after it became visible.
//!
//! Most nodes stay the same, and keep their inode numbers and lookup counts. These can differ:
//! times, links without a known target, and the top if the guess whether the torrent is a file or a
//! directory was wrong.

use std::collections::HashMap;
use std::sync::Arc;

use super::layout::TorrentTree;
use super::node::{NodeBody, NodeIdx};
use super::notices::Invalidation;
use super::{TorrentKey, Tree, TreeTorrent};
use crate::{Child, InfoHash, Ino, ServerId};

/// State of a node before the replacement.
struct Before {
    parent: Ino,
    name: Box<str>,
    child: Child,
    /// Whether the front end knows it.
    is_known: bool,
}

impl Tree {
    /// Replaces the layouts of torrents in the directory of a server. Skips unchanged and missing
    /// ones. Returns the new layouts, and the invalidations for a front end. Costs a pass over the
    /// nodes of each torrent.
    pub(crate) fn replace_layouts(
        &mut self,
        server: ServerId,
        layouts: Vec<TorrentTree>,
    ) -> (Vec<Arc<TorrentTree>>, Vec<Invalidation>) {
        let mut notices = Vec::new();
        let replaced = layouts.into_iter().filter_map(|layout| self.replace(layout, &mut notices));
        let replaced: Vec<_> = replaced.collect();
        let id = self.layout.folder_of(server);
        if !replaced.is_empty()
            && let Some(folder) = self.folders.get_mut(id.position())
            && folder.changed_at == 0
        {
            let torrents = self.torrents.iter().filter(|(key, _)| key.folder == id);
            let newest = torrents.map(|(_, torrent)| torrent.tree.mtime()).max().unwrap_or(0);
            if std::mem::replace(&mut folder.mtime, newest) != newest {
                notices.push(Invalidation::AttrChanged { parent: Ino::ROOT, ino: folder.ino });
            }
        }
        (replaced, notices)
    }

    /// Returns whether a layout differs from the current one of its torrent.
    pub(crate) fn is_other_layout(&self, layout: &TorrentTree) -> bool {
        let torrent = self.torrents.get(&layout.key());
        torrent.is_some_and(|torrent| !torrent.tree.is_same(layout))
    }

    /// Returns when a torrent in the tree was first seen.
    pub(crate) fn shown_since(&self, server: ServerId, info_hash: InfoHash) -> Option<i64> {
        self.contains(server, info_hash).then(|| self.first_seen(server, info_hash))?
    }

    /// Returns the visible name of a server's torrent in the tree.
    pub(crate) fn shown_name(&self, server: ServerId, info_hash: InfoHash) -> Option<&str> {
        let folder = self.layout.folder_of(server);
        self.contains(server, info_hash).then(|| self.name(TorrentKey { folder, info_hash }))?
    }

    fn replace(
        &mut self,
        layout: TorrentTree,
        notices: &mut Vec<Invalidation>,
    ) -> Option<Arc<TorrentTree>> {
        let key = layout.key();
        // It may have finished since the layout was made.
        let layout = self.dated(layout, self.torrents.get(&key)?.first_seen);
        if !layout.is_shown() || !self.is_other_layout(&layout) {
            return None;
        }
        let name: Box<str> = self.name(key)?.into();
        let torrent = self.torrents.get(&key)?;
        let mut before = self.nodes_of(torrent, &name);
        let (old_mtime, old_inos) = (torrent.tree.mtime(), Arc::clone(&torrent.inos));
        let was_directory = torrent.tree.top().is_directory();

        let tree = Arc::new(layout);
        self.inodes.detach(&old_inos);
        let inos = self.inodes.attach(&tree);
        let torrent = self.torrents.get_mut(&key)?;
        torrent.tree = Arc::clone(&tree);
        torrent.inos = inos;
        let folder = self.folders.get_mut(key.folder.position())?;
        let is_directory = tree.top().is_directory();
        folder.directory_count = folder
            .directory_count
            .saturating_add(usize::from(is_directory))
            .saturating_sub(usize::from(was_directory));

        self.sum_up(key);

        let torrent = self.torrents.get(&key)?;
        for idx in tree.indices() {
            let (ino, parent) = (torrent.ino(idx), torrent.parent_of(idx));
            let node = tree.node(idx);
            let shown_name = node.parent.map_or(&name, |_| &node.name);
            let is_dir = matches!(node.body, NodeBody::Directory { .. });
            match before.remove(&ino) {
                Some(it) if it.parent == parent && it.name == *shown_name => {
                    // A directory may have new links, which count in its attributes.
                    if it.is_known && (is_dir || old_mtime != tree.mtime()) {
                        notices.push(Invalidation::AttrChanged { parent, ino });
                    }
                }
                Some(it) => {
                    let Before { parent: old_parent, name: old_name, child, .. } = it;
                    let name = old_name.into_string();
                    notices.push(Invalidation::Removed { parent: old_parent, name, child });
                    notices.push(Invalidation::Added { parent, name: shown_name.to_string() });
                }
                None => notices.push(Invalidation::Added { parent, name: shown_name.to_string() }),
            }
        }
        notices.extend(before.into_values().map(|it| Invalidation::Removed {
            parent: it.parent,
            name: it.name.into_string(),
            child: it.child,
        }));
        Some(tree)
    }

    /// Returns all nodes of a torrent with this name, by inode number.
    fn nodes_of(&self, torrent: &TreeTorrent, name: &str) -> HashMap<Ino, Before> {
        let nodes = torrent.tree.indices().map(|idx| {
            let (ino, node) = (torrent.ino(idx), torrent.tree.node(idx));
            let before = Before {
                parent: torrent.parent_of(idx),
                name: if idx == NodeIdx::TOP { name.into() } else { node.name.clone() },
                child: Child { ino, kind: node.kind() },
                is_known: self.inodes.is_known(ino),
            };
            (ino, before)
        });
        nodes.collect()
    }
}
