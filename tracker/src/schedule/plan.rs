//! Plans the polling interval so that all symbols stay within the rate limits of a provider.
//!
//! Polling all symbols at the planned interval exceeds neither the limit per minute nor the daily
//! quota minus its reserve.

use std::{fmt, time::Duration};

use market::is_unpriced;

use super::symbol_interval;
use crate::provider::{PollCost, RequestBudget};

/// The window of the limit per second.
const SECOND: Duration = Duration::from_secs(1);
/// The window of the limit per minute.
const MINUTE: Duration = Duration::from_mins(1);

/// The load of one symbol with a price, in millionths.
const SYMBOL: u64 = 1_000_000;
/// Iterations that find the interval if some symbols are polled less often.
const MAX_ITERATIONS: usize = 4;

/// The time between two polls of a symbol, and the limit that makes it longer than
/// `UPDATE_INTERVAL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollPlan {
    /// The time between two polls of a symbol.
    pub interval: Duration,
    /// The limit that extends the interval, or `None` if it is `UPDATE_INTERVAL`.
    pub limit: Option<BudgetLimit>,
}

/// A limit of a [`RequestBudget`], with its number of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetLimit {
    /// Requests within a second.
    Second(u32),
    /// Requests within 60 s.
    Minute(u32),
    /// Requests per day, including the reserve.
    Day(u32),
}

/// For example `25 requests a day`.
impl fmt::Display for BudgetLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (requests, window) = match self {
            Self::Second(requests) => (requests, "second"),
            Self::Minute(requests) => (requests, "minute"),
            Self::Day(requests) => (requests, "day"),
        };
        let plural = if *requests == 1 { "" } else { "s" };
        write!(f, "{requests} request{plural} a {window}")
    }
}

/// The load of a tracked symbol on the budget of a provider.
#[derive(Clone, Copy, Debug)]
pub struct SymbolLoad {
    /// The polling time on a trading day.
    pub polled: Duration,
    /// Consecutive answers without a price.
    pub unpriced_answers: i32,
}

/// Returns the interval at which to poll the symbols: `update_interval`, or longer if that would
/// exceed the budget. Symbols without a price are polled less often and count accordingly.
///
/// A request for up to `batch` symbols counts once in the limits per second and minute, if the
/// budget counts requests: symbols that wait for these limits are polled together. It counts for
/// each symbol in the daily quota, which no symbol waits for.
pub fn plan_polls(
    update_interval: Duration,
    symbols: &[SymbolLoad],
    budget: RequestBudget,
    batch: usize,
) -> PollPlan {
    let batch = match budget.cost {
        PollCost::PerRequest => u64::try_from(batch).unwrap_or(u64::MAX).max(1),
        PollCost::PerSymbol => 1,
    };
    let at = |interval: Option<Duration>| {
        let (mut load, mut polled) = (0_u64, 0_u128);
        for symbol in symbols {
            let share = interval.map_or(SYMBOL, |interval| symbol.share(interval));
            load = load.saturating_add(share);
            polled = polled.saturating_add(symbol.polled.as_micros() * u128::from(share));
        }
        plan_load(update_interval, load, polled, budget, batch)
    };
    let mut plan = at(None);
    for _ in 0..MAX_ITERATIONS {
        let next = at(Some(plan.interval));
        // The interval is long enough if polling at it does not require a longer one.
        let is_enough = at(Some(next.interval)).interval <= next.interval;
        if next.interval >= plan.interval || !is_enough {
            break;
        }
        plan = next;
    }
    plan
}

impl SymbolLoad {
    /// Returns the polls of this symbol in millionths of those of a symbol that is polled at
    /// `interval`.
    fn share(self, interval: Duration) -> u64 {
        if !is_unpriced(self.unpriced_answers) {
            return SYMBOL;
        }
        let own = symbol_interval(self.unpriced_answers, interval).min(self.polled);
        let share = interval.as_micros() * u128::from(SYMBOL);
        let share = share.div_ceil(own.as_micros().max(1));
        u64::try_from(share).map_or(SYMBOL, |share| share.min(SYMBOL))
    }
}

/// Plans the interval for a total load in millionths of a symbol. `polled` is the sum of their
/// polling time per day, in microseconds times millionths of a symbol. `batch` symbols count as one
/// in the limits per second and minute.
fn plan_load(
    update_interval: Duration,
    load: u64,
    polled: u128,
    budget: RequestBudget,
    batch: u64,
) -> PollPlan {
    let requests = if batch == 1 {
        load
    } else {
        load.div_ceil(batch.saturating_mul(SYMBOL))
            .saturating_mul(SYMBOL)
    };
    let within = |window: Duration, limit| {
        spread(
            window.as_micros().saturating_mul(u128::from(requests)),
            limit,
        )
    };
    let second = budget
        .per_second
        .map(|limit| (within(SECOND, limit), BudgetLimit::Second(limit)));
    let minute = budget
        .per_minute
        .map(|limit| (within(MINUTE, limit), BudgetLimit::Minute(limit)));
    let day = budget.per_day.map(|limit| {
        let usable = limit.saturating_sub(reserved_requests(limit));
        (spread(polled, usable), BudgetLimit::Day(limit))
    });
    let unlimited = PollPlan {
        interval: update_interval,
        limit: None,
    };
    let longest = |plan: PollPlan, (interval, limit)| {
        if interval > plan.interval {
            PollPlan {
                interval,
                limit: Some(limit),
            }
        } else {
            plan
        }
    };
    [second, minute, day]
        .into_iter()
        .flatten()
        .fold(unlimited, longest)
}

