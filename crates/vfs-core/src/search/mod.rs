//! Search over the paths of all files of all torrents.
//!
//! ```text
//! Query          words, a glob or a regular expression
//!  `- literals   texts that every matching path contains
//! SearchIndex    all torrents; replaced as a whole on each change
//!  `- TorrentNames   folded names of one torrent as one text; immutable
//!      `- Trigrams   Bloom filter of their trigrams
//! ```
//!
//! A query skips torrents that cannot contain one of its words. It scans the folded names of the
//! others with a vectorized search for its longest word, and checks the other conditions only at
//! its occurrences. There is no index of words: it would be larger than the names, and words may
//! occur anywhere in a name, not only at word boundaries.

mod fold;
mod glob;
mod literals;
mod names;
mod query;
mod trigrams;

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError, RwLock};

use tfs_types::map_parallel;

pub use glob::GlobError;
use names::TorrentNames;
pub use query::{Query, QueryError};

use crate::tree::{NodeBody, NodeIdx, TorrentKey, TorrentTree};
use crate::{FileId, FileIndex};

/// A file found by a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchHit {
    /// Path in the mount, from the root, without a leading slash.
    pub path: String,
    /// Identity of the file.
    pub file: FileId,
    /// Length in bytes.
    pub size: u64,
    /// Number of downloaded bytes.
    pub have_bytes: u64,
}

/// A file found by a query, before its path in the tree is known.
#[derive(Debug)]
pub(crate) struct Match {
    pub(crate) tree: Arc<TorrentTree>,
    pub(crate) idx: NodeIdx,
    pub(crate) index: FileIndex,
    pub(crate) len: u64,
    pub(crate) path: String,
}

/// The names of all torrents.
///
/// A query holds no lock while it searches: it uses its own snapshot of the list of torrents.
#[derive(Debug, Default)]
pub(crate) struct SearchIndex {
    /// Protects the pointer to the current list; held to read or to replace it.
    current: RwLock<Arc<Generation>>,
}

/// Snapshot of the torrents between two changes.
#[derive(Debug, Default)]
struct Generation {
    /// Number of the change.
    number: u64,
    /// In the order of their addition.
    torrents: Vec<Arc<TorrentNames>>,
    /// The number of their files.
    file_count: usize,
}

/// Numbers of indexed torrents and their files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IndexCounts {
    pub(crate) torrents: usize,
    pub(crate) files: usize,
}

impl SearchIndex {
    /// Returns the number of changes so far: results are the same as long as it is.
    pub(crate) fn generation(&self) -> u64 {
        self.current().number
    }

    /// Adds new torrents with their paths from the root, and removes others. Costs a pass over the
    /// names of the new ones. Changes must be sequential.
    pub(crate) fn update(
        &self,
        added: Vec<(Arc<TorrentTree>, String)>,
        removed: &HashSet<TorrentKey>,
    ) {
        if added.is_empty() && removed.is_empty() {
            return;
        }
        let old = self.current();
        let kept = old.torrents.iter().filter(|torrent| !removed.contains(&torrent.key()));
        let mut torrents: Vec<_> = kept.cloned().collect();
        torrents.extend(names_of(added));
        self.set(old.number + 1, torrents);
    }

    /// Replaces torrents whose layouts have changed, with their paths from the root. Costs a pass
    /// over their names.
    pub(crate) fn replace(&self, replaced: Vec<(Arc<TorrentTree>, String)>) {
        let new = names_of(replaced).into_iter();
        let mut new: HashMap<_, _> = new.map(|torrent| (torrent.key(), torrent)).collect();
        let old = self.current();
        let torrents = old.torrents.iter();
        let torrents = torrents
            .map(|torrent| new.remove(&torrent.key()).unwrap_or_else(|| Arc::clone(torrent)));
        self.set(old.number + 1, torrents.collect());
    }

    /// Counts a change of the paths of files, which are not kept here.
    pub(crate) fn renew(&self) {
        let old = self.current();
        self.set(old.number + 1, old.torrents.clone());
    }

    fn set(&self, number: u64, torrents: Vec<Arc<TorrentNames>>) {
        let file_count = torrents.iter().map(|torrent| torrent.file_count).sum();
        let next = Arc::new(Generation { number, torrents, file_count });
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
    }

    /// Returns up to `limit` matching files, by torrent in the order of addition. The order is the
    /// same within a generation.
    pub(crate) fn search(&self, query: &Query, limit: usize) -> Vec<Match> {
        let mut found = Vec::new();
        if limit == 0 {
            return found;
        }
        for torrent in &self.current().torrents {
            let mut paths = torrent.paths();
            let scanned = torrent.scan(query.required(), &mut |idx| {
                if !query.matches(idx, &mut paths) {
                    return ControlFlow::Continue(());
                }
                found.extend(torrent.found(idx));
                if found.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            if scanned.is_break() {
                break;
            }
        }
        found
    }

    pub(crate) fn counts(&self) -> IndexCounts {
        let current = self.current();
        IndexCounts { torrents: current.torrents.len(), files: current.file_count }
    }

    /// Returns the memory used in addition to the tree, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.current().torrents.iter().map(|torrent| torrent.memory_bytes()).sum()
    }

    fn current(&self) -> Arc<Generation> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Folds the names of torrents, which are given with their paths from the root.
fn names_of(torrents: Vec<(Arc<TorrentTree>, String)>) -> Vec<Arc<TorrentNames>> {
    map_parallel(torrents, |(tree, name)| Arc::new(TorrentNames::new(tree, &name)))
}

impl TorrentNames {
    fn key(&self) -> TorrentKey {
        self.tree.key()
    }

    fn found(&self, idx: NodeIdx) -> Option<Match> {
        let NodeBody::File { index, len } = self.tree.node(idx).body else { return None };
        let path = self.paths().path(idx).to_owned();
        Some(Match { tree: Arc::clone(&self.tree), idx, index, len, path })
    }
}

#[cfg(test)]
mod tests;
