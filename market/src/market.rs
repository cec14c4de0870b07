//! Markets and their sessions: market hours, trading days, and the last session at an instant.

use std::ops::Range;

use chrono::{Datelike, Days, NaiveDate, Weekday};
use entity::Timestamp;

use crate::{hours, is_trading_day, session_close, session_open, trading_day};

/// The market of a stock, derived from its symbol by [`Market::of`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Market {
    /// The stock exchanges of the United States. A session is a trading day from 09:30 to 16:00 New
    /// York, or to 13:00 on an early close.
    Us,
    /// Cryptocurrencies, which always trade. A session is a UTC day.
    Crypto,
    /// Foreign exchange, which is closed at weekends. A session is a weekday in UTC.
    Forex,
    /// An exchange whose market hours and holidays are not known. It can trade at any hour of a
    /// weekday.
    Other,
}

impl Market {
    /// Every market.
    pub const ALL: [Self; 4] = [Self::Us, Self::Crypto, Self::Forex, Self::Other];

    /// Whether the market has no exchange that closes in the evening, so that a trading day is a
    /// UTC day without an official open, close and volume: cryptocurrencies and foreign exchange.
    pub fn is_always_open(self) -> bool {
        matches!(self, Self::Crypto | Self::Forex)
    }

    /// Whether the market is open at `now`: in the regular session for [`Market::Us`], on weekdays
    /// for [`Market::Forex`] and [`Market::Other`].
    pub fn is_open(self, now: Timestamp) -> bool {
        match self {
            Self::Us => {
                let day = trading_day(now);
                is_trading_day(day) && (session_open(day)..session_close(day)).contains(&now)
            }
            Self::Crypto => true,
            Self::Forex | Self::Other => hours::week_after(now).contains(&now),
        }
    }

    /// Returns the session of a trading day from open to close. Outside the United States this is
    /// the UTC day.
    pub fn session(self, day: NaiveDate) -> Range<Timestamp> {
        match self {
            Self::Us => session_open(day)..session_close(day),
            Self::Crypto | Self::Forex | Self::Other => {
                let next = day.succ_opt().unwrap_or(day);
                Timestamp::start_of(day)..Timestamp::start_of(next)
            }
        }
    }

    /// Returns the trading day whose [session](Self::session) begins at `start`.
    pub fn day_of(self, start: Timestamp) -> NaiveDate {
        match self {
            Self::Us => trading_day(start),
            Self::Crypto | Self::Forex | Self::Other => start.to_utc().date_naive(),
        }
    }

    /// Returns the market time of a quote that has a trading day only: the end of the session, or
    /// `recorded_at` if that is earlier or the hours of the market are not known.
    pub fn market_time(self, day: NaiveDate, recorded_at: Timestamp) -> Timestamp {
        match self {
            Self::Us => session_close(day).min(recorded_at),
            Self::Crypto | Self::Forex => {
                // The last instant that belongs to the day.
                let end = self.session(day).end.micros().saturating_sub(1);
                Timestamp::from_micros(end).min(recorded_at)
            }
            Self::Other => recorded_at,
        }
    }

    /// Returns the trading day of the session that is open at `now`, else of the last one.
    ///
    /// In New York this is the previous trading day until 09:30. A session of [`Market::Other`]
    /// counts once its UTC day is over, because its opening time is not known.
    pub fn last_session(self, now: Timestamp) -> NaiveDate {
        let today = match self {
            Self::Us => trading_day(now),
            Self::Crypto | Self::Forex => now.to_utc().date_naive(),
            Self::Other => now.to_utc().date_naive() - Days::new(1),
        };
        let has_begun = |day: NaiveDate| self != Self::Us || session_open(day) <= now;
        let days = today.iter_days().rev();
        days.filter(|day| self.has_session(*day))
            .find(|day| has_begun(*day))
            .unwrap_or(today)
    }

    /// Whether `day` is more than `sessions` sessions before the session of `last`.
    pub fn is_behind(self, day: NaiveDate, last: NaiveDate, sessions: u32) -> bool {
        let later = last.iter_days().rev().take_while(|later| *later > day);
        let mut later = later.filter(|later| self.has_session(*later));
        later
            .nth(usize::try_from(sessions).unwrap_or(usize::MAX))
            .is_some()
    }

    /// Whether the market has a session on a date.
    fn has_session(self, day: NaiveDate) -> bool {
        match self {
            Self::Us => is_trading_day(day),
            Self::Crypto => true,
            Self::Forex | Self::Other => !matches!(day.weekday(), Weekday::Sat | Weekday::Sun),
        }
    }

    /// Returns the first open of a regular session after `now`, or `None` for a market without
    /// opening hours.
    pub fn next_open(self, now: Timestamp) -> Option<Timestamp> {
        self.first_after(now, session_open)
    }

    /// Returns the first close of a regular session after `now`, or `None` for a market without
    /// opening hours.
    pub fn next_close(self, now: Timestamp) -> Option<Timestamp> {
        self.first_after(now, session_close)
    }

