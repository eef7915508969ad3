//! Searches that the front end knows.

use std::collections::HashMap;
use std::sync::Arc;

use super::results::{Hit, Results};
use crate::VfsError;
use crate::search::Query;

/// Maximum number of searches. Beyond it the least recently used one becomes stale, and is found
/// again by its name.
pub(super) const SEARCHES_MAX: usize = 256;

/// Maximum number of results of all searches except the last used one: about 10 MB.
pub(super) const RESULTS_MAX: usize = 50_000;

#[derive(Debug)]
struct Search {
    words: Arc<str>,
    query: Arc<Query>,
    /// Lookup count: lookups by the front end that it has not forgotten.
    lookup_count: u64,
    /// When it was last used, as a number of calls.
    used: u64,
    /// Generation of the results; `None` before the first search.
    generation: Option<u64>,
    results: Results,
}

/// Searches by number. A search exists from its lookup until the front end forgets it, or until it
/// is evicted.
#[derive(Debug)]
pub(super) struct SearchTable {
    by_id: HashMap<u64, Search>,
    by_words: HashMap<Arc<str>, u64>,
    last_id: u64,
    id_max: u64,
    calls: u64,
}

impl SearchTable {
    /// Returns an empty table, whose numbers range from 1 to `id_max`.
    pub(super) fn new(id_max: u64) -> Self {
        let (by_id, by_words) = Default::default();
        Self { by_id, by_words, last_id: 0, id_max, calls: 0 }
    }

    /// Returns the search for these words, creates it if necessary, and counts a lookup. Does not
    /// run the search.
    pub(super) fn look_up(&mut self, words: &str) -> Result<u64, VfsError> {
        let id = match self.by_words.get(words) {
            Some(id) => *id,
            None => self.add(words)?,
        };
        if let Some(search) = self.use_one(id) {
            search.lookup_count += 1;
        }
        Ok(id)
    }

    /// Counts a lookup of an existing search.
    pub(super) fn acquire(&mut self, id: u64) -> Result<(), VfsError> {
        self.use_one(id).ok_or(VfsError::Stale)?.lookup_count += 1;
        Ok(())
    }

    pub(super) fn forget(&mut self, id: u64, count: u64) {
        let Some(search) = self.by_id.get_mut(&id) else { return };
        search.lookup_count = search.lookup_count.saturating_sub(count);
        if search.lookup_count == 0 {
            self.remove(id);
        }
    }

    /// Returns the query if the results of a search are not from this generation.
    pub(super) fn outdated(
        &mut self,
        id: u64,
        generation: u64,
    ) -> Result<Option<Arc<Query>>, VfsError> {
        let search = self.use_one(id).ok_or(VfsError::Stale)?;
        let is_outdated = search.generation != Some(generation);
        Ok(is_outdated.then(|| Arc::clone(&search.query)))
    }

    /// Sets the results of a search, and evicts others if necessary.
    pub(super) fn take_over(&mut self, id: u64, generation: u64, hits: Vec<Hit>) {
        let Some(search) = self.by_id.get_mut(&id) else { return };
        search.generation = Some(generation);
        search.results.take_over(hits);
        self.make_room(id);
    }

    pub(super) fn results(&self, id: u64) -> Result<&Results, VfsError> {
        self.by_id.get(&id).map(|search| &search.results).ok_or(VfsError::Stale)
    }

    fn add(&mut self, words: &str) -> Result<u64, VfsError> {
        // A name that is not a valid query does not exist.
        let query = Query::words(words).map_err(|_no_query| VfsError::NotFound)?;
        self.last_id = self.free_id();
        let (id, words) = (self.last_id, Arc::<str>::from(words));
        self.by_words.insert(Arc::clone(&words), id);
        self.by_id.insert(
            id,
            Search {
                words,
                query: Arc::new(query),
                lookup_count: 0,
                used: self.calls,
                generation: None,
                results: Results::new(),
            },
        );
        self.make_room(id);
        Ok(id)
    }

    /// Returns the next number. After the maximum, which is unreachable with 64 bits, and with 32
    /// bits takes a thousand million searches, it restarts with the free numbers.
    fn free_id(&self) -> u64 {
        let mut id = self.last_id;
        loop {
            id = if id >= self.id_max { 1 } else { id + 1 };
            // There are fewer searches than numbers.
            if !self.by_id.contains_key(&id) {
                return id;
            }
        }
    }

    fn use_one(&mut self, id: u64) -> Option<&mut Search> {
        self.calls += 1;
        let search = self.by_id.get_mut(&id)?;
        search.used = self.calls;
        Some(search)
    }

    /// Evicts the least recently used searches, except for one.
    fn make_room(&mut self, kept: u64) {
        let mut result_count: usize = self.by_id.values().map(|search| search.results.len()).sum();
        while self.by_id.len() > SEARCHES_MAX || result_count > RESULTS_MAX {
            let others = self.by_id.iter().filter(|(id, _)| **id != kept);
            let Some(oldest) = others.min_by_key(|(_, search)| search.used).map(|(id, _)| *id)
            else {
                return;
            };
            result_count -= self.remove(oldest).map_or(0, |search| search.results.len());
        }
    }

    fn remove(&mut self, id: u64) -> Option<Search> {
        let search = self.by_id.remove(&id)?;
        self.by_words.remove(&search.words);
        Some(search)
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.by_id.len()
    }
}
