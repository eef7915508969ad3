//! Parts of a listing, with copied names.

use crate::Attr;

/// An entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportEntry {
    /// The name, a valid Linux file name.
    pub name: String,
    /// Position after this entry, as in [`DirEntry`](crate::DirEntry).
    pub cookie: u64,
    /// Its attributes.
    pub attr: Attr,
}

/// A part of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportPage {
    /// The entries, without `.` and `..`.
    pub entries: Vec<ExportEntry>,
    /// Whether no entry follows.
    pub is_end: bool,
}
