//! Builds a layout: converts paths to directories, and makes names valid and unique.

use super::draft::{DirectoryDraft, LinkDraft};
use super::links::{LinkContext, Resolution};
use super::node::{FILE_BYTES_MAX, LayoutNode, NodeBody, NodeIdentity, NodeIdx};
use crate::name::{escape, escape_marked};
use crate::{FileEntry, FileIndex, FileKind};

/// Collects the files of a torrent. Of colliding names, the first added keeps the plain one.
#[derive(Debug)]
pub(super) struct Builder {
    nodes: Vec<LayoutNode>,
    /// One for each node; `None` unless it is a directory.
    drafts: Vec<Option<DirectoryDraft>>,
    /// Added after all files: a file has priority over a link for a plain name.
    links: Vec<(FileIndex, FileEntry)>,
}

/// The nodes of a layout, which several places of a torrent may share.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LayoutNodes {
    /// The top comes first. Files are in the order of the torrent, and links after them.
    pub(super) nodes: Box<[LayoutNode]>,
    /// In the order of the nodes.
    pub(super) directories: Box<[DirectoryNode]>,
}

/// Identity of a directory. That of a file follows from its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DirectoryNode {
    pub(super) idx: NodeIdx,
    /// Its position among all directories of the torrent.
    pub(super) rank: u32,
    pub(super) identity: NodeIdentity,
    /// Its identity without the server, for views.
    pub(super) plain_identity: NodeIdentity,
}

impl Builder {
    /// Starts with an empty directory as the top.
    pub(super) fn new(identity: NodeIdentity, plain_identity: NodeIdentity) -> Self {
        let top = LayoutNode {
            name: Box::default(),
            parent: None,
            body: NodeBody::Directory { children: Box::default(), subdirectory_count: 0 },
        };
        let draft = DirectoryDraft::new(identity, plain_identity);
        Self { nodes: vec![top], drafts: vec![Some(draft)], links: Vec::new() }
    }

    /// Makes the torrent's only file the top.
    pub(super) fn set_top_file(&mut self, len: u64) {
        let index = FileIndex(0);
        if let (Some(top), Some(draft)) = (self.nodes.first_mut(), self.drafts.first_mut()) {
            top.body = NodeBody::File { index, len };
            *draft = None;
        }
    }

    /// Adds the file with this `index`. Skips padding, and files that Linux cannot represent.
    pub(super) fn add(&mut self, index: FileIndex, file: &FileEntry) {
        if file.is_padding() {
            return;
        }
        match &file.kind {
            FileKind::Regular if file.len > FILE_BYTES_MAX => {
                let len = file.len;
                tracing::debug!(index = index.0, len, "hiding a file longer than 2^63 - 1 bytes");
            }
            FileKind::Regular => {
                self.add_leaf(index, &file.path, NodeBody::File { index, len: file.len });
            }
            FileKind::Symlink { .. } => self.links.push((index, file.clone())),
            FileKind::Padding => {}
        }
    }

    /// Adds the links and sorts the directories.
    pub(super) fn finish(mut self) -> LayoutNodes {
        self.add_links();
        let mut directories = Vec::new();
        for (position, draft) in self.drafts.into_iter().enumerate() {
            let Some(DirectoryDraft { identity, plain_identity, mut children, .. }) = draft else {
                continue;
            };
            // There are at most as many directories as nodes, whose indices have 32 bits.
            let rank = u32::try_from(directories.len()).unwrap_or(u32::MAX);
            let idx = NodeIdx::try_new(position);
            directories.extend(idx.map(|idx| DirectoryNode {
                idx,
                rank,
                identity,
                plain_identity,
            }));
            let name = |idx: &NodeIdx| self.nodes.get(idx.position()).map(|node| &node.name);
            children.sort_unstable_by(|a, b| name(a).cmp(&name(b)));
            let is_directory = |idx: &&NodeIdx| {
                self.nodes.get(idx.position()).is_some_and(LayoutNode::is_directory)
            };
            let subdirectory_count = children.iter().filter(is_directory).count();
            let subdirectory_count = u32::try_from(subdirectory_count).unwrap_or(u32::MAX);
            if let Some(node) = self.nodes.get_mut(position) {
                let children = children.into_boxed_slice();
                node.body = NodeBody::Directory { children, subdirectory_count };
            }
        }
        LayoutNodes { nodes: self.nodes.into(), directories: directories.into() }
    }

    fn add_leaf(&mut self, index: FileIndex, path: &[String], body: NodeBody) {
        let Some((parent, raw)) = self.enter_all(index, path) else { return };
        let Some(name) = self.take_name(parent, raw, index, false) else { return };
        let Some(idx) = self.push(LayoutNode { name, parent: Some(parent), body }, None) else {
            return;
        };
        if let Some(draft) = self.draft(parent) {
            draft.children.push(idx);
            draft.leaves.entry(raw.to_owned()).or_insert(idx);
        }
    }

