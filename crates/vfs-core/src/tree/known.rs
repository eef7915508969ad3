//! Nodes that a front end knows, and their paths.

use super::{NodeBody, NodeIdx, Tree, TreeTorrent};
use crate::Ino;

/// A node that a front end has looked up and not forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownNode {
    /// Its inode number.
    pub ino: Ino,
    /// Its parent directory.
    pub parent: Ino,
    /// Its name there.
    pub name: String,
    /// Whether it is a directory.
    pub is_directory: bool,
    /// Its length in bytes; 0 unless it is a file.
    pub size: u64,
}

impl Tree {
    /// Returns how many nodes of torrents the front end knows, including those of removed torrents.
    pub(crate) fn known_count(&self) -> usize {
        self.inodes.known_count()
    }

    /// Returns the nodes of all torrents that the front end knows. Costs O(nodes).
    pub(crate) fn known(&self) -> Vec<KnownNode> {
        let mut known = Vec::new();
        for torrent in self.torrents.values() {
            for idx in torrent.tree.indices() {
                let ino = torrent.ino(idx);
                if self.inodes.is_known(ino) {
                    known.extend(self.known_node(torrent, idx));
                }
            }
        }
        known
    }

    fn known_node(&self, torrent: &TreeTorrent, idx: NodeIdx) -> Option<KnownNode> {
        let node = torrent.tree.node(idx);
        let name = match node.parent {
            Some(_) => &*node.name,
            None => self.name(torrent.tree.key())?,
        };
        Some(KnownNode {
            ino: torrent.ino(idx),
            parent: torrent.parent_of(idx),
            name: name.to_owned(),
            is_directory: node.is_directory(),
            size: match node.body {
                NodeBody::File { len, .. } => len,
                NodeBody::Directory { .. } | NodeBody::Symlink { .. } => 0,
            },
        })
    }

    /// Returns the path of a node from the root, without a leading slash; `None` if its torrent was
    /// removed.
    pub(crate) fn path(&self, ino: Ino) -> Option<String> {
        let mut path = String::new();
        self.write_path(ino, &mut path).ok()?;
        Some(path)
    }
}
