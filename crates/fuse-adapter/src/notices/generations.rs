//! Generations: what tells apart those that had one inode number, and lets a directory come back
//! that the kernel was told is gone.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use fuser::Generation;
use vfs_core::{Attr, Ino, NodeKind};

/// How often each directory was gone. It is added to the generation that the core gives, which is
/// the same after a remount, so that file handles are good for longer than the mount.
///
/// A directory whose deletion the kernel has announced is dead for good there: as long as somebody
/// is in it, nobody finds anything in it, also when its torrent is back under its old number. With
/// another generation the kernel takes it for a new one, and gives errors to those in the old.
///
/// The counts of the directories that went last are kept. One that comes back after so many others
/// has its first generation again: that matters only if a program has been in it all the time.
#[derive(Debug, Default)]
pub(crate) struct Generations {
    /// Protects the counts; held for one access.
    gone: RwLock<Gone>,
}

/// How many directories that are gone are remembered at least, and twice as many at most: some
/// 2 MB.
const GONE_MIN: usize = 1 << 15;

/// How often each directory was gone, in two halves: when the younger is full, it takes the place
/// of the older.
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
    /// Returns the generation of what has these attributes. The kernel keeps 32 bits.
    pub(crate) fn of(&self, attr: &Attr) -> Generation {
        let count = match attr.kind {
            NodeKind::Directory => {
                self.gone.read().unwrap_or_else(PoisonError::into_inner).count(attr.ino)
            }
            NodeKind::File | NodeKind::Symlink => 0,
        };
        Generation(u64::from(attr.generation.wrapping_add(count)))
    }

    /// Takes note that a directory is gone.
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
            // One that goes again and again is counted on.
            gone.add(number(usize::MAX));
            assert!(gone.younger.len() + gone.older.len() <= 2 * GONE_MIN);
        }
        assert_eq!(gone.count(number(usize::MAX)) as usize, 5 * GONE_MIN);
        assert_eq!((gone.count(number(5 * GONE_MIN - 1)), gone.count(number(0))), (1, 0));
    }
}
