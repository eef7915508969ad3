//! What the kernel is still to be told: each name and each inode once, however often it changed.

use std::collections::{BTreeMap, BTreeSet};

use vfs_core::{Child, Ino};

/// How many names may be pending. The kernel takes thousands in the time of one poll, so that there
/// are more only if it is stuck.
pub(super) const NAMES_MAX: usize = 1 << 16;

/// What is pending.
///
/// Inodes need no bound of their own: only what the kernel knows is reported, each once, so there
/// are never more than the tree has. Names have one, since they may come and go without end: what
/// is beyond is not noted, and the kernel learns of it when it has kept the old for its time.
#[derive(Debug, Default)]
pub(super) struct PendingNotifications {
    batch: NotificationBatch,
    name_count: usize,
}

/// What happened to a name last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameChange {
    Added,
    Removed(Child),
}

/// Names and inodes by the directory that they are in.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct NotificationBatch {
    pub(super) names: BTreeMap<Ino, BTreeMap<String, NameChange>>,
    pub(super) attrs: BTreeMap<Ino, BTreeSet<Ino>>,
    /// Directories whose listing is not to stay.
    pub(super) listings: BTreeSet<Ino>,
}

impl PendingNotifications {
    pub(super) fn add_name(&mut self, parent: Ino, name: &str, change: NameChange) {
        if self.name_count >= NAMES_MAX {
            // Not each of them: there may be as many again.
            if self.name_count == NAMES_MAX {
                tracing::warn!("the kernel does not keep up, changes may show late");
                self.name_count += 1;
            }
            return;
        }
        let names = self.batch.names.entry(parent).or_default();
        if names.insert(name.to_owned(), change).is_none() {
            self.name_count += 1;
        }
    }

    pub(super) fn add_attr(&mut self, parent: Ino, ino: Ino) {
        self.batch.attrs.entry(parent).or_default().insert(ino);
    }

    pub(super) fn add_listing(&mut self, dir: Ino) {
        self.batch.listings.insert(dir);
    }

    /// Returns all that is pending, if anything is.
    pub(super) fn take(&mut self) -> Option<NotificationBatch> {
        let Self { batch, .. } = std::mem::take(self);
        (batch != NotificationBatch::default()).then_some(batch)
    }
}
