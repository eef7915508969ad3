//! Directories of torrents: the root, or one for each server below it.

use tfs_types::fnv1a;

use super::history::NameHistory;
use super::names::{Names, RESERVED};
use crate::name::{escape, escape_marked};
use crate::{InfoHash, Ino, ServerId};

/// First inode number of the servers' directories; they end at the numbers of torrents.
pub(crate) const FOLDER_NUMBER_MIN: u64 = 1 << 15;

/// Number of inode numbers for them.
const FOLDER_NUMBER_COUNT: u64 = 1 << 15;

/// Arrangement of the torrents of several servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RootLayout {
    /// All in the root, each once, independent of the servers that have it.
    #[default]
    Union,
    /// A directory for each server, with its torrents.
    ByServer,
}

/// Content of the root.
#[derive(Debug)]
pub(super) struct RootDirectory {
    /// Its permanent directories, in their order: of views, then of servers.
    pub(super) directories: Vec<FolderId>,
    /// The torrents in it, if it has any.
    pub(super) torrents: Option<FolderId>,
}

/// A directory of torrents, by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FolderId(pub(super) u16);

/// A torrent in its directory: in a layout by server, several directories may have one info hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TorrentKey {
    pub(crate) folder: FolderId,
    pub(crate) info_hash: InfoHash,
}

/// A directory of torrents.
#[derive(Debug)]
pub(super) struct TorrentFolder {
    pub(super) ino: Ino,
    /// Name of the server, for the directory of a server.
    pub(super) server: Option<Box<str>>,
    /// Whether it is in the root, or the root itself.
    pub(super) is_shown: bool,
    /// Its name in the root; empty for the root.
    pub(super) name: Box<str>,
    pub(super) names: Names,
    pub(super) past: NameHistory,
    /// Whether its names are known: before that, not even emptiness is.
    pub(super) is_known: bool,
    /// When a torrent was last added or removed while the names were known, in seconds since 1970;
    /// 0 if never. The first listing is not a change.
    pub(super) changed_at: i64,
    /// Modification time: `changed_at`, or the newest time of its torrents while that is unknown.
    /// Never the time of the mount, since each remount would then appear as a change.
    pub(super) mtime: i64,
    /// Number of torrents that are directories.
    pub(super) directory_count: usize,
    /// Whether entries of a view have changed since its time was last set.
    pub(super) is_changed: bool,
}

impl FolderId {
    pub(crate) const FIRST: Self = Self(0);

    pub(super) fn position(self) -> usize {
        usize::from(self.0)
    }
}

impl RootLayout {
    /// Returns the directory of a server's torrents.
    pub(super) fn folder_of(self, server: ServerId) -> FolderId {
        match self {
            Self::Union => FolderId::FIRST,
            Self::ByServer => FolderId(server.0),
        }
    }

    /// Returns the root as far as servers are concerned.
    pub(super) fn root(self, folders: &[TorrentFolder]) -> RootDirectory {
        match self {
            Self::Union => {
                RootDirectory { directories: Vec::new(), torrents: Some(FolderId::FIRST) }
            }
            Self::ByServer => {
                let directories = (0..).map(FolderId).take(folders.len()).collect();
                RootDirectory { directories, torrents: None }
            }
        }
    }

    /// Returns the directories for servers with these names, in a root where other names are
    /// `reserved`. Inode numbers are hashes of the names, so that they are the same after a
    /// remount; on a collision, the later one gets the next number.
    pub(super) fn folders(
        self,
        server_names: &[String],
        reserved: &[Box<str>],
    ) -> Vec<TorrentFolder> {
        match self {
            Self::Union => {
                let mut root = TorrentFolder::new(Ino::ROOT, None, "");
                root.names.reserve(reserved.into());
                vec![root]
            }
            Self::ByServer => {
                let mut folders: Vec<TorrentFolder> = Vec::new();
                for (position, server) in server_names.iter().enumerate() {
                    let mark = format!("#{position}");
                    let taken = |name: &str| {
                        RESERVED.contains(&name)
                            || reserved.iter().any(|it| **it == *name)
                            || folders.iter().any(|it| *it.name == *name)
                    };
                    let plain = escape(server);
                    let is_plain = !taken(&plain);
                    let name = if is_plain { plain } else { escape_marked(server, &mark, true) };
                    let ino = free_number(hash(server), &folders);
                    folders.push(TorrentFolder::new(ino, Some(server), &name));
                }
                folders
            }
        }
    }
}

impl TorrentFolder {
    pub(super) fn new(ino: Ino, server: Option<&str>, name: &str) -> Self {
        Self {
            ino,
            server: server.map(Into::into),
            is_shown: true,
            name: name.into(),
            names: Names::default(),
            past: NameHistory::default(),
            is_known: false,
            changed_at: 0,
            mtime: 0,
            directory_count: 0,
            is_changed: false,
        }
    }

    /// Updates the number of directories after an entry was replaced, added or removed.
    pub(super) fn count_directories(&mut self, old: usize, new: usize) {
        self.directory_count = self.directory_count.saturating_add(new).saturating_sub(old);
    }

    /// Returns the path from the root of a torrent in this directory.
    pub(super) fn path(&self, name: &str) -> String {
        if self.name.is_empty() { name.to_owned() } else { format!("{}/{name}", self.name) }
    }
}

/// Returns the inode number for a directory in the root whose name has this hash. On a collision,
/// the later one gets the next number.
pub(super) fn free_number(hash: u64, folders: &[TorrentFolder]) -> Ino {
    let numbers = (hash..).map(|hash| hash % FOLDER_NUMBER_COUNT).take(1 << 15);
    let mut inos = numbers.map(|number| Ino(FOLDER_NUMBER_MIN + number));
    // There are fewer directories than numbers.
    let ino = inos.find(|ino| folders.iter().all(|folder| folder.ino != *ino));
    ino.unwrap_or(Ino(FOLDER_NUMBER_MIN))
}

/// Must never change, or inode numbers change. Halved, so that incrementing it never overflows.
pub(super) fn hash(text: &str) -> u64 {
    fnv1a(text.as_bytes()) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_of_servers_have_names_and_numbers_of_their_own() {
        let names: Vec<_> = (0..3000).map(|n| format!("server {n}")).collect();
        let folders = RootLayout::ByServer.folders(&names, &[]);
        let mut numbers: Vec<_> = folders.iter().map(|folder| folder.ino).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), names.len());
        let range = FOLDER_NUMBER_MIN..FOLDER_NUMBER_MIN + FOLDER_NUMBER_COUNT;
        assert!(numbers.iter().all(|ino| range.contains(&ino.0)));

        let odd = ["a", "a", ".tfs", "x/y", ".."].map(str::to_owned);
        let folders = RootLayout::ByServer.folders(&odd, &[]);
        let mut shown: Vec<_> = folders.iter().map(|folder| folder.name.to_string()).collect();
        shown.sort_unstable();
        shown.dedup();
        assert_eq!(shown.len(), odd.len());
        assert!(shown.iter().all(|name| !name.contains('/') && name != ".tfs" && name != ".."));
        assert_eq!(RootLayout::ByServer.folders(&odd, &[])[3].ino, folders[3].ino);
    }
}
