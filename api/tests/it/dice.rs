//! Chance, the same for the same seed.

use std::time::Duration;

use runtime::random::Random;

/// What decides about a life.
#[derive(Debug)]
pub(crate) struct Dice(Random);

impl Dice {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(Random::seeded(seed))
    }

    /// Dice of its own for somebody who rolls at times of their own.
    pub(crate) fn split(&mut self) -> Self {
        let seed = self.between(0, 1 << 40);
        Self::seeded(seed.try_into().expect("a seed"))
    }

    /// From `least` to `most`, both included.
    pub(crate) fn between(&mut self, least: usize, most: usize) -> usize {
        let count = (most - least + 1).try_into().expect("a count");
        let drawn = self.0.below(Duration::from_micros(count)).as_micros();
        most.min(least + usize::try_from(drawn).expect("a count"))
    }

    /// Whether it happens that `percent`.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.between(1, 100) <= percent
    }

    pub(crate) fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.between(0, from.len() - 1)]
    }
}
