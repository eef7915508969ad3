//! Tags for users and scripts.

use serde::Serialize;
use tfs_state::TagTable;

use crate::TorrentRow;

/// A tag. Serialized, this is an element of `tfs tag --json`: fields are added, never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TagRow {
    /// The tag.
    pub tag: String,
    /// The torrents that have it, whether or not a server has them: 40 lower-case hexadecimal
    /// digits each.
    pub info_hashes: Vec<String>,
}

/// A torrent with its tags. Serialized, this is an element of `tfs tag TORRENT --json`: fields are
/// added, never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaggedRow {
    /// 40 lower-case hexadecimal digits.
    pub info_hash: String,
    /// The torrent's name, if a server has it.
    pub name: Option<String>,
    /// All its tags, from A to Z.
    pub tags: Vec<String>,
    /// Whether the command changed them.
    pub changed: bool,
}

impl TagRow {
    /// Returns all tags, from A to Z.
    #[must_use]
    pub fn all(table: &TagTable) -> Vec<Self> {
        let rows = table.by_tag().into_iter().map(|(tag, torrents)| Self {
            tag: tag.to_string(),
            info_hashes: torrents.iter().map(ToString::to_string).collect(),
        });
        rows.collect()
    }
}

impl TaggedRow {
    /// Returns a torrent with its tags after a command, and before it.
    #[must_use]
    pub fn new(row: &TorrentRow, before: &TagTable, now: &TagTable) -> Self {
        let of = |table: &TagTable| match row.info_hash.parse() {
            Ok(torrent) => table.of(torrent),
            // A row has the text of an info hash.
            Err(_) => Vec::new(),
        };
        let (old, tags) = (of(before), of(now));
        let changed = old != tags;
        Self { info_hash: row.info_hash.clone(), name: row.name.clone(), tags, changed }
    }
}
