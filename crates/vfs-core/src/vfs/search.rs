//! Searches by name.

use std::collections::HashSet;

use super::Vfs;
use crate::search::Match;
use crate::{FileId, Query, SearchHit, TorrentSource};

/// Factor by which more files are searched if too many of those found are in no view.
const MORE: usize = 4;

impl<S: TorrentSource> Vfs<S> {
    /// Returns up to `limit` files that match a query, by torrent in the order of addition. Costs a
    /// pass over the names of all files, and does not block.
    ///
    /// Paths are those outside of views. In a root with views only, the query is compared with the
    /// paths that files would have in a flat root, and each file is reported once, with its path in
    /// the first view that shows it.
    #[must_use]
    pub fn search(&self, query: &Query, limit: usize) -> Vec<SearchHit> {
        let mut found_max = limit;
        loop {
            let found = self.control.index.search(query, found_max);
            let is_all = found.len() < found_max || !self.tree().has_views_only();
            let hits = self.hits(found, limit);
            if is_all || hits.len() == limit {
                return hits;
            }
            found_max = found_max.saturating_mul(MORE);
        }
    }

    fn hits(&self, found: Vec<Match>, limit: usize) -> Vec<SearchHit> {
        let tree = self.tree();
        let is_in_views = tree.has_views_only();
        let mut seen = HashSet::new();
        let hits = found.into_iter().filter_map(|found| {
            let Match { tree: torrent, index, len, path, idx } = found;
            let file = FileId { torrent: torrent.info_hash(), index };
            // A torrent that was removed meanwhile is skipped.
            let have_bytes = tree.have_bytes(torrent.key(), index, len)?;
            if !is_in_views {
                return Some(SearchHit { path, file, size: len, have_bytes });
            }
            let (_, path) = tree.locate(&torrent, idx).filter(|_| seen.insert(file))?;
            Some(SearchHit { path, file, size: len, have_bytes })
        });
        hits.take(limit).collect()
    }
}
