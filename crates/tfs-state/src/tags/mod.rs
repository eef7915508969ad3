//! The tags that a user gives to torrents: one file for all servers, since a torrent is the same on
//! each.
//!
//! ```text
//! tfs-tags 1
//! 11b1b5ec9167678979a0e6e703210380431292a8 film,to watch
//! ```
//!
//! It is a file of its own, and not part of the log of a server: a user tags without a mount, and
//! before a torrent is on any server. A change replaces the file under a lock. Lines that are not
//! understood stay in the file.

mod table;

use std::io;
use std::path::{Path, PathBuf};

use tfs_types::Tag;
use vfs_core::InfoHash;

pub use self::table::{TAGS_MAX, TORRENTS_MAX, TagTable};

use super::file::{lock, make_private_below, read_text, replace};

/// The name of the file in the state directory.
const FILE_NAME: &str = "tags";

/// The tags of a state directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagStore {
    state_dir: PathBuf,
}

/// A change of the tags of some torrents. Applied twice, it changes nothing more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TagChange {
    /// The torrents.
    pub torrents: Vec<InfoHash>,
    /// Tags that they get.
    pub add: Vec<Tag>,
    /// Tags that they lose.
    pub remove: Vec<Tag>,
    /// Whether they first lose all their tags.
    pub remove_all: bool,
}

/// Why tags were not read or changed. The message fits after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum TagError {
    /// The file cannot be read.
    #[error("read the tags in {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("write the tags to {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A later version of tfs wrote the file.
    #[error("read the tags in {}: a later version of tfs wrote it", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
    },
    /// A torrent would have too many tags.
    #[error("tag {torrent}: a torrent may have at most {TAGS_MAX} tags")]
    TooManyTags {
        /// The torrent.
        torrent: InfoHash,
    },
    /// Too many torrents would have tags.
    #[error("tag more torrents: at most {TORRENTS_MAX} may have tags")]
    TooManyTorrents,
}

impl TagStore {
    /// Returns the tags of a state directory, which need not exist.
    #[must_use]
    pub fn in_dir(state_dir: &Path) -> Self {
        Self { state_dir: state_dir.to_owned() }
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.state_dir.join(FILE_NAME)
    }

    /// Reads all tags. Blocks on the disk.
    ///
    /// # Errors
    /// [`TagError::Read`] and [`TagError::Newer`].
    pub fn load(&self) -> Result<TagTable, TagError> {
        let path = self.path();
        let bytes =
            read_text(&path).map_err(|source| TagError::Read { path: path.clone(), source })?;
        TagTable::parse(&bytes).ok_or(TagError::Newer { path })
    }

    /// Changes tags. Blocks on the disk, and on other processes that change them, for ten seconds
    /// at most. Returns all tags.
    ///
    /// # Errors
    /// [`TagError`]. Then the tags are unchanged.
    pub fn change(&self, change: &TagChange) -> Result<TagTable, TagError> {
        let path = self.path();
        let failed = |source| TagError::Write { path: path.clone(), source };
        make_private_below(&self.state_dir, &self.state_dir).map_err(failed)?;
        let _lock = lock(&path.with_extension("lock")).map_err(failed)?;
        let mut table = self.load()?;
        if table.change(change)? {
            replace(&path, &table.to_bytes()).map_err(failed)?;
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::file::temporary_of;
    use super::*;

    fn hash(id: u8) -> InfoHash {
        InfoHash::from_bytes([id; 20])
    }

    fn tags(names: &[&str]) -> Vec<Tag> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn added(id: u8, names: &[&str]) -> TagChange {
        TagChange { torrents: vec![hash(id)], add: tags(names), ..TagChange::default() }
    }

    fn store() -> (tempfile::TempDir, TagStore) {
        let dir = tempfile::tempdir().unwrap();
        let store = TagStore::in_dir(&dir.path().join("tfs"));
        (dir, store)
    }

    #[test]
    fn tags_are_kept_in_a_private_file() {
        let (_dir, store) = store();
        assert_eq!(store.load().unwrap(), TagTable::default());
        store.change(&added(1, &["Film", "kids"])).unwrap();
        store.change(&added(2, &["film"])).unwrap();
        let table = store.change(&added(1, &["to watch"])).unwrap();
        assert_eq!(table.of(hash(1)), ["film", "kids", "to watch"]);
        assert_eq!(store.load().unwrap(), table);
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!([mode(store.path()), mode(store.state_dir.clone())], [0o600, 0o700]);
        let text = fs::read_to_string(store.path()).unwrap();
        let (one, two) = (hash(1), hash(2));
        assert_eq!(text, format!("tfs-tags 1\n{one} film,kids,to watch\n{two} film\n"));
        let remove = TagChange { torrents: vec![one], remove: tags(&["kids"]), ..added(1, &[]) };
        assert_eq!(store.change(&remove).unwrap().of(one), ["film", "to watch"]);
        let all = TagChange { torrents: vec![one, two], remove_all: true, ..added(1, &[]) };
        assert_eq!(store.change(&all).unwrap(), TagTable::default());
        assert_eq!(fs::read_to_string(store.path()).unwrap(), "tfs-tags 1\n");
    }

    #[test]
    fn two_who_tag_at_once_lose_nothing() {
        let (_dir, store) = store();
        std::thread::scope(|scope| {
            for thread in 0..2_u8 {
                let store = &store;
                scope.spawn(move || {
                    for id in 0..5 {
                        store.change(&added(10 * thread + id, &["x"])).unwrap();
                        store.change(&added(99, &[&format!("t{}", thread * 5 + id)])).unwrap();
                    }
                });
            }
        });
        let table = store.load().unwrap();
        assert_eq!(table.iter().count(), 11);
        assert_eq!(table.of(hash(99)).len(), 10);
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named_and_stays() {
        let (_dir, store) = store();
        fs::create_dir_all(&store.state_dir).unwrap();
        let newer = format!("tfs-tags 2\n{} film\n", hash(1));
        fs::write(store.path(), &newer).unwrap();
        for error in [store.load().unwrap_err(), store.change(&added(1, &["x"])).unwrap_err()] {
            assert!(matches!(&error, TagError::Newer { path } if *path == store.path()), "{error}");
        }
        assert_eq!(fs::read_to_string(store.path()).unwrap(), newer);
        fs::remove_file(store.path()).unwrap();
        fs::create_dir(store.path()).unwrap();
        let error = store.change(&added(1, &["x"])).unwrap_err();
        assert!(error.to_string().contains(store.path().to_str().unwrap()), "{error}");
        // A directory that others may write to.
        fs::set_permissions(&store.state_dir, fs::Permissions::from_mode(0o777)).unwrap();
        let error = store.change(&added(1, &["x"])).unwrap_err();
        assert!(matches!(error, TagError::Write { .. }), "{error}");
    }

    #[test]
    fn a_file_that_a_crash_left_behind_does_not_matter() {
        let (_dir, store) = store();
        store.change(&added(1, &["film"])).unwrap();
        fs::write(temporary_of(&store.path()), "tfs-tags 1\nhalf").unwrap();
        store.change(&added(1, &["kids"])).unwrap();
        assert_eq!(store.load().unwrap().of(hash(1)), ["film", "kids"]);
        assert!(!temporary_of(&store.path()).exists());
    }
}
