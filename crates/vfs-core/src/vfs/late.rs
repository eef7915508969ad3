//! Late details and metadata of torrents, which arrive between two listings.

use std::collections::HashSet;
use std::sync::Arc;

use super::Vfs;
use crate::tree::{Changes, TorrentTree, Tree};
use crate::{InfoHash, MetadataStatus, ServerId, TorrentDetails, TorrentSource, TorrentSummary};

impl<S: TorrentSource> Vfs<S> {
    /// Adds torrents of a server whose details arrived after its last listing was applied by
    /// [`apply`](Self::apply). Other torrents do not change.
    ///
    /// `summaries` are the torrents of that listing that the tree lacks. Those without details stay
    /// unknown, and their earlier names stay reserved for them. `seen_at` is the current time, in
    /// seconds since 1970.
    pub fn add_late(
        &self,
        server: ServerId,
        summaries: Vec<TorrentSummary>,
        details: Vec<TorrentDetails>,
        seen_at: i64,
    ) -> Changes {
        self.update(server, details, seen_at, || self.compare(server, summaries))
    }

    /// Returns the visible name of a server's torrent that is in the tree.
    #[must_use]
    pub fn shown_name(&self, server: ServerId, info_hash: InfoHash) -> Option<String> {
        self.tree().shown_name(server, info_hash).map(str::to_owned)
    }

    /// Returns the path from the root, without a leading slash, of a torrent that a server has: of
    /// its directory or only file. In a root without torrents, that in the first view with it.
    #[must_use]
    pub fn torrent_path(&self, server: ServerId, info_hash: InfoHash) -> Option<String> {
        self.tree().torrent_path(server, info_hash)
    }

    /// Corrects torrents of a server whose metadata was read after they became visible: their
    /// times, links, and the positions of files among the pieces. Skips torrents that the tree does
    /// not have from the server, and details without metadata.
    ///
    /// Inode numbers stay. Open files stay valid, and use the new piece positions from their next
    /// read on. Then notifies the sink. Returns the number of changed torrents.
    pub fn correct_metadata(&self, server: ServerId, details: &[TorrentDetails]) -> usize {
        let (folder, name) = self.folder_of(server);
        let known = details.iter().filter(|it| it.metadata == MetadataStatus::Known);
        let layouts = known.filter_map(|details| {
            let first_seen = self.tree().shown_since(server, details.info_hash)?;
            let layout = TorrentTree::in_folder(details, first_seen, folder, name.as_deref());
            let tree = self.tree();
            let layout = tree.dated(layout, first_seen);
            tree.is_other_layout(&layout).then_some(layout)
        });
        let layouts: Vec<_> = layouts.collect();
        if layouts.is_empty() {
            return 0;
        }
        self.replace(server, |_tree| ((), layouts)).1
    }

    /// Replaces the layouts of torrents with those that `change` returns, and notifies the sink. No
    /// other thread changes torrents meanwhile. Returns the other result of `change`, and the
    /// number of changed torrents.
    pub(super) fn replace<T>(
        &self,
        server: ServerId,
        change: impl FnOnce(&mut Tree) -> (T, Vec<TorrentTree>),
    ) -> (T, usize) {
        let sink = self.sink();
        let (result, (replaced, mut notices)) = {
            let mut tree = self.tree_mut();
            let (result, layouts) = change(&mut tree);
            (result, tree.replace_layouts(server, layouts))
        };
        if replaced.is_empty() {
            return (result, 0);
        }
        let hashes: HashSet<_> = replaced.iter().map(|tree| tree.info_hash()).collect();
        notices.extend(self.arrange(hashes.iter().copied().collect(), None));
        for (handle, file, _) in self.handles.all() {
            if hashes.contains(&file.id.torrent)
                && let Some(geometry) = self.tree().geometry(file.id)
            {
                self.handles.set_geometry(handle, geometry);
            }
        }
        let paths = {
            let tree = self.tree();
            let path = |it: &Arc<TorrentTree>| tree.added(server, it.info_hash());
            replaced.iter().filter_map(path).collect()
        };
        self.control.index.replace(paths);
        self.tell(&notices, sink.as_deref());
        (result, replaced.len())
    }
}
