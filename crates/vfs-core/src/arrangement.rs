//! The rules of views, as the tree sees them.
//!
//! A view is a directory in the root that shows some of the torrents: by rule, under other names,
//! with some of their files. [`Arrangement`] decides which; the tree keeps names and inode numbers.

use std::fmt;

use crate::{FileIndex, InfoHash, Layout, NodeKind};

/// What the root of a mount contains beside the control directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RootContents {
    /// The torrents, or a directory for each server, as [`RootLayout`](crate::RootLayout) says.
    #[default]
    Flat,
    /// The views only.
    Views,
    /// The views, and after them what `Flat` contains.
    Both,
}

/// Decides where torrents stand in the views.
///
/// The answers depend on nothing but the arguments, so that a restart shows the same tree. They are
/// computed in memory, since they are asked for while a listing is applied.
pub trait Arrangement: fmt::Debug + Send + Sync {
    /// Returns the names of the views, not escaped, in their order. Each call returns the same.
    fn view_names(&self) -> Vec<String>;

    /// Returns the places of a torrent, at most one in each view.
    fn places(&self, torrent: &ArrangedTorrent<'_>) -> Vec<ViewPlace>;
}

/// A torrent to be arranged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrangedTorrent<'a> {
    /// Its info hash.
    pub info_hash: InfoHash,
    /// Its name as in the torrent, not escaped.
    pub name: &'a str,
    /// Whether it is one file or a directory.
    pub layout: Layout,
    /// Its visible files and links, in the order of the torrent. Hidden files, such as padding, are
    /// left out.
    pub files: Vec<ArrangedFile<'a>>,
    /// Names of the servers that have it, in the order of the servers.
    pub servers: Vec<&'a str>,
    /// When tfs first saw it, in seconds since 1970.
    pub added_at: i64,
    /// Its tags, in their order.
    pub tags: &'a [String],
}

/// A file of a torrent to be arranged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrangedFile<'a> {
    /// Its position in the torrent.
    pub index: FileIndex,
    /// Its shown path inside the torrent, folders separated by `/`; for the only file of a torrent
    /// without a folder, the shown name.
    pub path: &'a str,
    /// Its length in bytes; 0 for a link.
    pub len: u64,
    /// File or symbolic link.
    pub kind: NodeKind,
    /// Whether the server downloads it. True if that is unknown, or if one of the servers does.
    pub is_selected: bool,
}

/// The place of a torrent in a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewPlace {
    /// Position of the view in [`Arrangement::view_names`].
    pub view: usize,
    /// Name of the torrent's directory in the view, not escaped; `None` keeps the torrent's name.
    /// With a name, a torrent that is one file gets a directory.
    pub name: Option<String>,
    /// The files that are shown; `None` shows all. Directories without a shown file are hidden.
    pub files: Option<Vec<FileIndex>>,
    /// Whether the files stand in the view itself, without the torrent's directories.
    pub is_flat: bool,
    /// Whether a torrent with the same files and lengths that was added earlier hides this one.
    pub hides_duplicates: bool,
}
