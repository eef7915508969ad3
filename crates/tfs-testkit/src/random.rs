//! Seeded randomness. A failing test prints the seed.

use fastrand::Rng;

/// A random number generator: the same numbers for the same seed, on every machine.
#[derive(Debug, Clone)]
pub struct Random(Rng);

impl Random {
    /// Returns a generator for a seed.
    pub fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// Returns another generator with independent numbers. Each concurrent task gets its own, so
    /// that none depends on the order of the others.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self(self.0.fork())
    }

    /// Returns the next number.
    pub fn number(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// Returns a number from `low` to `high`, both inclusive; `low` if the range is empty.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        self.0.u64(low..=high.max(low))
    }

    /// Returns a number below `end`, or 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.range(0, end.saturating_sub(1))
    }

    /// Returns true with a probability of `percent` in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Returns a random element, or `None` of an empty slice.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        let last = choices.len().checked_sub(1)?;
        let idx = self.range(0, u64::try_from(last).unwrap_or(u64::MAX));
        choices.get(usize::try_from(idx).unwrap_or(last))
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn a_seed_is_a_sequence() {
        let numbers = |seed| {
            let mut random = Random::new(seed);
            let mut fork = random.fork();
            [random.number(), random.range(3, 5), fork.number(), fork.range(7, 7)]
        };
        assert_eq!(numbers(1), numbers(1));
        assert_ne!(numbers(1), numbers(2));
        assert_eq!(numbers(9)[3], 7);
    }

    #[test]
    fn both_ends_of_a_range_are_in_it() {
        let mut random = Random::new(1);
        let mut seen = [0; 3];
        for _ in 0..100 {
            seen[usize::try_from(random.range(0, 2)).unwrap()] += 1;
        }
        assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
        assert_eq!(random.pick::<u8>(&[]), None);
        assert!((0..100).all(|_| random.chance(100) && !random.chance(0)));
    }
}
