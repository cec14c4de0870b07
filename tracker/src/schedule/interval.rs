//! How often each symbol can be asked for within a provider's budget.
//!
//! One invariant: as many symbols as there are, asked at this interval, spend neither the minute's budget nor the
//! day's without its reserve.

use std::{fmt, time::Duration};

use crate::provider::Budget;

/// The minute that a budget per minute counts.
const MINUTE: Duration = Duration::from_mins(1);

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

/// How often to poll a symbol: as wished, unless `symbols` at that pace would overspend `budget`.
/// `polled` is the time for which they are polled on a day, summed over all of them.
pub fn planned(wished: Duration, symbols: usize, polled: Duration, budget: Budget) -> Planned {
    let minute = budget
        .per_minute
        .map(|limit| (spread(MINUTE, symbols, limit), Limit::Minute(limit)));
    let day = budget.per_day.map(|limit| {
        let planned = limit.saturating_sub(reserve(limit));
        (spread(polled, 1, planned), Limit::Day(limit))
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
fn spread(time: Duration, symbols: usize, requests: u32) -> Duration {
    let symbols = u128::try_from(symbols).unwrap_or(u128::MAX);
    let micros = time
        .as_micros()
        .saturating_mul(symbols)
        .div_ceil(u128::from(requests.max(1)));
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        market::{Market, PollingHours},
        provider::DayZone,
    };

    fn budget(per_minute: Option<u32>, per_day: Option<u32>) -> Budget {
        Budget {
            per_minute,
            per_day,
            day: DayZone::NewYork,
        }
    }

    /// The plan for shares of the United States.
    fn planned_at(
        hours: PollingHours,
        wished: Duration,
        symbols: usize,
        budget: Budget,
    ) -> Planned {
        let count = u32::try_from(symbols).expect("a few");
        planned(wished, symbols, hours.a_day(Market::Us) * count, budget)
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

    proptest! {
        #[test]
        fn polling_at_the_interval_never_overspends(
            symbols in 1_usize..5_000, per_minute in 1_u32..2_000, per_day in 2_u32..100_000,
        ) {
            let budget = budget(Some(per_minute), Some(per_day));
            let interval = planned_at(PollingHours::Market, Duration::ZERO, symbols, budget).interval;
            let polls = |time: Duration| time.as_micros() * symbols as u128 / interval.as_micros();
            prop_assert!(polls(MINUTE) <= u128::from(per_minute));
            prop_assert!(polls(Duration::from_hours(16)) <= u128::from(per_day - reserve(per_day)));
        }
    }
}
