//! What is known of a node beyond its attributes.

use std::sync::Arc;

use super::layout::{NodeBody, NodeIdx};
use super::{Torrent, Tree, have_bytes};
use crate::{FileIndex, InfoHash, Ino, NodeKind, TorrentState, VfsError};

/// A node of a torrent that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NodeFacts {
    pub(crate) torrent: InfoHash,
    pub(crate) kind: NodeKind,
    /// Which file of its torrent it is, if it is one.
    pub(crate) file: Option<FileIndex>,
    pub(crate) state: TorrentState,
    /// What is downloaded of all files below; `None` while the server does not know.
    pub(crate) amount: Option<Amount>,
}

/// A node and what its server is called.
pub(crate) type ServedNode = (NodeFacts, Option<Arc<str>>);

/// How much of something is downloaded, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Amount {
    pub(crate) have_bytes: u64,
    pub(crate) total_bytes: u64,
}

impl Tree {
    /// Returns what is known of a node; `None` for the root. Costs a look at each node below.
    pub(crate) fn facts(&self, ino: Ino) -> Result<Option<NodeFacts>, VfsError> {
        if ino == Ino::ROOT {
            return Ok(None);
        }
        let (torrent, idx) = self.linked(ino)?;
        let node = torrent.tree.node(idx);
        let file = match node.body {
            NodeBody::File { index, .. } => Some(index),
            NodeBody::Directory { .. } | NodeBody::Symlink { .. } => None,
        };
        Ok(Some(NodeFacts {
            torrent: torrent.tree.info_hash(),
            kind: node.kind(),
            file,
            state: torrent.summary.state,
            amount: torrent.summary.file_progress.as_ref().map(|_| torrent.amount(idx)),
        }))
    }
}

impl Torrent {
    /// Sums up the files below a node. Walks without recursion: folders nest as deep as a torrent
    /// says.
    fn amount(&self, idx: NodeIdx) -> Amount {
        let mut amount = Amount::default();
        let mut open = vec![idx];
        while let Some(idx) = open.pop() {
            match &self.tree.node(idx).body {
                NodeBody::File { index, len } => {
                    let have_bytes = have_bytes(Some(&self.summary), *index).min(*len);
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
