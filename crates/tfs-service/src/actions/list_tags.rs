//! The tags of torrents in a list.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tfs_state::{TagStore, TagTable};

use crate::TorrentRow;
use crate::tags::user_tags;

/// The identity and the times of a file: another one has other contents.
type TagsStamp = (u64, u64, i64, i64);

/// Adds the tags of the user to the torrents of lists. Reads the file when it has changed.
#[derive(Debug, Default)]
pub(crate) struct ListTags {
    /// `None` if the user has no state directory.
    store: Option<TagStore>,
    /// The last contents; held while a list is made.
    last: Mutex<Option<(TagsStamp, Arc<TagTable>)>>,
}

impl ListTags {
    /// Returns those of the user of this process.
    pub(crate) fn of_user() -> Self {
        Self { store: user_tags().ok(), last: Mutex::default() }
    }

    /// Sets the tags of torrents. Blocks on the disk.
    pub(crate) fn set<'r>(&self, rows: impl Iterator<Item = &'r mut TorrentRow>) {
        let Some(table) = self.table() else { return };
        for row in rows {
            // A row has the text of an info hash.
            row.tags = row.info_hash.parse().map(|torrent| table.of(torrent)).unwrap_or_default();
        }
    }

    /// Returns all tags, or `None` if there are none. Logs once why, if they cannot be read.
    fn table(&self) -> Option<Arc<TagTable>> {
        let store = self.store.as_ref()?;
        let stamp = stamp(&store.path()).ok()?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, table)) = last.as_ref().filter(|(known, _)| *known == stamp) {
            return Some(Arc::clone(table));
        }
        let table = store.load().unwrap_or_else(|error| {
            let error = tfs_types::chain(&error);
            tracing::warn!("the list has no tags: cannot {error}");
            TagTable::default()
        });
        let (_, table) = last.insert((stamp, Arc::new(table)));
        Some(Arc::clone(table))
    }
}

fn stamp(path: &Path) -> io::Result<TagsStamp> {
    let it = fs::metadata(path)?;
    Ok((it.ino(), it.len(), it.mtime(), it.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use tfs_state::TagChange;

    use super::*;

    #[test]
    fn rows_get_the_tags_of_the_file_as_it_is_now() {
        let dir = tempfile::tempdir().unwrap();
        let store = TagStore::in_dir(dir.path());
        let tags = ListTags { store: Some(store.clone()), last: Mutex::default() };
        let hash = "07".repeat(20);
        let mut row = TorrentRow::empty(hash.clone());
        tags.set([&mut row].into_iter());
        assert_eq!(row.tags, [""; 0]);
        for (add, want) in [("kids", &["kids"][..]), ("4k", &["4k", "kids"])] {
            let (torrents, add) = (vec![hash.parse().unwrap()], vec![add.parse().unwrap()]);
            store.change(&TagChange { torrents, add, ..TagChange::default() }).unwrap();
            tags.set([&mut row].into_iter());
            assert_eq!(row.tags, want);
        }
        // A file that cannot be read leaves the list without tags.
        fs::write(store.path(), "tfs-tags 9\n").unwrap();
        tags.set([&mut row].into_iter());
        assert_eq!(row.tags, [""; 0]);
    }
}
