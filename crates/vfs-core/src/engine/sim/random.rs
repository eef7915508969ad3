//! Seeded random numbers.

use fastrand::Rng;

/// A random number generator: the same sequence for the same seed on every machine.
#[derive(Debug, Clone)]
pub(super) struct SimRandom(Rng);

impl SimRandom {
    pub(super) fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// Returns a number from `low` to `high`, both inclusive.
    pub(super) fn range(&mut self, low: u64, high: u64) -> u64 {
        self.0.u64(low..=high)
    }

    /// Returns true with a probability of `percent` in a hundred.
    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.0.u64(..100) < percent
    }
}
