//! How old a stock's newest price is, and whether the stock is stale.
//!
//! The API and the tracker's metric call the same pure functions.

use std::{fmt, time::Duration};

use chrono::NaiveDate;
use entity::Timestamp;

use crate::{LastSessions, Market, PollingHours};

/// A symbol is stale after this many intervals without an answer that has a price.
const INTERVALS: u32 = 3;
/// A symbol counts as unpriced after this many answers in a row without a price.
pub const UNPRICED_AFTER: i32 = 3;
/// The shortest interval that counts: a replay can play hundreds of days a second.
const SHORTEST: Duration = Duration::from_secs(1);
/// A live price more than this many sessions behind is stale.
const SESSIONS: u32 = 1;
/// A replayed price more than this many days of the replay behind is stale.
const REPLAYED_DAYS: u32 = 2;

/// How old a stock's newest price is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It is of the session that is open or was last.
    Current,
    /// It is of the session before that.
    PreviousSession,
    /// It is of an earlier session.
    Old,
    /// There is no price.
    None,
}

/// Why a stock is stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaleReason {
    /// The last answers of providers had no price for it.
    Unpriced {
        /// How many in a row.
        answers: i32,
    },
    /// It never had a price.
    NoPrice,
    /// No answer of a provider had a price for three intervals.
    Unanswered,
    /// Its newest price is of an old session.
    Old {
        /// The trading day of the price.
        day: NaiveDate,
    },
}

impl fmt::Display for StaleReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unpriced { answers } => {
                write!(
                    f,
                    "no price in the last {answers} answers; asked hourly, then daily"
                )
            }
            Self::NoPrice => write!(f, "no price yet"),
            Self::Unanswered => {
                write!(
                    f,
                    "no answer with a price for {INTERVALS} polling intervals"
                )
            }
            Self::Old { day } => write!(f, "the newest price is of {day}"),
        }
    }
}

/// What is known of a stock's prices.
#[derive(Clone, Copy, Debug)]
pub struct QuoteStatus {
    /// Its market.
    pub market: Market,
    /// The trading day of its newest price.
    pub newest_day: Option<NaiveDate>,
    /// When a provider last answered for it, with or without a price.
    pub answered_at: Option<Timestamp>,
    /// How many answers in a row gave no price.
    pub unpriced_answers: i32,
}

/// What is expected of all stocks at an instant.
#[derive(Clone, Copy, Debug)]
pub struct StalenessContext {
    /// The instant.
    pub now: Timestamp,
    /// The time between two polls of a symbol; `None` while no polls are expected.
    pub interval: Option<Duration>,
    /// When stocks are polled.
    pub hours: PollingHours,
    /// The last session of every market; in a replay its current day.
    pub sessions: LastSessions,
    /// Whether the prices are those of a replay.
    pub replayed: bool,
}

/// Whether a symbol with this many answers in a row without a price is unpriced: stale, and polled less often than others.
pub fn is_unpriced(unpriced_answers: i32) -> bool {
    unpriced_answers >= UNPRICED_AFTER
}

impl QuoteStatus {
    /// How old the newest price is, measured against the last sessions.
    pub fn freshness(&self, sessions: &LastSessions) -> Freshness {
        let last = sessions.of(self.market);
        match self.newest_day {
            None => Freshness::None,
            Some(day) if !self.market.is_behind(day, last, 0) => Freshness::Current,
            Some(day) if !self.market.is_behind(day, last, 1) => Freshness::PreviousSession,
            Some(_) => Freshness::Old,
        }
    }

    /// Why the stock is stale; `None` if it is not.
    ///
    /// A replay that has ended makes no stock stale. A live stock is stale after three answers in a row
    /// without a price, without any price, after three intervals without an answer that has a price
    /// while its market is open or it is polled at any time, or if its newest price is more than one
    /// session behind, which is not known of [`Market::Other`].
    pub fn stale_reason(&self, expected: &StalenessContext) -> Option<StaleReason> {
        if expected.replayed && expected.interval.is_none() {
            return None;
        }
        let answers = self.unpriced_answers;
        if !expected.replayed && is_unpriced(answers) {
            return Some(StaleReason::Unpriced { answers });
        }
        let Some(day) = self.newest_day else {
            return Some(StaleReason::NoPrice);
        };
        if self.is_unanswered(expected) {
            return Some(StaleReason::Unanswered);
        }
        let sessions = if expected.replayed {
            REPLAYED_DAYS
        } else {
            SESSIONS
        };
        let is_known = expected.replayed || self.market != Market::Other;
        let last = expected.sessions.of(self.market);
        let is_old = is_known && self.market.is_behind(day, last, sessions);
        is_old.then_some(StaleReason::Old { day })
    }

