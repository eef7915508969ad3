//! Layout of one torrent: its directories, files and links. Immutable.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::build::{Builder, DirectoryNode, LayoutNodes};
use super::filter::TopIdentity;
use super::folder::{FolderId, TorrentKey};
use super::node::{FILE_BYTES_MAX, LayoutNode, NodeBody, NodeIdentity, NodeIdx};
use crate::{FileEntry, FileIndex, FileKind, Geometry, InfoHash, Layout, TorrentDetails, Validity};

/// Maximum time by which a creation date may be later than the first-seen time: a day, for the
/// clocks and time zones of torrent creators.
const CREATED_AHEAD_MAX: i64 = 24 * 60 * 60;

/// Minimum valid time: tfs did not exist before 2026. An earlier clock is not set, as on a small
/// board after boot, and cannot be compared with dates.
const CLOCK_MIN: i64 = 1_767_225_600;

/// The nodes of one torrent in one directory.
#[derive(Debug, Clone)]
pub(crate) struct TorrentTree {
    key: TorrentKey,
    place: LayoutPlace,
    facts: Arc<LayoutFacts>,
    nodes: Arc<LayoutNodes>,
}

/// How a torrent stands in its directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LayoutPlace {
    /// Name of the view, which is a part of all identities; `None` outside of views.
    pub(super) view: Option<Arc<str>>,
    /// The name of the torrent or, in a view, the one that it should have there; not escaped.
    pub(super) raw_name: Arc<str>,
    /// Whether a view gave it another name than its own.
    pub(super) is_renamed: bool,
    /// Whether its files stand in the directory itself. Then the top is not shown, and the files
    /// are nodes without a parent.
    pub(super) is_flat: bool,
}

/// What all layouts of a torrent have in common.
#[derive(Debug, Clone)]
struct LayoutFacts {
    /// Prefix of the identities of all nodes.
    top: NodeIdentity,
    /// The same without the server, for views.
    plain_top: NodeIdentity,
    /// Whether the torrent is visible in the mount.
    is_shown: bool,
    mtime: i64,
    /// Number of files in the torrent, including hidden ones.
    file_count: u32,
    /// Number of its folders without the top.
    folder_count: u32,
    piece_len: Option<NonZeroU32>,
    /// Offset of each file in the torrent, which concatenates its files, including padding. Ends
    /// where an offset overflows.
    file_offsets: Box<[u64]>,
}

/// Returns whether a torrent's only file can be the top.
fn can_be_top(file: &FileEntry) -> bool {
    file.kind == FileKind::Regular && file.len <= FILE_BYTES_MAX
}

impl TorrentTree {
    /// Builds the layout of a torrent in the root.
    #[cfg(test)]
    pub(crate) fn new(details: &TorrentDetails, first_seen: i64) -> Self {
        Self::in_folder(details, first_seen, FolderId::FIRST, None)
    }

    /// Builds the layout of a torrent in a directory; in that of a server its nodes have numbers of
    /// their own. Its time is its creation date, or `first_seen` if the date is later. Costs a
    /// hash-map access for each path component of each file.
    pub(crate) fn in_folder(
        details: &TorrentDetails,
        first_seen: i64,
        folder: FolderId,
        server: Option<&str>,
    ) -> Self {
        let top = NodeIdentity::of_top(server, details.info_hash);
        let plain_top = NodeIdentity::of_top(None, details.info_hash);
        let mut builder = Builder::new(top, plain_top);
        let mut is_shown = true;
        match (details.layout, details.files.as_slice()) {
            (Layout::SingleFile, [file]) if can_be_top(file) => builder.set_top_file(file.len),
            (Layout::SingleFile, [_]) => is_shown = false,
            (Layout::SingleFile | Layout::Directory, files) => {
                for (position, file) in files.iter().enumerate() {
                    // The wire format has at most 2^32 files; files beyond are not addressable.
                    let Ok(index) = u32::try_from(position) else { break };
                    builder.add(FileIndex(index), file);
                }
            }
        }
        let nodes = builder.finish();
        let folders = nodes.directories.iter().filter(|directory| directory.idx != NodeIdx::TOP);
        let folder_count = u32::try_from(folders.count()).unwrap_or(u32::MAX);
        let file_offsets = details.files.iter().scan(Some(0_u64), |offset, file| {
            let start = (*offset)?;
            *offset = start.checked_add(file.len);
            Some(start)
        });
        let created_max = first_seen.max(CLOCK_MIN).saturating_add(CREATED_AHEAD_MAX);
        let created = details.created.filter(|created| *created <= created_max);
        let raw_name = details.name.as_str().into();
        Self {
            key: TorrentKey { folder, info_hash: details.info_hash },
            place: LayoutPlace { view: None, raw_name, is_renamed: false, is_flat: false },
            facts: Arc::new(LayoutFacts {
                top,
                plain_top,
                is_shown,
                mtime: created.unwrap_or(first_seen).max(0),
                file_count: u32::try_from(details.files.len()).unwrap_or(u32::MAX),
                folder_count,
                piece_len: details.piece_len,
                file_offsets: file_offsets.collect(),
            }),
            nodes: Arc::new(nodes),
        }
    }

