//! How long to leave alone what failed.
//!
//! One invariant: a wait is 1 to 30 seconds, drawn anew each time from a range that doubles, so that what failed
//! together does not come back together; a wait that the other side named is kept, up to an hour.

use std::time::Duration;

use entity::Timestamp;
use runtime::random::Random;

/// The shortest wait.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest wait that nobody asked for.
const LONGEST: Duration = Duration::from_secs(30);
/// The longest wait that is granted to whoever asks for one.
const MOST_PATIENCE: Duration = Duration::from_hours(1);

/// How often a failed poll is tried again in an interval, and a provider whose breaker is open.
pub const RETRIES: u32 = 2;
/// How soon the past of a symbol that a provider does not know is asked for again: symbols do get listed.
pub const RETRY_UNKNOWN_AFTER: Duration = Duration::from_hours(24);
/// How soon a provider that refuses is asked again: plans change, and a firewall's refusal passes.
pub const RETRY_REFUSED_AFTER: Duration = Duration::from_hours(1);

/// Failures in a row, and until when to wait because of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
    until: Option<Timestamp>,
}

impl Backoff {
    /// One more failure: waits longer than after the one before, and at least as long as was `asked` for.
    pub fn fail(&mut self, now: Timestamp, asked: Option<Duration>, random: &Random) {
        self.failures = self.failures.saturating_add(1);
        let longest = LONGEST.min(SHORTEST * 2_u32.saturating_pow(self.failures));
        let range = longest.saturating_sub(SHORTEST);
        let drawn = SHORTEST + random.below(range);
        self.hold(now.after(drawn.max(asked.unwrap_or_default().min(MOST_PATIENCE))));
    }

    /// Waits until an instant at least, without a failure.
    pub fn hold(&mut self, until: Timestamp) {
        self.until = self.until.max(Some(until));
    }

    /// It went well.
    pub fn succeed(&mut self) {
        *self = Self::default();
    }

    /// How often it failed in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Until when to wait, if that is still ahead.
    pub fn waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.until.filter(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(0);

    fn wait(backoff: &Backoff) -> Duration {
        backoff
            .waits_until(NOW)
            .map_or(Duration::ZERO, |until| until.since(NOW))
    }

    #[test]
    fn waits_grow_within_one_and_thirty_seconds_and_are_drawn() {
        let random = Random::seeded(3);
        let mut longest = Duration::ZERO;
        let mut drawn = std::collections::HashSet::new();
        for failures in 1..200 {
            let mut backoff = Backoff::default();
            for _ in 0..failures {
                backoff = Backoff {
                    until: None,
                    ..backoff
                };
                backoff.fail(NOW, None, &random);
            }
            assert!(wait(&backoff) >= SHORTEST && wait(&backoff) <= LONGEST);
            assert!(failures > 1 || wait(&backoff) <= SHORTEST * 2);
            longest = longest.max(wait(&backoff));
            drawn.insert(wait(&backoff));
        }
        assert!(longest > Duration::from_secs(25), "{longest:?}");
        assert!(drawn.len() > 150, "{}", drawn.len());
    }

    #[test]
    fn patience_that_was_asked_for_is_kept_up_to_an_hour() {
        let random = Random::seeded(3);
        let mut backoff = Backoff::default();
        backoff.fail(NOW, Some(Duration::from_secs(90)), &random);
        assert_eq!(wait(&backoff), Duration::from_secs(90));
        backoff.fail(NOW, Some(Duration::from_hours(25)), &random);
        assert_eq!(wait(&backoff), MOST_PATIENCE);
    }

    #[test]
    fn a_success_forgets_the_failures() {
        let mut backoff = Backoff::default();
        backoff.fail(NOW, None, &Random::seeded(3));
        backoff.succeed();
        assert_eq!((backoff.failures(), backoff.waits_until(NOW)), (0, None));
    }
}
