//! Seeded randomness. A failing test prints the seed.

/// A random number generator (splitmix64): the same numbers for the same seed, on every machine.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Returns a generator for a seed.
    pub const fn new(seed: u64) -> Self {
        Self(mix(seed ^ 0x5851_f42d_4c95_7f2d))
    }

    /// Returns another generator with independent numbers. Each concurrent task gets its own, so
    /// that none depends on the order of the others.
    #[must_use]
    pub const fn fork(&mut self) -> Self {
        Self(mix(self.number()))
    }

    /// Returns the next number.
    pub const fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Returns a number from `low` to `high`, both inclusive; `low` if the range is empty.
    pub const fn range(&mut self, low: u64, high: u64) -> u64 {
        match high.saturating_sub(low).checked_add(1) {
            Some(count) => low.saturating_add(self.number() % count),
            None => self.number(),
        }
    }

    /// Returns true with a probability of `percent` in a hundred.
    pub const fn chance(&mut self, percent: u64) -> bool {
        self.range(0, 99) < percent
    }

    /// Returns a random element, or `None` of an empty slice.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        let last = choices.len().checked_sub(1)?;
        let idx = self.range(0, u64::try_from(last).unwrap_or(u64::MAX));
        choices.get(usize::try_from(idx).unwrap_or(last))
    }
}

/// The finisher of splitmix64: spreads each bit over all bits.
const fn mix(seed: u64) -> u64 {
    let mut mixed = seed;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
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
