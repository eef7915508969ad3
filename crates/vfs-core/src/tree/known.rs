//! Nodes that a front end knows, and their paths.

use super::place::TreePlace;
use super::{FileRef, NodeBody, NodeIdx, Tree};
use crate::{FileId, Ino};

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
        let places = self.all_places();
        let nodes = places.flat_map(|place| place.shown().map(move |idx| (place, idx)));
        let known = nodes.filter(|(place, idx)| self.inodes.is_known(place.ino(*idx)));
        known.map(|(place, idx)| self.known_node(place, idx)).collect()
    }

    fn known_node(&self, place: &TreePlace, idx: NodeIdx) -> KnownNode {
        let node = place.tree.node(idx);
        KnownNode {
            ino: place.ino(idx),
            parent: place.parent_of(idx),
            name: self.node_name(place, idx).to_owned(),
            is_directory: node.is_directory(),
            size: match node.body {
                NodeBody::File { len, .. } => len,
                NodeBody::Directory { .. } | NodeBody::Symlink { .. } => 0,
            },
        }
    }

    /// Returns the path of an open file from the root, without a leading slash: where it was
    /// opened, or elsewhere if it is no longer shown there. `None` if its torrent was removed.
    pub(crate) fn path_of_open(&self, file: FileRef) -> Option<String> {
        self.path(file.ino).or_else(|| self.path_of_file(file.id))
    }

    /// Returns a file by its identity, wherever it is shown; `None` if its torrent was removed.
    pub(crate) fn file_by_id(&self, id: FileId) -> Option<FileRef> {
        let (_, torrent) = self.copies(id.torrent).next()?;
        let place = &torrent.place;
        let idx = place.tree.find_file(id.index)?;
        let NodeBody::File { len, .. } = place.tree.node(idx).body else { return None };
        Some(FileRef { id, ino: place.ino(idx), len, geometry: place.tree.geometry(id.index) })
    }

    /// Returns the path of a file from the root, without a leading slash; `None` if its torrent was
    /// removed, or if it is not shown.
    pub(crate) fn path_of_file(&self, id: FileId) -> Option<String> {
        let (_, torrent) = self.copies(id.torrent).next()?;
        let tree = &torrent.place.tree;
        Some(self.locate(tree, tree.find_file(id.index)?)?.1)
    }

    /// Returns the path of a node from the root, without a leading slash; `None` if its torrent was
    /// removed.
    pub(crate) fn path(&self, ino: Ino) -> Option<String> {
        let mut path = String::new();
        self.write_path(ino, &mut path).ok()?;
        Some(path)
    }
}
