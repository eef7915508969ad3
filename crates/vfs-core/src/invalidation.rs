//! Notifications of changes for front ends with caches.

use std::fmt;

use crate::{Ino, NodeKind};

/// The node of a removed name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Child {
    /// Its inode number.
    pub ino: Ino,
    /// Its type.
    pub kind: NodeKind,
}

/// A front end that caches names and attributes, such as the kernel.
///
/// [`Vfs::apply`](crate::Vfs::apply) calls it after the tree has changed, from one thread at a time
/// and without a lock of the tree, so that lookups already see the new state. It must not block:
/// the caller is the task that updates the tree.
///
/// An added or removed entry also changes the listing and the attributes of `parent`.
pub trait InvalidationSink: fmt::Debug + Send + Sync {
    /// `parent` has a new name, for which a negative entry may be cached.
    fn entry_added(&self, parent: Ino, name: &str);

    /// `parent` has lost a name, which referred to `child`. `child` may get it again later, but its
    /// number is never given to another inode.
    fn entry_removed(&self, parent: Ino, name: &str, child: Child);

    /// The attributes of `ino`, which has a name in `parent`, have changed. Reported only for
    /// inodes that the front end has looked up and not forgotten.
    fn attr_changed(&self, parent: Ino, ino: Ino);
}
