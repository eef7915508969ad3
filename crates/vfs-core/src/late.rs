//! What servers tell of their torrents between two listings: details and metadata that arrive late.

use std::collections::HashSet;
use std::sync::Arc;

use crate::tree::{Changes, Difference, TorrentTree};
use crate::{
    InfoHash, MetadataStatus, ServerId, TorrentDetails, TorrentSource, TorrentSummary, Vfs,
};

impl<S: TorrentSource> Vfs<S> {
    /// Adds torrents of a server whose details arrived after its last listing was taken over by
    /// [`apply_of`](Self::apply_of), and leaves all others as they are.
    ///
    /// `summaries` are the torrents of that listing that the tree does not have; those without
    /// details stay unknown, and names that they had are kept for them. `seen_at` is now, in
    /// seconds since 1970.
    pub fn add_of(
        &self,
        server: ServerId,
        summaries: Vec<TorrentSummary>,
        details: Vec<TorrentDetails>,
        seen_at: i64,
    ) -> Changes {
        if !self.is_server(server) {
            return Changes::default();
        }
        let layouts = self.layouts(server, details, seen_at);
        let sink = self.sink();
        let mut difference = Difference::default();
        self.tree().compare(server, summaries, &mut difference);
        difference.sort();
        let (changes, notices) = self.write(server, difference, layouts, seen_at);
        self.announce(server, &changes, &notices, sink.as_deref());
        changes
    }

    /// Returns the name under which a torrent is shown that the tree has from a server.
    #[must_use]
    pub fn shown_name(&self, server: ServerId, info_hash: InfoHash) -> Option<String> {
        self.tree().shown_name(server, info_hash).map(str::to_owned)
    }

    /// Corrects torrents of a server whose metadata was read after they were shown: their times,
    /// links, and where the files lie among the pieces. Torrents that the tree does not have from
    /// the server are passed over, as are details without metadata.
    ///
    /// Inode numbers stay. Open files go on, and use the new positions of pieces from their next
    /// read on. Then the sink is told. Returns how many torrents changed.
    pub fn correct_of(&self, server: ServerId, details: &[TorrentDetails]) -> usize {
        let (folder, name) = self.folder_of(server);
        let known = details.iter().filter(|it| it.metadata == MetadataStatus::Known);
        let layouts = known.filter_map(|details| {
            let first_seen = self.tree().shown_since(server, details.info_hash)?;
            let layout = TorrentTree::in_folder(details, first_seen, (folder, name.as_deref()));
            self.tree().is_other_layout(&layout).then_some(layout)
        });
        let layouts: Vec<_> = layouts.collect();
        if layouts.is_empty() {
            return 0;
        }
        let sink = self.sink();
        let (replaced, notices) = self.tree_mut().replace_layouts(server, layouts);
        let hashes: HashSet<_> = replaced.iter().map(|tree| tree.info_hash()).collect();
        for (handle, file) in self.handles.all() {
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
        self.views.index.replace(paths);
        if let Some(sink) = &*sink {
            notices.iter().for_each(|notice| notice.tell(&**sink));
        }
        replaced.len()
    }
}
