//! Views: directories in the root that show torrents by rule.

use std::collections::HashSet;
use std::sync::Arc;

use tfs_types::map_parallel;

use super::Vfs;
use super::servers::PART_TORRENTS;
use crate::tree::{Invalidation, ToArrange};
use crate::{Arrangement, Bitfield, FileId, InfoHash, RootContents, ServerId, TorrentSource};

impl<S: TorrentSource> Vfs<S> {
    /// Adds the views of an arrangement to the root, or replaces the torrents there by them. Must
    /// be called before any other call.
    ///
    /// A view has the plain name in the root, and a torrent or server of that name gets a mark.
    #[must_use]
    pub fn with_views(self, arrangement: Arc<dyn Arrangement>, contents: RootContents) -> Self {
        self.tree_mut().set_views(arrangement, contents);
        self
    }

    /// Replaces the tags of a torrent, which may not be known yet: a restart sets all tags first.
    /// Empty tags are none. `at` is the current time in seconds since 1970: the time of the views
    /// whose entries change. Then notifies the sink.
    pub fn set_tags(&self, torrent: InfoHash, tags: Arc<[String]>, at: i64) {
        let sink = self.sink();
        if self.tree_mut().set_tags(torrent, tags) {
            let notices = self.arrange(vec![torrent], Some(at));
            self.tell(&notices, sink.as_deref());
        }
    }

    /// Returns the tags of a torrent in their order.
    #[must_use]
    pub fn tags(&self, torrent: InfoHash) -> Arc<[String]> {
        self.tree().tags(torrent)
    }

    /// Replaces what is known of the files that a server downloads: a bit for each file of the
    /// torrent, in its order; `None` if it is unknown. The torrent may not be known yet. `at` is
    /// the current time in seconds since 1970. Then notifies the sink.
    pub fn set_selection(
        &self,
        server: ServerId,
        torrent: InfoHash,
        selected: Option<Bitfield>,
        at: i64,
    ) {
        if !self.is_server(server) {
            return;
        }
        let sink = self.sink();
        if self.tree_mut().set_selection(server, torrent, selected) {
            let notices = self.arrange(vec![torrent], Some(at));
            self.tell(&notices, sink.as_deref());
        }
    }

    /// Replaces the on-demand torrents of a server, which may not be known yet. They are complete
    /// when all their files are there, whatever is selected.
    pub fn set_on_demand(&self, server: ServerId, torrents: HashSet<InfoHash>) {
        if self.is_server(server) {
            self.tree_mut().set_on_demand(server, torrents);
        }
    }

    /// Returns whether one of the servers of a torrent downloads a file. True if that is unknown.
    #[must_use]
    pub fn is_selected(&self, file: FileId) -> bool {
        self.tree().is_selected(file)
    }

    /// Arranges torrents in the views after a change, and those that share their files. Costs
    /// nothing without views or changes. The caller holds the lock of the sink, so that no other
    /// thread changes torrents meanwhile.
    pub(super) fn arrange(
        &self,
        mut torrents: Vec<InfoHash>,
        at: Option<i64>,
    ) -> Vec<Invalidation> {
        let (arranger, is_due) = {
            let tree = self.tree();
            (tree.arranger(), tree.has_views_to_show())
        };
        let Some(arranger) = arranger.filter(|_| is_due || !torrents.is_empty()) else {
            return Vec::new();
        };
        torrents.sort_unstable();
        torrents.dedup();
        let changed: HashSet<_> = torrents.iter().copied().collect();
        let mut found = self.to_arrange(&torrents);
        let releases = map_parallel(found.iter().collect(), |torrent| {
            (torrent.info_hash(), Some(torrent.release()))
        });
        let there: HashSet<_> = found.iter().map(|torrent| torrent.info_hash()).collect();
        let gone = torrents.iter().filter(|info_hash| !there.contains(*info_hash));
        let gone = gone.map(|info_hash| (*info_hash, None));
        let same = self.tree_mut().set_releases(releases.into_iter().chain(gone));
        let same: HashSet<_> = same.into_iter().collect();
        let mut others: Vec<_> = same.difference(&changed).copied().collect();
        others.sort_unstable();
        found.extend(self.to_arrange(&others));
        torrents.extend(others);
        let wanted = map_parallel(found, |torrent| {
            let may_be_duplicate = same.contains(&torrent.info_hash());
            arranger.arrange(torrent, may_be_duplicate)
        });
        let notices = self.tree_mut().show_in_views(&torrents, wanted, at);
        if self.tree().has_views_only() {
            // Results of searches may have other paths.
            self.control.index.renew();
        }
        notices
    }

    /// Returns what decides about the places of torrents. Holds the lock of the tree for a part of
    /// them at a time.
    fn to_arrange(&self, torrents: &[InfoHash]) -> Vec<ToArrange> {
        let parts = torrents.chunks(PART_TORRENTS);
        parts.flat_map(|part| self.tree().to_arrange(part)).collect()
    }
}
