//! A seeded random number generator, for reproducible randomized tests.

use std::time::Duration;

use runtime::random::Random;

/// A random generator that repeats its values for the same seed.
#[derive(Debug)]
pub struct SeededRandom(Random);

impl SeededRandom {
    /// Creates a generator from a seed.
    pub fn new(seed: u64) -> Self {
        Self(Random::seeded(seed))
    }

    /// Derives an independent generator, for a task that runs concurrently.
    #[must_use]
    pub fn split(&mut self) -> Self {
        let seed = self.between(0, 1 << 40);
        Self::new(seed.try_into().expect("a seed"))
    }

    /// Returns a number from `least` to `most`, both included.
    pub fn between(&mut self, least: usize, most: usize) -> usize {
        let count = (most - least + 1).try_into().expect("a count");
        let drawn = self.0.below(Duration::from_micros(count)).as_micros();
        most.min(least + usize::try_from(drawn).expect("a count"))
    }

    /// Returns `true` with a probability of `percent`.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.between(1, 100) <= percent
    }

    /// Returns one of the values.
    pub fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.between(0, from.len() - 1)]
    }
}
