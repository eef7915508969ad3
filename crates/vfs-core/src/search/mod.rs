//! Search over the paths of all files of all torrents.
//!
//! ```text
//! Query          what is asked for: words, a glob or a regular expression
//!  `- literals   what a path must have in it to match a pattern at all
//! SearchIndex    all torrents, replaced as a whole when one comes or goes
//!  `- TorrentNames   the folded names of one torrent as one text; never changes
//!      `- Trigrams   what they have in them, more or less
//! ```
//!
//! A query leaves out the torrents that cannot have one of its words, goes over the folded names of
//! the others with a vectorised search for its longest word, and looks closer only where that
//! occurs. There is no index of words: each would be larger than the names, and words are found
//! anywhere in a name here, not only where they begin.

mod fold;
mod glob;
mod literals;
mod names;
mod query;
mod trigrams;

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError, RwLock};

pub use glob::GlobError;
use names::TorrentNames;
pub use query::{PATTERN_BYTES_MAX, PatternKind, Query, QueryError, WORDS_MAX};

use crate::tree::{NodeBody, NodeIdx, TorrentKey, TorrentTree};
use crate::{FileId, FileIndex};

/// A file that a query found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchHit {
    /// The path in the mount, from the root, without a slash before it.
    pub path: String,
    /// Which file.
    pub file: FileId,
    /// The length in bytes.
    pub size: u64,
    /// How many of them are downloaded.
    pub have_bytes: u64,
}

/// A file that a query found, before its place in the tree is known.
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
/// A query holds no lock while it searches: it has its own list of torrents, which changes leave
/// alone.
#[derive(Debug, Default)]
pub(crate) struct SearchIndex {
    /// Protects which list is the current one; held to take or to replace it.
    current: RwLock<Arc<Generation>>,
}

/// The torrents from one change to the next.
#[derive(Debug, Default)]
struct Generation {
    /// Counts the changes.
    number: u64,
    /// In the order in which they came.
    torrents: Vec<Arc<TorrentNames>>,
}

impl SearchIndex {
    /// Returns the number of changes so far: as long as it is the same, so are the results.
    pub(crate) fn generation(&self) -> u64 {
        self.current().number
    }

    /// Takes in new torrents with their paths from the root, and drops others. Costs a pass over
    /// the names of those that are new. Changes come one at a time.
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
        let new = added.into_iter().map(|(tree, name)| TorrentNames::new(tree, &name));
        torrents.extend(new.map(Arc::new));
        let next = Arc::new(Generation { number: old.number + 1, torrents });
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
    }

    /// Takes in torrents whose layouts were replaced, with their paths from the root, in the place
    /// of the old ones. Costs a pass over their names.
    pub(crate) fn replace(&self, replaced: Vec<(Arc<TorrentTree>, String)>) {
        let new = replaced.into_iter().map(|(tree, name)| Arc::new(TorrentNames::new(tree, &name)));
        let mut new: HashMap<_, _> = new.map(|torrent| (torrent.key(), torrent)).collect();
        let old = self.current();
        let torrents = old.torrents.iter();
        let torrents = torrents
            .map(|torrent| new.remove(&torrent.key()).unwrap_or_else(|| Arc::clone(torrent)));
        let next = Arc::new(Generation { number: old.number + 1, torrents: torrents.collect() });
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
    }

    /// Returns up to `limit` files that match, torrent by torrent in the order in which these
    /// came. The order is the same for as long as the generation is.
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

    /// Returns how many torrents there are, and how many files they have together.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let torrents = &self.current().torrents;
        (torrents.len(), torrents.iter().map(|torrent| torrent.file_count).sum())
    }

    /// Returns the memory that all of it takes beyond the tree, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.current().torrents.iter().map(|torrent| torrent.memory_bytes()).sum()
    }

    fn current(&self) -> Arc<Generation> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
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
