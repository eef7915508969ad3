//! Inode generations. They distinguish nodes that had the same inode number, and let a deleted
//! directory come back.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use fuser::Generation;
use vfs_core::{Attr, Ino, NodeKind};

/// Counts how often each directory was removed. The count is added to the core's generation. That
/// one is the same after a remount, so that file handles outlive the mount.
///
/// The kernel treats a directory whose deletion was announced as dead: a process whose working
/// directory it is finds no entries in it, even after the torrent is back with its old inode
/// number. With another generation the kernel creates a new inode, and processes in the old one get
/// errors.
///
/// Only the most recent counts are kept. A directory that comes back later has its first generation
/// again, which matters only if a process was in it all the time.
#[derive(Debug, Default)]
pub(crate) struct Generations {
    /// Protects the counts; held for one access.
    gone: RwLock<Gone>,
}

/// Minimum number of counts that are kept. The maximum is twice as many, about 2 MB.
const GONE_MIN: usize = 1 << 15;

/// Counts in two generations of a cache: when the younger half is full, it replaces the older.
#[derive(Debug, Default)]
struct Gone {
    younger: HashMap<Ino, u32>,
    older: HashMap<Ino, u32>,
}

impl Gone {
    fn count(&self, dir: Ino) -> u32 {
        let count = self.younger.get(&dir).or_else(|| self.older.get(&dir));
        count.copied().unwrap_or(0)
    }

    fn add(&mut self, dir: Ino) {
        let count = self.count(dir).wrapping_add(1);
        self.younger.insert(dir, count);
        if self.younger.len() >= GONE_MIN {
            self.older = std::mem::take(&mut self.younger);
        }
    }
}

impl Generations {
    /// Returns the generation of a node with these attributes. The kernel keeps 32 bits.
    pub(crate) fn of(&self, attr: &Attr) -> Generation {
        let count = match attr.kind {
            NodeKind::Directory => {
                self.gone.read().unwrap_or_else(PoisonError::into_inner).count(attr.ino)
            }
            NodeKind::File | NodeKind::Symlink => 0,
        };
        Generation(u64::from(attr.generation.wrapping_add(count)))
    }

    /// Counts the removal of a directory.
    pub(super) fn end(&self, dir: Ino) {
        self.gone.write().unwrap_or_else(PoisonError::into_inner).add(dir);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_that_go_for_ever_cost_a_bounded_memory() {
        let mut gone = Gone::default();
        let number = |n: usize| Ino(n as u64);
        for n in 0..5 * GONE_MIN {
            gone.add(number(n));
            // The count of a directory that is removed again and again is kept.
            gone.add(number(usize::MAX));
            assert!(gone.younger.len() + gone.older.len() <= 2 * GONE_MIN);
        }
        assert_eq!(gone.count(number(usize::MAX)) as usize, 5 * GONE_MIN);
        assert_eq!((gone.count(number(5 * GONE_MIN - 1)), gone.count(number(0))), (1, 0));
    }
}
