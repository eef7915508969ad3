//! Inode numbers of the control directory: derived from their meaning, so that none is stored or
//! reused.

use crate::tree::FOLDER_NUMBER_MIN;
use crate::{Ino, InodeNumbers};

/// First inode number of control files; smaller ones belong to the directories.
const FILES_MIN: u64 = 16;

/// Upper bits of a link in `.tfs/by-hash/`; the lower bits are the number of its torrent, which
/// never has upper bits ([`Ino`]).
const HASH_LINK: u64 = 1;

/// Upper bits of a link in a search; the lower bits are the number of its file. It is the same
/// link, with the same target, in all searches.
const SEARCH_LINK: u64 = 2;

/// Layout of the inode numbers of the control directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ControlNumbers {
    /// Position of the upper bits.
    shift: u32,
    /// Upper bits of a search; the lower bits are its number, which is counted up.
    query: u64,
}

/// Meaning of an inode number in the control directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ControlIno {
    /// `.tfs`.
    Control,
    /// `.tfs/by-hash`.
    ByHash,
    /// `.tfs/search`.
    Search,
    /// The control file with this index.
    File(usize),
    /// The link to the torrent whose top has this number.
    HashLink(Ino),
    /// The links to the file with this number.
    SearchLink(Ino),
    /// The search with this number.
    Query(u64),
}

impl ControlNumbers {
    pub(crate) fn new(numbers: InodeNumbers) -> Self {
        match numbers {
            InodeNumbers::Bits64 => Self { shift: 60, query: 4 },
            InodeNumbers::Bits32 => Self { shift: 30, query: 3 },
        }
    }

    /// Returns the meaning of an inode number, if it belongs to the control directory.
    pub(crate) fn find(self, Ino(number): Ino) -> Option<ControlIno> {
        match (number >> self.shift, number & self.value_max()) {
            (0, 2) => Some(ControlIno::Control),
            (0, 3) => Some(ControlIno::ByHash),
            (0, 4) => Some(ControlIno::Search),
            (0, FILES_MIN..FOLDER_NUMBER_MIN) => {
                usize::try_from(number - FILES_MIN).ok().map(ControlIno::File)
            }
            (HASH_LINK, node) => Some(ControlIno::HashLink(Ino(node))),
            (SEARCH_LINK, node) => Some(ControlIno::SearchLink(Ino(node))),
            (query, id) if query == self.query => Some(ControlIno::Query(id)),
            _ => None,
        }
    }

    /// Returns the inode number of a node.
    pub(crate) fn ino(self, node: ControlIno) -> Ino {
        Ino(match node {
            ControlIno::Control => 2,
            ControlIno::ByHash => 3,
            ControlIno::Search => 4,
            ControlIno::File(position) => FILES_MIN + position as u64,
            ControlIno::HashLink(Ino(node)) => HASH_LINK << self.shift | node,
            ControlIno::SearchLink(Ino(node)) => SEARCH_LINK << self.shift | node,
            ControlIno::Query(id) => self.query << self.shift | id,
        })
    }

    /// Returns the maximum number of a search.
    pub(super) fn value_max(self) -> u64 {
        (1 << self.shift) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TORRENTS_MIN: u64 = 1 << 16;

    #[test]
    fn numbers_stand_for_one_thing_each() {
        check(InodeNumbers::Bits64, Ino((1 << 53) - 1), u64::MAX);
        check(InodeNumbers::Bits32, Ino((1 << 30) - 1), u32::MAX.into());
    }

    #[track_caller]
    fn check(numbers: InodeNumbers, last_of_torrents: Ino, max: u64) {
        let numbers = ControlNumbers::new(numbers);
        let nodes = [
            ControlIno::Control,
            ControlIno::ByHash,
            ControlIno::Search,
            ControlIno::File(0),
            ControlIno::File(63),
            ControlIno::HashLink(Ino(TORRENTS_MIN)),
            ControlIno::HashLink(last_of_torrents),
            ControlIno::SearchLink(Ino(TORRENTS_MIN)),
            ControlIno::SearchLink(last_of_torrents),
            ControlIno::Query(1),
            ControlIno::Query(numbers.value_max()),
        ];
        for node in nodes {
            assert_eq!(numbers.find(numbers.ino(node)), Some(node));
            assert!(numbers.ino(node).0 <= max);
        }
        let folder = Ino(FOLDER_NUMBER_MIN);
        for other in [Ino::ROOT, Ino(0), folder, Ino(TORRENTS_MIN), last_of_torrents] {
            assert_eq!(numbers.find(other), None, "{other:?}");
        }
    }
}
