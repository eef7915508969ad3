//! Earlier state of torrents: when they were first seen, and their names.

use std::collections::HashMap;

use super::names::NameKey;
use super::recent::RecentMap;
use crate::InfoHash;

/// Persisted state of a torrent, which may no longer exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredTorrent {
    /// Info hash of the torrent.
    pub info_hash: InfoHash,
    /// Its name in the root, as it was shown.
    pub name: String,
    /// When it was first seen, in seconds since 1970.
    pub first_seen: i64,
    /// When it was first seen complete, in seconds since 1970; `None` if it never was.
    pub finished_at: Option<i64>,
}

/// State of a torrent when it was last in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PastTorrent {
    pub(super) name: String,
    pub(super) first_seen: i64,
    pub(super) finished_at: Option<i64>,
}

/// Minimum number of removed torrents that are kept: as many as the state on disk keeps.
const GONE_MIN: usize = 1000;

/// Torrents that are not in the tree. One that is removed and added again gets its earlier name and
/// times.
#[derive(Debug)]
pub(super) struct NameHistory {
    /// Restored torrents that have not been added yet. Bounded by the state on disk.
    kept: HashMap<NameKey, PastTorrent>,
    gone: RecentMap<NameKey, PastTorrent>,
}

impl Default for NameHistory {
    fn default() -> Self {
        Self { kept: HashMap::new(), gone: RecentMap::new(GONE_MIN) }
    }
}

impl NameHistory {
    /// Adds a restored torrent, unless newer state exists.
    pub(super) fn remember(&mut self, remembered: RestoredTorrent) {
        let RestoredTorrent { info_hash, name, first_seen, finished_at } = remembered;
        let key = NameKey::torrent(info_hash);
        if self.gone.get(&key).is_none() {
            let past = PastTorrent { name, first_seen, finished_at };
            let kept = self.kept.entry(key).or_insert(past);
            // Another server may not know it.
            kept.finished_at = kept.finished_at.or(finished_at);
        }
    }

    pub(super) fn get(&self, key: NameKey) -> Option<&PastTorrent> {
        self.kept.get(&key).or_else(|| self.gone.get(&key))
    }

    /// Records that a torrent is now in the tree, and returns its earlier state.
    pub(super) fn on_added(&mut self, key: NameKey) -> Option<PastTorrent> {
        self.kept.remove(&key).or_else(|| self.gone.remove(&key))
    }

    pub(super) fn on_removed(&mut self, key: NameKey, memory: PastTorrent) {
        self.gone.insert(key, memory);
    }

    /// Releases the memory of torrents that were added.
    pub(super) fn shrink(&mut self) {
        self.kept.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_that_adds_and_removes_for_ever_costs_a_bounded_memory() {
        let mut past = NameHistory::default();
        let hash = |n: usize| {
            let mut bytes = [0; InfoHash::BYTES];
            bytes[..8].copy_from_slice(&n.to_le_bytes());
            NameKey::torrent(InfoHash::from_bytes(bytes))
        };
        let memory =
            |n: usize| PastTorrent { name: format!("t{n}"), first_seen: 1, finished_at: None };
        for n in 0..20 * GONE_MIN {
            past.on_removed(hash(n), memory(n));
            assert!(past.gone.len() <= 2 * GONE_MIN);
        }
        for n in 19 * GONE_MIN + 1..20 * GONE_MIN {
            assert_eq!(past.on_added(hash(n)), Some(memory(n)));
        }
        assert_eq!(past.get(hash(0)), None);
    }
}
