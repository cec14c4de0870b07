//! How often a provider may be asked.
//!
//! One invariant: a pace only states what the provider allows; the loop charges and waits. The tracker's planner reads it.

use std::time::Duration;

use chrono::NaiveDate;
use chrono_tz::America::New_York;
use entity::Timestamp;

/// Who sets the time of a provider's polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// The loop does, by `UPDATE_INTERVAL`, market hours and what the provider allows.
    Polled {
        /// The most symbols of one request, at least 1.
        symbols_per_request: usize,
        /// How many requests it takes.
        budget: Budget,
    },
    /// The provider does: each poll is one step of its own, whatever the hour, and takes any number of symbols.
    Driven {
        /// Time between two steps; `None` for as fast as they are stored.
        every: Option<Duration>,
    },
}

impl Pace {
    /// The most symbols of one request, at least 1.
    pub fn symbols_per_request(self) -> usize {
        match self {
            Self::Polled {
                symbols_per_request,
                ..
            } => symbols_per_request,
            Self::Driven { .. } => usize::MAX,
        }
    }

    /// How long a trading day of a driven provider lasts on the wall; nothing at full speed, `None` for a polled one.
    pub fn day_length(self) -> Option<Duration> {
        match self {
            Self::Polled { .. } => None,
            Self::Driven { every } => Some(every.unwrap_or_default()),
        }
    }
}

/// Requests that a provider takes. `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// In any 60 seconds.
    pub per_minute: Option<u32>,
    /// In one day of `day`.
    pub per_day: Option<u32>,
    /// Whose days count.
    pub day: DayZone,
}

/// Whose midnight a daily budget begins at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayZone {
    /// New York's.
    NewYork,
    /// UTC's.
    Utc,
}

impl DayZone {
    /// The date there.
    pub fn date(self, now: Timestamp) -> NaiveDate {
        match self {
            Self::NewYork => now.to_utc().with_timezone(&New_York).date_naive(),
            Self::Utc => now.to_utc().date_naive(),
        }
    }

    /// The next midnight there, when the day's budget is whole again.
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
    fn a_new_york_day_ends_at_its_midnight_in_summer_and_winter() {
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
    fn a_utc_day_ends_at_midnight() {
        let now = at("2026-07-02T23:59:59Z");
        assert_eq!(DayZone::Utc.date(now).to_string(), "2026-07-02");
        assert_eq!(DayZone::Utc.next_midnight(now), at("2026-07-03T00:00:00Z"));
    }
}
