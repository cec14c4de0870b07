//! Markets and their sessions: when a market is open, its trading days, and the last session at an instant.

use std::ops::Range;

use chrono::{Datelike, Days, NaiveDate, Weekday};
use entity::Timestamp;

use crate::{hours, is_trading_day, session_close, session_open, trading_day};

/// The market of a stock, derived from its symbol by [`Market::of`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Market {
    /// The stock exchanges of the United States. A session is a trading day, 09:30 to 16:00 New York,
    /// 13:00 on half days.
    Us,
    /// Cryptocurrencies, which trade at any time. A session is a UTC day.
    Crypto,
    /// Foreign exchange, which rests at weekends. A session is a weekday in UTC.
    Forex,
    /// An exchange whose hours are not known. It can trade at any hour of a weekday, and its holidays
    /// are not known either.
    Other,
}

impl Market {
    /// Every market.
    pub const ALL: [Self; 4] = [Self::Us, Self::Crypto, Self::Forex, Self::Other];

    /// Whether the market trades at `now`: its regular session for [`Market::Us`], any weekday for
    /// [`Market::Forex`] and [`Market::Other`].
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

    /// The session of a trading day, from its open to its close. Outside of the United States it is the
    /// UTC day.
    pub fn session(self, day: NaiveDate) -> Range<Timestamp> {
        match self {
            Self::Us => session_open(day)..session_close(day),
            Self::Crypto | Self::Forex | Self::Other => {
                let next = day.succ_opt().unwrap_or(day);
                Timestamp::start_of(day)..Timestamp::start_of(next)
            }
        }
    }

    /// The trading day whose [session](Self::session) begins at `start`.
    pub fn day_of(self, start: Timestamp) -> NaiveDate {
        match self {
            Self::Us => trading_day(start),
            Self::Crypto | Self::Forex | Self::Other => start.to_utc().date_naive(),
        }
    }

    /// The market time of a quote for which the provider sent a trading day only: the end of the
    /// session, or `recorded_at` if that is earlier or the session's end is not known.
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

    /// The trading day of the session that is open at `now`, or else of the last one.
    ///
    /// In New York this is the day before until 09:30. A session of [`Market::Other`] counts once its UTC
    /// day is over, as its opening time is not known.
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

    /// Whether a trading day is more than `sessions` sessions before the session of `last`.
    pub fn is_behind(self, day: NaiveDate, last: NaiveDate, sessions: u32) -> bool {
        let later = last.iter_days().rev().take_while(|later| *later > day);
        let mut later = later.filter(|later| self.has_session(*later));
        later
            .nth(usize::try_from(sessions).unwrap_or(usize::MAX))
            .is_some()
    }

    /// Whether there is a session on a date.
    fn has_session(self, day: NaiveDate) -> bool {
        match self {
            Self::Us => is_trading_day(day),
            Self::Crypto => true,
            Self::Forex | Self::Other => !matches!(day.weekday(), Weekday::Sat | Weekday::Sun),
        }
    }

    /// The first opening of a regular session after `now`; `None` for a market without opening hours.
    pub fn next_open(self, now: Timestamp) -> Option<Timestamp> {
        self.first_after(now, session_open)
    }

    /// The first close of a regular session after `now`; `None` for a market without opening hours.
    pub fn next_close(self, now: Timestamp) -> Option<Timestamp> {
        self.first_after(now, session_close)
    }

    /// The first of a trading day's instants after `now`.
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
    /// The last sessions at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(Market::ALL.map(|market| market.last_session(now)))
    }

    /// Those of a replay whose current day is `day`.
    pub fn replayed(day: NaiveDate) -> Self {
        Self([day; 4])
    }

    /// The last session of a market.
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
            let next = PollingHours::Market.next(Market::Us, now);
            assert_eq!(next, at(polling), "after {now}");
        }
    }

    #[test]
    fn a_market_without_opening_hours_has_no_next_opening() {
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
    fn a_market_of_weekdays_rests_from_friday_midnight_to_monday_in_the_east() {
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
            // Sunday noon: Monday has begun in Auckland.
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
    fn a_day_is_polled_for_as_long_as_the_market_can_trade() {
        let left = |market, now, until| PollingHours::Market.remaining(market, at(now), at(until));
        let (friday, saturday) = ("2026-11-20T17:00:00Z", "2026-11-21T05:00:00Z");
        let hours = Duration::from_hours;
        assert_eq!(left(Market::Us, friday, saturday), hours(8));
        assert_eq!(left(Market::Other, friday, saturday), hours(7));
        assert_eq!(left(Market::Crypto, friday, saturday), hours(12));
        // The window of a UTC day can begin in New York's next day.
        let (night, midnight) = ("2026-11-20T01:30:00Z", "2026-11-21T00:00:00Z");
        assert_eq!(left(Market::Us, night, midnight), hours(15));
        let (saturday, sunday) = ("2026-11-21T17:00:00Z", "2026-11-22T05:00:00Z");
        assert_eq!(left(Market::Us, saturday, sunday), Duration::ZERO);
        assert_eq!(left(Market::Other, saturday, sunday), Duration::ZERO);
    }

    #[test]
    fn the_last_session_is_the_one_that_is_open_or_was_last() {
        for (market, now, last) in [
            // Winter, UTC-5. Before 09:30 New York the day before was the last.
            (Market::Us, "2026-11-20T14:29:59Z", "2026-11-19"),
            (Market::Us, "2026-11-20T14:30:00Z", "2026-11-20"),
            (Market::Us, "2026-11-21T04:59:59Z", "2026-11-20"),
            // Summer, UTC-4: on the Monday after the change too.
            (Market::Us, "2026-07-01T13:29:59Z", "2026-06-30"),
            (Market::Us, "2026-07-01T13:30:00Z", "2026-07-01"),
            (Market::Us, "2026-03-09T13:29:59Z", "2026-03-06"),
            (Market::Us, "2026-03-09T13:30:00Z", "2026-03-09"),
            (Market::Us, "2026-11-02T14:29:59Z", "2026-10-30"),
            // Weekend, then Monday before the open.
            (Market::Us, "2026-11-22T17:00:00Z", "2026-11-20"),
            (Market::Us, "2026-11-23T14:00:00Z", "2026-11-20"),
            // Thanksgiving, and the half day after it, also once it has closed.
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
    fn days_without_a_session_do_not_count_as_sessions_behind() {
        let date = |text: &str| text.parse::<NaiveDate>().expect("a date");
        let behind = |market: Market, day, last| {
            let behind = |sessions: &u32| market.is_behind(date(day), date(last), *sessions);
            (0..10).take_while(behind).count()
        };
        for (market, day, last, sessions) in [
            (Market::Us, "2026-11-20", "2026-11-20", 0),
            (Market::Us, "2026-11-23", "2026-11-20", 0),
            (Market::Us, "2026-11-19", "2026-11-20", 1),
            // Over a weekend, and over Thanksgiving.
            (Market::Us, "2026-11-20", "2026-11-23", 1),
            (Market::Us, "2026-11-25", "2026-11-27", 1),
            (Market::Us, "2026-11-24", "2026-11-27", 2),
            // A day without a session is as old as the session before it.
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
