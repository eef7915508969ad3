//! A bounded map that evicts old entries.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// The entries inserted last: at least `entries_min` of them, and at most twice as many.
///
/// It has two halves: when the younger is full, it replaces the older. So no order of the entries
/// is stored, which would take more memory than the entries.
#[derive(Debug)]
pub(super) struct RecentMap<K, V> {
    entries_min: usize,
    younger: HashMap<K, V>,
    older: HashMap<K, V>,
}

impl<K: Eq + Hash, V> RecentMap<K, V> {
    pub(super) fn new(entries_min: usize) -> Self {
        Self { entries_min, younger: HashMap::new(), older: HashMap::new() }
    }

    /// Inserts an entry, and evicts the older half if there are too many.
    pub(super) fn insert(&mut self, key: K, value: V) {
        self.older.remove(&key);
        self.younger.insert(key, value);
        if self.younger.len() >= self.entries_min {
            self.older = std::mem::take(&mut self.younger);
        }
    }

    pub(super) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.younger.get(key).or_else(|| self.older.get(key))
    }

    pub(super) fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.younger.remove(key).or_else(|| self.older.remove(key))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.younger.len() + self.older.len()
    }
}

#[cfg(test)]
mod tests {
    use super::RecentMap;

    #[test]
    fn the_last_entries_are_kept_and_not_many_more() {
        let mut map = RecentMap::new(10);
        for n in 0..1000 {
            // Repeated inserts of one key evict nothing.
            map.insert(-1, n);
            map.insert(n, n);
            assert!(map.len() <= 20);
            for kept in (0..=n).rev().take(8) {
                assert_eq!(map.get(&kept), Some(&kept));
            }
        }
        assert_eq!(map.get(&-1), Some(&999));
        assert_eq!(map.remove(&999), Some(999));
        assert_eq!((map.get(&999), map.get(&0)), (None, None));
    }
}
