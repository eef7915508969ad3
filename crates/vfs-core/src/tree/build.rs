//! Building a layout: paths become directories, names are made valid and told apart.

use std::collections::{HashMap, HashSet};

use super::layout::{FILE_BYTES_MAX, Node, NodeBody, NodeIdentity, NodeIdx};
use crate::name::{escape, escape_marked};
use crate::{FileIndex, FileKind};

/// The longest target of a symbolic link in bytes (`PATH_MAX` less its NUL).
const LINK_TARGET_BYTES_MAX: usize = 4095;

/// A directory while it is being filled.
#[derive(Debug)]
struct DirectoryDraft {
    identity: NodeIdentity,
    children: Vec<NodeIdx>,
    /// Escaped names that are given out.
    taken: HashSet<String>,
    /// By the names in the torrent: different directories of one torrent never merge.
    directories: HashMap<String, NodeIdx>,
    leaves: HashMap<String, NodeIdx>,
}

impl DirectoryDraft {
    fn new(identity: NodeIdentity) -> Self {
        let (taken, directories, leaves) = Default::default();
        Self { identity, children: Vec::new(), taken, directories, leaves }
    }
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

/// What was built.
#[derive(Debug)]
pub(super) struct Built {
    /// The top comes first.
    pub(super) nodes: Box<[Node]>,
    /// What the directories are, in the order of the nodes.
    pub(super) directory_identities: Box<[(NodeIdx, NodeIdentity)]>,
}

impl Builder {
    /// Starts with the top as an empty directory.
    pub(super) fn new(identity: NodeIdentity) -> Self {
        let top = Node {
            name: Box::default(),
            parent: None,
            body: NodeBody::Directory { children: Box::default(), subdirectory_count: 0 },
        };
        let draft = DirectoryDraft::new(identity);
        Self { nodes: vec![top], drafts: vec![Some(draft)], links: Vec::new() }
    }

    /// Makes the top the torrent's only file.
    pub(super) fn set_top_file(&mut self, len: u64) {
        let index = FileIndex(0);
        if let (Some(top), Some(draft)) = (self.nodes.first_mut(), self.drafts.first_mut()) {
            top.body = NodeBody::File { index, len };
            *draft = None;
        }
    }

    /// Adds the file at position `index` of the torrent's list. Padding is left out, and so is what
    /// no Linux can show.
    pub(super) fn add(&mut self, index: FileIndex, path: &[String], len: u64, kind: &FileKind) {
        match kind {
            FileKind::Padding => {}
            FileKind::Regular if len > FILE_BYTES_MAX => {
                tracing::debug!(index = index.0, len, "a file longer than 2^63 - 1 is hidden");
            }
            FileKind::Regular => {
                self.add_leaf(index, path, NodeBody::File { index, len });
            }
            FileKind::Symlink { target } => {
                self.links.push(LinkDraft { index, path: path.to_vec(), target: target.clone() });
            }
        }
    }

    /// Adds the links and sorts the directories.
    pub(super) fn finish(mut self) -> Built {
        for link in std::mem::take(&mut self.links) {
            self.add_link(&link);
        }
        let mut identities = Vec::new();
        for (position, draft) in self.drafts.into_iter().enumerate() {
            let Some(DirectoryDraft { identity, mut children, .. }) = draft else { continue };
            identities.extend(NodeIdx::try_new(position).map(|idx| (idx, identity)));
            let name = |idx: &NodeIdx| self.nodes.get(idx.position()).map(|node| &node.name);
            children.sort_unstable_by(|a, b| name(a).cmp(&name(b)));
            let is_directory =
                |idx: &&NodeIdx| self.nodes.get(idx.position()).is_some_and(Node::is_directory);
            let subdirectory_count = children.iter().filter(is_directory).count();
            let subdirectory_count = u32::try_from(subdirectory_count).unwrap_or(u32::MAX);
            if let Some(node) = self.nodes.get_mut(position) {
                let children = children.into_boxed_slice();
                node.body = NodeBody::Directory { children, subdirectory_count };
            }
        }
        let (nodes, directory_identities) = (self.nodes.into(), identities.into());
        Built { nodes, directory_identities }
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
        let Some(idx) = self.push(Node { name, parent: Some(parent), body }, None) else { return };
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
        let identity = self.draft(parent)?.identity.of_directory(raw);
        let body = NodeBody::Directory { children: Box::default(), subdirectory_count: 0 };
        let node = Node { name, parent: Some(parent), body };
        let idx = self.push(node, Some(DirectoryDraft::new(identity)))?;
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
                let index = link.index;
                self.add_leaf(index, &link.path, NodeBody::Symlink { index, target });
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
