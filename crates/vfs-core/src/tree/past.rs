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

/// Kept for as long as the tree lives, so that a torrent that is removed and added again has its
/// name and its times again. That costs some hundred bytes for each torrent that is gone.
#[derive(Debug, Default)]
pub(super) struct Past {
    first_seen: HashMap<InfoHash, i64>,
    /// Names of torrents that are not in the tree.
    names: HashMap<InfoHash, String>,
}

impl Past {
    pub(super) fn remember(&mut self, remembered: Remembered) {
        let Remembered { info_hash, name, first_seen } = remembered;
        self.first_seen.entry(info_hash).or_insert(first_seen);
        self.names.entry(info_hash).or_insert(name);
    }

    pub(super) fn first_seen(&self, info_hash: InfoHash) -> Option<i64> {
        self.first_seen.get(&info_hash).copied()
    }

    pub(super) fn name(&self, info_hash: InfoHash) -> Option<&str> {
        self.names.get(&info_hash).map(String::as_str)
    }

    /// Notes that a torrent is in the tree from now on, and returns the name that it had.
    pub(super) fn on_added(&mut self, info_hash: InfoHash, seen_at: i64) -> Option<String> {
        self.first_seen.entry(info_hash).or_insert(seen_at);
        self.names.remove(&info_hash)
    }

    pub(super) fn on_removed(&mut self, info_hash: InfoHash, name: &str) {
        self.names.insert(info_hash, name.to_owned());
    }
}
