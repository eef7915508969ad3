//! Identifiers of torrents, files, inodes and handles.

use tfs_types::InfoHash;

/// Index of a file in its torrent's list of files, from 0, including padding files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileIndex(pub u32);

/// The identity of a file. The bytes at an offset of a file never change (BEP 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    /// The torrent that the file is in.
    pub torrent: InfoHash,
    /// Its index.
    pub index: FileIndex,
}

/// An inode number: identifies one file, directory or symlink for the lifetime of the mount and
/// across remounts.
///
/// Numbers derived from torrents are below 2^53, so that programs that store numbers in a double
/// (JavaScript) represent them exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ino(pub u64);

impl Ino {
    /// The root directory, by the FUSE protocol (`FUSE_ROOT_ID` in `linux/fuse.h`).
    pub const ROOT: Self = Self(1);
}

/// Scheme of inode numbers for torrents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InodeNumbers {
    /// Hashes of the identity, below 2^53 and in `.tfs` below 2^63: the same after a remount
    /// without any saved state.
    #[default]
    Bits64,
    /// Below 2^32, for programs that support no larger ones and refuse files with `EOVERFLOW`. They
    /// are allocated, and stay the same only if [`NumberRange`](crate::NumberRange)s are persisted.
    Bits32,
}

/// One server of a filesystem: its position in the list of servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub u16);

impl ServerId {
    /// The first server, which is the only one of most filesystems.
    pub const FIRST: Self = Self(0);
}

/// An open file. One [`Vfs`](crate::Vfs) never reuses a handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HandleId(pub u64);
