//! Exponential backoff with jitter, and `Retry-After`.
//!
//! A delay is random between 1 s and a maximum that doubles with each failure up to 30 s. The
//! jitter keeps requests that failed together from being retried together. A longer delay that the
//! provider requests is kept, up to an hour.

use std::time::Duration;

use entity::Timestamp;
use runtime::random::Random;

/// The minimum delay.
const MIN_DELAY: Duration = Duration::from_secs(1);
/// The maximum delay, unless the provider requests a longer one.
const MAX_DELAY: Duration = Duration::from_secs(30);
/// The maximum delay that a provider can request.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

/// Maximum retries of a failed poll in an interval, and maximum probes of a provider while its
/// circuit breaker is open.
pub const MAX_RETRIES: u32 = 2;
/// The delay before the history of an unknown symbol is requested again, as symbols can become
/// listed.
pub const RETRY_UNKNOWN_AFTER: Duration = Duration::from_hours(24);
/// The delay before a provider that rejected the key or plan is tried again, as the cause can be
/// temporary.
pub const RETRY_REFUSED_AFTER: Duration = Duration::from_hours(1);

/// Consecutive failures and the time of the next retry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
    retry_at: Option<Timestamp>,
}

impl Backoff {
    /// Records a failure. The delay is at least `retry_after`, the wait that the provider
    /// requested.
    pub fn record_failure(
        &mut self,
        now: Timestamp,
        retry_after: Option<Duration>,
        random: &Random,
    ) {
        self.failures = self.failures.saturating_add(1);
        let max = MAX_DELAY.min(MIN_DELAY * 2_u32.saturating_pow(self.failures));
        let delay = MIN_DELAY + random.below(max.saturating_sub(MIN_DELAY));
        let requested = retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
        self.delay_until(now.after(delay.max(requested)));
    }

    /// Delays the next retry at least until `until`, without a failure.
    pub fn delay_until(&mut self, until: Timestamp) {
        self.retry_at = self.retry_at.max(Some(until));
    }

    /// Records a success, which resets the backoff.
    pub fn record_success(&mut self) {
        *self = Self::default();
    }

    /// Returns when to retry, or `None` if `now` is late enough.
    pub fn retry_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.retry_at.filter(|retry_at| *retry_at > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(0);

    fn delay(backoff: &Backoff) -> Duration {
        backoff
            .retry_at(NOW)
            .map_or(Duration::ZERO, |until| until.since(NOW))
    }

    #[test]
    fn delays_grow_between_1_and_30_seconds_with_jitter() {
        let random = Random::seeded(3);
        let mut longest = Duration::ZERO;
        let mut drawn = std::collections::HashSet::new();
        for failures in 1..200 {
            let mut backoff = Backoff::default();
            for _ in 0..failures {
                backoff = Backoff {
                    retry_at: None,
                    ..backoff
                };
                backoff.record_failure(NOW, None, &random);
            }
            assert!(delay(&backoff) >= MIN_DELAY && delay(&backoff) <= MAX_DELAY);
            assert!(failures > 1 || delay(&backoff) <= MIN_DELAY * 2);
            longest = longest.max(delay(&backoff));
            drawn.insert(delay(&backoff));
        }
        assert!(longest > Duration::from_secs(25), "{longest:?}");
        assert!(drawn.len() > 150, "{}", drawn.len());
    }

    #[test]
    fn a_requested_delay_is_kept_up_to_an_hour() {
        let random = Random::seeded(3);
        let mut backoff = Backoff::default();
        backoff.record_failure(NOW, Some(Duration::from_secs(90)), &random);
        assert_eq!(delay(&backoff), Duration::from_secs(90));
        backoff.record_failure(NOW, Some(Duration::from_hours(25)), &random);
        assert_eq!(delay(&backoff), MAX_RETRY_AFTER);
    }

    #[test]
    fn a_success_resets_the_backoff() {
        let mut backoff = Backoff::default();
        backoff.record_failure(NOW, None, &Random::seeded(3));
        backoff.record_success();
        assert_eq!((backoff.failures, backoff.retry_at(NOW)), (0, None));
    }
}
