//! Inode numbers of views: made of what they stand for, so that none is ever kept or reused.

use crate::Ino;
use crate::tree::FOLDER_NUMBER_MIN;

/// Numbers of control files start here; those below are for the directories.
const FILES_MIN: u64 = 16;

/// A link in `.tfs/by-hash/` has the number of its torrent and this bit, which no number of a
/// torrent has ([`Ino`]).
const HASH_LINK: u64 = 1 << 60;

/// A link in a search has the number of its file and this bit. In all searches it is the same
/// link, to the same target.
const SEARCH_LINK: u64 = 1 << 61;

/// A search has its own number and this bit. Numbers of searches are counted up, never used twice.
const QUERY: u64 = 1 << 62;

/// What a view's inode number stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ViewIno {
    /// `.tfs`.
    Control,
    /// `.tfs/by-hash`.
    ByHash,
    /// `.tfs/search`.
    Search,
    /// The control file at this position.
    File(usize),
    /// The link to the torrent whose top has this number.
    HashLink(Ino),
    /// The links to the file with this number.
    SearchLink(Ino),
    /// The search with this number.
    Query(u64),
}

impl ViewIno {
    /// Returns what an inode number stands for, if it is one of a view.
    pub(crate) fn of(ino: Ino) -> Option<Self> {
        const VALUE: u64 = HASH_LINK - 1;
        let Ino(number) = ino;
        match (number & !VALUE, number & VALUE) {
            (0, 2) => Some(Self::Control),
            (0, 3) => Some(Self::ByHash),
            (0, 4) => Some(Self::Search),
            (0, FILES_MIN..FOLDER_NUMBER_MIN) => {
                usize::try_from(number - FILES_MIN).ok().map(Self::File)
            }
            (HASH_LINK, node) => Some(Self::HashLink(Ino(node))),
            (SEARCH_LINK, node) => Some(Self::SearchLink(Ino(node))),
            (QUERY, id) => Some(Self::Query(id)),
            _ => None,
        }
    }

    /// Returns the inode number.
    pub(crate) fn ino(self) -> Ino {
        Ino(match self {
            Self::Control => 2,
            Self::ByHash => 3,
            Self::Search => 4,
            Self::File(position) => FILES_MIN + position as u64,
            Self::HashLink(Ino(node)) => HASH_LINK | node,
            Self::SearchLink(Ino(node)) => SEARCH_LINK | node,
            Self::Query(id) => QUERY | id,
        })
    }
}

impl Ino {
    /// Returns whether the number belongs to `.tfs/`: what is there changes without notice, and the
    /// size of its files is not known before they are read to their end.
    #[must_use]
    pub fn is_view(self) -> bool {
        ViewIno::of(self).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TORRENTS_MIN: u64 = 1 << 16;

    #[test]
    fn numbers_stand_for_one_thing_each() {
        let last_of_torrents = Ino((1 << 53) - 1);
        let views = [
            ViewIno::Control,
            ViewIno::ByHash,
            ViewIno::Search,
            ViewIno::File(0),
            ViewIno::File(63),
            ViewIno::HashLink(Ino(TORRENTS_MIN)),
            ViewIno::HashLink(last_of_torrents),
            ViewIno::SearchLink(Ino(TORRENTS_MIN)),
            ViewIno::SearchLink(last_of_torrents),
            ViewIno::Query(1),
        ];
        for view in views {
            assert_eq!(ViewIno::of(view.ino()), Some(view));
        }
        let folder = Ino(FOLDER_NUMBER_MIN);
        for other in [Ino::ROOT, Ino(0), folder, Ino(TORRENTS_MIN), last_of_torrents] {
            assert!(!other.is_view(), "{other:?}");
        }
    }
}
