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
/// another generation the kernel takes it for a new one, and gives errors to those in the old. That
/// costs 16 bytes for each directory in the root that is gone, as long as the mount lives.
#[derive(Debug, Default)]
pub(crate) struct Generations {
    /// Protects the counts; held for one access.
    gone: RwLock<HashMap<Ino, u32>>,
}

impl Generations {
    /// Returns the generation of what has these attributes. The kernel keeps 32 bits.
    pub(crate) fn of(&self, attr: &Attr) -> Generation {
        let count = match attr.kind {
            NodeKind::Directory => {
                self.gone.read().unwrap_or_else(PoisonError::into_inner).get(&attr.ino).copied()
            }
            NodeKind::File | NodeKind::Symlink => None,
        };
        Generation(u64::from(attr.generation.wrapping_add(count.unwrap_or(0))))
    }

    /// Takes note that a directory is gone.
    pub(super) fn end(&self, dir: Ino) {
        *self.gone.write().unwrap_or_else(PoisonError::into_inner).entry(dir).or_default() += 1;
    }
}