    /// Returns the directory of a path, and the name of the file in it.
    fn enter_all<'a>(
        &mut self,
        index: FileIndex,
        path: &'a [String],
    ) -> Option<(NodeIdx, &'a str)> {
        let (raw, folders) = match path.split_last() {
            Some((raw, folders)) => (raw.as_str(), folders),
            None => ("", path),
        };
        let mut parent = NodeIdx::TOP;
        for folder in folders {
            parent = self.enter(parent, folder, index)?;
        }
        Some((parent, raw))
    }

    /// Returns the directory `raw` in `parent`; creates it if necessary.
    fn enter(&mut self, parent: NodeIdx, raw: &str, index: FileIndex) -> Option<NodeIdx> {
        if let Some(known) = self.draft(parent)?.directories.get(raw) {
            return Some(*known);
        }
        let name = self.take_name(parent, raw, index, true)?;
        let draft = self.draft(parent)?;
        let identity = draft.identity.of_directory(raw);
        let plain_identity = draft.plain_identity.of_directory(raw);
        let body = NodeBody::Directory { children: Box::default(), subdirectory_count: 0 };
        let node = LayoutNode { name, parent: Some(parent), body };
        let idx = self.push(node, Some(DirectoryDraft::new(identity, plain_identity)))?;
        let draft = self.draft(parent)?;
        draft.children.push(idx);
        draft.directories.insert(raw.to_owned(), idx);
        Some(idx)
    }

    /// Adds the links with a target in the torrent. The folders of other links are shown too, so
    /// that only the links are added when their targets become known later.
    fn add_links(&mut self) {
        let mut links = Vec::new();
        for (index, file) in std::mem::take(&mut self.links) {
            let FileKind::Symlink { target } = file.kind else { continue };
            let Some((folder, raw)) = self.enter_all(index, &file.path) else { continue };
            if let Some(draft) = self.draft(folder) {
                draft.links.entry(raw.to_owned()).or_insert(links.len());
            }
            links.push(LinkDraft { index, folder, raw_name: raw.to_owned(), target });
        }
        if links.is_empty() {
            return;
        }
        let resolution = Resolution::new(self.surroundings(&links));
        let mut names = Vec::new();
        for (position, LinkDraft { index, folder, raw_name, .. }) in links.iter().enumerate() {
            names.push(if resolution.is_shown(position) {
                self.take_name(*folder, raw_name, *index, false)
            } else {
                tracing::debug!(index = index.0, "hiding a link without a target in its torrent");
                None
            });
        }
        let targets = resolution.targets(self.surroundings(&links), &names);
        for ((LinkDraft { index, folder, .. }, name), target) in
            links.iter().zip(names).zip(targets)
        {
            let (Some(name), Some(target)) = (name, target) else { continue };
            let body = NodeBody::Symlink { index: *index, target: target.into_boxed_str() };
            let node = LayoutNode { name, parent: Some(*folder), body };
            let idx = self.push(node, None);
            if let (Some(idx), Some(draft)) = (idx, self.draft(*folder)) {
                draft.children.push(idx);
            }
        }
    }

    fn surroundings<'a>(&'a self, links: &'a [LinkDraft]) -> LinkContext<'a> {
        LinkContext { nodes: &self.nodes, drafts: &self.drafts, links }
    }

    fn push(&mut self, node: LayoutNode, draft: Option<DirectoryDraft>) -> Option<NodeIdx> {
        let idx = NodeIdx::try_new(self.nodes.len())?;
        self.nodes.push(node);
        self.drafts.push(draft);
        Some(idx)
    }

    fn draft(&mut self, idx: NodeIdx) -> Option<&mut DirectoryDraft> {
        self.drafts.get_mut(idx.position())?.as_mut()
    }

    /// Returns and reserves an unused name in `parent`. A colliding name gets the index of the file
    /// in the torrent as a mark.
    fn take_name(
        &mut self,
        parent: NodeIdx,
        raw: &str,
        index: FileIndex,
        is_directory: bool,
    ) -> Option<Box<str>> {
        let taken = &mut self.draft(parent)?.taken;
        let mark = format!("#{}", index.0);
        let numbered = (2_u64..).map(|n| format!("{mark} {n}"));
        let marked = std::iter::once(mark.clone()).chain(numbered);
        let name = std::iter::once(escape(raw))
            .chain(marked.map(|mark| escape_marked(raw, &mark, is_directory)))
            .find(|name| !taken.contains(name))?;
        taken.insert(name.clone());
        Some(name.into_boxed_str())
    }
}
