//! Folded names of one torrent, concatenated to one text for fast searches.

use std::ops::ControlFlow;
use std::sync::Arc;

use memchr::memmem::Finder;

use super::fold::{fold, fold_into};
use super::trigrams::Trigrams;
use crate::tree::{NodeIdx, TorrentTree};

/// Separator of names. Names have no control characters, see [`escape`](crate::escape).
const SEPARATOR: char = '\n';

/// Search data of a torrent. Immutable, like its names.
///
/// Each name is stored once, including folders, so that a file costs the bytes of its own name, one
/// separator, and four bytes for its position. A word in the name of a folder matches all files
/// below.
#[derive(Debug)]
pub(super) struct TorrentNames {
    pub(super) tree: Arc<TorrentTree>,
    /// Name of the torrent in the root.
    root_name: Box<str>,
    folded_root_name: Box<str>,
    /// Folded names of the nodes in their order, each followed by a separator.
    text: Box<str>,
    /// Start of each node's name in `text`, and the length of `text` at the end.
    starts: Box<[u32]>,
    /// Trigrams of `text` and of the name in the root.
    trigrams: Trigrams,
    pub(super) file_count: usize,
}

/// A folded word, prepared for searching.
#[derive(Debug)]
pub(super) struct FoldedWord {
    finder: Finder<'static>,
}

impl FoldedWord {
    /// Creates it from a folded text without a slash and without control characters.
    pub(super) fn new(folded: &str) -> Self {
        Self { finder: Finder::new(folded).into_owned() }
    }

    pub(super) fn is_in(&self, text: &[u8]) -> bool {
        self.finder.find(text).is_some()
    }
}

impl TorrentNames {
    /// Folds the names of a torrent. Costs a pass over them.
    pub(super) fn new(tree: Arc<TorrentTree>, root_name: &str) -> Self {
        let mut text = String::new();
        let mut starts = vec![0];
        for idx in tree.indices() {
            fold_into(&tree.node(idx).name, &mut text);
            text.push(SEPARATOR);
            let Ok(end) = u32::try_from(text.len()) else {
                tracing::warn!(
                    name = root_name,
                    "more than 4 GiB of names: the rest is not searched"
                );
                break;
            };
            starts.push(end);
        }
        let folded_root_name = fold(root_name);
        Self {
            trigrams: Trigrams::new(&[text.as_bytes(), folded_root_name.as_bytes()]),
            file_count: tree.indices().filter(|idx| tree.is_file(*idx)).count(),
            tree,
            root_name: root_name.into(),
            folded_root_name: folded_root_name.into(),
            text: text.into(),
            starts: starts.into(),
        }
    }

    /// Calls `each` with every file whose path contains all words, each word within one name. The
    /// whole text is searched for the first word, which should be the rarest.
    pub(super) fn scan(
        &self,
        words: &[FoldedWord],
        each: &mut dyn FnMut(NodeIdx) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if !words.iter().all(|word| self.trigrams.may_have(word.finder.needle())) {
            return ControlFlow::Continue(());
        }
        let root_name = self.folded_root_name.as_bytes();
        let missing: Vec<&FoldedWord> =
            words.iter().filter(|word| !word.is_in(root_name)).collect();
        let Some((first, rest)) = missing.split_first() else {
            return self.scan_files(each);
        };
        let mut position = 0;
        while let Some(tail) = self.text.as_bytes().get(position..) {
            let Some(found) = first.finder.find(tail) else { break };
            let idx = self.node_at(position + found);
            position = self.end_of(idx);
            // Nodes below a folder with the word were reported with that folder.
            if !self.is_below(idx, first) {
                self.scan_below(idx, rest, each)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn scan_files(&self, each: &mut dyn FnMut(NodeIdx) -> ControlFlow<()>) -> ControlFlow<()> {
        self.tree.indices().filter(|idx| self.tree.is_file(*idx)).try_for_each(each)
    }

    /// Scans the files below a node, or the file itself.
    fn scan_below(
        &self,
        idx: NodeIdx,
        words: &[&FoldedWord],
        each: &mut dyn FnMut(NodeIdx) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        // Iterative: the torrent controls the depth.
        let mut to_do = vec![idx];
        while let Some(idx) = to_do.pop() {
            to_do.extend(self.tree.children(idx).iter().rev());
            let has = |word: &&FoldedWord| word.is_in(self.name(idx)) || self.is_below(idx, word);
            if self.tree.is_file(idx) && words.iter().all(has) {
                each(idx)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Returns whether the name of an ancestor folder contains the word.
    fn is_below(&self, idx: NodeIdx, word: &FoldedWord) -> bool {
        let parent = |idx: &NodeIdx| self.tree.node(*idx).parent;
        std::iter::successors(parent(&idx), parent).any(|folder| word.is_in(self.name(folder)))
    }

    fn name(&self, idx: NodeIdx) -> &[u8] {
        let start = self.starts.get(idx.position()).map_or(0, |start| *start as usize);
        self.text.as_bytes().get(start..self.end_of(idx)).unwrap_or_default()
    }

    fn end_of(&self, idx: NodeIdx) -> usize {
        self.starts.get(idx.position() + 1).map_or(self.text.len(), |end| *end as usize)
    }

    /// Returns the node whose name contains a position of the text.
    fn node_at(&self, position: usize) -> NodeIdx {
        let after = self.starts.partition_point(|start| *start as usize <= position);
        NodeIdx::try_new(after.saturating_sub(1)).unwrap_or(NodeIdx::TOP)
    }

    /// Returns the memory used in addition to the tree, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.root_name.len()
            + self.folded_root_name.len()
            + self.text.len()
            + size_of_val::<[u32]>(&self.starts)
            + self.trigrams.memory_bytes()
    }

    /// Returns the builder of this torrent's paths, as shown in the mount.
    pub(super) fn paths(&self) -> Paths<'_> {
        Paths { torrent: self, path: String::new(), folder: None, folder_len: 0 }
    }
}

/// Builds paths of a torrent's nodes. A path in the same folder as the previous one is cheaper.
#[derive(Debug)]
pub(super) struct Paths<'a> {
    torrent: &'a TorrentNames,
    path: String,
    /// The folder of the path in the first `folder_len` bytes of `path`.
    folder: Option<NodeIdx>,
    folder_len: usize,
}

impl Paths<'_> {
    /// Returns the path of a node from the root.
    pub(super) fn path(&mut self, idx: NodeIdx) -> &str {
        let TorrentNames { tree, root_name, .. } = self.torrent;
        let node = tree.node(idx);
        if self.path.is_empty() || node.parent != self.folder {
            self.path.clear();
            self.path.push_str(root_name);
            if let Some(folder) = node.parent {
                tree.write_path(folder, &mut self.path);
            }
            (self.folder, self.folder_len) = (node.parent, self.path.len());
        }
        self.path.truncate(self.folder_len);
        if node.parent.is_some() {
            self.path.push('/');
            self.path.push_str(&node.name);
        }
        &self.path
    }

    /// Returns the last component of the path of a node.
    pub(super) fn name(&self, idx: NodeIdx) -> &str {
        let node = self.torrent.tree.node(idx);
        if node.parent.is_none() { &self.torrent.root_name } else { &node.name }
    }
}
