//! Files and directories of a library.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use vfs_core::{Attr, ExportEntry, NodeKind, SearchHit};

/// Type of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LibraryKind {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link of a torrent to a file or directory of the same torrent.
    Link,
}

/// Metadata of a file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryMetadata {
    /// Its type.
    pub kind: LibraryKind,
    /// Length of a file in bytes; 0 otherwise.
    pub len: u64,
    /// Number of bytes of a file that a server has downloaded, as of the last poll.
    pub have_bytes: u64,
    /// When the torrent was created, or first seen; of the root, its last change.
    pub modified: SystemTime,
}

impl LibraryMetadata {
    /// Returns whether it is a file.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.kind == LibraryKind::File
    }

    /// Returns whether it is a directory.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        self.kind == LibraryKind::Directory
    }

    /// Returns whether all bytes of a file are there, so that no read waits for a download.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.have_bytes >= self.len
    }
}

impl From<Attr> for LibraryMetadata {
    fn from(attr: Attr) -> Self {
        let (kind, len) = match attr.kind {
            NodeKind::File => (LibraryKind::File, attr.size),
            NodeKind::Directory => (LibraryKind::Directory, 0),
            NodeKind::Symlink => (LibraryKind::Link, 0),
        };
        let since = Duration::from_secs(u64::try_from(attr.mtime).unwrap_or(0));
        let modified = UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH);
        Self { kind, len, have_bytes: attr.have_bytes, modified }
    }
}

/// An entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryEntry {
    /// Its name, a valid Linux file name.
    pub name: String,
    /// Its metadata; of a link, that of the link itself.
    pub metadata: LibraryMetadata,
}

impl From<ExportEntry> for LibraryEntry {
    fn from(entry: ExportEntry) -> Self {
        Self { name: entry.name, metadata: entry.attr.into() }
    }
}

/// A file found by a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryHit {
    /// Its path.
    pub path: String,
    /// Its length in bytes.
    pub len: u64,
    /// Number of bytes that a server has downloaded.
    pub have_bytes: u64,
}

impl From<SearchHit> for LibraryHit {
    fn from(hit: SearchHit) -> Self {
        Self { path: hit.path, len: hit.size, have_bytes: hit.have_bytes }
    }
}
