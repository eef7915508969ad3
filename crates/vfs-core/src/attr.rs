//! Attributes for `stat`, directory listings and `statfs`.

use crate::Ino;

/// Type of an inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// A directory.
    Directory,
    /// A file with bytes to read.
    File,
    /// A symbolic link.
    Symlink,
}

/// Attributes of an inode. The front end adds owner and permission bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attr {
    /// The inode number.
    pub ino: Ino,
    /// Its type.
    pub kind: NodeKind,
    /// Length of a file in bytes; length of a link's target; 0 for a directory.
    pub size: u64,
    /// Number of downloaded bytes.
    pub have_bytes: u64,
    /// Modification time in seconds since 1970: the torrent's creation date, otherwise the time
    /// when it was first seen. Never negative.
    pub mtime: i64,
    /// Number of links: 2 for a directory plus one for each subdirectory; 0 for a node of a removed
    /// torrent.
    pub nlink: u32,
    /// Distinguishes nodes that had this inode number at different times: the pair of number and
    /// generation is never reused, also across remounts. 0 for the root.
    pub generation: u32,
    /// How long the attributes are valid.
    pub validity: Validity,
}

/// How long attributes, a name, or the list of names of a directory are valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Validity {
    /// As long as the torrent exists: its info hash covers it, or it is complete.
    Fixed,
    /// Until the [`InvalidationSink`](crate::InvalidationSink) is notified of a change.
    Announced,
    /// Changes are not announced.
    Unannounced,
}

/// Result of a name lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Attributes of the node.
    pub attr: Attr,
    /// How long the name refers to the node: names inside a torrent never change.
    pub name_validity: Validity,
}

/// One entry of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirEntry<'a> {
    /// The name, a valid Linux file name; `.` and `..` come first.
    pub name: &'a str,
    /// Position after this entry. It stays valid for the lifetime of the filesystem, also when
    /// other entries are added or removed.
    pub cookie: u64,
    /// Attributes that a lookup of the name would return.
    pub attr: Attr,
    /// How long the name refers to the node: names inside a torrent never change.
    pub name_validity: Validity,
}

/// Numbers of torrents and files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FsCounts {
    /// Whether a list of torrents was ever received. Before that, the other numbers are 0.
    pub is_known: bool,
    /// Number of visible torrents.
    pub torrents: usize,
    /// Number of their visible files, without links.
    pub files: usize,
}

/// Result of `statfs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FsStats {
    /// Total length of all files in bytes.
    pub total_bytes: u64,
    /// Downloaded part of it in bytes.
    pub have_bytes: u64,
    /// Number of inodes, including the root.
    pub inode_count: u64,
}
