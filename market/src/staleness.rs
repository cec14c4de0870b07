//! Staleness: how fresh a stock's newest price is, and why a stock is stale.
//!
//! The API and the tracker's metric of stale stocks use the same functions.

use std::{fmt, time::Duration};

use chrono::NaiveDate;
use entity::Timestamp;

use crate::{LastSessions, Market, PollingHours};

/// A stock is stale after this many polling intervals without an answer that has a price.
const MAX_INTERVALS: u32 = 3;
/// A symbol counts as unpriced after this many consecutive answers without a price.
pub const UNPRICED_AFTER: i32 = 3;
/// Shorter polling intervals count as this long: a replay can play hundreds of days a second.
const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// A live price more than this many sessions behind is stale.
const MAX_SESSIONS: u32 = 1;
/// A replayed price more than this many replayed days behind is stale.
const MAX_REPLAYED_DAYS: u32 = 2;

/// How fresh a stock's newest price is, measured in sessions of its market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// The price is of the open session or, while the market is closed, of the last one.
    Current,
    /// The price is of the session before that.
    PreviousSession,
    /// The price is of an earlier session.
    Old,
    /// The stock has no price.
    None,
}

/// Why a stock is stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaleReason {
    /// The last answers of providers had no price.
    Unpriced {
        /// Consecutive answers without a price.
        answers: i32,
    },
    /// The stock has never had a price.
    NoPrice,
    /// No provider has answered with a price for three polling intervals.
    Unanswered,
    /// The newest price is of an old session.
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
                    "no price in the last {answers} answers; polled hourly, then daily"
                )
            }
            Self::NoPrice => write!(f, "no price yet"),
            Self::Unanswered => {
                write!(
                    f,
                    "no answer with a price for {MAX_INTERVALS} polling intervals"
                )
            }
            Self::Old { day } => write!(f, "the newest price is of {day}"),
        }
    }
}

/// The newest price of a stock and the last answers of its providers.
#[derive(Clone, Copy, Debug)]
pub struct QuoteStatus {
    /// The market of the stock.
    pub market: Market,
    /// The trading day of the newest price.
    pub newest_day: Option<NaiveDate>,
    /// The time of the last answer from a provider, with or without a price.
    pub answered_at: Option<Timestamp>,
    /// Consecutive answers without a price.
    pub unpriced_answers: i32,
}

/// What staleness is measured against at an instant, for all stocks.
#[derive(Clone, Copy, Debug)]
pub struct StalenessContext {
    /// The current time.
    pub now: Timestamp,
    /// The time between two polls of a symbol, or `None` while no polls are planned.
    pub interval: Option<Duration>,
    /// When stocks are polled.
    pub hours: PollingHours,
    /// The last session of every market. In a replay this is its current day.
    pub sessions: LastSessions,
    /// Whether the prices are those of a replay.
    pub replayed: bool,
}

/// Whether a symbol with this many consecutive answers without a price is unpriced: it is stale and
/// polled less often.
pub fn is_unpriced(unpriced_answers: i32) -> bool {
    unpriced_answers >= UNPRICED_AFTER
}

impl QuoteStatus {
    /// Returns how fresh the newest price is, measured against the last sessions.
    pub fn freshness(&self, sessions: &LastSessions) -> Freshness {
        let last = sessions.of(self.market);
        match self.newest_day {
            None => Freshness::None,
            Some(day) if !self.market.is_behind(day, last, 0) => Freshness::Current,
            Some(day) if !self.market.is_behind(day, last, 1) => Freshness::PreviousSession,
            Some(_) => Freshness::Old,
        }
    }

    /// Returns why the stock is stale, or `None` if it is not.
    ///
    /// A live stock is stale
    /// - after three consecutive answers without a price,
    /// - if it has never had a price,
    /// - after three polling intervals without an answer that has a price, while its market is open
    ///   or polling ignores market hours,
    /// - if its newest price is more than one session old; the sessions of [`Market::Other`] are
    ///   not known.
    ///
    /// A replay does not count answers without a price, and makes no stock stale after its end.
    pub fn stale_reason(&self, context: &StalenessContext) -> Option<StaleReason> {
        if context.replayed && context.interval.is_none() {
            return None;
        }
        let answers = self.unpriced_answers;
        if !context.replayed && is_unpriced(answers) {
            return Some(StaleReason::Unpriced { answers });
        }
        let Some(day) = self.newest_day else {
            return Some(StaleReason::NoPrice);
        };
        if self.is_unanswered(context) {
            return Some(StaleReason::Unanswered);
        }
        let sessions = if context.replayed {
            MAX_REPLAYED_DAYS
        } else {
            MAX_SESSIONS
        };
        let is_known = context.replayed || self.market != Market::Other;
        let last = context.sessions.of(self.market);
        let is_old = is_known && self.market.is_behind(day, last, sessions);
        is_old.then_some(StaleReason::Old { day })
    }

