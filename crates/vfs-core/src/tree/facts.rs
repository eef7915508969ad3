//! Facts about a node beyond its attributes.

use std::sync::Arc;

use super::node::{NodeBody, NodeIdx};
use super::place::{ShownProgress, TreePlace};
use super::{TorrentKey, Tree};
use crate::{FileIndex, InfoHash, Ino, NodeKind, ServerId, TorrentState, VfsError};

/// Facts about a node of an existing torrent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NodeFacts {
    pub(crate) torrent: InfoHash,
    /// Name of the torrent, not escaped.
    pub(crate) name: Box<str>,
    /// Tags of the torrent, in their order.
    pub(crate) tags: Arc<[String]>,
    pub(crate) kind: NodeKind,
    /// Its index in the torrent, for a file.
    pub(crate) file: Option<FileIndex>,
    pub(crate) state: TorrentState,
    /// Progress of all files below; `None` while the server does not know it.
    pub(crate) amount: Option<Amount>,
}

/// Total and downloaded size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Amount {
    pub(crate) have_bytes: u64,
    pub(crate) total_bytes: u64,
}

impl Tree {
    /// Returns the facts about a node and the servers that have it; `None` for directories of
    /// torrents. Costs O(nodes below).
    pub(crate) fn facts(&self, ino: Ino) -> Result<Option<(NodeFacts, Vec<ServerId>)>, VfsError> {
        if self.has_torrents(ino) {
            return Ok(None);
        }
        let (place, idx) = self.linked(ino)?;
        let shown = self.progress(place.tree.key()).ok_or(VfsError::Stale)?;
        let node = place.tree.node(idx);
        let file = match node.body {
            NodeBody::File { index, .. } => Some(index),
            NodeBody::Directory { .. } | NodeBody::Symlink { .. } => None,
        };
        let info_hash = place.tree.info_hash();
        // A view may show it under another name.
        let (_, torrent) = self.copies(info_hash).next().ok_or(VfsError::Stale)?;
        let facts = NodeFacts {
            torrent: info_hash,
            name: torrent.place.tree.raw_name().into(),
            tags: self.tags(info_hash),
            kind: node.kind(),
            file,
            state: shown.state(),
            amount: shown.is_known().then(|| place.amount(idx, &shown)),
        };
        Ok(Some((facts, self.servers_at(place.tree.key()))))
    }

    /// Returns the servers of a torrent at a place, in their order: in a view, of all its copies.
    pub(super) fn servers_at(&self, key: TorrentKey) -> Vec<ServerId> {
        let copies = self.copies(key.info_hash);
        let here = copies.filter(|(copy, _)| *copy == key || !self.torrents.contains_key(&key));
        let servers = here.flat_map(|(_, torrent)| torrent.standing.all());
        servers.map(|(server, _)| server).collect()
    }
}

impl TreePlace {
    /// Sums up the files below a node. Iterative, because the torrent controls the depth of
    /// folders.
    fn amount(&self, idx: NodeIdx, shown: &ShownProgress<'_>) -> Amount {
        let mut amount = Amount::default();
        let mut open = vec![idx];
        while let Some(idx) = open.pop() {
            match &self.tree.node(idx).body {
                NodeBody::File { index, len } => {
                    let have_bytes = shown.have_bytes(*index).min(*len);
                    amount.have_bytes = amount.have_bytes.saturating_add(have_bytes);
                    amount.total_bytes = amount.total_bytes.saturating_add(*len);
                }
                NodeBody::Directory { children, .. } => open.extend(children),
                NodeBody::Symlink { .. } => {}
            }
        }
        amount
    }
}
