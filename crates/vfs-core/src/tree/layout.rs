//! Layout of one torrent: its directories, files and links. Immutable.

use std::num::NonZeroU32;

use super::build::{Builder, Built};
use super::folder::{FolderId, TorrentKey};
use crate::{FileEntry, FileIndex, FileKind, Geometry, InfoHash, Layout, NodeKind, TorrentDetails};

/// Maximum time by which a creation date may be later than the first-seen time: a day, for the
/// clocks and time zones of torrent creators.
const CREATED_AHEAD_MAX: i64 = 24 * 60 * 60;

/// Minimum valid time: tfs did not exist before 2026. An earlier clock is not set, as on a small
/// board after boot, and cannot be compared with dates.
const CLOCK_MIN: i64 = 1_767_225_600;

/// Maximum file length of the kernel: `st_size` is signed. One larger entry makes it refuse the
/// whole directory (`fuse_valid_size` in `fs/fuse`).
pub(super) const FILE_BYTES_MAX: u64 = i64::MAX.cast_unsigned();

/// Index of a node in its torrent, plus one, so that `None` needs no space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeIdx(NonZeroU32);

/// Identity of a node: two independent hashes, the same in every process and version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NodeIdentity {
    /// Seed of the inode number.
    pub(super) number_seed: u64,
    /// Distinguishes identities that hash to the same number.
    pub(super) fingerprint: u64,
}

/// A node. There are as many as files and directories, so each byte counts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LayoutNode {
    /// The escaped name; empty for the torrent's top, whose name is stored in its directory.
    pub(crate) name: Box<str>,
    pub(crate) parent: Option<NodeIdx>,
    pub(crate) body: NodeBody,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NodeBody {
    /// Children are sorted by name.
    Directory {
        children: Box<[NodeIdx]>,
        subdirectory_count: u32,
    },
    File {
        index: FileIndex,
        len: u64,
    },
    /// The target is relative to the directory of the link, with escaped names.
    Symlink {
        index: FileIndex,
        target: Box<str>,
    },
}

/// The nodes of one torrent.
#[derive(Debug)]
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

impl NodeIdx {
    /// The node in the root of the mount.
    pub(crate) const TOP: Self = Self(NonZeroU32::MIN);

    pub(crate) fn try_new(position: usize) -> Option<Self> {
        u32::try_from(position).ok()?.checked_add(1).and_then(NonZeroU32::new).map(Self)
    }

    pub(crate) fn position(self) -> usize {
        self.0.get() as usize - 1
    }
}

impl NodeIdentity {
    /// Returns the identity of a torrent's top; in the directory of a server, its name is included.
    pub(super) fn of_top(server: Option<&str>, info_hash: InfoHash) -> Self {
        let start = Self { number_seed: 0xcbf2_9ce4_8422_2325, fingerprint: 0x6c62_272e_07bb_0142 };
        let place = server.map_or(start, |name| start.with(b"s", name.as_bytes()));
        place.with(b"t", info_hash.as_bytes())
    }

    /// Returns the identity of a file of the torrent with this top.
    pub(super) fn of_file(self, index: FileIndex) -> Self {
        self.with(b"f", &index.0.to_le_bytes())
    }

    /// Returns the identity of a subdirectory.
    pub(super) fn of_directory(self, raw: &str) -> Self {
        self.with(b"d", raw.as_bytes())
    }

    /// Returns the generation, which distinguishes two nodes with one number at different times,
    /// also across remounts: NFS file handles contain both. The kernel keeps 32 bits of it.
    pub(super) fn generation(self) -> u32 {
        let [a, b, c, d, ..] = self.fingerprint.to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    /// FNV-1a, then the finalizer of splitmix64: must never change, or inode numbers change.
    fn with(self, tag: &[u8; 1], data: &[u8]) -> Self {
        let hash = |start: u64| {
            let bytes = tag.iter().chain(data);
            let mut mixed = bytes.fold(start, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
            });
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        };
        Self { number_seed: hash(self.number_seed), fingerprint: hash(self.fingerprint) }
    }
}

/// Returns whether a torrent's only file can be the top.
fn can_be_top(file: &FileEntry) -> bool {
    file.kind == FileKind::Regular && file.len <= FILE_BYTES_MAX
}

impl LayoutNode {
    pub(crate) fn is_directory(&self) -> bool {
        self.kind() == NodeKind::Directory
    }

    pub(super) fn kind(&self) -> NodeKind {
        match self.body {
            NodeBody::Directory { .. } => NodeKind::Directory,
            NodeBody::File { .. } => NodeKind::File,
            NodeBody::Symlink { .. } => NodeKind::Symlink,
        }
    }
}

impl TorrentTree {
    /// Builds the layout of a torrent in the root.
    #[cfg(test)]
    pub(crate) fn new(details: &TorrentDetails, first_seen: i64) -> Self {
        Self::in_folder(details, first_seen, (FolderId::FIRST, None))
    }

    /// Builds the layout of a torrent in a directory; in that of a server its nodes have numbers of
    /// their own. Its time is its creation date, or `first_seen` if the date is later. Costs a
    /// hash-map access for each path component of each file.
    pub(crate) fn in_folder(
        details: &TorrentDetails,
        first_seen: i64,
        (folder, server): (FolderId, Option<&str>),
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
