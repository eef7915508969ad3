//! Inode numbers: derived from identities, with lookup counts, never reused.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use slab::Slab;

use super::TorrentKey;
use super::layout::TorrentTree;
use super::node::{NodeIdentity, NodeIdx};
use super::ranges::{NUMBER_END_32, NUMBER_MIN_32, NumberRange, Ranges};
use super::recent::RecentMap;
use crate::{Ino, InodeNumbers};

/// First inode number of torrents; smaller numbers belong to the root and to control files.
pub(super) const NUMBER_MIN: u64 = 1 << 16;

/// Minimum number of retired inode numbers that are kept from reuse: those of 1,000 torrents, as
/// many as the state on disk keeps, with 500 files each. At 16 bytes each and with room to grow,
/// they take at most about 30 MB.
const RETIRED_MIN: usize = 1 << 19;

/// Number of inode numbers for torrents: the last is below 2^53, see [`Ino`].
const NUMBER_COUNT: u64 = (1 << 53) - NUMBER_MIN;

/// A node of a torrent.
#[derive(Debug, Clone, Copy)]
pub(super) struct NodeRef<'a> {
    pub(super) tree: &'a Arc<TorrentTree>,
    pub(super) idx: NodeIdx,
}

/// Inode numbers of the nodes of one torrent, by node index.
#[derive(Debug)]
struct Numbers {
    tree: Arc<TorrentTree>,
    inos: Arc<[Ino]>,
    /// Lookup count of each number. The front end owns the counts (`FUSE_FORGET` returns them); the
    /// table only stores them.
    lookup_counts: Box<[AtomicU64]>,
    /// Whether the torrent exists.
    is_linked: bool,
    /// Number of table entries that refer to this.
    place_count: usize,
}

/// Table entry of a used number. There are as many as nodes, in a table that may be half empty, so
/// each byte counts: the number itself is not stored.
#[derive(Debug, Clone, Copy)]
struct InodeSlot {
    /// Key of its [`Numbers`].
    torrent: u32,
    idx: NodeIdx,
}

/// Table of inode numbers and their nodes.
///
/// A number is the hash of an identity; on a collision, the later identity gets the next free
/// number. So numbers are the same after a remount, except for collisions (probability 1 in 18,000
/// for a million files).
///
/// A number is not reused while its node exists, is known to the front end, or was until recently
/// ([`RETIRED_MIN`]). After that, only the hashes distinguish two nodes: another node gets the
/// number with a probability of 1 in 9 * 10^15. The generation ([`NodeIdentity::generation`])
/// distinguishes even those, so that a pair of number and generation never refers to two nodes.
#[derive(Debug)]
pub(super) struct InodeTable {
    places: HashTable<InodeSlot>,
    /// Randomized: the creator of a torrent controls the identities, and so the numbers, but not
    /// their hashes.
    hasher: RandomState,
    torrents: Slab<Numbers>,
    /// Retired numbers, with the fingerprints of their identities.
    retired: RecentMap<Ino, u64>,
    number_count: u64,
    /// Ranges of torrents, if numbers are below 2^32.
    ranges: Option<Ranges>,
    /// Number of inode numbers that the front end knows.
    known_count: AtomicUsize,
}

impl Numbers {
    fn ino(&self, idx: NodeIdx) -> Option<Ino> {
        self.inos.get(idx.position()).copied()
    }

    fn lookup_count(&self, idx: NodeIdx) -> Option<&AtomicU64> {
        self.lookup_counts.get(idx.position())
    }
}

impl InodeTable {
    pub(super) fn new(numbers: InodeNumbers) -> Self {
        let (number_count, ranges) = match numbers {
            InodeNumbers::Bits64 => (NUMBER_COUNT, None),
            InodeNumbers::Bits32 => (u64::from(NUMBER_END_32 - NUMBER_MIN_32), Some(Ranges::new())),
        };
        Self {
            places: HashTable::new(),
            hasher: RandomState::new(),
            torrents: Slab::new(),
            retired: RecentMap::new(RETIRED_MIN),
            number_count,
            ranges,
            known_count: AtomicUsize::new(0),
        }
    }

    /// Makes room for the numbers of this many nodes. Growing step by step would hash each number
    /// several times, with two cache misses each.
    pub(super) fn reserve(&mut self, node_count: usize) {
        let Self { places, hasher, torrents, .. } = self;
        places.reserve(node_count, |place| hasher.hash_one(number_at(torrents, *place)));
    }

