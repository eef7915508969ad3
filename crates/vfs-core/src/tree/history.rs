//! What a tree knows of torrents from before: when they were first seen, and names they had.

use std::collections::HashMap;

use super::recent::RecentMap;
use crate::InfoHash;

/// What somebody kept of a torrent over the end of a process, whether it is still there or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredTorrent {
    /// Which torrent.
    pub info_hash: InfoHash,
    /// Its name in the root, as it was shown.
    pub name: String,
    /// When it was first seen, in seconds since 1970.
    pub first_seen: i64,
}

/// What was known of a torrent when it was last in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PastTorrent {
    pub(super) name: String,
    pub(super) first_seen: i64,
}

/// How many torrents that went while the tree lives are remembered at least: as many as the state
/// on disk keeps.
const GONE_MIN: usize = 1000;

/// Torrents that are not in the tree, so that one that is removed and added again has its name and
/// its times again.
#[derive(Debug)]
pub(super) struct NameHistory {
    /// What was kept from before and did not come yet. Its bound is that of the state on disk.
    kept: HashMap<InfoHash, PastTorrent>,
    gone: RecentMap<InfoHash, PastTorrent>,
}

impl Default for NameHistory {
    fn default() -> Self {
        Self { kept: HashMap::new(), gone: RecentMap::new(GONE_MIN) }
    }
}

impl NameHistory {
    /// Takes in what was kept from before; what is known already is newer.
    pub(super) fn remember(&mut self, remembered: RestoredTorrent) {
        let RestoredTorrent { info_hash, name, first_seen } = remembered;
        if self.gone.get(&info_hash).is_none() {
            self.kept.entry(info_hash).or_insert(PastTorrent { name, first_seen });
        }
    }

    pub(super) fn get(&self, info_hash: InfoHash) -> Option<&PastTorrent> {
        self.kept.get(&info_hash).or_else(|| self.gone.get(&info_hash))
    }

    /// Notes that a torrent is in the tree from now on, and returns what was known of it.
    pub(super) fn on_added(&mut self, info_hash: InfoHash) -> Option<PastTorrent> {
        self.kept.remove(&info_hash).or_else(|| self.gone.remove(&info_hash))
    }

    pub(super) fn on_removed(&mut self, info_hash: InfoHash, memory: PastTorrent) {
        self.gone.insert(info_hash, memory);
    }

    /// Gives back the room of those that came.
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
            InfoHash::from_bytes(bytes)
        };
        let memory = |n: usize| PastTorrent { name: format!("t{n}"), first_seen: 1 };
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
