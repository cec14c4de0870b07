//! How often each symbol can be asked for within a provider's budget.
//!
//! One invariant: as many symbols as there are, asked at this interval, spend neither the minute's budget nor the
//! day's without its reserve.

use std::{fmt, time::Duration};

use market::is_unpriced;

use super::interval_of;
use crate::provider::Budget;

/// The minute that a budget per minute counts.
const MINUTE: Duration = Duration::from_mins(1);

/// One symbol, in millionths.
const SYMBOL: u64 = 1_000_000;
/// So many steps find the interval beside symbols that are polled less often.
const STEPS: usize = 4;

/// The time between two polls of a symbol, and what made it longer than wished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The time between two polls of a symbol.
    pub interval: Duration,
    /// The budget that stretches it; `None` if it is as wished.
    pub limit: Option<Limit>,
}

/// A budget that stretches the interval, with its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Requests in any minute.
    Minute(u32),
    /// Requests in a day, the reserve included.
    Day(u32),
}

/// As people say it: `25 requests a day`.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (requests, window) = match self {
            Self::Minute(requests) => (requests, "minute"),
            Self::Day(requests) => (requests, "day"),
        };
        let plural = if *requests == 1 { "" } else { "s" };
        write!(f, "{requests} request{plural} a {window}")
    }
}

/// What a tracked symbol takes of a provider's budget.
#[derive(Clone, Copy, Debug)]
pub struct PlannedSymbol {
    /// The time for which it is polled on a day.
    pub polled: Duration,
    /// How many answers in a row had no price.
    pub unpriced_answers: i32,
}

/// Returns how often to poll a symbol: as wished, unless all symbols at that pace would overspend
/// `budget`. A symbol without a price is polled less often and counts for what it takes.
pub fn planned(wished: Duration, symbols: &[PlannedSymbol], budget: Budget) -> Planned {
    let at = |interval: Option<Duration>| {
        let (mut load, mut polled) = (0_u64, 0_u128);
        for symbol in symbols {
            let share = interval.map_or(SYMBOL, |interval| symbol.share(interval));
            load = load.saturating_add(share);
            polled = polled.saturating_add(symbol.polled.as_micros() * u128::from(share));
        }
        planned_load(wished, load, polled, budget)
    };
    let mut plan = at(None);
    for _ in 0..STEPS {
        let next = at(Some(plan.interval));
        // An interval is long enough if what is polled at it needs no longer one.
        let is_enough = at(Some(next.interval)).interval <= next.interval;
        if next.interval >= plan.interval || !is_enough {
            break;
        }
        plan = next;
    }
    plan
}

impl PlannedSymbol {
    /// The polls of this symbol in millionths of those of a symbol that is polled at every `interval`.
    fn share(self, interval: Duration) -> u64 {
        if !is_unpriced(self.unpriced_answers) {
            return SYMBOL;
        }
        let own = interval_of(self.unpriced_answers, interval).min(self.polled);
        let share = interval.as_micros() * u128::from(SYMBOL);
        let share = share.div_ceil(own.as_micros().max(1));
        u64::try_from(share).map_or(SYMBOL, |share| share.min(SYMBOL))
    }
}

/// As [`planned`], for `load` millionths of a symbol that are polled for `polled` microseconds a day
/// times millionths in all.
fn planned_load(wished: Duration, load: u64, polled: u128, budget: Budget) -> Planned {
    let minute = MINUTE.as_micros().saturating_mul(u128::from(load));
    let minute = budget
        .per_minute
        .map(|limit| (spread(minute, limit), Limit::Minute(limit)));
    let day = budget.per_day.map(|limit| {
        let planned = limit.saturating_sub(reserve(limit));
        (spread(polled, planned), Limit::Day(limit))
    });
    let as_wished = Planned {
        interval: wished,
        limit: None,
    };
    let tightest = |planned: Planned, (interval, limit)| {
        if interval > planned.interval {
            Planned {
                interval,
                limit: Some(limit),
            }
        } else {
            planned
        }
    };
    [minute, day]
        .into_iter()
        .flatten()
        .fold(as_wished, tightest)
}

/// How many requests of a day's budget are kept for those whom somebody waits for: a tenth, at least one.
pub fn reserve(per_day: u32) -> u32 {
    per_day.div_ceil(10).max(1)
}

