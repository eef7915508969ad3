//! Nodes of a torrent at a place that shows some of its files, or all without their folders.

use std::collections::HashSet;

use super::build::{DirectoryNode, LayoutNodes};
use super::node::{LayoutNode, NodeBody, NodeIdentity, NodeIdx};
use crate::FileIndex;

/// Maximum number of links that may lead to one another: the tree shows no longer chains, see
/// `HOPS_MAX` of links.
const LINK_ROUNDS_MAX: usize = 16;

/// Maximum number of names that are followed for one link, for chains of links.
const LINK_STEPS_MAX: usize = 1 << 16;

impl LayoutNodes {
    /// Returns whether it has a file or link.
    pub(super) fn has_leaf(&self) -> bool {
        self.nodes.iter().any(|node| !node.is_directory())
    }

    /// Returns whether all its files and links are among these.
    pub(super) fn is_within(&self, files: &HashSet<FileIndex>) -> bool {
        self.nodes.iter().filter_map(LayoutNode::index).all(|index| files.contains(&index))
    }

    /// Returns the position of the file with an index.
    pub(super) fn position_of(&self, index: FileIndex) -> Option<usize> {
        let (mut start, mut end) = (0, self.nodes.len());
        while start < end {
            let middle = start + (end - start) / 2;
            let rest = self.nodes.get(middle..end)?;
            let mut files = rest.iter().enumerate().filter_map(|(offset, node)| match node.body {
                NodeBody::File { index, .. } => Some((middle + offset, index)),
                NodeBody::Directory { .. } | NodeBody::Symlink { .. } => None,
            });
            match files.next() {
                Some((position, found)) if found == index => return Some(position),
                Some((position, found)) if found < index => start = position + 1,
                Some(_) | None => end = middle,
            }
        }
        None
    }

    /// Returns its nodes with these files and links only, and without the directories that become
    /// empty. A link whose target is not shown is left out. `None` if nothing is left.
    pub(super) fn filtered(&self, files: &HashSet<FileIndex>) -> Option<Self> {
        let shown = ShownNodes::new(self, files);
        let mut next = 0_usize;
        let places = shown.is_shown.iter().map(|is_shown| {
            let place = is_shown.then(|| NodeIdx::try_new(next)).flatten();
            next += usize::from(*is_shown);
            place
        });
        let places: Vec<Option<NodeIdx>> = places.collect();
        let place = |idx: NodeIdx| places.get(idx.position()).copied().flatten();
        place(NodeIdx::TOP)?;
        let nodes = self.nodes.iter().zip(&shown.is_shown).filter(|(_, is_shown)| **is_shown);
        let nodes = nodes.map(|(node, _)| LayoutNode {
            name: node.name.clone(),
            parent: node.parent.and_then(place),
            body: match &node.body {
                NodeBody::Directory { children, .. } => {
                    let is_directory = |idx: &&NodeIdx| {
                        let child = self.nodes.get(idx.position());
                        place(**idx).is_some() && child.is_some_and(LayoutNode::is_directory)
                    };
                    let count = children.iter().filter(is_directory).count();
                    let subdirectory_count = u32::try_from(count).unwrap_or(u32::MAX);
                    let children = children.iter().filter_map(|idx| place(*idx)).collect();
                    NodeBody::Directory { children, subdirectory_count }
                }
                NodeBody::File { index, len } => NodeBody::File { index: *index, len: *len },
                NodeBody::Symlink { index, target } => {
                    NodeBody::Symlink { index: *index, target: target.clone() }
                }
            },
        });
        let directories = self.directories.iter().filter_map(|directory| {
            Some(DirectoryNode { idx: place(directory.idx)?, ..*directory })
        });
        Some(Self { nodes: nodes.collect(), directories: directories.collect() })
    }

    /// Returns its files below a hidden top, without folders and links. Their names are kept by the
    /// directory that they stand in. `None` if nothing is left.
    pub(super) fn flat(
        &self,
        files: Option<&HashSet<FileIndex>>,
        top: TopIdentity,
    ) -> Option<Self> {
        let files = self.nodes.iter().filter_map(|node| match node.body {
            NodeBody::File { index, len } => {
                let is_shown = files.is_none_or(|files| files.contains(&index));
                is_shown.then_some(NodeBody::File { index, len })
            }
            NodeBody::Directory { .. } | NodeBody::Symlink { .. } => None,
        });
        let leaf = |body| LayoutNode { name: Box::default(), parent: None, body };
        Self::below(top, files.map(leaf).collect())
    }

