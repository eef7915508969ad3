//! Total size of all torrents, maintained so that `statfs` costs O(1).

use super::TreeTorrent;
use super::node::NodeBody;

/// Sums over all visible torrents. 128 bits, so that a torrent with implausibly large sizes causes
/// no overflow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) total_bytes: u128,
    pub(super) have_bytes: u128,
    pub(super) node_count: u64,
}

impl Totals {
    pub(super) fn add(&mut self, other: Self) {
        self.total_bytes = self.total_bytes.saturating_add(other.total_bytes);
        self.have_bytes = self.have_bytes.saturating_add(other.have_bytes);
        self.node_count = self.node_count.saturating_add(other.node_count);
    }

    pub(super) fn subtract(&mut self, other: Self) {
        self.total_bytes = self.total_bytes.saturating_sub(other.total_bytes);
        self.have_bytes = self.have_bytes.saturating_sub(other.have_bytes);
        self.node_count = self.node_count.saturating_sub(other.node_count);
    }
}

impl TreeTorrent {
    /// Sums up its files. Padding counts as progress on the server, but is not shown. Costs
    /// O(nodes).
    pub(super) fn sum_up(&self) -> Totals {
        let tree = &self.place.tree;
        // A torrent that is not shown has a top even so.
        let node_count = if tree.is_shown() { tree.node_count() as u64 } else { 0 };
        let mut totals = Totals { node_count, ..Totals::default() };
        for idx in tree.indices() {
            if let NodeBody::File { index, len } = tree.node(idx).body {
                let have_bytes = self.standing.shown().have_bytes(index).min(len);
                totals.total_bytes = totals.total_bytes.saturating_add(len.into());
                totals.have_bytes = totals.have_bytes.saturating_add(have_bytes.into());
            }
        }
        totals
    }
}
