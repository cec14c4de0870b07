//! The wall clock, behind a trait that tests implement with a clock they set.
//!
//! Code that stores, compares or schedules by the time of day reads an injected [`Clock`], so that
//! tests control the time. Delays and timeouts use tokio's timer, which tests can pause.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use entity::Timestamp;

/// A source of the time of day.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Returns the current time, in whole microseconds.
    fn now(&self) -> Timestamp;
}

/// A shared clock.
pub type SharedClock = Arc<dyn Clock>;

/// The clock of the machine. It may step in either direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl SystemClock {
    /// Returns a shared clock of the machine.
    pub fn shared() -> SharedClock {
        Arc::new(Self)
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the only place that reads the wall clock"
    )]
    fn now(&self) -> Timestamp {
        chrono::Utc::now().into()
    }
}

/// A clock that stands still until a test moves it. Clones share the time.
#[derive(Clone, Debug)]
pub struct ManualClock {
    micros: Arc<AtomicI64>,
}

impl ManualClock {
    /// Creates a clock that stands at `at`.
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

    /// Returns a shared clock; this handle still moves it.
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
    fn clones_of_a_manual_clock_share_the_time() {
        let clock = ManualClock::at(Timestamp::from_micros(5));
        let shared = clock.shared();
        clock.advance(Duration::from_micros(2));
        assert_eq!(shared.now(), Timestamp::from_micros(7));
        clock.set(Timestamp::from_micros(1));
        assert_eq!(shared.now(), Timestamp::from_micros(1));
    }

    #[test]
    fn the_system_clock_returns_a_recent_time() {
        let start = "2025-01-01T00:00:00Z".parse().expect("an instant");
        assert!(SystemClock.now() > start);
    }
}
