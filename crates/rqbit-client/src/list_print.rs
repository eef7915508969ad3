//! Fingerprints of the elements of a list: the next list is parsed only where its text differs.

use std::hash::{BuildHasher as _, RandomState};

/// Fingerprints of the elements of a list, in its order: 8 bytes each.
///
/// The hash function is keyed at random, so a server cannot choose two texts with one fingerprint.
#[derive(Debug, Clone, Default)]
pub struct ListPrint {
    keys: RandomState,
    prints: Vec<u64>,
}

/// Differences between two consecutive lists.
#[derive(Debug, Clone)]
pub struct ListChanges<T> {
    /// The elements whose text is new at their index, with the index, in ascending order.
    pub changed: Vec<(usize, T)>,
    /// The fingerprints of the newer list.
    pub print: ListPrint,
}

impl ListPrint {
    /// Returns the number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.prints.len()
    }

    /// Returns whether the list is empty, or unknown.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.prints.is_empty()
    }

    /// Returns an empty print that can be compared with this one.
    pub(crate) fn start(&self) -> Self {
        Self { keys: self.keys.clone(), prints: Vec::with_capacity(self.prints.len()) }
    }

    /// Adds the text of the next element.
    pub fn push(&mut self, text: &[u8]) {
        self.prints.push(self.keys.hash_one(text));
    }

    /// Returns whether the last element differs from the one at its index in `known`.
    pub(crate) fn is_new_in(&self, known: &Self) -> bool {
        let idx = self.prints.len().checked_sub(1);
        idx.is_none_or(|idx| self.prints.get(idx) != known.prints.get(idx))
    }
}