    /// Returns a torrent's only file in a directory of its own.
    pub(super) fn wrapped(&self, name: &str, top: TopIdentity) -> Option<Self> {
        let NodeBody::File { index, len } = self.nodes.first()?.body else { return None };
        let (parent, body) = (Some(NodeIdx::TOP), NodeBody::File { index, len });
        Self::below(top, vec![LayoutNode { name: name.into(), parent, body }])
    }

    /// Returns files in one directory, in this order. `None` if there are none.
    fn below(top: TopIdentity, files: Vec<LayoutNode>) -> Option<Self> {
        if files.is_empty() {
            return None;
        }
        let children = (1..=files.len()).map_while(NodeIdx::try_new).collect();
        let body = NodeBody::Directory { children, subdirectory_count: 0 };
        let TopIdentity { identity, plain_identity } = top;
        let directory = DirectoryNode { idx: NodeIdx::TOP, rank: 0, identity, plain_identity };
        let top = LayoutNode { name: Box::default(), parent: None, body };
        let nodes = std::iter::once(top).chain(files).collect();
        Some(Self { nodes, directories: [directory].into() })
    }
}

/// Identity of a torrent's top, with and without the server.
#[derive(Debug, Clone, Copy)]
pub(super) struct TopIdentity {
    pub(super) identity: NodeIdentity,
    pub(super) plain_identity: NodeIdentity,
}

/// Nodes that are shown.
struct ShownNodes<'a> {
    all: &'a [LayoutNode],
    /// By position.
    is_shown: Vec<bool>,
}

impl<'a> ShownNodes<'a> {
    fn new(nodes: &'a LayoutNodes, files: &HashSet<FileIndex>) -> Self {
        let all = &nodes.nodes;
        let mut shown = Self { all, is_shown: vec![false; all.len()] };
        let mut links = Vec::new();
        for idx in (0..all.len()).map_while(NodeIdx::try_new) {
            match shown.node(idx).map(|node| &node.body) {
                Some(NodeBody::File { index, .. }) if files.contains(index) => shown.show(idx),
                Some(NodeBody::Symlink { index, .. }) if files.contains(index) => links.push(idx),
                Some(_) | None => {}
            }
        }
        for _ in 0..LINK_ROUNDS_MAX {
            let waiting = links.len();
            links.retain(|link| {
                let leads_to = shown.follow(*link, &mut 0);
                let is_shown = leads_to.is_some();
                if is_shown {
                    shown.show(*link);
                }
                !is_shown
            });
            if links.len() == waiting {
                break;
            }
        }
        shown
    }

    /// Shows a node and the directories above it.
    fn show(&mut self, idx: NodeIdx) {
        let mut next = Some(idx);
        while let Some(idx) = next {
            match self.is_shown.get_mut(idx.position()) {
                Some(is_shown) if !*is_shown => *is_shown = true,
                Some(_) | None => return,
            }
            next = self.node(idx).and_then(|node| node.parent);
        }
    }

    /// Returns the node at the end of a link, if all nodes on the path are shown.
    fn follow(&self, link: NodeIdx, steps: &mut usize) -> Option<NodeIdx> {
        let node = self.node(link)?;
        let NodeBody::Symlink { target, .. } = &node.body else { return None };
        let mut at = node.parent?;
        for name in target.split('/') {
            *steps += 1;
            if *steps > LINK_STEPS_MAX {
                return None;
            }
            at = match name {
                ".." => self.node(at)?.parent?,
                _ => self.child(at, name)?,
            };
            if !self.is_shown.get(at.position()).copied()? {
                return None;
            }
            if matches!(self.node(at)?.body, NodeBody::Symlink { .. }) {
                // Links of a torrent lead to one another without circles, and never deep.
                at = self.follow(at, steps)?;
            }
        }
        Some(at)
    }

    fn child(&self, dir: NodeIdx, name: &str) -> Option<NodeIdx> {
        let NodeBody::Directory { children, .. } = &self.node(dir)?.body else { return None };
        let of = |idx: &NodeIdx| self.node(*idx).map_or("", |node| &node.name);
        let position = children.binary_search_by(|child| of(child).cmp(name)).ok()?;
        children.get(position).copied()
    }

    fn node(&self, idx: NodeIdx) -> Option<&'a LayoutNode> {
        self.all.get(idx.position())
    }
}