    /// Whether there was no answer with a price for three polling intervals of an open market. An
    /// answer without a price counts as one interval. A time more than three intervals ahead comes
    /// from a clock that was wrong and is ignored.
    fn is_unanswered(&self, context: &StalenessContext) -> bool {
        let Some(at) = self.answered_at else {
            return true;
        };
        let unpriced = if context.replayed {
            0
        } else {
            self.unpriced_answers
        };
        let late = |interval: Duration| {
            let unpriced = u32::try_from(unpriced).unwrap_or(0);
            let intervals = MAX_INTERVALS.saturating_sub(unpriced);
            context.now.distance(at) > interval.max(MIN_INTERVAL) * intervals
        };
        let is_polled = context.replayed
            || context.hours == PollingHours::Always
            || self.market.is_open(context.now);
        is_polled && context.interval.is_some_and(late)
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

    /// A price of `day`, and an answer at `now`.
    fn status(market: Market, day: &str, now: &str) -> QuoteStatus {
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
            // Thursday's price is current until Friday's open, then of the previous session.
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
            // Thanksgiving is a holiday; the next day has an early close.
            (Us, "2026-11-25", "2026-11-26T20:00:00Z", Current, false),
            (
                Us,
                "2026-11-25",
                "2026-11-27T14:30:00Z",
                PreviousSession,
                false,
            ),
            (Us, "2026-11-24", "2026-11-27T19:00:00Z", Old, true),
            // Daylight saving time begins on a Sunday.
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
            // A session counts once its day is over, because its hours are not known. No day is too
            // old.
            (Other, "2026-11-19", NOON, Current, false),
            (Other, "2026-11-18", NOON, PreviousSession, false),
            (Other, "2022-10-27", NOON, Old, false),
        ] {
            let (status, context) = (status(market, day, now), live(now));
            let label = format!("{market:?} {day} at {now}");
            assert_eq!(status.freshness(&context.sessions), freshness, "{label}");
            let old = StaleReason::Old { day: date(day) };
            let reason = is_stale.then_some(old);
            assert_eq!(status.stale_reason(&context), reason, "{label}");
        }
    }

    #[test]
    fn a_stock_is_stale_after_three_intervals_of_an_open_market() {
        let reason = |market, answered_at: &str, context: &StalenessContext| {
            let day = context.sessions.of(market).to_string();
            status(market, &day, answered_at).stale_reason(context)
        };
        let noon = live(NOON);
        let late = Some(StaleReason::Unanswered);
        assert_eq!(reason(Market::Us, "2026-11-20T16:45:00Z", &noon), None);
        assert_eq!(reason(Market::Us, "2026-11-20T16:44:59Z", &noon), late);
        // That far ahead, a clock was wrong.
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
        // A weekday's night: only New York is closed.
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
            ..status(Market::Us, "2026-11-20", NOON)
        };
        assert_eq!(never.stale_reason(&unexpected), late);
    }

    #[test]
    fn an_answer_without_a_price_counts_as_an_interval_and_three_make_a_stock_stale() {
        let reason = |unpriced_answers, answered_at: &str, context: &StalenessContext| {
            let stock = QuoteStatus {
                unpriced_answers,
                ..status(Market::Us, "2026-11-20", answered_at)
            };
            stock.stale_reason(context)
        };
        let noon = live(NOON);
        let late = Some(StaleReason::Unanswered);
        assert_eq!(reason(1, "2026-11-20T16:50:00Z", &noon), None);
        assert_eq!(reason(1, "2026-11-20T16:49:59Z", &noon), late);
        assert_eq!(reason(2, "2026-11-20T16:55:00Z", &noon), None);
        assert_eq!(reason(2, "2026-11-20T16:54:59Z", &noon), late);
        for (answers, context) in [(3, noon), (40, live(SUNDAY))] {
            let unpriced = Some(StaleReason::Unpriced { answers });
            assert_eq!(reason(answers, NOON, &context), unpriced);
        }
        // A replay answers without a price on every day without a row.
        assert_eq!(reason(40, NOON, &replay("2026-11-20")), None);
    }

    #[test]
    fn a_stock_without_a_price_is_stale() {
        let stock = QuoteStatus {
            newest_day: None,
            ..status(Market::Us, "2026-11-20", NOON)
        };
        assert_eq!(stock.freshness(&live(NOON).sessions), Freshness::None);
        for context in [live(NOON), live(SUNDAY), replay("2026-11-20")] {
            assert_eq!(stock.stale_reason(&context), Some(StaleReason::NoPrice));
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
                let (stock, context) = (status(market, day, NOON), replay("2008-01-17"));
                assert_eq!(
                    stock.freshness(&context.sessions),
                    freshness,
                    "{market:?} {day}"
                );
                let reason = is_stale.then_some(StaleReason::Old { day: date(day) });
                assert_eq!(stock.stale_reason(&context), reason, "{market:?} {day}");
                let ended = StalenessContext {
                    interval: None,
                    ..context
                };
                assert_eq!(stock.stale_reason(&ended), None);
            }
        }
        // A replay at full speed that has stopped answering.
        let fast = StalenessContext {
            interval: Some(Duration::ZERO),
            ..replay("2008-01-17")
        };
        let answered = |at: &str| status(Market::Us, "2008-01-17", at).stale_reason(&fast);
        assert_eq!(answered("2026-11-20T16:59:57Z"), None);
        assert_eq!(
            answered("2026-11-20T16:59:56Z"),
            Some(StaleReason::Unanswered)
        );
    }

    #[test]
    fn reasons_have_a_readable_text() {
        for (reason, text) in [
            (
                StaleReason::Unpriced { answers: 3 },
                "no price in the last 3 answers; polled hourly, then daily",
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
