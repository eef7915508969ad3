//! Facts about a node beyond its attributes.

use std::sync::Arc;

use super::node::{NodeBody, NodeIdx};
use super::{Tree, TreeTorrent};
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
        if ino == Ino::ROOT || self.folder_at(ino).is_some() {
            return Ok(None);
        }
        let (torrent, idx) = self.linked(ino)?;
        let shown = torrent.standing.shown();
        let node = torrent.tree.node(idx);
        let file = match node.body {
            NodeBody::File { index, .. } => Some(index),
            NodeBody::Directory { .. } | NodeBody::Symlink { .. } => None,
        };
        let facts = NodeFacts {
            torrent: torrent.tree.info_hash(),
            name: torrent.tree.raw_name().into(),
            tags: self.tags(torrent.tree.info_hash()),
            kind: node.kind(),
            file,
            state: shown.state,
            amount: shown.file_progress.as_ref().map(|_| torrent.amount(idx)),
        };
        Ok(Some((facts, torrent.standing.all().map(|(server, _)| server).collect())))
    }
}

impl TreeTorrent {
    /// Sums up the files below a node. Iterative, because the torrent controls the depth of
    /// folders.
    fn amount(&self, idx: NodeIdx) -> Amount {
        let mut amount = Amount::default();
        let mut open = vec![idx];
        while let Some(idx) = open.pop() {
            match &self.tree.node(idx).body {
                NodeBody::File { index, len } => {
                    let have_bytes = self.standing.shown().have_bytes(*index).min(*len);
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
