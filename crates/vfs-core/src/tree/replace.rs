//! Replaces the layout of a torrent when its metadata arrives after it became visible.
//!
//! Most nodes stay the same, and keep their inode numbers and lookup counts. These can differ:
//! times, links without a known target, and the top if the guess whether the torrent is a file or a
//! directory was wrong.

use std::sync::Arc;

use super::Tree;
use super::layout::TorrentTree;
use super::notices::Invalidation;
use crate::{InfoHash, Ino, ServerId};

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
            let newest = torrents.map(|(_, torrent)| torrent.place.tree.mtime()).max().unwrap_or(0);
            if std::mem::replace(&mut folder.mtime, newest) != newest {
                notices.push(Invalidation::AttrChanged { parent: Ino::ROOT, ino: folder.ino });
            }
        }
        (replaced, notices)
    }

    /// Returns whether a layout differs from the current one of its torrent.
    pub(crate) fn is_other_layout(&self, layout: &TorrentTree) -> bool {
        let torrent = self.torrents.get(&layout.key());
        torrent.is_some_and(|torrent| !torrent.place.tree.is_same(layout))
    }

    /// Returns when a torrent in the tree was first seen.
    pub(crate) fn shown_since(&self, server: ServerId, info_hash: InfoHash) -> Option<i64> {
        self.contains(server, info_hash).then(|| self.first_seen(server, info_hash))?
    }

    /// Returns the visible name of a server's torrent in the tree.
    pub(crate) fn shown_name(&self, server: ServerId, info_hash: InfoHash) -> Option<&str> {
        let folder = self.layout.folder_of(server);
        self.contains(server, info_hash).then(|| self.torrent_name(folder, info_hash))?
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
        self.torrent_name(key.folder, key.info_hash)?;
        let before = self.nodes_of(key);
        let torrent = self.torrents.get(&key)?;
        let old_mtime = torrent.place.tree.mtime();
        let old_count = torrent.place.directory_count();
        let is_shown = self.folder(key.folder)?.is_shown;

        let tree = Arc::new(layout);
        let old_inos = Arc::clone(&torrent.place.inos);
        self.inodes.detach(&old_inos);
        let inos = if is_shown { self.inodes.attach(&tree) } else { Arc::default() };
        let torrent = self.torrents.get_mut(&key)?;
        torrent.place.tree = Arc::clone(&tree);
        torrent.place.inos = inos;
        let folder = self.folders.get_mut(key.folder.position())?;
        folder.count_directories(old_count, torrent.place.directory_count());
        self.sum_up(key);
        if is_shown {
            self.replacement_notices(key, before, old_mtime, notices);
        }
        Some(tree)
    }
}
