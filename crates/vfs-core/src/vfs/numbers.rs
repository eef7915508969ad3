//! Queries by inode number: nodes, the control directory, and the number of known nodes.

use super::Vfs;
use crate::{Entry, Ino, TorrentSource, Validity, VfsError};

impl<S: TorrentSource> Vfs<S> {
    /// Finds the node with a number, or its parent directory, and counts one lookup of it.
    pub(crate) fn lookup_number(&self, ino: Ino, wants_parent: bool) -> Result<Entry, VfsError> {
        let tree = self.tree();
        let attr = match (self.control.numbers.find(ino), wants_parent) {
            (Some(node), false) => self.control.by_number(&tree, node),
            (Some(node), true) => self.control.parent_by_number(&tree, node),
            (None, false) => tree.by_number(ino),
            (None, true) => tree.parent_by_number(ino),
        }?;
        tree.acquire(attr.ino, 1);
        Ok(Entry { attr, name_validity: Validity::Unannounced })
    }

    /// Returns whether a number belongs to `.tfs/`: nodes there change without notification, and
    /// the size of its files is unknown until they are read to their end.
    #[must_use]
    pub fn is_view(&self, ino: Ino) -> bool {
        self.control.numbers.find(ino).is_some()
    }

    /// Returns whether a lookup or listing in a directory has to search the names of all files
    /// first, which takes tens of milliseconds of CPU time in a large library. This is the case for
    /// a search with outdated results. All other calls but reads take microseconds.
    #[must_use]
    pub fn must_search(&self, dir: Ino) -> bool {
        self.control.numbers.find(dir).is_some_and(|dir| self.control.must_search(dir))
    }

    /// Returns how many nodes of torrents the front end knows. Costs O(1).
    #[must_use]
    pub fn known_count(&self) -> usize {
        self.tree().known_count()
    }
}
