//! When the market trades: sessions, holidays and the hours in which polling makes sense.
//!
//! One invariant: everything is computed from rules and the given instant, for any date and without a clock, so that a
//! replay shifted decades ahead and a live poll are judged alike. The loop, the planner, ingest and `status` call it.
//!
//! The rules are our own: the `exchange-hours` crate knows New York's holidays from 2010 to 2028 only and refuses other
//! dates, while the bundled replay begins in 2000 and its later passes lie decades ahead.

mod calendar;
mod easter;
mod session;

use std::{ops::Range, time::Duration};

use entity::Timestamp;

pub(crate) use self::session::new_york;
pub use self::{
    calendar::{is_half_day, is_trading_day},
    session::{polling_window, session_close, session_close_time, session_open, trading_day},
};

/// Whose hours decide when to poll (`MARKET_HOURS`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Market {
    /// The United States' stock exchanges.
    Us,
    /// A market that never closes.
    Always,
}

impl Market {
    /// Whether the regular session is on: 09:30 inclusive to the close exclusive, New York. Always, for one that never
    /// closes.
    pub fn is_open(self, now: Timestamp) -> bool {
        match self {
            Self::Us => {
                let day = trading_day(now);
                is_trading_day(day) && (session_open(day)..session_close(day)).contains(&now)
            }
            Self::Always => true,
        }
    }

    /// The first opening of a regular session after `now`; `None` for a market that never closes.
    pub fn next_open(self, now: Timestamp) -> Option<Timestamp> {
        self.first_after(now, session_open)
    }

    /// The first close of a regular session after `now`; `None` for a market that never closes.
    pub fn next_close(self, now: Timestamp) -> Option<Timestamp> {
        self.first_after(now, session_close)
    }

    /// Whether polling makes sense: 04:00 inclusive to 20:00 exclusive, New York, on trading days.
    pub fn is_polling(self, now: Timestamp) -> bool {
        match self {
            Self::Us => {
                let day = trading_day(now);
                is_trading_day(day) && polling_window(day).contains(&now)
            }
            Self::Always => true,
        }
    }

    /// The first instant, not before `now`, at which polling makes sense.
    pub fn next_polling(self, now: Timestamp) -> Timestamp {
        if self.is_polling(now) {
            return now;
        }
        self.first_after(now, |day| polling_window(day).start)
            .unwrap_or(now)
    }

    /// For how long polling makes sense between `now` and an instant within a day from it.
    pub fn polling_left(self, now: Timestamp, until: Timestamp) -> Duration {
        match self {
            Self::Us => {
                let day = trading_day(now);
                let Range { start, end } = polling_window(day);
                let left = end.min(until).since(start.max(now));
                if is_trading_day(day) {
                    left
                } else {
                    Duration::ZERO
                }
            }
            Self::Always => until.since(now),
        }
    }

    /// The first of a trading day's instants after `now`.
    fn first_after(
        self,
        now: Timestamp,
        instant: impl Fn(chrono::NaiveDate) -> Timestamp,
    ) -> Option<Timestamp> {
        match self {
            Self::Us => trading_day(now)
                .iter_days()
                .filter(|day| is_trading_day(*day))
                .map(instant)
                .find(|instant| *instant > now),
            Self::Always => None,
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
    fn the_session_is_half_past_nine_to_four_in_new_york() {
        for (now, open, polling) in [
            // Winter, UTC-5; Friday.
            ("2026-11-20T08:59:59Z", false, false),
            ("2026-11-20T09:00:00Z", false, true),
            ("2026-11-20T14:29:59Z", false, true),
            ("2026-11-20T14:30:00Z", true, true),
            ("2026-11-20T20:59:59.999999Z", true, true),
            ("2026-11-20T21:00:00Z", false, true),
            ("2026-11-21T00:59:59Z", false, true),
            ("2026-11-21T01:00:00Z", false, false),
            // Saturday at noon.
            ("2026-11-21T17:00:00Z", false, false),
            // Summer, UTC-4.
            ("2026-07-01T13:30:00Z", true, true),
            ("2026-07-01T20:00:00Z", false, true),
            // Half day: the close comes first, polling stays.
            ("2026-11-27T17:59:59Z", true, true),
            ("2026-11-27T18:00:00Z", false, true),
            // Thanksgiving.
            ("2026-11-26T16:00:00Z", false, false),
        ] {
            assert_eq!(Market::Us.is_open(at(now)), open, "open at {now}");
            assert_eq!(Market::Us.is_polling(at(now)), polling, "polling at {now}");
            assert!(Market::Always.is_open(at(now)) && Market::Always.is_polling(at(now)));
        }
    }

    #[test]
    fn the_next_opening_skips_nights_weekends_and_holidays() {
        for (now, open, close, polling) in [
            // During a session: the next opening is another day's, the next close is today's.
            (
                "2026-11-20T15:00:00Z",
                "2026-11-23T14:30:00Z",
                "2026-11-20T21:00:00Z",
                "2026-11-20T15:00:00Z",
            ),
            // At the very opening and close.
            (
                "2026-11-20T14:30:00Z",
                "2026-11-23T14:30:00Z",
                "2026-11-20T21:00:00Z",
                "2026-11-20T14:30:00Z",
            ),
            (
                "2026-11-20T21:00:00Z",
                "2026-11-23T14:30:00Z",
                "2026-11-23T21:00:00Z",
                "2026-11-20T21:00:00Z",
            ),
            // The evening before Thanksgiving: then a half day.
            (
                "2026-11-26T02:00:00Z",
                "2026-11-27T14:30:00Z",
                "2026-11-27T18:00:00Z",
                "2026-11-27T09:00:00Z",
            ),
            // Across the change to summer time, Sunday 2026-03-08.
            (
                "2026-03-07T12:00:00Z",
                "2026-03-09T13:30:00Z",
                "2026-03-09T20:00:00Z",
                "2026-03-09T08:00:00Z",
            ),
        ] {
            let now = at(now);
            assert_eq!(Market::Us.next_open(now), Some(at(open)), "after {now}");
            assert_eq!(Market::Us.next_close(now), Some(at(close)), "after {now}");
            assert_eq!(Market::Us.next_polling(now), at(polling), "after {now}");
        }
    }

    #[test]
    fn a_market_that_never_closes_has_no_next_opening() {
        let now = at("2026-11-21T17:00:00Z");
        assert_eq!(Market::Always.next_open(now), None);
        assert_eq!(Market::Always.next_close(now), None);
        assert_eq!(Market::Always.next_polling(now), now);
    }
}