/// Returns how many requests of a daily quota are reserved for polls that clients request: a tenth,
/// at least one.
pub fn reserved_requests(per_day: u32) -> u32 {
    per_day.div_ceil(10).max(1)
}

/// Divides a time in microseconds times millionths of a symbol by a number of requests, at least
/// one. Rounds up to a microsecond.
fn spread(polled: u128, requests: u32) -> Duration {
    let micros = polled.div_ceil(u128::from(requests.max(1)) * u128::from(SYMBOL));
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use market::{Market, PollingHours};
    use proptest::prelude::*;

    use super::*;

    fn budget(per_minute: Option<u32>, per_day: Option<u32>) -> RequestBudget {
        RequestBudget {
            per_minute,
            per_day,
            ..RequestBudget::UNLIMITED
        }
    }

    /// The plan for stocks of the United States with these numbers of consecutive answers without a
    /// price.
    fn plan_of(
        hours: PollingHours,
        update_interval: Duration,
        unpriced_answers: &[i32],
        budget: RequestBudget,
    ) -> PollPlan {
        let symbols = unpriced_answers.iter().map(|answers| SymbolLoad {
            polled: hours.per_day(Market::Us),
            unpriced_answers: *answers,
        });
        plan_polls(update_interval, &symbols.collect::<Vec<_>>(), budget, 1)
    }

    /// The plan for stocks of the United States that have a price.
    fn plan_for(
        hours: PollingHours,
        update_interval: Duration,
        symbols: usize,
        budget: RequestBudget,
    ) -> PollPlan {
        plan_of(hours, update_interval, &vec![0; symbols], budget)
    }

    #[test]
    fn the_longest_of_the_update_interval_and_both_limits_is_planned() {
        let update_interval = Duration::from_mins(5);
        let interval = |symbols, per_minute, per_day, hours| {
            plan_for(hours, update_interval, symbols, budget(per_minute, per_day))
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
        // A quota of one request is all reserve.
        assert_eq!(
            interval(1, None, Some(1), PollingHours::Market),
            57_600_000_000
        );
    }

    #[test]
    fn a_plan_names_the_limit_that_extends_the_interval() {
        let update_interval = Duration::from_mins(5);
        let limit = |symbols, per_minute, per_day| {
            let plan = plan_for(
                PollingHours::Market,
                update_interval,
                symbols,
                budget(per_minute, per_day),
            );
            plan.limit.map(|limit| limit.to_string())
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(limit(4, Some(5), Some(25)), text("25 requests a day"));
        assert_eq!(limit(50, Some(5), None), text("5 requests a minute"));
        assert_eq!(limit(1, None, Some(1)), text("1 request a day"));
        assert_eq!(limit(4, Some(5), None), None);
    }

    #[test]
    fn a_batch_counts_once_in_a_minute_unless_each_symbol_costs_a_request() {
        let us = SymbolLoad {
            polled: PollingHours::Always.per_day(Market::Us),
            unpriced_answers: 0,
        };
        let interval = |budget| {
            let plan = plan_polls(SECOND, &vec![us; 250], budget, 100);
            plan.interval.as_secs()
        };
        let per_minute = budget(Some(5), None);
        // Three requests.
        assert_eq!(interval(per_minute), 36);
        let cost = PollCost::PerSymbol;
        assert_eq!(interval(RequestBudget { cost, ..per_minute }), 3_000);
        let per_second = Some(1);
        assert_eq!(
            interval(RequestBudget {
                per_second,
                ..RequestBudget::UNLIMITED
            }),
            3
        );
        assert_eq!(interval(budget(None, Some(1_000))), 24_000);
    }

    #[test]
    fn a_tenth_of_the_quota_is_reserved_and_at_least_one_request() {
        assert_eq!(
            [0, 1, 10, 11, 25, 800].map(reserved_requests),
            [1, 1, 1, 2, 3, 80]
        );
    }

    #[test]
    fn symbols_without_a_price_extend_the_interval_by_their_own_polls_only() {
        let interval = |unpriced_answers: &[i32], per_minute, per_day| {
            let budget = budget(per_minute, per_day);
            let update_interval = Duration::from_mins(5);
            plan_of(
                PollingHours::Always,
                update_interval,
                unpriced_answers,
                budget,
            )
            .interval
        };
        let alone = interval(&[0], None, Some(25));
        let beside_daily = interval(&[0, 1_000], None, Some(25));
        // The other symbol takes one of 22 requests a day.
        let minutes = |interval: Duration| interval.as_secs() / 60;
        assert_eq!((minutes(alone), minutes(beside_daily)), (65, 68));
        // Hourly polls are not less frequent than an interval of two hours.
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
        fn polling_at_the_planned_interval_stays_within_the_budget(
            symbols in 1_usize..5_000, dead in prop::collection::vec(3_i32..100, 0..50),
            per_minute in 1_u32..2_000, per_day in 2_u32..100_000,
        ) {
            let budget = budget(Some(per_minute), Some(per_day));
            let all = [vec![0; symbols], dead.clone()].concat();
            let interval = plan_of(PollingHours::Market, Duration::ZERO, &all, budget).interval;
            let polls = |time: Duration| {
                let rates = all.iter().map(|answers| {
                    time.div_duration_f64(symbol_interval(*answers, interval))
                });
                rates.sum::<f64>() - 1e-6
            };
            prop_assert!(polls(MINUTE) <= f64::from(per_minute));
            prop_assert!(polls(Duration::from_hours(16)) <= f64::from(per_day - reserved_requests(per_day)));
        }
    }
}
