//! Inode numbers: derived from identities, counted while the front end knows them, never reused.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::layout::{NodeIdentity, NodeIdx, TorrentTree};
use crate::Ino;

/// Numbers from here on belong to torrents; those below are the root's and for control files.
const NUMBER_MIN: u64 = 1 << 16;

/// How many numbers there are for torrents: the last is below 2^53, see [`Ino`].
const NUMBER_COUNT: u64 = (1 << 53) - NUMBER_MIN;

/// A node of a torrent.
#[derive(Debug, Clone)]
pub(super) struct NodeRef {
    pub(super) tree: Arc<TorrentTree>,
    pub(super) idx: NodeIdx,
}

#[derive(Debug)]
struct Inode {
    node: NodeRef,
    /// How many times the front end was told of this number and has not forgotten it. The front
    /// end owns the count (`FUSE_FORGET` gives it back); the table only keeps it.
    lookup_count: AtomicU64,
    is_linked: bool,
}

/// Which node has which number.
///
/// A number is the hash of an identity; where two identities want the same one, the later takes
/// the next free one. So numbers are the same after a remount (but for collisions, of which a
/// million files have one with a chance of 1 in 18,000), and a number that was given out once
/// never means another node, even after its torrent is gone: that costs 16 bytes a node of each
/// torrent that is gone, for the lifetime of the mount.
#[derive(Debug)]
pub(super) struct InodeTable {
    live: HashMap<Ino, Inode>,
    /// Numbers of nodes that are gone and forgotten, with the fingerprints of their identities.
    retired: HashMap<Ino, u64>,
    number_count: u64,
}

impl InodeTable {
    pub(super) fn new() -> Self {
        Self { live: HashMap::new(), retired: HashMap::new(), number_count: NUMBER_COUNT }
    }

    /// Gives each node of a torrent its number. The torrent must not be attached already.
    pub(super) fn attach(&mut self, tree: &Arc<TorrentTree>) -> Arc<[Ino]> {
        tree.indices()
            .map(|idx| self.attach_node(NodeRef { tree: Arc::clone(tree), idx }))
            .collect()
    }

    fn attach_node(&mut self, node: NodeRef) -> Ino {
        let identity = node.tree.identity(node.idx);
        let mut seed = identity.number_seed % self.number_count;
        while !self.is_free_for(Ino(NUMBER_MIN + seed), identity) {
            seed = (seed + 1) % self.number_count;
        }
        let ino = Ino(NUMBER_MIN + seed);
        self.retired.remove(&ino);
        match self.live.entry(ino) {
            // The torrent was removed and is back while the front end still knew the number.
            Entry::Occupied(mut known) => {
                let inode = known.get_mut();
                inode.node = node;
                inode.is_linked = true;
            }
            Entry::Vacant(free) => {
                free.insert(Inode { node, lookup_count: AtomicU64::new(0), is_linked: true });
            }
        }
        ino
    }

    fn is_free_for(&self, ino: Ino, identity: NodeIdentity) -> bool {
        if let Some(inode) = self.live.get(&ino) {
            return !inode.is_linked && inode.node.tree.identity(inode.node.idx) == identity;
        }
        self.retired.get(&ino).is_none_or(|fingerprint| *fingerprint == identity.fingerprint)
    }

    /// Takes the nodes of a torrent that is gone out of the table, but for those that the front
    /// end still knows: they go when it forgets them.
    pub(super) fn detach(&mut self, inos: &[Ino]) {
        for ino in inos {
            if let Some(inode) = self.live.get_mut(ino) {
                inode.is_linked = false;
                self.drop_if_unused(*ino);
            }
        }
    }

    pub(super) fn get(&self, ino: Ino) -> Option<&NodeRef> {
        self.live.get(&ino).map(|inode| &inode.node)
    }

    /// Returns whether the front end was told of a number and has not forgotten it.
    pub(super) fn is_known(&self, ino: Ino) -> bool {
        self.live.get(&ino).is_some_and(|inode| inode.lookup_count.load(Ordering::Relaxed) > 0)
    }

    pub(super) fn acquire(&self, ino: Ino, count: u64) {
        if let Some(inode) = self.live.get(&ino) {
            inode.lookup_count.fetch_add(count, Ordering::Relaxed);
        }
    }

    pub(super) fn forget(&mut self, ino: Ino, count: u64) {
        let Some(inode) = self.live.get_mut(&ino) else { return };
        let known = inode.lookup_count.get_mut();
        if *known < count {
            tracing::error!(ino = ino.0, known = *known, count, "more lookups forgotten than made");
        }
        *known = known.saturating_sub(count);
        self.drop_if_unused(ino);
    }

    fn drop_if_unused(&mut self, ino: Ino) {
        if let Entry::Occupied(mut entry) = self.live.entry(ino) {
            let inode = entry.get_mut();
            if !inode.is_linked && *inode.lookup_count.get_mut() == 0 {
                let NodeRef { tree, idx } = entry.remove().node;
                self.retired.insert(ino, tree.identity(idx).fingerprint);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FileEntry, FileKind, InfoHash, Layout, TorrentDetails};

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
                files: (0..file_count).map(file).collect(),
            },
            0,
        ))
    }

    #[test]
    fn numbers_do_not_depend_on_the_order_of_arrival() {
        let (a, b) = (tree(1, 50), tree(2, 50));
        let mut one = InodeTable::new();
        let mut two = InodeTable::new();
        let (a_in_one, b_in_one) = (one.attach(&a), one.attach(&b));
        let (b_in_two, a_in_two) = (two.attach(&b), two.attach(&a));
        assert_eq!((&a_in_one, &b_in_one), (&a_in_two, &b_in_two));
        assert!(a_in_one.iter().all(|ino| (NUMBER_MIN..1 << 53).contains(&ino.0)));
    }

    #[test]
    fn colliding_identities_get_different_numbers_and_keep_them_when_back() {
        let mut table = InodeTable::new();
        table.number_count = 256;
        let trees: Vec<_> = (0..6).map(|seed| tree(seed, 30)).collect();
        let numbers: Vec<_> = trees.iter().map(|tree| table.attach(tree)).collect();
        let mut seen: Vec<_> = numbers.iter().flat_map(|inos| inos.iter().copied()).collect();
        let given = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), given);

        // The front end knows some of the nodes; both kinds come back to their numbers, and
        // nobody else gets them.
        table.acquire(numbers[2][5], 3);
        table.detach(&numbers[2]);
        let other = table.attach(&tree(9, 5));
        assert!(other.iter().all(|ino| !numbers[2].contains(ino)));
        assert_eq!(table.attach(&trees[2]), numbers[2]);
        table.forget(numbers[2][5], 3);
        assert!(table.get(numbers[2][5]).is_some());
    }

    #[test]
    fn what_is_gone_stays_until_it_is_forgotten() {
        let mut table = InodeTable::new();
        let inos = table.attach(&tree(1, 3));
        table.acquire(inos[1], 2);
        table.detach(&inos);
        assert!(table.get(inos[0]).is_none());
        table.forget(inos[1], 1);
        assert!(table.get(inos[1]).is_some());
        table.forget(inos[1], 1);
        assert!(table.get(inos[1]).is_none());
        table.forget(inos[1], 1);
    }
}