    /// Whether there was no answer with a price for three intervals of an open market. An answer without
    /// a price counts as one interval. A time as far in the future was written by a clock that was wrong,
    /// and is not known.
    fn is_unanswered(&self, expected: &StalenessContext) -> bool {
        let Some(at) = self.answered_at else {
            return true;
        };
        let unpriced = if expected.replayed {
            0
        } else {
            self.unpriced_answers
        };
        let late = |interval: Duration| {
            let unpriced = u32::try_from(unpriced).unwrap_or(0);
            let intervals = INTERVALS.saturating_sub(unpriced);
            expected.now.distance(at) > interval.max(SHORTEST) * intervals
        };
        let is_asked = expected.replayed
            || expected.hours == PollingHours::Always
            || self.market.is_open(expected.now);
        is_asked && expected.interval.is_some_and(late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE_MINUTES: Duration = Duration::from_mins(5);
    /// Noon in New York on a Friday.
    const NOON: &str = "2026-11-20T17:00:00Z";
    const SUNDAY: &str = "2026-11-22T12:30:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn live(now: &str) -> StalenessContext {
        StalenessContext {
            now: at(now),
            interval: Some(FIVE_MINUTES),
            hours: PollingHours::Market,
            sessions: LastSessions::at(at(now)),
            replayed: false,
        }
    }

    fn replay(day: &str) -> StalenessContext {
        StalenessContext {
            sessions: LastSessions::replayed(date(day)),
            replayed: true,
            ..live(NOON)
        }
    }

    /// A price of a day, and an answer just now.
    fn quoted(market: Market, day: &str, now: &str) -> QuoteStatus {
        QuoteStatus {
            market,
            newest_day: Some(date(day)),
            answered_at: Some(at(now)),
            unpriced_answers: 0,
        }
    }

    #[test]
    fn freshness_is_measured_in_sessions_of_the_market() {
        use Freshness::{Current, Old, PreviousSession};
        use Market::{Crypto, Forex, Other, Us};
        for (market, day, now, freshness, is_stale) in [
            // Thursday's price: current until Friday's open, then of the previous session.
            (Us, "2026-11-19", "2026-11-20T14:29:59Z", Current, false),
            (
                Us,
                "2026-11-19",
                "2026-11-20T14:30:00Z",
                PreviousSession,
                false,
            ),
            (Us, "2026-11-19", SUNDAY, PreviousSession, false),
            (
                Us,
                "2026-11-19",
                "2026-11-23T14:29:59Z",
                PreviousSession,
                false,
            ),
            (Us, "2026-11-19", "2026-11-23T14:30:00Z", Old, true),
            // Friday's price is current until Monday's open.
            (Us, "2026-11-20", "2026-11-23T14:29:59Z", Current, false),
            // A pre-market price is of the session to come.
            (Us, "2026-11-23", "2026-11-23T10:00:00Z", Current, false),
            // Thanksgiving is no session; the half day after it is.
            (Us, "2026-11-25", "2026-11-26T20:00:00Z", Current, false),
            (
                Us,
                "2026-11-25",
                "2026-11-27T14:30:00Z",
                PreviousSession,
                false,
            ),
            (Us, "2026-11-24", "2026-11-27T19:00:00Z", Old, true),
            // Summer time begins on a Sunday.
            (Us, "2026-03-06", "2026-03-09T13:29:59Z", Current, false),
            (
                Us,
                "2026-03-06",
                "2026-03-09T13:30:00Z",
                PreviousSession,
                false,
            ),
            (Us, "2022-10-27", NOON, Old, true),
            (Crypto, "2026-11-22", SUNDAY, Current, false),
            (Crypto, "2026-11-21", SUNDAY, PreviousSession, false),
            (Crypto, "2026-11-20", SUNDAY, Old, true),
            // Foreign exchange rests at weekends.
            (Forex, "2026-11-20", SUNDAY, Current, false),
            (
                Forex,
                "2026-11-20",
                "2026-11-23T00:00:00Z",
                PreviousSession,
                false,
            ),
            // A session counts once its day is over, as its hours are not known; no day is too old.
            (Other, "2026-11-19", NOON, Current, false),
            (Other, "2026-11-18", NOON, PreviousSession, false),
            (Other, "2022-10-27", NOON, Old, false),
        ] {
            let (quoted, expected) = (quoted(market, day, now), live(now));
            let label = format!("{market:?} {day} at {now}");
            assert_eq!(quoted.freshness(&expected.sessions), freshness, "{label}");
            let old = StaleReason::Old { day: date(day) };
            let reason = is_stale.then_some(old);
            assert_eq!(quoted.stale_reason(&expected), reason, "{label}");
        }
    }

    #[test]
    fn a_stock_is_stale_after_three_intervals_of_an_open_market() {
        let reason = |market, answered_at: &str, expected: &StalenessContext| {
            let day = expected.sessions.of(market).to_string();
            quoted(market, &day, answered_at).stale_reason(expected)
        };
        let noon = live(NOON);
        let late = Some(StaleReason::Unanswered);
        assert_eq!(reason(Market::Us, "2026-11-20T16:45:00Z", &noon), None);
        assert_eq!(reason(Market::Us, "2026-11-20T16:44:59Z", &noon), late);
        // As far ahead, a clock was wrong.
        assert_eq!(reason(Market::Us, "2026-11-20T17:15:00Z", &noon), None);
        assert_eq!(reason(Market::Us, "2026-11-20T17:15:01Z", &noon), late);
        let (friday, sunday) = ("2026-11-20T23:00:00Z", live("2026-11-22T11:00:00Z"));
        let always = StalenessContext {
            hours: PollingHours::Always,
            ..sunday
        };
        assert_eq!(reason(Market::Crypto, friday, &sunday), late);
        for market in [Market::Us, Market::Forex, Market::Other] {
            assert_eq!(reason(market, friday, &sunday), None, "{market:?}");
            assert_eq!(reason(market, friday, &always), late, "{market:?}");
        }
        // The night of a weekday: closed in New York only.
        let night = live("2026-11-20T03:00:00Z");
        assert_eq!(reason(Market::Us, "2026-11-20T01:00:00Z", &night), None);
        assert_eq!(reason(Market::Other, "2026-11-20T01:00:00Z", &night), late);
        let unexpected = StalenessContext {
            interval: None,
            ..noon
        };
        assert_eq!(
            reason(Market::Us, "2026-11-20T01:00:00Z", &unexpected),
            None
        );
        let never = QuoteStatus {
            answered_at: None,
            ..quoted(Market::Us, "2026-11-20", NOON)
        };
        assert_eq!(never.stale_reason(&unexpected), late);
    }

    #[test]
    fn answers_without_a_price_are_no_answers_and_three_of_them_make_a_stock_stale() {
        let reason = |unpriced_answers, answered_at: &str, expected: &StalenessContext| {
            let stock = QuoteStatus {
                unpriced_answers,
                ..quoted(Market::Us, "2026-11-20", answered_at)
            };
            stock.stale_reason(expected)
        };
        let noon = live(NOON);
        let late = Some(StaleReason::Unanswered);
        assert_eq!(reason(1, "2026-11-20T16:50:00Z", &noon), None);
        assert_eq!(reason(1, "2026-11-20T16:49:59Z", &noon), late);
        assert_eq!(reason(2, "2026-11-20T16:55:00Z", &noon), None);
        assert_eq!(reason(2, "2026-11-20T16:54:59Z", &noon), late);
        for (answers, expected) in [(3, noon), (40, live(SUNDAY))] {
            let unpriced = Some(StaleReason::Unpriced { answers });
            assert_eq!(reason(answers, NOON, &expected), unpriced);
        }
        // A replay answers without a price for every day without a row.
        assert_eq!(reason(40, NOON, &replay("2026-11-20")), None);
    }

    #[test]
    fn a_stock_without_a_price_is_stale() {
        let stock = QuoteStatus {
            newest_day: None,
            ..quoted(Market::Us, "2026-11-20", NOON)
        };
        assert_eq!(stock.freshness(&live(NOON).sessions), Freshness::None);
        for expected in [live(NOON), live(SUNDAY), replay("2026-11-20")] {
            assert_eq!(stock.stale_reason(&expected), Some(StaleReason::NoPrice));
        }
    }

    #[test]
    fn a_replay_is_measured_against_its_current_day() {
        use Freshness::{Current, Old, PreviousSession};
        for (day, freshness, is_stale) in [
            ("2008-01-17", Current, false),
            ("2008-01-16", PreviousSession, false),
            ("2008-01-15", Old, false),
            ("2008-01-14", Old, true),
        ] {
            for market in Market::ALL {
                let (stock, expected) = (quoted(market, day, NOON), replay("2008-01-17"));
                assert_eq!(
                    stock.freshness(&expected.sessions),
                    freshness,
                    "{market:?} {day}"
                );
                let reason = is_stale.then_some(StaleReason::Old { day: date(day) });
                assert_eq!(stock.stale_reason(&expected), reason, "{market:?} {day}");
                let ended = StalenessContext {
                    interval: None,
                    ..expected
                };
                assert_eq!(stock.stale_reason(&ended), None);
            }
        }
        // A replay that no longer plays, however fast it should.
        let fast = StalenessContext {
            interval: Some(Duration::ZERO),
            ..replay("2008-01-17")
        };
        let answered = |at: &str| quoted(Market::Us, "2008-01-17", at).stale_reason(&fast);
        assert_eq!(answered("2026-11-20T16:59:57Z"), None);
        assert_eq!(
            answered("2026-11-20T16:59:56Z"),
            Some(StaleReason::Unanswered)
        );
    }

    #[test]
    fn reasons_are_written_for_people() {
        for (reason, text) in [
            (
                StaleReason::Unpriced { answers: 3 },
                "no price in the last 3 answers; asked hourly, then daily",
            ),
            (StaleReason::NoPrice, "no price yet"),
            (
                StaleReason::Unanswered,
                "no answer with a price for 3 polling intervals",
            ),
            (
                StaleReason::Old {
                    day: date("2022-10-27"),
                },
                "the newest price is of 2022-10-27",
            ),
        ] {
            assert_eq!(reason.to_string(), text);
        }
    }
}
