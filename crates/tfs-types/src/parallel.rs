//! Work on many items on all processors.

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

/// Number of items from which threads are used. Fewer take less time than waking a thread.
const ITEMS_MIN: usize = 256;

/// Returns the results of `work` for all items, in their order. Blocks until the last one is there.
///
/// From 256 items on, it runs on the threads of rayon's global pool, which start with the first
/// such call. A panic of `work` is a panic of the caller.
pub fn map_parallel<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    if items.len() < ITEMS_MIN {
        return items.into_iter().map(work).collect();
    }
    items.into_par_iter().map(&work).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order_for_few_and_for_many() {
        for count in [0, 1, ITEMS_MIN - 1, ITEMS_MIN, 10_000] {
            let squares = map_parallel((0..count).collect(), |item| item * item);
            assert!(squares.iter().enumerate().all(|(item, square)| item * item == *square));
            assert_eq!(squares.len(), count);
        }
    }
}