    /// Returns the same layout with another time, in seconds since 1970.
    pub(super) fn with_mtime(mut self, mtime: i64) -> Self {
        if self.facts.mtime != mtime.max(0) {
            Arc::make_mut(&mut self.facts).mtime = mtime.max(0);
        }
        self
    }

    /// Returns the layout of the same torrent at another place, with other nodes.
    pub(super) fn at(&self, folder: FolderId, place: LayoutPlace, nodes: Arc<LayoutNodes>) -> Self {
        let key = TorrentKey { folder, info_hash: self.key.info_hash };
        Self { key, place, facts: Arc::clone(&self.facts), nodes }
    }

    /// Returns its nodes, to be shared with another place.
    pub(super) fn nodes(&self) -> &Arc<LayoutNodes> {
        &self.nodes
    }

    /// Returns the identities of its top, if that is a directory.
    pub(super) fn top_identity(&self) -> TopIdentity {
        let LayoutFacts { top, plain_top, .. } = *self.facts;
        TopIdentity { identity: top, plain_identity: plain_top }
    }

    pub(super) fn place(&self) -> &LayoutPlace {
        &self.place
    }

    /// Returns whether another layout of the same torrent is equal.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let (facts, other_facts) = (&self.facts, &other.facts);
        facts.mtime == other_facts.mtime
            && facts.piece_len == other_facts.piece_len
            && self.place.is_flat == other.place.is_flat
            && (Arc::ptr_eq(&self.nodes, &other.nodes) || self.nodes == other.nodes)
            && facts.file_offsets == other_facts.file_offsets
    }

    /// Returns the position of a file among the pieces, if the piece length is known.
    pub(super) fn geometry(&self, index: FileIndex) -> Option<Geometry> {
        let file_offset = *self.facts.file_offsets.get(usize::try_from(index.0).ok()?)?;
        Some(Geometry { file_offset, piece_len: self.facts.piece_len? })
    }

    pub(crate) fn key(&self) -> TorrentKey {
        self.key
    }

    pub(crate) fn info_hash(&self) -> InfoHash {
        self.key.info_hash
    }

    /// Returns false for a torrent whose only file is padding, a link, or longer than the kernel
    /// accepts: it has no node for the root.
    pub(super) fn is_shown(&self) -> bool {
        self.facts.is_shown
    }

    pub(super) fn raw_name(&self) -> &str {
        &self.place.raw_name
    }

    pub(crate) fn mtime(&self) -> i64 {
        self.facts.mtime
    }

    #[expect(clippy::indexing_slicing, reason = "an index is made only for a node of this tree")]
    pub(crate) fn node(&self, idx: NodeIdx) -> &LayoutNode {
        &self.nodes.nodes[idx.position()]
    }

    pub(crate) fn top(&self) -> &LayoutNode {
        self.node(NodeIdx::TOP)
    }

    pub(super) fn identity(&self, idx: NodeIdx) -> NodeIdentity {
        let LayoutFacts { top, plain_top, .. } = *self.facts;
        let view = self.place.view.as_deref();
        let top = if view.is_some() { plain_top } else { top };
        let identity = match self.node(idx).body {
            NodeBody::File { index, .. } | NodeBody::Symlink { index, .. } => top.of_file(index),
            NodeBody::Directory { .. } => match (self.directory(idx), view) {
                (Some(directory), None) => directory.identity,
                (Some(directory), Some(_)) => directory.plain_identity,
                (None, _) => top,
            },
        };
        view.map_or(identity, |name| identity.in_view(name))
    }

    /// Returns the size of a number range for this torrent: the top, all files including hidden
    /// ones, and the folders. Links that become visible later need no more.
    pub(super) fn number_count(&self) -> Option<u32> {
        1_u32.checked_add(self.facts.file_count)?.checked_add(self.facts.folder_count)
    }

    /// Returns the offset of a node's number in the torrent's range. Folders are ordered by their
    /// files, including hidden ones.
    pub(super) fn number_offset(&self, idx: NodeIdx) -> Option<u32> {
        match self.node(idx).body {
            NodeBody::File { index, .. } | NodeBody::Symlink { index, .. } => {
                index.0.checked_add(1)
            }
            NodeBody::Directory { .. } if idx == NodeIdx::TOP => Some(0),
            // The first one is the top, whose number precedes those of the files.
            NodeBody::Directory { .. } => {
                self.directory(idx)?.rank.checked_add(self.facts.file_count)
            }
        }
    }

    fn directory(&self, idx: NodeIdx) -> Option<&DirectoryNode> {
        let directories = &self.nodes.directories;
        let known = directories.binary_search_by_key(&idx, |directory| directory.idx);
        directories.get(known.ok()?)
    }

    /// Returns how long names inside it are valid: a view may show other files later.
    pub(super) fn inner_validity(&self) -> Validity {
        if self.place.view.is_some() { Validity::Announced } else { Validity::Fixed }
    }

    /// Returns whether a node is the top of files that stand in the directory itself.
    pub(super) fn is_hidden(&self, idx: NodeIdx) -> bool {
        self.place.is_flat && idx == NodeIdx::TOP
    }

    /// Returns the nodes whose names are those in the directory: the top, or each file.
    pub(super) fn tops(&self) -> &[NodeIdx] {
        if self.place.is_flat { self.children(NodeIdx::TOP) } else { &[NodeIdx::TOP] }
    }

    /// Returns which part of the torrent a node without a parent is.
    pub(super) fn part(&self, top: NodeIdx) -> Option<FileIndex> {
        match self.node(top).body {
            NodeBody::File { index, .. } | NodeBody::Symlink { index, .. } => {
                self.place.is_flat.then_some(index)
            }
            NodeBody::Directory { .. } => None,
        }
    }

    /// Returns the node without a parent that a node is, or is in.
    pub(super) fn top_of(&self, idx: NodeIdx) -> NodeIdx {
        std::iter::successors(Some(idx), |idx| self.node(*idx).parent).last().unwrap_or(idx)
    }

    /// Returns the file with an index, if it is shown. Costs O(log(nodes) + folders in a row).
    pub(super) fn find_file(&self, index: FileIndex) -> Option<NodeIdx> {
        let position = self.nodes.position_of(index)?;
        NodeIdx::try_new(position)
    }

    pub(crate) fn node_count(&self) -> usize {
        self.nodes.nodes.len()
    }

    pub(crate) fn indices(&self) -> impl Iterator<Item = NodeIdx> + use<> {
        (0..self.node_count()).map_while(NodeIdx::try_new)
    }

    pub(crate) fn children(&self, idx: NodeIdx) -> &[NodeIdx] {
        match &self.node(idx).body {
            NodeBody::Directory { children, .. } => children,
            NodeBody::File { .. } | NodeBody::Symlink { .. } => &[],
        }
    }

    /// Appends the path from the top to a node, with a slash before each name.
    pub(crate) fn write_path(&self, idx: NodeIdx, path: &mut String) {
        let mut names = Vec::new();
        let mut node = self.node(idx);
        while let Some(parent) = node.parent {
            names.push(&node.name);
            node = self.node(parent);
        }
        for name in names.into_iter().rev() {
            path.push('/');
            path.push_str(name);
        }
    }
}
