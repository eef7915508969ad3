//! Building a layout: paths become directories, names are made valid and told apart.

use std::collections::{HashMap, HashSet};

use super::layout::{Node, NodeBody, NodeIdentity, NodeIdx};
use crate::name::{escape, escape_marked};
use crate::{FileIndex, FileKind, InfoHash};

/// The longest target of a symbolic link in bytes (`PATH_MAX` less its NUL).
const LINK_TARGET_BYTES_MAX: usize = 4095;

/// A directory while it is being filled.
#[derive(Debug, Default)]
struct DirectoryDraft {
    children: Vec<NodeIdx>,
    /// Escaped names that are given out.
    taken: HashSet<String>,
    /// By the names in the torrent: different directories of one torrent never merge.
    directories: HashMap<String, NodeIdx>,
    leaves: HashMap<String, NodeIdx>,
}

/// A symbolic link whose target is looked for when all files are there.
#[derive(Debug)]
struct LinkDraft {
    index: FileIndex,
    path: Vec<String>,
    target: Vec<String>,
}

/// Collects the files of a torrent. The order of the calls decides who keeps a plain name.
#[derive(Debug)]
pub(super) struct Builder {
    nodes: Vec<Node>,
    /// One for each node; `None` for what is no directory.
    drafts: Vec<Option<DirectoryDraft>>,
    links: Vec<LinkDraft>,
}

impl Builder {
    /// Starts with the top as an empty directory.
    pub(super) fn new(info_hash: InfoHash) -> Self {
        let top = Node {
            name: Box::default(),
            parent: None,
            body: NodeBody::Directory { children: Box::default(), subdirectory_count: 0 },
            identity: NodeIdentity::of_top(info_hash),
        };
        Self { nodes: vec![top], drafts: vec![Some(DirectoryDraft::default())], links: Vec::new() }
    }

    /// Makes the top the torrent's only file.
    pub(super) fn set_top_file(&mut self, len: u64) {
        let index = FileIndex(0);
        if let (Some(top), Some(draft)) = (self.nodes.first_mut(), self.drafts.first_mut()) {
            top.body = NodeBody::File { index, len };
            top.identity = top.identity.of_file(index);
            *draft = None;
        }
    }

    /// Adds the file at position `index` of the torrent's list. Padding is left out.
    pub(super) fn add(&mut self, index: FileIndex, path: &[String], len: u64, kind: &FileKind) {
        match kind {
            FileKind::Padding => {}
            FileKind::Regular => {
                self.add_leaf(index, path, NodeBody::File { index, len });
            }
            FileKind::Symlink { target } => {
                self.links.push(LinkDraft { index, path: path.to_vec(), target: target.clone() });
            }
        }
    }

    /// Adds the links, sorts the directories, and returns the nodes, the top first.
    pub(super) fn finish(mut self) -> Box<[Node]> {
        for link in std::mem::take(&mut self.links) {
            self.add_link(&link);
        }
        let order: Vec<_> =
            self.drafts.into_iter().map(|draft| draft.map(|d| d.children)).collect();
        for (position, children) in order.into_iter().enumerate() {
            let Some(mut children) = children else { continue };
            let name = |idx: &NodeIdx| self.nodes.get(idx.position()).map(|node| &node.name);
            children.sort_unstable_by(|a, b| name(a).cmp(&name(b)));
            let is_directory =
                |idx: &&NodeIdx| self.nodes.get(idx.position()).is_some_and(Node::is_directory);
            let subdirectory_count = children.iter().filter(is_directory).count();
            if let Some(node) = self.nodes.get_mut(position) {
                let children = children.into_boxed_slice();
                node.body = NodeBody::Directory { children, subdirectory_count };
            }
        }
        self.nodes.into_boxed_slice()
    }

    fn add_leaf(&mut self, index: FileIndex, path: &[String], body: NodeBody) {
        let (raw, folders) = match path.split_last() {
            Some((raw, folders)) => (raw.as_str(), folders),
            None => ("", path),
        };
        let mut parent = NodeIdx::TOP;
        for folder in folders {
            let Some(next) = self.enter(parent, folder, index) else { return };
            parent = next;
        }
        let Some(name) = self.take_name(parent, raw, index, false) else { return };
        let Some(identity) = self.nodes.first().map(|top| top.identity.of_file(index)) else {
            return;
        };
        let Some(idx) = self.push(Node { name, parent: Some(parent), body, identity }, None) else {
            return;
        };
        if let Some(draft) = self.draft(parent) {
            draft.children.push(idx);
            draft.leaves.entry(raw.to_owned()).or_insert(idx);
        }
    }

    /// Returns the directory `raw` in `parent`, a new one if there is none yet.
    fn enter(&mut self, parent: NodeIdx, raw: &str, index: FileIndex) -> Option<NodeIdx> {
        if let Some(known) = self.draft(parent)?.directories.get(raw) {
            return Some(*known);
        }
        let name = self.take_name(parent, raw, index, true)?;
        let identity = self.nodes.get(parent.position())?.identity.of_directory(raw);
        let body = NodeBody::Directory { children: Box::default(), subdirectory_count: 0 };
        let node = Node { name, parent: Some(parent), body, identity };
        let idx = self.push(node, Some(DirectoryDraft::default()))?;
        let draft = self.draft(parent)?;
        draft.children.push(idx);
        draft.directories.insert(raw.to_owned(), idx);
        Some(idx)
    }

    fn add_link(&mut self, link: &LinkDraft) {
        let folder_count = link.path.len().saturating_sub(1);
        match self.find(&link.target).map(|target| self.relative(folder_count, target)) {
            Some(target) if target.len() <= LINK_TARGET_BYTES_MAX => {
                let target = target.into_boxed_str();
                self.add_leaf(link.index, &link.path, NodeBody::Symlink { target });
            }
            _ => tracing::debug!(index = link.index.0, "a link that leaves its torrent is hidden"),
        }
    }

    /// Follows names of the torrent from its top; `..` and the like are no such names.
    fn find(&mut self, path: &[String]) -> Option<NodeIdx> {
        let (last, folders) = path.split_last()?;
        let mut at = NodeIdx::TOP;
        for folder in folders {
            at = *self.draft(at)?.directories.get(folder)?;
        }
        let draft = self.draft(at)?;
        draft.directories.get(last).or_else(|| draft.leaves.get(last)).copied()
    }

    /// Returns the way to `target` from a directory that is `folder_count` below the top.
    fn relative(&self, folder_count: usize, target: NodeIdx) -> String {
        let mut names = Vec::new();
        let mut at = self.nodes.get(target.position());
        while let Some(Node { name, parent: Some(parent), .. }) = at {
            names.push(name.as_ref());
            at = self.nodes.get(parent.position());
        }
        names.extend(std::iter::repeat_n("..", folder_count));
        names.reverse();
        names.join("/")
    }

    fn push(&mut self, node: Node, draft: Option<DirectoryDraft>) -> Option<NodeIdx> {
        let idx = NodeIdx::try_new(self.nodes.len())?;
        self.nodes.push(node);
        self.drafts.push(draft);
        Some(idx)
    }

    fn draft(&mut self, idx: NodeIdx) -> Option<&mut DirectoryDraft> {
        self.drafts.get_mut(idx.position())?.as_mut()
    }

    /// Returns a name in `parent` that nobody has, and takes it. Two that collide are told apart
    /// by the number of the file in the torrent.
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