    /// Assigns a number to each node of a torrent. The torrent must not be attached already.
    pub(super) fn attach(&mut self, tree: &Arc<TorrentTree>) -> Arc<[Ino]> {
        let key = self.torrents.insert(Numbers {
            tree: Arc::clone(tree),
            inos: tree.indices().map(|_| Ino(0)).collect(),
            lookup_counts: tree.indices().map(|_| AtomicU64::new(0)).collect(),
            is_linked: true,
            place_count: 0,
        });
        let torrent = u32::try_from(key).expect("memory does not hold 2^32 torrents");
        let range = self.take_range(tree);
        for idx in tree.indices() {
            let identity = tree.identity(idx);
            let in_range = range.and_then(|range| range.number(tree.number_offset(idx)?));
            let ino = in_range.filter(|ino| self.is_free_for(*ino, identity));
            let ino = ino.unwrap_or_else(|| self.free_number(identity));
            self.retired.remove(&ino);
            self.put(ino, InodeSlot { torrent, idx });
        }
        self.torrents.get(key).map(|numbers| Arc::clone(&numbers.inos)).unwrap_or_default()
    }

    /// Restores the range of a torrent, if numbers are ranges.
    pub(super) fn remember(&mut self, key: TorrentKey, range: NumberRange) {
        if let Some(ranges) = &mut self.ranges {
            ranges.remember(key, range);
        }
    }

    /// Returns the range of an existing torrent.
    pub(super) fn range(&self, key: TorrentKey) -> Option<NumberRange> {
        self.ranges.as_ref()?.get(key)
    }

    /// Returns the range for an added torrent; `None` if numbers are hashes.
    fn take_range(&mut self, tree: &TorrentTree) -> Option<NumberRange> {
        let ranges = self.ranges.as_mut()?;
        let range = tree.number_count().and_then(|count| ranges.take(tree.key(), count));
        if range.is_none() {
            let torrent = tree.info_hash();
            tracing::warn!(%torrent, "all numbers below 2^30 were given out: free ones follow");
        }
        range
    }

    /// Returns the number for an identity: its earlier one, if any.
    fn free_number(&self, identity: NodeIdentity) -> Ino {
        let mut seed = identity.number_seed % self.number_count;
        while !self.is_free_for(Ino(NUMBER_MIN + seed), identity) {
            seed = (seed + 1) % self.number_count;
        }
        Ino(NUMBER_MIN + seed)
    }

    fn is_free_for(&self, ino: Ino, identity: NodeIdentity) -> bool {
        if let Some((numbers, idx)) = self.find(ino) {
            return !numbers.is_linked && numbers.tree.identity(idx) == identity;
        }
        self.retired.get(&ino).is_none_or(|fingerprint| *fingerprint == identity.fingerprint)
    }

    /// Enters a number that is free for a node.
    fn put(&mut self, ino: Ino, place: InodeSlot) {
        let Self { places, hasher, torrents, .. } = self;
        if let Some(numbers) = torrents.get_mut(place.torrent as usize) {
            // The list is not shared while the torrent is being attached.
            let inos = Arc::get_mut(&mut numbers.inos);
            if let Some(number) = inos.and_then(|inos| inos.get_mut(place.idx.position())) {
                *number = ino;
            }
            numbers.place_count += 1;
        }
        let is_it = |place: &InodeSlot| number_at(torrents, *place) == Some(ino);
        let hash = |place: &InodeSlot| hasher.hash_one(number_at(torrents, *place));
        match places.entry(hasher.hash_one(Some(ino)), is_it, hash) {
            // The torrent was removed and added again while the front end still knew the number.
            Entry::Occupied(mut known) => {
                let old = std::mem::replace(known.get_mut(), place);
                let count = self.leave(old);
                let numbers = self.torrents.get(place.torrent as usize);
                if let Some(kept) = numbers.and_then(|numbers| numbers.lookup_count(place.idx)) {
                    kept.store(count, Ordering::Relaxed);
                }
            }
            Entry::Vacant(free) => {
                free.insert(place);
            }
        }
    }

