//! Deduplicated queue of pending notifications.

use std::collections::{BTreeMap, BTreeSet};

use vfs_core::{Child, Ino};

/// Maximum number of pending names. The kernel accepts thousands during one poll interval, so that
/// more are pending only if it is stuck.
pub(super) const NAMES_MAX: usize = 1 << 16;

/// Pending notifications.
///
/// Inodes need no bound of their own: each inode that the kernel knows is pending at most once, so
/// the tree bounds their number. Names are bounded, since they may be added and removed without
/// end. Names beyond the maximum are dropped; the kernel sees such a change when its TTL expires.
#[derive(Debug, Default)]
pub(super) struct PendingNotifications {
    batch: NotificationBatch,
    name_count: usize,
}

/// Latest change of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameChange {
    Added,
    Removed(Child),
}

/// Names and inodes by directory.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct NotificationBatch {
    pub(super) names: BTreeMap<Ino, BTreeMap<String, NameChange>>,
    pub(super) attrs: BTreeMap<Ino, BTreeSet<Ino>>,
    /// Directories whose listing has to be dropped.
    pub(super) listings: BTreeSet<Ino>,
}

impl PendingNotifications {
    pub(super) fn add_name(&mut self, parent: Ino, name: &str, change: NameChange) {
        if self.name_count >= NAMES_MAX {
            // Logged once, not for each name.
            if self.name_count == NAMES_MAX {
                tracing::warn!(
                    "the kernel processes notifications too slowly; changes may show \
                                late"
                );
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

    /// Returns all pending notifications, if there are any.
    pub(super) fn take(&mut self) -> Option<NotificationBatch> {
        let Self { batch, .. } = std::mem::take(self);
        (batch != NotificationBatch::default()).then_some(batch)
    }
}
