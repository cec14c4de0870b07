//! How often each symbol can be asked for within a provider's budget.
//!
//! One invariant: as many symbols as there are, asked at this interval, spend neither the minute's budget nor the
//! day's without its reserve.

use std::{fmt, time::Duration};

use super::{interval_of, is_dead};
use crate::{market::Market, provider::Budget};

/// The minute that a budget per minute counts.
const MINUTE: Duration = Duration::from_mins(1);
/// How long a day is polled while a market has hours: 04:00 to 20:00.
const WINDOW: Duration = Duration::from_hours(16);
/// How long a day is polled of a market that never closes.
const DAY: Duration = Duration::from_hours(24);

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

/// How often to poll a symbol: as wished, unless all symbols at that pace would overspend `budget`. There is one item of
/// `unpriced_answers` for each symbol; one that is polled less often, as it has no price, counts for what it takes.
pub fn planned(
    wished: Duration,
    unpriced_answers: &[i32],
    budget: Budget,
    market: Market,
) -> Planned {
    let window = match market {
        Market::Us => WINDOW,
        Market::Always => DAY,
    };
    let dead: Vec<i32> = unpriced_answers
        .iter()
        .copied()
        .filter(|answers| is_dead(*answers))
        .collect();
    let symbols = |count: usize| {
        u64::try_from(count)
            .unwrap_or(u64::MAX)
            .saturating_mul(SYMBOL)
    };
    let live = symbols(unpriced_answers.len() - dead.len());
    let at = |interval: Duration| {
        let shares = dead.iter().map(|answers| {
            let polled = interval_of(*answers, interval).min(window);
            share(interval, polled)
        });
        planned_load(wished, live.saturating_add(shares.sum()), budget, window)
    };
    let mut plan = planned_load(wished, symbols(unpriced_answers.len()), budget, window);
    for _ in 0..STEPS {
        let next = at(plan.interval);
        // An interval is long enough if what is polled at it needs no longer one.
        if next.interval >= plan.interval || at(next.interval).interval > next.interval {
            break;
        }
        plan = next;
    }
    plan
}

/// What a symbol that is polled every `polled` takes of the polls that one takes which is polled at every `interval`.
fn share(interval: Duration, polled: Duration) -> u64 {
    let share = interval.as_micros() * u128::from(SYMBOL);
    let share = share.div_ceil(polled.as_micros().max(1));
    u64::try_from(share).map_or(SYMBOL, |share| share.min(SYMBOL))
}

/// As [`planned`], for so many millionths of a symbol.
fn planned_load(wished: Duration, load: u64, budget: Budget, window: Duration) -> Planned {
    let minute = budget
        .per_minute
        .map(|limit| (spread(MINUTE, load, limit), Limit::Minute(limit)));
    let day = budget.per_day.map(|limit| {
        let planned = limit.saturating_sub(reserve(limit));
        (spread(window, load, planned), Limit::Day(limit))
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

/// `time × symbols ÷ requests`, rounded up to a microsecond; the whole time a symbol if there are no requests at all.
/// `load` is in millionths of a symbol.
fn spread(time: Duration, load: u64, requests: u32) -> Duration {
    let micros = time
        .as_micros()
        .saturating_mul(u128::from(load))
        .div_ceil(u128::from(requests.max(1)) * u128::from(SYMBOL));
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn the_tightest_of_wish_minute_and_day_decides() {
        let wish = Duration::from_mins(5);
        let interval = |symbols, per_minute, per_day, market| {
            planned(wish, &vec![0; symbols], budget(per_minute, per_day), market)
                .interval
                .as_micros()
        };
        // 57 600 s × 4 / (25 − 3) on the free plan.
        assert_eq!(interval(4, Some(5), Some(25), Market::Us), 10_472_727_273);
        assert_eq!(
            interval(4, Some(5), Some(25), Market::Always),
            15_709_090_910
        );
        assert_eq!(interval(4, Some(5), None, Market::Us), 300_000_000);
        assert_eq!(interval(50, Some(5), None, Market::Us), 600_000_000);
        assert_eq!(interval(0, Some(5), Some(25), Market::Us), 300_000_000);
        // A single request a day is all reserve.
        assert_eq!(interval(1, None, Some(1), Market::Us), 57_600_000_000);
    }

    #[test]
    fn a_plan_names_the_budget_that_stretches_it() {
        let wish = Duration::from_mins(5);
        let limit = |symbols, per_minute, per_day| {
            let budget = budget(per_minute, per_day);
            let planned = planned(wish, &vec![0; symbols], budget, Market::Us);
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
            planned(
                Duration::from_mins(5),
                unpriced_answers,
                budget,
                Market::Always,
            )
            .interval
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
            let interval = planned(Duration::ZERO, &all, budget, Market::Us).interval;
            let polls = |time: Duration| {
                let rates = all.iter().map(|answers| {
                    time.div_duration_f64(interval_of(*answers, interval))
                });
                rates.sum::<f64>() - 1e-6
            };
            prop_assert!(polls(MINUTE) <= f64::from(per_minute));
            prop_assert!(polls(WINDOW) <= f64::from(per_day - reserve(per_day)));
        }
    }
}