    /// Removes the nodes of a removed torrent from the table, except for those that the front end
    /// knows: they are removed when it forgets them.
    pub(super) fn detach(&mut self, inos: &[Ino]) {
        let place = inos.first().and_then(|ino| self.place(*ino));
        let numbers = place.and_then(|place| self.torrents.get_mut(place.torrent as usize));
        if let Some(numbers) = numbers {
            numbers.is_linked = false;
            if let Some(ranges) = &mut self.ranges {
                ranges.release(numbers.tree.key());
            }
            inos.iter().for_each(|ino| self.drop_if_unused(*ino));
        }
    }

    pub(super) fn get(&self, ino: Ino) -> Option<NodeRef<'_>> {
        self.find(ino).map(|(numbers, idx)| NodeRef { tree: &numbers.tree, idx })
    }

    /// Returns whether a number belonged to a torrent that was removed, as far as that is kept.
    pub(super) fn is_retired(&self, ino: Ino) -> bool {
        self.retired.get(&ino).is_some()
    }

    /// Returns whether the front end knows a number: it was looked up and not forgotten.
    pub(super) fn is_known(&self, ino: Ino) -> bool {
        self.lookup_count(ino).is_some_and(|count| count.load(Ordering::Relaxed) > 0)
    }

    /// Returns how many numbers the front end knows.
    pub(super) fn known_count(&self) -> usize {
        self.known_count.load(Ordering::Relaxed)
    }

    pub(super) fn acquire(&self, ino: Ino, count: u64) {
        let Some(known) = self.lookup_count(ino) else { return };
        if known.fetch_add(count, Ordering::Relaxed) == 0 && count > 0 {
            self.known_count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Subtracts from the lookup count of a number. Returns whether the number has to be
    /// [dropped](Self::drop_if_unused): its torrent was removed, and the front end does not know it
    /// any more.
    pub(super) fn release(&self, ino: Ino, count: u64) -> bool {
        let Some((numbers, idx)) = self.find(ino) else { return false };
        let Some(counted) = numbers.lookup_count(idx) else { return false };
        let subtract = |known: u64| Some(known.saturating_sub(count));
        let (Ok(known) | Err(known)) =
            counted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, subtract);
        if known < count {
            tracing::error!(ino = ino.0, known, count, "more lookups forgotten than made");
        }
        if known > 0 && known <= count {
            self.known_count.fetch_sub(1, Ordering::Relaxed);
        }
        known <= count && !numbers.is_linked
    }

    /// Removes a number whose torrent was removed, unless the front end knows it.
    pub(super) fn drop_if_unused(&mut self, ino: Ino) {
        let Some((numbers, idx)) = self.find(ino) else { return };
        if numbers.is_linked || self.is_known(ino) {
            return;
        }
        self.retired.insert(ino, numbers.tree.identity(idx).fingerprint);
        let Self { places, hasher, torrents, .. } = self;
        let is_it = |place: &InodeSlot| number_at(torrents, *place) == Some(ino);
        if let Ok(entry) = places.find_entry(hasher.hash_one(Some(ino)), is_it) {
            let (place, _) = entry.remove();
            self.leave(place);
        }
    }

    /// Removes the reference of a number to its node, and returns its lookup count. The last
    /// reference of a removed torrent drops its numbers.
    fn leave(&mut self, InodeSlot { torrent, idx }: InodeSlot) -> u64 {
        let key = torrent as usize;
        let Some(numbers) = self.torrents.get_mut(key) else { return 0 };
        let count = numbers.lookup_count(idx).map_or(0, |count| count.load(Ordering::Relaxed));
        numbers.place_count -= 1;
        if numbers.place_count == 0 && !numbers.is_linked {
            self.torrents.remove(key);
        }
        count
    }

    fn lookup_count(&self, ino: Ino) -> Option<&AtomicU64> {
        self.find(ino).and_then(|(numbers, idx)| numbers.lookup_count(idx))
    }

    fn find(&self, ino: Ino) -> Option<(&Numbers, NodeIdx)> {
        let InodeSlot { torrent, idx } = self.place(ino)?;
        Some((self.torrents.get(torrent as usize)?, idx))
    }

    fn place(&self, ino: Ino) -> Option<InodeSlot> {
        let is_it = |place: &InodeSlot| number_at(&self.torrents, *place) == Some(ino);
        self.places.find(self.hasher.hash_one(Some(ino)), is_it).copied()
    }
}

