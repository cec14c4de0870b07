//! When to connect again after a connection has ended.

use std::time::Duration;

use runtime::random::Random;

use super::connection::End;

/// The maximum delay after a failure.
const MAX_DELAY: Duration = Duration::from_secs(30);
/// The maximum delay that a provider can request.
const MAX_REQUESTED: Duration = Duration::from_hours(1);
/// The delay after the first eviction, in which the other connection may end.
const FIRST_EVICTION: Duration = Duration::from_mins(1);
/// The delay after each further eviction.
const NEXT_EVICTION: Duration = Duration::from_mins(5);

/// The failures since the last price.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Retry {
    failures: u32,
    evictions: u32,
}

impl Retry {
    /// Resets the delays. Only a price proves that the stream works.
    pub(super) fn record_price(&mut self) {
        *self = Self::default();
    }

    /// Returns the delay after the end of a connection, or `None` if a retry cannot succeed.
    pub(super) fn delay(&mut self, end: &End, random: &Random) -> Option<Duration> {
        match end {
            End::Refused(_) => None,
            End::Evicted => {
                self.evictions += 1;
                Some(if self.evictions > 1 {
                    NEXT_EVICTION
                } else {
                    FIRST_EVICTION
                })
            }
            End::Unwanted | End::LeaseUnproven => Some(Duration::ZERO),
            End::Failed { wait, .. } => {
                let max = MAX_DELAY.min(Duration::from_secs(2_u64.saturating_pow(self.failures)));
                self.failures = self.failures.saturating_add(1);
                let delay = max.mul_f64(0.5 + random.unit() / 2.0);
                let requested = wait.unwrap_or_default().min(MAX_REQUESTED);
                Some(delay.max(requested))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(wait: Option<Duration>) -> End {
        End::Failed {
            reason: "closed".into(),
            wait,
        }
    }

    #[test]
    fn delays_double_up_to_30_seconds_with_jitter_of_a_half() {
        let random = Random::seeded(5);
        let mut retry = Retry::default();
        for max in [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] {
            let delay = retry.delay(&failed(None), &random).expect("a retry");
            let delay = delay.as_secs_f64();
            assert!((max / 2.0..=max).contains(&delay), "{delay} of {max}");
        }
        for _ in 0..100 {
            let delay = retry.delay(&failed(None), &random).expect("a retry");
            assert!(delay <= MAX_DELAY);
        }
        retry.record_price();
        let delay = retry.delay(&failed(None), &random).expect("a retry");
        assert!(delay <= Duration::from_secs(1), "{delay:?}");
    }

    #[test]
    fn a_requested_delay_is_kept_up_to_an_hour() {
        let random = Random::seeded(5);
        for (requested, kept) in [(90, 90), (7_200, 3_600)] {
            let wait = Some(Duration::from_secs(requested));
            let delay = Retry::default().delay(&failed(wait), &random);
            assert_eq!(delay, Some(Duration::from_secs(kept)));
        }
    }

    #[test]
    fn an_eviction_waits_longer_and_a_refusal_is_final() {
        let (random, mut retry) = (Random::seeded(5), Retry::default());
        assert_eq!(retry.delay(&End::Evicted, &random), Some(FIRST_EVICTION));
        assert_eq!(retry.delay(&End::Evicted, &random), Some(NEXT_EVICTION));
        assert_eq!(retry.delay(&End::Evicted, &random), Some(NEXT_EVICTION));
        let refused = End::Refused("error 402".into());
        assert_eq!(retry.delay(&refused, &random), None);
    }
}
