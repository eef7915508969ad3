//! What a change of the tree means for a front end that keeps what it was told.

use super::inode::InodeTable;
use super::layout::{NodeBody, NodeIdx};
use super::{Torrent, have_bytes};
use crate::{Child, Ino, InvalidationSink, TorrentSummary};

/// Something that a front end may have been told otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The root has a new name.
    Added { name: String },
    /// The root has lost the name of `child`.
    Removed { name: String, child: Child },
    /// The attributes of `ino`, which is in the directory `parent`, are others now.
    AttrChanged { parent: Ino, ino: Ino },
}

impl Notice {
    /// Passes it on.
    pub(crate) fn tell(&self, sink: &dyn InvalidationSink) {
        match self {
            Self::Added { name } => sink.entry_added(Ino::ROOT, name),
            Self::Removed { name, child } => sink.entry_removed(Ino::ROOT, name, *child),
            Self::AttrChanged { parent, ino } => sink.attr_changed(*parent, *ino),
        }
    }
}

impl Torrent {
    /// Returns the files that the front end knows and of which `next` says another progress. Costs
    /// a comparison of both progresses, and a look at each node if they differ.
    pub(super) fn progress_notices(
        &self,
        next: &TorrentSummary,
        inodes: &InodeTable,
    ) -> Vec<Notice> {
        if self.summary.file_progress == next.file_progress {
            return Vec::new();
        }
        let is_changed = |idx: &NodeIdx| match self.tree.node(*idx).body {
            NodeBody::File { index, len } => {
                let shown = |summary| have_bytes(Some(summary), index).min(len);
                shown(&self.summary) != shown(next)
            }
            NodeBody::Directory { .. } | NodeBody::Symlink { .. } => false,
        };
        self.notices(self.tree.indices().filter(is_changed), inodes)
    }

    /// Returns all nodes that the front end knows: they lose their last link.
    pub(super) fn removal_notices(&self, inodes: &InodeTable) -> Vec<Notice> {
        self.notices(self.tree.indices(), inodes)
    }

    fn notices(&self, nodes: impl Iterator<Item = NodeIdx>, inodes: &InodeTable) -> Vec<Notice> {
        let known = nodes.filter(|idx| inodes.is_known(self.ino(*idx)));
        let notice = |idx| {
            let parent = self.tree.node(idx).parent;
            let parent = parent.map_or(Ino::ROOT, |parent| self.ino(parent));
            Notice::AttrChanged { parent, ino: self.ino(idx) }
        };
        known.map(notice).collect()
    }
}