/// Returns the number of a table entry.
fn number_at(torrents: &Slab<Numbers>, InodeSlot { torrent, idx }: InodeSlot) -> Option<Ino> {
    torrents.get(torrent as usize)?.ino(idx)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FileEntry, FileKind, InfoHash, Layout, MetadataStatus, TorrentDetails};

    fn tree(seed: u8, file_count: usize) -> Arc<TorrentTree> {
        let file = |n: usize| FileEntry {
            path: vec![format!("d{}", n % 3), format!("f{n}")],
            len: 1,
            kind: FileKind::Regular,
        };
        Arc::new(TorrentTree::new(
            &TorrentDetails {
                info_hash: InfoHash::from_bytes([seed; 20]),
                name: format!("t{seed}"),
                layout: Layout::Directory,
                created: None,
                piece_len: None,
                metadata: MetadataStatus::Known,
                files: (0..file_count).map(file).collect(),
            },
            0,
        ))
    }

    #[test]
    fn numbers_do_not_depend_on_the_order_of_arrival() {
        let (a, b) = (tree(1, 50), tree(2, 50));
        let mut one = InodeTable::new(InodeNumbers::Bits64);
        let mut two = InodeTable::new(InodeNumbers::Bits64);
        let (a_in_one, b_in_one) = (one.attach(&a), one.attach(&b));
        let (b_in_two, a_in_two) = (two.attach(&b), two.attach(&a));
        assert_eq!((&a_in_one, &b_in_one), (&a_in_two, &b_in_two));
        assert!(a_in_one.iter().all(|ino| (NUMBER_MIN..1 << 53).contains(&ino.0)));
    }

    #[test]
    fn colliding_identities_get_different_numbers_and_keep_them_when_back() {
        let mut table = InodeTable::new(InodeNumbers::Bits64);
        table.number_count = 256;
        let trees: Vec<_> = (0..6).map(|seed| tree(seed, 30)).collect();
        let numbers: Vec<_> = trees.iter().map(|tree| table.attach(tree)).collect();
        let mut seen: Vec<_> = numbers.iter().flat_map(|inos| inos.iter().copied()).collect();
        let given = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), given);

        // The front end knows some of the nodes; all nodes get their numbers back, and no others
        // do.
        table.acquire(numbers[2][5], 3);
        table.detach(&numbers[2]);
        let other = table.attach(&tree(9, 5));
        assert!(other.iter().all(|ino| !numbers[2].contains(ino)));
        assert_eq!(table.attach(&trees[2]), numbers[2]);
        assert!(!table.release(numbers[2][5], 3));
        assert!(table.get(numbers[2][5]).is_some());
    }

    #[test]
    fn a_feed_that_adds_and_removes_for_ever_costs_a_bounded_memory() {
        let mut table = InodeTable::new(InodeNumbers::Bits64);
        table.retired = RecentMap::new(100);
        let first = tree(0, 10);
        let numbers = table.attach(&first);
        table.detach(&numbers);
        for seed in 1..=100 {
            let inos = table.attach(&tree(seed, 10));
            table.detach(&inos);
            assert!(table.retired.len() <= 200);
        }
        // It gets its numbers back even so, and other torrents have other generations.
        assert_eq!(table.attach(&first), numbers);
        let generation = |tree: &TorrentTree| tree.identity(NodeIdx::TOP).generation();
        assert_ne!(generation(&first), generation(&tree(1, 10)));
    }

    #[test]
    fn what_is_gone_stays_until_it_is_forgotten() {
        let mut table = InodeTable::new(InodeNumbers::Bits64);
        let inos = table.attach(&tree(1, 3));
        table.acquire(inos[1], 1);
        table.acquire(inos[1], 1);
        assert_eq!(table.known_count(), 1);
        table.detach(&inos);
        assert!(table.get(inos[0]).is_none());
        assert!(!table.release(inos[1], 1));
        assert!(table.get(inos[1]).is_some());
        assert_eq!(table.known_count(), 1);
        assert!(table.release(inos[1], 1));
        table.drop_if_unused(inos[1]);
        assert!(table.get(inos[1]).is_none());
        assert!(!table.release(inos[1], 1));
        assert_eq!(table.known_count(), 0);
        // Only the retired numbers remain.
        assert_eq!((table.places.len(), table.torrents.len()), (0, 0));
        assert_eq!(table.retired.len(), inos.len());
    }
}