/// Divides a time in microseconds times millionths of a symbol by a number of requests, rounded up to a
/// microsecond; by one if there are no requests at all.
fn spread(polled: u128, requests: u32) -> Duration {
    let micros = polled.div_ceil(u128::from(requests.max(1)) * u128::from(SYMBOL));
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use market::{Market, PollingHours};
    use proptest::prelude::*;

    use super::*;
    use crate::provider::DayZone;

    fn budget(per_minute: Option<u32>, per_day: Option<u32>) -> Budget {
        Budget {
            per_minute,
            per_day,
            day: DayZone::NewYork,
        }
    }

    /// The plan for stocks of the United States that had so many answers without a price.
    fn plan_of(
        hours: PollingHours,
        wished: Duration,
        unpriced_answers: &[i32],
        budget: Budget,
    ) -> Planned {
        let symbols = unpriced_answers.iter().map(|answers| PlannedSymbol {
            polled: hours.per_day(Market::Us),
            unpriced_answers: *answers,
        });
        planned(wished, &symbols.collect::<Vec<_>>(), budget)
    }

    /// The plan for so many stocks of the United States that have a price.
    fn planned_at(
        hours: PollingHours,
        wished: Duration,
        symbols: usize,
        budget: Budget,
    ) -> Planned {
        plan_of(hours, wished, &vec![0; symbols], budget)
    }

    #[test]
    fn the_tightest_of_wish_minute_and_day_decides() {
        let wish = Duration::from_mins(5);
        let interval = |symbols, per_minute, per_day, hours| {
            planned_at(hours, wish, symbols, budget(per_minute, per_day))
                .interval
                .as_micros()
        };
        // 57 600 s × 4 / (25 − 3) on the free plan.
        assert_eq!(
            interval(4, Some(5), Some(25), PollingHours::Market),
            10_472_727_273
        );
        assert_eq!(
            interval(4, Some(5), Some(25), PollingHours::Always),
            15_709_090_910
        );
        assert_eq!(
            interval(4, Some(5), None, PollingHours::Market),
            300_000_000
        );
        assert_eq!(
            interval(50, Some(5), None, PollingHours::Market),
            600_000_000
        );
        assert_eq!(
            interval(0, Some(5), Some(25), PollingHours::Market),
            300_000_000
        );
        // A single request a day is all reserve.
        assert_eq!(
            interval(1, None, Some(1), PollingHours::Market),
            57_600_000_000
        );
    }

    #[test]
    fn a_plan_names_the_budget_that_stretches_it() {
        let wish = Duration::from_mins(5);
        let limit = |symbols, per_minute, per_day| {
            let planned = planned_at(
                PollingHours::Market,
                wish,
                symbols,
                budget(per_minute, per_day),
            );
            planned.limit.map(|limit| limit.to_string())
        };
        let said = |text: &str| Some(text.to_owned());
        assert_eq!(limit(4, Some(5), Some(25)), said("25 requests a day"));
        assert_eq!(limit(50, Some(5), None), said("5 requests a minute"));
        assert_eq!(limit(1, None, Some(1)), said("1 request a day"));
        assert_eq!(limit(4, Some(5), None), None);
    }

    #[test]
    fn a_tenth_of_a_day_is_kept_and_at_least_one() {
        assert_eq!([0, 1, 10, 11, 25, 800].map(reserve), [1, 1, 1, 2, 3, 80]);
    }

    #[test]
    fn symbols_without_a_price_slow_the_others_by_what_they_take_alone() {
        let interval = |unpriced_answers: &[i32], per_minute, per_day| {
            let budget = budget(per_minute, per_day);
            let wished = Duration::from_mins(5);
            plan_of(PollingHours::Always, wished, unpriced_answers, budget).interval
        };
        let alone = interval(&[0], None, Some(25));
        let beside_daily = interval(&[0, 1_000], None, Some(25));
        // One of 22 requests a day is the other's.
        let minutes = |interval: Duration| interval.as_secs() / 60;
        assert_eq!((minutes(alone), minutes(beside_daily)), (65, 68));
        // Hourly is no less often than every two hours.
        assert_eq!(
            interval(&[0, 3], None, Some(25)),
            interval(&[0, 0], None, Some(25))
        );
        let half = [[0; 25], [3; 25]].concat();
        let interval = interval(&half, Some(5), None);
        assert!((327..=330).contains(&interval.as_secs()), "{interval:?}");
    }

    proptest! {
        #[test]
        fn polling_at_the_interval_never_overspends(
            symbols in 1_usize..5_000, dead in prop::collection::vec(3_i32..100, 0..50),
            per_minute in 1_u32..2_000, per_day in 2_u32..100_000,
        ) {
            let budget = budget(Some(per_minute), Some(per_day));
            let all = [vec![0; symbols], dead.clone()].concat();
            let interval = plan_of(PollingHours::Market, Duration::ZERO, &all, budget).interval;
            let polls = |time: Duration| {
                let rates = all.iter().map(|answers| {
                    time.div_duration_f64(interval_of(*answers, interval))
                });
                rates.sum::<f64>() - 1e-6
            };
            prop_assert!(polls(MINUTE) <= f64::from(per_minute));
            prop_assert!(polls(Duration::from_hours(16)) <= f64::from(per_day - reserve(per_day)));
        }
    }
}
