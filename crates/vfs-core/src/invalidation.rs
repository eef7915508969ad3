//! Who is told that what it was told before is no longer so.

use std::fmt;

use crate::{Ino, NodeKind};

/// What had a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Child {
    /// Its number.
    pub ino: Ino,
    /// What it is.
    pub kind: NodeKind,
}

/// A front end that keeps names and attributes, such as the kernel's caches.
///
/// [`Vfs::apply`](crate::Vfs::apply) calls it after the tree has changed, from one thread at a
/// time and under no lock of the tree, so that whoever asks again sees the new state. It must not
/// wait: the caller is the task that keeps the tree up to date.
///
/// That an entry came or went also means that the listing and the attributes of `parent` are
/// others.
pub trait InvalidationSink: fmt::Debug + Send + Sync {
    /// `parent` has a new name, which may have been looked for in vain before.
    fn entry_added(&self, parent: Ino, name: &str);

    /// `parent` has lost a name, which was that of `child`. `child` may have it again later, but
    /// no other inode has the number of `child`, ever.
    fn entry_removed(&self, parent: Ino, name: &str, child: Child);

    /// The attributes of `ino`, which has a name in `parent`, have changed. Only what the front
    /// end has looked up and not forgotten is reported.
    fn attr_changed(&self, parent: Ino, ino: Ino);
}
