//! What a tree knows of torrents from before: when they were first seen, and names they had.

use std::collections::HashMap;

use crate::InfoHash;

/// What somebody kept of a torrent over the end of a process, whether it is still there or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// Which torrent.
    pub info_hash: InfoHash,
    /// Its name in the root, as it was shown.
    pub name: String,
    /// When it was first seen, in seconds since 1970.
    pub first_seen: i64,
}

/// What was known of a torrent when it was last in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) name: String,
    pub(super) first_seen: i64,
}

/// Torrents that are not in the tree. Kept for as long as the tree lives, so that a torrent that is
/// removed and added again has its name and its times again. That costs some hundred bytes for
/// each torrent that is gone.
#[derive(Debug, Default)]
pub(super) struct Past {
    gone: HashMap<InfoHash, Memory>,
}

impl Past {
    /// Takes in what somebody kept; what is known already is newer.
    pub(super) fn remember(&mut self, remembered: Remembered) {
        let Remembered { info_hash, name, first_seen } = remembered;
        self.gone.entry(info_hash).or_insert(Memory { name, first_seen });
    }

    pub(super) fn get(&self, info_hash: InfoHash) -> Option<&Memory> {
        self.gone.get(&info_hash)
    }

    /// Notes that a torrent is in the tree from now on, and returns what was known of it.
    pub(super) fn on_added(&mut self, info_hash: InfoHash) -> Option<Memory> {
        self.gone.remove(&info_hash)
    }

    pub(super) fn on_removed(&mut self, info_hash: InfoHash, memory: Memory) {
        self.gone.insert(info_hash, memory);
    }

    /// Gives back the room of those that came.
    pub(super) fn shrink(&mut self) {
        self.gone.shrink_to_fit();
    }
}
