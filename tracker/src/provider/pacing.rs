//! The rate limits of a provider: requests per second and minute, the daily quota, symbols per
//! request, and what a request costs.
//!
//! These types only state the limits. [`crate::budget`] counts requests against them, and
//! [`crate::schedule`] stretches the polling interval to stay within them.

use std::time::Duration;

use chrono::NaiveDate;
use entity::Timestamp;

use crate::schedule::reserved_requests;

/// When a provider is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pacing {
    /// By `UPDATE_INTERVAL` and market hours, within the rate limits of the provider.
    Polled {
        /// Maximum symbols in a request, at least 1.
        symbols_per_request: usize,
        /// The rate limits.
        budget: RequestBudget,
    },
    /// At any hour, one step of the provider per poll, with any number of symbols.
    SelfPaced {
        /// The time between two steps, or `None` for as fast as they can be stored.
        every: Option<Duration>,
        /// The time between two prices of a symbol, which is zero at full speed.
        interval: Duration,
    },
}

impl Pacing {
    /// Maximum symbols in a request, at least 1.
    pub fn symbols_per_request(self) -> usize {
        match self {
            Self::Polled {
                symbols_per_request,
                ..
            } => symbols_per_request,
            Self::SelfPaced { .. } => usize::MAX,
        }
    }
}

/// The requests that a provider allows. `None` means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestBudget {
    /// Maximum requests within a second.
    pub per_second: Option<u32>,
    /// Maximum requests within 60 s.
    pub per_minute: Option<u32>,
    /// The daily quota: maximum requests per day in `day`.
    pub per_day: Option<u32>,
    /// The time zone of the day.
    pub day: DayZone,
    /// How many requests a poll counts as.
    pub cost: PollCost,
}

/// How many requests of a [`RequestBudget`] a poll counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollCost {
    /// One, for any number of symbols.
    PerRequest,
    /// One for each symbol.
    PerSymbol,
}

impl RequestBudget {
    /// No limits.
    pub const UNLIMITED: Self = Self {
        per_second: None,
        per_minute: None,
        per_day: None,
        day: DayZone::Utc,
        cost: PollCost::PerRequest,
    };

    /// Returns how many requests a poll of this many symbols counts as.
    pub fn cost_of(self, symbols: usize) -> u32 {
        match self.cost {
            PollCost::PerRequest => 1,
            PollCost::PerSymbol => u32::try_from(symbols).unwrap_or(u32::MAX),
        }
    }

    /// Returns for how many of these symbols a poll is enough that counts as `cost` requests.
    pub fn symbols_for(self, cost: u32, symbols: usize) -> usize {
        match self.cost {
            PollCost::PerRequest => symbols,
            PollCost::PerSymbol => usize::try_from(cost).map_or(symbols, |cost| symbols.min(cost)),
        }
    }

    /// Returns the maximum symbols in a request that the limits allow, at least 1, of at most
    /// `symbols_per_request`.
    pub fn max_symbols(self, symbols_per_request: usize) -> usize {
        let scheduled = |limit: u32| limit.saturating_sub(reserved_requests(limit));
        let limits = [
            self.per_second,
            self.per_minute,
            self.per_day.map(scheduled),
        ];
        let lowest = limits.into_iter().flatten().min();
        match (
            self.cost,
            lowest.and_then(|limit| usize::try_from(limit).ok()),
        ) {
            (PollCost::PerSymbol, Some(lowest)) => symbols_per_request.min(lowest.max(1)),
            _ => symbols_per_request,
        }
    }
}

/// The time zone in which a daily quota resets at midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayZone {
    /// New York.
    NewYork,
    /// UTC.
    Utc,
}

impl DayZone {
    /// Returns the date in this time zone.
    pub fn date(self, now: Timestamp) -> NaiveDate {
        match self {
            Self::NewYork => market::trading_day(now),
            Self::Utc => now.to_utc().date_naive(),
        }
    }

    /// Returns the last midnight in this time zone, when the day of the quota began.
    pub fn last_midnight(self, now: Timestamp) -> Timestamp {
        // A day has 23 to 25 hours.
        let midnight = self.next_midnight(now.before(Duration::from_hours(26)));
        let next = self.next_midnight(midnight);
        if next <= now { next } else { midnight }
    }

    /// Returns the next midnight in this time zone, when the quota resets.
    pub fn next_midnight(self, now: Timestamp) -> Timestamp {
        let today = self.date(now);
        let tomorrow = today.succ_opt().unwrap_or(today);
        match self {
            Self::NewYork => market::new_york_time(tomorrow, chrono::NaiveTime::MIN),
            Self::Utc => Timestamp::start_of(tomorrow),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn a_day_in_new_york_ends_at_its_midnight_in_summer_and_winter() {
        for (now, date, midnight) in [
            ("2026-07-02T03:59:59Z", "2026-07-01", "2026-07-02T04:00:00Z"),
            ("2026-07-02T04:00:00Z", "2026-07-02", "2026-07-03T04:00:00Z"),
            ("2026-11-01T12:00:00Z", "2026-11-01", "2026-11-02T05:00:00Z"),
            ("2026-01-05T04:59:59Z", "2026-01-04", "2026-01-05T05:00:00Z"),
        ] {
            assert_eq!(DayZone::NewYork.date(at(now)).to_string(), date);
            assert_eq!(DayZone::NewYork.next_midnight(at(now)), at(midnight));
        }
    }

    #[test]
    fn a_batch_that_costs_a_request_for_each_symbol_fits_into_every_limit() {
        let budget = |cost, per_minute, per_day| RequestBudget {
            per_minute,
            per_day,
            cost,
            ..RequestBudget::UNLIMITED
        };
        let symbols =
            |cost, per_minute, per_day| budget(cost, per_minute, per_day).max_symbols(100);
        assert_eq!(symbols(PollCost::PerSymbol, Some(8), Some(800)), 8);
        // One request of the day is reserved.
        assert_eq!(symbols(PollCost::PerSymbol, Some(8), Some(8)), 7);
        assert_eq!(symbols(PollCost::PerSymbol, Some(8), Some(1)), 1);
        assert_eq!(symbols(PollCost::PerSymbol, None, None), 100);
        assert_eq!(symbols(PollCost::PerRequest, Some(8), Some(8)), 100);
        assert_eq!(budget(PollCost::PerSymbol, None, None).cost_of(3), 3);
        assert_eq!(budget(PollCost::PerRequest, None, None).cost_of(3), 1);
        assert_eq!(budget(PollCost::PerSymbol, None, None).symbols_for(2, 3), 2);
        assert_eq!(budget(PollCost::PerSymbol, None, None).symbols_for(4, 3), 3);
        assert_eq!(
            budget(PollCost::PerRequest, None, None).symbols_for(1, 3),
            3
        );
    }

    #[test]
    fn a_day_in_utc_ends_at_midnight() {
        let now = at("2026-07-02T23:59:59Z");
        assert_eq!(DayZone::Utc.date(now).to_string(), "2026-07-02");
        assert_eq!(DayZone::Utc.next_midnight(now), at("2026-07-03T00:00:00Z"));
    }
}
