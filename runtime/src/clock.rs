//! The time, injected.
//!
//! One invariant: whoever stamps something with the time of day asks a [`Clock`] that was handed to it, so that tests
//! decide what time it is. Everybody who stores, compares or schedules by the wall clock calls this; waiting and
//! timeouts use tokio's timer, which tests can pause.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use entity::Timestamp;

/// Tells the time of day.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The present instant, in whole microseconds.
    fn now(&self) -> Timestamp;
}

/// A clock that is passed around.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's own clock. It may step in either direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl SystemClock {
    /// The machine's clock, ready to be passed around.
    pub fn shared() -> SharedClock {
        Arc::new(Self)
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the wall clock"
    )]
    fn now(&self) -> Timestamp {
        chrono::Utc::now().into()
    }
}

/// A clock that stands still until a test moves it. Clones tell the same time.
#[derive(Clone, Debug)]
pub struct ManualClock {
    micros: Arc<AtomicI64>,
}

impl ManualClock {
    /// A clock standing at `at`.
    pub fn at(at: Timestamp) -> Self {
        Self {
            micros: Arc::new(AtomicI64::new(at.micros())),
        }
    }

    /// Moves the clock to `at`, which may be earlier.
    pub fn set(&self, at: Timestamp) {
        self.micros.store(at.micros(), Ordering::SeqCst);
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().after(by));
    }

    /// This clock, ready to be passed around; the handle kept here still moves it.
    pub fn shared(&self) -> SharedClock {
        Arc::new(self.clone())
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.micros.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_for_everybody_who_holds_it() {
        let clock = ManualClock::at(Timestamp::from_micros(5));
        let shared = clock.shared();
        clock.advance(Duration::from_micros(2));
        assert_eq!(shared.now(), Timestamp::from_micros(7));
        clock.set(Timestamp::from_micros(1));
        assert_eq!(shared.now(), Timestamp::from_micros(1));
    }

    #[test]
    fn the_system_clock_tells_a_time_of_this_century() {
        let start = "2025-01-01T00:00:00Z".parse().expect("an instant");
        assert!(SystemClock.now() > start);
    }
}
