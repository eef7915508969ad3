//! The tags that a mount shows: those of its state directory.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tfs_state::{TagChange, TagError, TagStore, TagTable};
use tfs_sys::clock::now;
use vfs_core::{InfoHash, TorrentSource, Vfs};

/// The tags of a mount.
#[derive(Debug)]
pub(crate) struct MountTags {
    /// `None` if the user has no state directory.
    store: Option<TagStore>,
    /// The tags that the tree has. Held while they are set, so that changes are sequential.
    shown: Mutex<HashMap<InfoHash, Arc<[String]>>>,
}

impl MountTags {
    /// Returns the tags in a state directory, of which the mount shows none yet.
    pub(crate) fn new(state_dir: Option<&Path>) -> Self {
        Self { store: state_dir.map(TagStore::in_dir), shown: Mutex::default() }
    }

    /// Reads all tags, and shows them. Logs why, if they cannot be read. Blocks on the disk.
    pub(crate) fn load<S: TorrentSource>(&self, vfs: &Vfs<S>) {
        let Some(store) = &self.store else { return };
        match store.load() {
            Ok(table) => {
                let path = store.path();
                warn_of_unreadable(&path, &table);
                self.show(vfs, &table);
            }
            Err(error) => {
                let error = tfs_types::chain(&error);
                tracing::warn!(error, "cannot show the tags of torrents");
            }
        }
    }

    /// Changes tags in the state directory, and shows the result. Blocks on the disk.
    ///
    /// # Errors
    /// As [`TagStore::change`].
    pub(crate) fn change<S: TorrentSource>(
        &self,
        vfs: &Vfs<S>,
        change: &TagChange,
    ) -> Result<(), TagError> {
        let Some(store) = &self.store else { return Ok(()) };
        let table = store.change(change)?;
        self.show(vfs, &table);
        Ok(())
    }

    /// Sets the tags that differ from those that the tree has.
    fn show<S: TorrentSource>(&self, vfs: &Vfs<S>, table: &TagTable) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<_> =
            shown.keys().copied().filter(|torrent| table.of(*torrent).is_empty()).collect();
        for torrent in gone {
            shown.remove(&torrent);
            vfs.set_tags(torrent, Arc::default(), now());
        }
        for (torrent, _) in table.iter() {
            let tags: Arc<[String]> = table.of(torrent).into();
            if shown.get(&torrent) != Some(&tags) {
                shown.insert(torrent, Arc::clone(&tags));
                vfs.set_tags(torrent, tags, now());
            }
        }
    }
}

/// Logs which lines of the file are not understood.
fn warn_of_unreadable(path: &Path, table: &TagTable) {
    let count = table.unreadable().count();
    if let Some(line) = table.unreadable().next() {
        let path = path.display();
        tracing::warn!(%path, count, line, "lines of the tags are not understood, and stay");
    }
}

#[cfg(test)]
mod tests {
    use tfs_testkit::fake::{FakeSource, single_file};
    use vfs_core::{ServerId, VfsConfig};

    use super::*;

    #[test]
    fn tags_are_shown_at_the_start_and_after_each_change() {
        let dir = tempfile::tempdir().unwrap();
        let source = FakeSource::new(1);
        let film = source.add(single_file(1, "film", 1));
        let later = InfoHash::from_bytes([2; 20]);
        let vfs = Vfs::new(Arc::new(source.clone()), VfsConfig::default());
        vfs.apply(ServerId::FIRST, source.listing(), source.all_details(), 1);
        let shown = || [film, later].map(|torrent| vfs.tags(torrent).join(","));
        let change = |torrents, add: &str| TagChange {
            torrents,
            add: add.split_terminator(',').map(|tag| tag.parse().unwrap()).collect(),
            ..TagChange::default()
        };
        let tags = MountTags::new(Some(dir.path()));
        tags.load(&vfs);
        tags.change(&vfs, &change(vec![film, later], "kids")).unwrap();
        assert_eq!(shown(), ["kids", "kids"]);
        // Another process changes the file.
        let store = TagStore::in_dir(dir.path());
        store.change(&change(vec![film], "4k")).unwrap();
        let remove = TagChange { remove_all: true, ..change(vec![later], "") };
        store.change(&remove).unwrap();
        assert_eq!(shown(), ["kids", "kids"]);
        tags.load(&vfs);
        assert_eq!(shown(), ["4k,kids", ""]);
        // The same in a mount that starts now.
        let vfs = Vfs::new(Arc::new(source), VfsConfig::default());
        MountTags::new(Some(dir.path())).load(&vfs);
        assert_eq!(vfs.tags(film).join(","), "4k,kids");
        // Without a state directory there are none.
        MountTags::new(None).change(&vfs, &change(vec![later], "x")).unwrap();
        assert!(vfs.tags(later).is_empty());
    }
}
