//! Layout of one torrent: its directories, files and links. Immutable.

use std::num::NonZeroU32;

use super::build::{Builder, Built};
use super::folder::{FolderId, TorrentKey};
use super::node::{FILE_BYTES_MAX, LayoutNode, NodeBody, NodeIdentity, NodeIdx};
use crate::{FileEntry, FileIndex, FileKind, Geometry, InfoHash, Layout, TorrentDetails};

/// Maximum time by which a creation date may be later than the first-seen time: a day, for the
/// clocks and time zones of torrent creators.
const CREATED_AHEAD_MAX: i64 = 24 * 60 * 60;

/// Minimum valid time: tfs did not exist before 2026. An earlier clock is not set, as on a small
/// board after boot, and cannot be compared with dates.
const CLOCK_MIN: i64 = 1_767_225_600;

/// The nodes of one torrent.
#[derive(Debug, Clone)]
pub(crate) struct TorrentTree {
    key: TorrentKey,
    /// Prefix of the identities of all nodes.
    top: NodeIdentity,
    /// Whether the torrent is visible in the mount.
    is_shown: bool,
    /// The torrent's name, not escaped.
    raw_name: Box<str>,
    mtime: i64,
    nodes: Box<[LayoutNode]>,
    /// Identities of the directories, in the order of the nodes. That of a file follows from its
    /// index.
    directory_identities: Box<[(NodeIdx, NodeIdentity)]>,
    /// Number of files in the torrent, including hidden ones.
    file_count: u32,
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
        let mut builder = Builder::new(top);
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
        let Built { nodes, directory_identities } = builder.finish();
        let file_offsets = details.files.iter().scan(Some(0_u64), |offset, file| {
            let start = (*offset)?;
            *offset = start.checked_add(file.len);
            Some(start)
        });
        let created_max = first_seen.max(CLOCK_MIN).saturating_add(CREATED_AHEAD_MAX);
        let created = details.created.filter(|created| *created <= created_max);
        Self {
            key: TorrentKey { folder, info_hash: details.info_hash },
            top,
            is_shown,
            raw_name: details.name.as_str().into(),
            mtime: created.unwrap_or(first_seen).max(0),
            nodes,
            directory_identities,
            file_count: u32::try_from(details.files.len()).unwrap_or(u32::MAX),
            piece_len: details.piece_len,
            file_offsets: file_offsets.collect(),
        }
    }

    /// Returns the same layout with another time, in seconds since 1970.
    pub(super) fn with_mtime(self, mtime: i64) -> Self {
        Self { mtime: mtime.max(0), ..self }
    }

    /// Returns whether another layout of the same torrent is equal.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.mtime == other.mtime
            && self.piece_len == other.piece_len
            && self.nodes == other.nodes
            && self.file_offsets == other.file_offsets
    }

    /// Returns the position of a file among the pieces, if the piece length is known.
    pub(super) fn geometry(&self, index: FileIndex) -> Option<Geometry> {
        let file_offset = *self.file_offsets.get(usize::try_from(index.0).ok()?)?;
        Some(Geometry { file_offset, piece_len: self.piece_len? })
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
        self.is_shown
    }

    pub(super) fn raw_name(&self) -> &str {
        &self.raw_name
    }

    pub(crate) fn mtime(&self) -> i64 {
        self.mtime
    }

    #[expect(clippy::indexing_slicing, reason = "an index is made only for a node of this tree")]
    pub(crate) fn node(&self, idx: NodeIdx) -> &LayoutNode {
        &self.nodes[idx.position()]
    }

    pub(crate) fn top(&self) -> &LayoutNode {
        self.node(NodeIdx::TOP)
    }

    pub(super) fn identity(&self, idx: NodeIdx) -> NodeIdentity {
        let top = self.top;
        match self.node(idx).body {
            NodeBody::File { index, .. } | NodeBody::Symlink { index, .. } => top.of_file(index),
            NodeBody::Directory { .. } => {
                let known = self.directory_identities.binary_search_by_key(&idx, |(idx, _)| *idx);
                let known = known.ok().and_then(|at| self.directory_identities.get(at));
                known.map_or(top, |(_, identity)| *identity)
            }
        }
    }

    /// Returns the size of a number range for this torrent: the top, all files including hidden
    /// ones, and the folders. Links that become visible later need no more.
    pub(super) fn number_count(&self) -> Option<u32> {
        let folder_count = self.directory_identities.iter().filter(|(idx, _)| *idx != NodeIdx::TOP);
        let folder_count = u32::try_from(folder_count.count()).ok()?;
        1_u32.checked_add(self.file_count)?.checked_add(folder_count)
    }

    /// Returns the offset of a node's number in the torrent's range. Folders are ordered by their
    /// files, including hidden ones.
    pub(super) fn number_offset(&self, idx: NodeIdx) -> Option<u32> {
        match self.node(idx).body {
            NodeBody::File { index, .. } | NodeBody::Symlink { index, .. } => {
                index.0.checked_add(1)
            }
            NodeBody::Directory { .. } if idx == NodeIdx::TOP => Some(0),
            NodeBody::Directory { .. } => {
                let known = self.directory_identities.binary_search_by_key(&idx, |(idx, _)| *idx);
                // The first one is the top, whose number precedes those of the files.
                u32::try_from(known.ok()?).ok()?.checked_add(self.file_count)
            }
        }
    }

    pub(crate) fn indices(&self) -> impl Iterator<Item = NodeIdx> + use<> {
        (0..self.nodes.len()).map_while(NodeIdx::try_new)
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
