//! The torrents that a word of a command line names.

use tfs_service::{SelectError, TorrentRow, select};

use crate::rows::NamePattern;

/// Finds the torrents that a text names: one by its name, a part of it, its id or its info hash, or
/// all that match a glob.
///
/// # Errors
/// If there is none, or the text is no glob and several could be meant.
pub(crate) fn matching(rows: &[TorrentRow], text: &str) -> Result<Vec<TorrentRow>, SelectError> {
    match select(rows, text) {
        Ok(row) => Ok(vec![row.clone()]),
        Err(unknown @ SelectError::Unknown { .. }) => {
            let found = matching_glob(rows, text);
            if found.is_empty() { Err(unknown) } else { Ok(found) }
        }
        Err(ambiguous @ SelectError::Ambiguous { .. }) => Err(ambiguous),
    }
}

/// Returns the torrents whose names match a glob; none if the text is not one.
fn matching_glob(rows: &[TorrentRow], text: &str) -> Vec<TorrentRow> {
    let Ok(pattern @ NamePattern::Glob(..)) = text.parse() else { return Vec::new() };
    let is_match = |row: &&TorrentRow| row.name.as_deref().is_some_and(|it| pattern.is_match(it));
    rows.iter().filter(is_match).cloned().collect()
}
