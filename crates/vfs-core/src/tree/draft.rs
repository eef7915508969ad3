//! Directories and links of a layout under construction.

use std::collections::{HashMap, HashSet};

use super::node::{NodeIdentity, NodeIdx};
use crate::FileIndex;

/// A directory under construction.
#[derive(Debug)]
pub(super) struct DirectoryDraft {
    pub(super) identity: NodeIdentity,
    /// Its identity without the server.
    pub(super) plain_identity: NodeIdentity,
    pub(super) children: Vec<NodeIdx>,
    /// Escaped names in use.
    pub(super) taken: HashSet<String>,
    /// By raw name: different directories of one torrent never merge.
    pub(super) directories: HashMap<String, NodeIdx>,
    pub(super) leaves: HashMap<String, NodeIdx>,
    /// Indices of symbolic links in the list of all links.
    pub(super) links: HashMap<String, usize>,
}

/// A symbolic link as in the torrent, not escaped.
#[derive(Debug)]
pub(super) struct LinkDraft {
    pub(super) index: FileIndex,
    /// The folder that contains it.
    pub(super) folder: NodeIdx,
    pub(super) raw_name: String,
    /// Relative to the torrent's top (BEP 47) or, if that does not exist, to `folder`: libtorrent
    /// writes the target as the link has it on the disk.
    pub(super) target: Vec<String>,
}

impl DirectoryDraft {
    pub(super) fn new(identity: NodeIdentity, plain_identity: NodeIdentity) -> Self {
        let (taken, directories, leaves, links) = Default::default();
        let children = Vec::new();
        Self { identity, plain_identity, children, taken, directories, leaves, links }
    }
}
