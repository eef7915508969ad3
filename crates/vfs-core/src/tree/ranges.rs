//! Inode numbers below 2^32: sequentially allocated ranges, one for each torrent.

use std::collections::{BTreeMap, HashMap};

use super::TorrentKey;
use super::recent::RecentMap;
use crate::Ino;

/// First inode number of torrents; smaller numbers belong to the root and to control files.
pub(super) const NUMBER_MIN_32: u32 = 1 << 16;

/// End of the numbers of torrents. Numbers from here to 2^32 are for `.tfs`.
pub(super) const NUMBER_END_32: u32 = 1 << 30;

/// Minimum number of removed torrents that keep their ranges: as many as the state on disk keeps.
const GONE_MIN: usize = 1000;

/// Inode numbers of one torrent, with [`InodeNumbers::Bits32`](crate::InodeNumbers::Bits32).
///
/// To keep the numbers across a restart, persist and restore it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberRange {
    /// The first number, that of the top.
    pub first: u32,
    /// Number of inode numbers: one for the top, one for each file including hidden ones, and one
    /// for each folder.
    pub count: u32,
}

/// Ranges of torrents. They do not overlap, and no number is allocated twice during the lifetime of
/// the tree.
#[derive(Debug)]
pub(super) struct Ranges {
    used: HashMap<TorrentKey, NumberRange>,
    /// Restored ranges of torrents that have not been added yet. Bounded by the state on disk.
    kept: HashMap<TorrentKey, NumberRange>,
    /// Start and end of each range in `kept`, until the first torrent is added.
    claims: BTreeMap<u32, u32>,
    gone: RecentMap<TorrentKey, NumberRange>,
    /// The smallest number that was never in a range.
    next: u32,
}

impl NumberRange {
    /// Returns the number at an offset in the range.
    pub(super) fn number(self, offset: u32) -> Option<Ino> {
        (offset < self.count).then(|| Ino(u64::from(self.first) + u64::from(offset)))
    }
}

impl Ranges {
    pub(super) fn new() -> Self {
        Self {
            used: HashMap::new(),
            kept: HashMap::new(),
            claims: BTreeMap::new(),
            gone: RecentMap::new(GONE_MIN),
            next: NUMBER_MIN_32,
        }
    }

    /// Restores the earlier range of a torrent. An invalid or overlapping range is ignored: two
    /// mounts that share a state allocate independently.
    pub(super) fn remember(&mut self, key: TorrentKey, range: NumberRange) {
        let NumberRange { first, count } = range;
        let Some(end) = first.checked_add(count) else { return };
        let is_sane = first >= NUMBER_MIN_32 && first < end && end <= NUMBER_END_32;
        let before = self.claims.range(..end).next_back();
        let is_free = before.is_none_or(|(_, before_end)| *before_end <= first);
        if is_sane && is_free && first >= self.used_end() && !self.kept.contains_key(&key) {
            self.claims.insert(first, end);
            self.kept.insert(key, range);
            self.next = self.next.max(end);
        }
    }

    /// Returns the range for an added torrent: its earlier one, if that is large enough, or a new
    /// one. `None` if all numbers are allocated.
    pub(super) fn take(&mut self, key: TorrentKey, count: u32) -> Option<NumberRange> {
        self.claims = BTreeMap::new();
        let known = self.kept.remove(&key).or_else(|| self.gone.remove(&key));
        let range = known.filter(|known| known.count >= count).or_else(|| self.allocate(count))?;
        self.used.insert(key, range);
        Some(range)
    }

    /// Records that a torrent was removed.
    pub(super) fn release(&mut self, key: TorrentKey) {
        if let Some(range) = self.used.remove(&key) {
            self.gone.insert(key, range);
        }
    }

    /// Returns the range of an existing torrent.
    pub(super) fn get(&self, key: TorrentKey) -> Option<NumberRange> {
        self.used.get(&key).copied()
    }

    fn allocate(&mut self, count: u32) -> Option<NumberRange> {
        let end = self.next.checked_add(count).filter(|end| *end <= NUMBER_END_32)?;
        let range = NumberRange { first: self.next, count };
        self.next = end;
        Some(range)
    }

    /// Returns the end of the used numbers; restored ranges come first by contract.
    fn used_end(&self) -> u32 {
        if self.used.is_empty() { NUMBER_MIN_32 } else { self.next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InfoHash;
    use crate::tree::FolderId;

    fn key(n: u8) -> TorrentKey {
        let info_hash = InfoHash::from_bytes([n; InfoHash::BYTES]);
        TorrentKey { folder: FolderId::FIRST, info_hash }
    }

    #[test]
    fn ranges_from_before_are_kept_unless_they_cannot_be() {
        const MIN: u32 = NUMBER_MIN_32;
        let mut ranges = Ranges::new();
        for (n, first, count) in [
            (1, MIN + 100, 50),
            // Inside, around, and adjacent.
            (2, MIN + 149, 1),
            (3, MIN + 50, 200),
            (4, MIN + 150, 10),
            // Invalid ranges.
            (5, MIN - 1, 10),
            (6, MIN, 0),
            (7, NUMBER_END_32, 1),
            (8, u32::MAX, 2),
            // A second range of the first torrent.
            (1, MIN, 50),
            (9, MIN + 40, 60),
        ] {
            ranges.remember(key(n), NumberRange { first, count });
        }
        let firsts = [1, 2, 3, 4, 5, 9].map(|n| ranges.take(key(n), 5).unwrap().first - MIN);
        assert_eq!(firsts, [100, 160, 165, 150, 170, 40]);
        // A torrent that needs a larger range moves.
        ranges.release(key(4));
        assert_eq!(ranges.take(key(4), 11), Some(NumberRange { first: MIN + 175, count: 11 }));
        ranges.release(key(9));
        assert_eq!(ranges.take(key(9), 60), Some(NumberRange { first: MIN + 40, count: 60 }));
        // Too late.
        ranges.remember(key(10), NumberRange { first: MIN, count: 1 });
        assert_ne!(ranges.take(key(10), 1).unwrap().first, MIN);
    }

    #[test]
    fn no_number_is_given_out_twice() {
        let mut ranges = Ranges::new();
        ranges.remember(key(1), NumberRange { first: NUMBER_END_32 - 10, count: 7 });
        assert_eq!(ranges.take(key(2), 4), None);
        assert_eq!(ranges.take(key(2), 3).unwrap().first, NUMBER_END_32 - 3);
        ranges.release(key(2));
        assert_eq!(ranges.take(key(3), 1), None);
        assert_eq!(ranges.take(key(2), 3).unwrap().first, NUMBER_END_32 - 3);
    }
}