    /// Returns the first `instant` of a trading day after `now`.
    fn first_after(
        self,
        now: Timestamp,
        instant: impl Fn(NaiveDate) -> Timestamp,
    ) -> Option<Timestamp> {
        let days = trading_day(now).iter_days();
        let mut instants = days.filter(|day| is_trading_day(*day)).map(instant);
        (self == Self::Us).then(|| instants.find(|instant| *instant > now))?
    }
}

/// The [last session](Market::last_session) of every market at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastSessions([NaiveDate; 4]);

impl LastSessions {
    /// Returns the last sessions at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(Market::ALL.map(|market| market.last_session(now)))
    }

    /// Returns the last sessions of a replay whose current day is `day`.
    pub fn replayed(day: NaiveDate) -> Self {
        Self([day; 4])
    }

    /// Returns the last session of a market.
    pub fn of(&self, market: Market) -> NaiveDate {
        self.0[market as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::PollingHours;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn the_session_is_from_09_30_to_16_00_in_new_york() {
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
            // Early close: the session is shorter, the polling window is not.
            ("2026-11-27T17:59:59Z", true, true),
            ("2026-11-27T18:00:00Z", false, true),
            // Thanksgiving.
            ("2026-11-26T16:00:00Z", false, false),
        ] {
            assert_eq!(Market::Us.is_open(at(now)), open, "open at {now}");
            let polled = |hours: PollingHours, market| hours.contains(market, at(now));
            assert_eq!(
                polled(PollingHours::Market, Market::Us),
                polling,
                "polling at {now}"
            );
            assert!(
                Market::Crypto.is_open(at(now)) && polled(PollingHours::Market, Market::Crypto)
            );
            assert!(
                Market::ALL
                    .iter()
                    .all(|market| polled(PollingHours::Always, *market))
            );
        }
    }

    #[test]
    fn the_next_open_skips_nights_weekends_and_holidays() {
        for (now, open, close, polling) in [
            // During a session: the next open is on another day, the next close today.
            (
                "2026-11-20T15:00:00Z",
                "2026-11-23T14:30:00Z",
                "2026-11-20T21:00:00Z",
                "2026-11-20T15:00:00Z",
            ),
            // Exactly at the open and at the close.
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
            // The evening before Thanksgiving; the day after it has an early close.
            (
                "2026-11-26T02:00:00Z",
                "2026-11-27T14:30:00Z",
                "2026-11-27T18:00:00Z",
                "2026-11-27T09:00:00Z",
            ),
            // Across the start of daylight saving time on Sunday 2026-03-08.
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
            let next = PollingHours::Market.next(Market::Us, now);
            assert_eq!(next, at(polling), "after {now}");
        }
    }

    #[test]
    fn a_market_without_opening_hours_has_no_next_open() {
        let now = at("2026-11-21T17:00:00Z");
        for market in [Market::Crypto, Market::Forex, Market::Other] {
            assert_eq!(
                (market.next_open(now), market.next_close(now)),
                (None, None)
            );
        }
        assert_eq!(PollingHours::Market.next(Market::Crypto, now), now);
        assert_eq!(PollingHours::Always.next(Market::Us, now), now);
    }

    #[test]
    fn a_weekday_market_is_closed_from_friday_midnight_utc_to_monday_in_the_easternmost_zone() {
        for (now, open, next, last_end) in [
            // Friday.
            ("2026-11-20T23:59:59Z", true, None, "2026-11-14T00:00:00Z"),
            // Saturday.
            (
                "2026-11-21T00:00:00Z",
                false,
                Some("2026-11-22T12:00:00Z"),
                "2026-11-21T00:00:00Z",
            ),
            (
                "2026-11-22T11:59:59Z",
                false,
                Some("2026-11-22T12:00:00Z"),
                "2026-11-21T00:00:00Z",
            ),
            // Sunday noon: it is Monday in Auckland.
            ("2026-11-22T12:00:00Z", true, None, "2026-11-21T00:00:00Z"),
            ("2026-11-25T03:00:00Z", true, None, "2026-11-21T00:00:00Z"),
        ] {
            let now = at(now);
            for market in [Market::Forex, Market::Other] {
                let hours = PollingHours::Market;
                assert_eq!(market.is_open(now), open, "{now}");
                assert_eq!(hours.contains(market, now), open, "{now}");
                assert_eq!(hours.next(market, now), next.map_or(now, at), "{now}");
                assert_eq!(hours.last_end(market, now), Some(at(last_end)), "{now}");
                assert_eq!(PollingHours::Always.last_end(market, now), None);
            }
        }
    }

    #[test]
    fn the_remaining_polling_time_ends_with_the_polling_window() {
        let remaining =
            |market, now, until| PollingHours::Market.remaining(market, at(now), at(until));
        let (friday, saturday) = ("2026-11-20T17:00:00Z", "2026-11-21T05:00:00Z");
        let hours = Duration::from_hours;
        assert_eq!(remaining(Market::Us, friday, saturday), hours(8));
        assert_eq!(remaining(Market::Other, friday, saturday), hours(7));
        assert_eq!(remaining(Market::Crypto, friday, saturday), hours(12));
        // In New York this is the evening before, and its polling window has ended.
        let (night, midnight) = ("2026-11-20T01:30:00Z", "2026-11-21T00:00:00Z");
        assert_eq!(remaining(Market::Us, night, midnight), hours(15));
        let (saturday, sunday) = ("2026-11-21T17:00:00Z", "2026-11-22T05:00:00Z");
        assert_eq!(remaining(Market::Us, saturday, sunday), Duration::ZERO);
        assert_eq!(remaining(Market::Other, saturday, sunday), Duration::ZERO);
    }

    #[test]
    fn the_last_session_is_the_open_one_or_the_one_before() {
        for (market, now, last) in [
            // Winter, UTC-5. Until 09:30 New York it is the session of the day before.
            (Market::Us, "2026-11-20T14:29:59Z", "2026-11-19"),
            (Market::Us, "2026-11-20T14:30:00Z", "2026-11-20"),
            (Market::Us, "2026-11-21T04:59:59Z", "2026-11-20"),
            // Summer, UTC-4, and the Monday after each change.
            (Market::Us, "2026-07-01T13:29:59Z", "2026-06-30"),
            (Market::Us, "2026-07-01T13:30:00Z", "2026-07-01"),
            (Market::Us, "2026-03-09T13:29:59Z", "2026-03-06"),
            (Market::Us, "2026-03-09T13:30:00Z", "2026-03-09"),
            (Market::Us, "2026-11-02T14:29:59Z", "2026-10-30"),
            // Weekend, then Monday before the open.
            (Market::Us, "2026-11-22T17:00:00Z", "2026-11-20"),
            (Market::Us, "2026-11-23T14:00:00Z", "2026-11-20"),
            // Thanksgiving, and the early close after it, during and after the session.
            (Market::Us, "2026-11-26T17:00:00Z", "2026-11-25"),
            (Market::Us, "2026-11-27T14:30:00Z", "2026-11-27"),
            (Market::Us, "2026-11-27T19:00:00Z", "2026-11-27"),
            (Market::Crypto, "2026-11-22T00:00:00Z", "2026-11-22"),
            (Market::Forex, "2026-11-22T22:00:00Z", "2026-11-20"),
            (Market::Forex, "2026-11-23T00:00:00Z", "2026-11-23"),
            (Market::Other, "2026-11-20T23:59:59Z", "2026-11-19"),
            (Market::Other, "2026-11-23T12:00:00Z", "2026-11-20"),
            (Market::Other, "2026-11-24T00:00:00Z", "2026-11-23"),
        ] {
            let now = at(now);
            assert_eq!(
                market.last_session(now).to_string(),
                last,
                "{market:?} at {now}"
            );
            assert_eq!(
                LastSessions::at(now).of(market).to_string(),
                last,
                "{market:?} at {now}"
            );
        }
    }

    #[test]
    fn weekends_and_holidays_do_not_count_as_sessions_behind() {
        let date = |text: &str| text.parse::<NaiveDate>().expect("a date");
        let behind = |market: Market, day, last| {
            let behind = |sessions: &u32| market.is_behind(date(day), date(last), *sessions);
            (0..10).take_while(behind).count()
        };
        for (market, day, last, sessions) in [
            (Market::Us, "2026-11-20", "2026-11-20", 0),
            (Market::Us, "2026-11-23", "2026-11-20", 0),
            (Market::Us, "2026-11-19", "2026-11-20", 1),
            // Across a weekend, and across Thanksgiving.
            (Market::Us, "2026-11-20", "2026-11-23", 1),
            (Market::Us, "2026-11-25", "2026-11-27", 1),
            (Market::Us, "2026-11-24", "2026-11-27", 2),
            // A holiday counts as the session before it.
            (Market::Us, "2026-11-26", "2026-11-27", 1),
            (Market::Us, "2022-10-27", "2026-11-20", 10),
            (Market::Crypto, "2026-11-20", "2026-11-23", 3),
            (Market::Forex, "2026-11-20", "2026-11-23", 1),
            (Market::Other, "2026-11-20", "2026-11-24", 2),
        ] {
            assert_eq!(
                behind(market, day, last),
                sessions,
                "{market:?} {day} {last}"
            );
        }
    }

    #[test]
    fn a_quote_with_a_date_only_is_of_the_sessions_end_where_that_is_known() {
        let recorded_at = at("2026-11-21T12:00:00Z");
        for (market, day, time) in [
            (Market::Us, "2026-11-20", "2026-11-20T21:00:00Z"),
            (Market::Us, "2026-11-21", "2026-11-21T12:00:00Z"),
            (Market::Crypto, "2026-11-20", "2026-11-20T23:59:59.999999Z"),
            (Market::Crypto, "2026-11-21", "2026-11-21T12:00:00Z"),
            (Market::Other, "2026-11-20", "2026-11-21T12:00:00Z"),
        ] {
            let day = day.parse().expect("a date");
            assert_eq!(
                market.market_time(day, recorded_at),
                at(time),
                "{market:?} {day}"
            );
        }
    }
}
