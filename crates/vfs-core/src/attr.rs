//! Attributes: what `stat`, a directory listing and `statfs` say.

use crate::Ino;

/// What an inode is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// A directory.
    Directory,
    /// A file with bytes to read.
    File,
    /// A symbolic link.
    Symlink,
}

/// The attributes of an inode. Owner and permission bits are the front end's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attr {
    /// The inode number.
    pub ino: Ino,
    /// What it is.
    pub kind: NodeKind,
    /// The full length of a file in bytes; the length of a link's target; 0 for a directory.
    pub size: u64,
    /// How many of the bytes are downloaded.
    pub have_bytes: u64,
    /// The modification time in seconds since 1970: the torrent's creation date, else when it was
    /// first seen. Never negative.
    pub mtime: i64,
    /// The number of names: for a directory 2 and one more for each directory in it, 0 for what
    /// belongs to a torrent that is gone.
    pub nlink: u32,
    /// Tells apart what had this number at different times: a number and a generation together
    /// never mean two things, also before and after a remount. 0 for the root.
    pub generation: u32,
    /// How long this holds.
    pub validity: Validity,
}

/// How long what was said of attributes, of a name, or of all names of a directory stays true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Validity {
    /// As long as its torrent is there: the info hash covers it, or it is complete.
    Fixed,
    /// Until the [`InvalidationSink`](crate::InvalidationSink) is told of a change.
    Announced,
    /// Nobody tells when it ends.
    Unannounced,
}

/// What a lookup of a name found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The attributes of what has the name.
    pub attr: Attr,
    /// How long the name stands for that: names inside a torrent never change.
    pub name_validity: Validity,
}

/// One entry of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirEntry<'a> {
    /// The name, a valid Linux file name; `.` and `..` come first.
    pub name: &'a str,
    /// Where to go on after this entry. It stays valid for as long as the filesystem lives, and
    /// when other entries come and go.
    pub cookie: u64,
    /// What a lookup of the name would give.
    pub attr: Attr,
    /// How long the name stands for that: names inside a torrent never change.
    pub name_validity: Validity,
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FsCounts {
    /// Whether a list of torrents was ever received. Before that nothing is known, and the other
    /// numbers are 0.
    pub is_known: bool,
    /// The number of torrents that are shown.
    pub torrents: usize,
    /// The number of their files that are shown, links left out.
    pub files: usize,
}

/// What `statfs` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FsStats {
    /// The lengths of all files together, in bytes.
    pub total_bytes: u64,
    /// The downloaded part of that, in bytes.
    pub have_bytes: u64,
    /// The number of inodes, the root included.
    pub inode_count: u64,
}
