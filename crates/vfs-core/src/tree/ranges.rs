//! Inode numbers below 2^32: a range for each torrent, allocated one after the other.

use std::collections::{BTreeMap, HashMap};

use super::TorrentKey;
use super::inode::NUMBER_MIN_32;
use super::recent::RecentMap;
use crate::Ino;

/// Where the numbers of torrents end. Those from here on to 2^32 are for `.tfs`.
pub(super) const NUMBER_END_32: u32 = 1 << 30;

/// How many torrents that are gone keep their ranges at least: as many as the state on disk keeps.
const GONE_MIN: usize = 1000;

/// The inode numbers of one torrent, with [`InodeNumbers::Bits32`](crate::InodeNumbers::Bits32).
///
/// Who keeps it and gives it back after a restart keeps the numbers the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberRange {
    /// The first number, that of the top.
    pub first: u32,
    /// How many numbers there are: one for the top, one for each file of the torrent, shown or not,
    /// and one for each folder.
    pub count: u32,
}

/// Which torrent has which range. No number is in two of them, and none is allocated twice while
/// the tree lives.
#[derive(Debug)]
pub(super) struct Ranges {
    used: HashMap<TorrentKey, NumberRange>,
    /// Those from before of torrents that did not come yet. Their bound is that of the state on
    /// disk.
    kept: HashMap<TorrentKey, NumberRange>,
    /// Where each of `kept` begins and ends, until the first torrent comes.
    claims: BTreeMap<u32, u32>,
    gone: RecentMap<TorrentKey, NumberRange>,
    /// The next number that was never in a range.
    next: u32,
}

impl NumberRange {
    /// Returns the number at an offset in it.
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

    /// Takes in the range that a torrent had before. One that cannot be, or that has a number of
    /// another one, is left out: two mounts that share a state allocate on their own.
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

    /// Returns the range of a torrent that comes: the one that it had, if that is large enough, or
    /// the next. `None` if all numbers were given out.
    pub(super) fn take(&mut self, key: TorrentKey, count: u32) -> Option<NumberRange> {
        self.claims = BTreeMap::new();
        let known = self.kept.remove(&key).or_else(|| self.gone.remove(&key));
        let range = known.filter(|known| known.count >= count).or_else(|| self.allocate(count))?;
        self.used.insert(key, range);
        Some(range)
    }

    /// Takes note that a torrent is gone.
    pub(super) fn release(&mut self, key: TorrentKey) {
        if let Some(range) = self.used.remove(&key) {
            self.gone.insert(key, range);
        }
    }

    /// Returns the range of a torrent that is there.
    pub(super) fn get(&self, key: TorrentKey) -> Option<NumberRange> {
        self.used.get(&key).copied()
    }

    fn allocate(&mut self, count: u32) -> Option<NumberRange> {
        let end = self.next.checked_add(count).filter(|end| *end <= NUMBER_END_32)?;
        let range = NumberRange { first: self.next, count };
        self.next = end;
        Some(range)
    }

    /// Returns the end of what may be in use already; ranges from before come first by contract.
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
            // Into it, around it, and beside it.
            (2, MIN + 149, 1),
            (3, MIN + 50, 200),
            (4, MIN + 150, 10),
            // None that can be.
            (5, MIN - 1, 10),
            (6, MIN, 0),
            (7, NUMBER_END_32, 1),
            (8, u32::MAX, 2),
            // Another one of the first.
            (1, MIN, 50),
            (9, MIN + 40, 60),
        ] {
            ranges.remember(key(n), NumberRange { first, count });
        }
        let firsts = [1, 2, 3, 4, 5, 9].map(|n| ranges.take(key(n), 5).unwrap().first - MIN);
        assert_eq!(firsts, [100, 160, 165, 150, 170, 40]);
        // One that has to be larger moves.
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
