//! Nodes of a layout: directories, files and links, and their identities.

use std::num::NonZeroU32;

use tfs_types::{FNV1A_BASIS, fnv1a_from};

use crate::{FileIndex, InfoHash, NodeKind};

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LayoutNode {
    /// The escaped name; empty for the torrent's top, whose name is stored in its directory.
    pub(crate) name: Box<str>,
    pub(crate) parent: Option<NodeIdx>,
    pub(crate) body: NodeBody,
}

#[derive(Debug, Clone, PartialEq, Eq)]
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
        let start = Self { number_seed: FNV1A_BASIS, fingerprint: 0x6c62_272e_07bb_0142 };
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

    /// Returns the identity of this node in a view.
    pub(super) fn in_view(self, name: &str) -> Self {
        self.with(b"v", name.as_bytes())
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
            let mut mixed = fnv1a_from(fnv1a_from(start, tag), data);
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        };
        Self { number_seed: hash(self.number_seed), fingerprint: hash(self.fingerprint) }
    }
}

impl LayoutNode {
    pub(crate) fn is_directory(&self) -> bool {
        self.kind() == NodeKind::Directory
    }

    /// Returns the index in the torrent of a file or link.
    pub(super) fn index(&self) -> Option<FileIndex> {
        match self.body {
            NodeBody::Directory { .. } => None,
            NodeBody::File { index, .. } | NodeBody::Symlink { index, .. } => Some(index),
        }
    }

    pub(super) fn kind(&self) -> NodeKind {
        match self.body {
            NodeBody::Directory { .. } => NodeKind::Directory,
            NodeBody::File { .. } => NodeKind::File,
            NodeBody::Symlink { .. } => NodeKind::Symlink,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Programs keep inode numbers, and NFS clients keep generations, across remounts and updates.
    #[test]
    fn identities_never_change() {
        let check = |identity: NodeIdentity, number_seed: u64, fingerprint: u64| {
            assert_eq!((identity.number_seed, identity.fingerprint), (number_seed, fingerprint));
        };
        let info_hash = "000102030405060708090a0b0c0d0e0f10111213".parse().unwrap();
        let top = NodeIdentity::of_top(None, info_hash);
        check(top, 0x5e7e_f21c_bbcc_1aaf, 0xf905_3858_5ad4_4554);
        let file = top.of_file(FileIndex(3));
        check(file, 0x04ac_b5b0_9a95_2840, 0x880a_317f_8566_0a7b);
        let directory = top.of_directory("Extras é");
        check(directory, 0x1f98_401b_fe07_acd1, 0x9256_c0fe_4015_5b71);
        let of_server = NodeIdentity::of_top(Some("nas"), info_hash);
        check(of_server, 0x7547_cdad_34f6_70ea, 0x0d8d_fbc8_75ba_4375);
        check(file.in_view("Films"), 0xe12a_69b3_ad89_870e, 0x82ee_8404_3aeb_18fc);
    }
}
