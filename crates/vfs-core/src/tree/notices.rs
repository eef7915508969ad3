//! Invalidations for front ends, derived from changes of the tree.

use super::TreeTorrent;
use super::inode::InodeTable;
use super::node::{NodeBody, NodeIdx};
use crate::{Child, Ino, InvalidationSink, TorrentSummary};

/// A cached entry of a front end that is no longer valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Invalidation {
    /// The directory `parent` has a new name.
    Added { parent: Ino, name: String },
    /// The directory `parent` has lost the name of `child`.
    Removed { parent: Ino, name: String, child: Child },
    /// The attributes of `ino`, in the directory `parent`, have changed.
    AttrChanged { parent: Ino, ino: Ino },
}

impl Invalidation {
    /// Notifies the sink.
    pub(crate) fn tell(&self, sink: &dyn InvalidationSink) {
        match self {
            Self::Added { parent, name } => sink.entry_added(*parent, name),
            Self::Removed { parent, name, child } => sink.entry_removed(*parent, name, *child),
            Self::AttrChanged { parent, ino } => sink.attr_changed(*parent, *ino),
        }
    }
}

impl TreeTorrent {
    /// Returns the known files whose visible progress has changed. Costs a comparison of both
    /// progresses, and O(nodes) if they differ.
    pub(super) fn progress_notices(
        &self,
        before: &TorrentSummary,
        inodes: &InodeTable,
    ) -> Vec<Invalidation> {
        let now = self.standing.shown();
        if now.file_progress == before.file_progress {
            return Vec::new();
        }
        let is_changed = |idx: &NodeIdx| match self.tree.node(*idx).body {
            NodeBody::File { index, len } => {
                let shown = |summary: &TorrentSummary| summary.have_bytes(index).min(len);
                shown(now) != shown(before)
            }
            NodeBody::Directory { .. } | NodeBody::Symlink { .. } => false,
        };
        self.notices(self.tree.indices().filter(is_changed), inodes)
    }

    /// Returns all nodes that the front end knows: they lose their last link.
    pub(super) fn removal_notices(&self, inodes: &InodeTable) -> Vec<Invalidation> {
        self.notices(self.tree.indices(), inodes)
    }

    fn notices(
        &self,
        nodes: impl Iterator<Item = NodeIdx>,
        inodes: &InodeTable,
    ) -> Vec<Invalidation> {
        let known = nodes.filter(|idx| inodes.is_known(self.ino(*idx)));
        let notice =
            |idx| Invalidation::AttrChanged { parent: self.parent_of(idx), ino: self.ino(idx) };
        known.map(notice).collect()
    }
}
