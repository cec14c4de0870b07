//! Polling hours: when stocks are polled, by the hours of their market.

use std::{ops::Range, time::Duration};

use chrono::{Datelike, Days};
use entity::Timestamp;

use crate::{Market, is_trading_day, polling_window, trading_day};

/// The length of the polling window on a trading day in New York: 04:00 to 20:00.
const WINDOW: Duration = Duration::from_hours(16);
const HALF_DAY: Duration = Duration::from_hours(12);
const DAY: Duration = Duration::from_hours(24);

/// When stocks are polled (`MARKET_HOURS`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollingHours {
    /// While the stock's market can trade (`us`): 04:00 to 20:00 New York on trading days for
    /// [`Market::Us`], always for [`Market::Crypto`], and on weekdays for the others. The weekdays
    /// begin with Monday in the easternmost time zone and end with Friday in UTC.
    Market,
    /// At any time (`always`).
    Always,
}

impl PollingHours {
    /// Whether `now` is within the polling hours of a market.
    pub fn contains(self, market: Market, now: Timestamp) -> bool {
        self.window_after(market, now)
            .is_none_or(|window| window.contains(&now))
    }

    /// Returns `now` if it is within the polling hours of a market, else the next start of them.
    pub fn next(self, market: Market, now: Timestamp) -> Timestamp {
        self.window_after(market, now)
            .map_or(now, |window| window.start.max(now))
    }

    /// Returns the end of the last polling window before `at`, or `None` if the market is always
    /// polled.
    pub fn last_end(self, market: Market, at: Timestamp) -> Option<Timestamp> {
        /// More days than the New York exchanges have ever been closed in a row.
        const DAYS: usize = 14;
        let window = self.window_after(market, at)?;
        if market != Market::Us {
            return Some(window.start.before(HALF_DAY + DAY));
        }
        let days = trading_day(at).iter_days().rev().take(DAYS);
        days.filter(|day| is_trading_day(*day))
            .map(|day| polling_window(day).end)
            .find(|end| *end <= at)
    }

    /// Returns how much polling time a market has from `now` to `until`, which is at most a day
    /// later.
    pub fn remaining(self, market: Market, now: Timestamp, until: Timestamp) -> Duration {
        match self.window_after(market, now) {
            Some(Range { start, end }) => end.min(until).since(start.max(now)),
            None => until.since(now),
        }
    }

    /// Returns the polling time of a market on a trading day.
    pub fn per_day(self, market: Market) -> Duration {
        match (self, market) {
            (Self::Market, Market::Us) => WINDOW,
            _ => DAY,
        }
    }

    /// Returns the polling window that contains `now`, else the next one, or `None` if the market
    /// is always polled.
    fn window_after(self, market: Market, now: Timestamp) -> Option<Range<Timestamp>> {
        match (self, market) {
            (Self::Always, _) | (_, Market::Crypto) => None,
            (Self::Market, Market::Us) => trading_day(now)
                .iter_days()
                .filter(|day| is_trading_day(*day))
                .map(polling_window)
                .find(|window| window.end > now),
            (Self::Market, Market::Forex | Market::Other) => Some(week_after(now)),
        }
    }
}

/// Returns the five weekdays that contain `now`, else the next five: from Sunday 12:00 UTC, when
/// Monday begins in the easternmost time zone, to Friday 24:00 UTC.
pub(super) fn week_after(now: Timestamp) -> Range<Timestamp> {
    let today = now.to_utc().date_naive();
    let sunday = today - Days::new(today.weekday().num_days_from_sunday().into());
    let week = |sunday| {
        let end = Timestamp::start_of(sunday + Days::new(6));
        Timestamp::start_of(sunday).after(HALF_DAY)..end
    };
    let this = week(sunday);
    if now < this.end {
        this
    } else {
        week(sunday + Days::new(7))
    }
}
