//! When a symbol's next poll is due, and when it is stale.
//!
//! One invariant: while a market sleeps a symbol is asked for at most twice: once after the polling window ended, so
//! that the day's last word is known, and once after a start.

use std::time::Duration;

use entity::Timestamp;

use crate::market::{Market, polling_window, trading_day};

/// So many intervals without an answer make a symbol stale.
const STALE_AFTER: u32 = 3;
/// An interval counts as this long at least: a replay may tell hundreds of days a second.
const SHORTEST: Duration = Duration::from_secs(1);

/// When a symbol is due that was last answered for at `answered_at`; a past instant is due now. `started_at` is when
/// this tracker began to poll. An answer of a time far ahead was noted by a clock that was wrong, and says nothing.
pub fn due_at(
    answered_at: Option<Timestamp>,
    started_at: Timestamp,
    interval: Duration,
    market: Market,
    now: Timestamp,
) -> Timestamp {
    let Some(answered_at) = answered_at.filter(|at| *at <= now.after(interval)) else {
        return started_at;
    };
    let due = answered_at.after(interval);
    if due <= started_at {
        return started_at;
    }
    let closing_word_missing = || last_end(market, due).is_some_and(|end| answered_at < end);
    if market.is_polling(due) || closing_word_missing() {
        due
    } else {
        market.next_polling(due)
    }
}

/// Whether nobody has answered for a symbol, with something new or not, for 3 intervals of an open market. Without an
/// interval nothing is expected any more, and whoever was answered for stays fresh. Nobody knows when that was which a
/// clock that was wrong puts as far ahead.
pub fn is_stale(
    answered_at: Option<Timestamp>,
    interval: Option<Duration>,
    market: Market,
    now: Timestamp,
) -> bool {
    let Some(at) = answered_at else { return true };
    let late = |interval: Duration| now.distance(at) > interval.max(SHORTEST) * STALE_AFTER;
    interval.is_some_and(late) && market.is_open(now)
}

/// When the last polling window before `at` ended; `None` for a market that never closes.
fn last_end(market: Market, at: Timestamp) -> Option<Timestamp> {
    /// No closure of the exchanges is as long.
    const DAYS: usize = 14;
    match market {
        Market::Us => trading_day(at)
            .iter_days()
            .rev()
            .take(DAYS)
            .filter(|day| crate::market::is_trading_day(*day))
            .map(|day| polling_window(day).end)
            .find(|end| *end <= at),
        Market::Always => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE_MINUTES: Duration = Duration::from_mins(5);
    const LONG_AGO: &str = "2026-11-01T00:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn due(answered_at: &str, started_at: &str, market: Market) -> String {
        let (answered_at, started_at) = (at(answered_at), at(started_at));
        let now = answered_at.max(started_at);
        due_at(Some(answered_at), started_at, FIVE_MINUTES, market, now).to_string()
    }

    #[test]
    fn a_symbol_that_was_never_answered_for_is_due_whatever_the_hour() {
        let sunday = at("2026-11-22T12:00:00Z");
        let due = due_at(None, sunday, FIVE_MINUTES, Market::Us, sunday);
        assert_eq!(due, sunday);
    }

    #[test]
    fn what_a_clock_noted_that_ran_ahead_puts_nothing_off() {
        let (start, now) = (at(LONG_AGO), at("2026-11-20T17:00:00Z"));
        let due = |ahead: Duration| {
            let answered_at = Some(now.after(ahead));
            due_at(answered_at, start, FIVE_MINUTES, Market::Always, now)
        };
        assert_eq!(due(FIVE_MINUTES), now.after(FIVE_MINUTES * 2));
        assert_eq!(due(FIVE_MINUTES + Duration::from_micros(1)), start);
        let stale = |ahead: Duration| {
            let answered_at = Some(now.after(ahead));
            is_stale(answered_at, Some(FIVE_MINUTES), Market::Always, now)
        };
        assert!(!stale(FIVE_MINUTES * 3) && stale(FIVE_MINUTES * 3 + Duration::from_micros(1)));
    }

    #[test]
    fn inside_of_the_window_a_symbol_is_due_an_interval_after_its_answer() {
        let noon = "2026-11-20T17:00:00Z";
        assert_eq!(due(noon, LONG_AGO, Market::Us), "2026-11-20T17:05:00Z");
        assert_eq!(due(noon, LONG_AGO, Market::Always), "2026-11-20T17:05:00Z");
    }

    #[test]
    fn after_the_windows_end_a_symbol_is_asked_for_once_and_then_rests() {
        // 20:00 New York is 01:00 UTC.
        let before_the_end = "2026-11-21T00:58:00Z";
        assert_eq!(
            due(before_the_end, LONG_AGO, Market::Us),
            "2026-11-21T01:03:00Z"
        );
        let after_the_end = "2026-11-21T01:03:00Z";
        assert_eq!(
            due(after_the_end, LONG_AGO, Market::Us),
            "2026-11-23T09:00:00Z"
        );
        assert_eq!(
            due(after_the_end, LONG_AGO, Market::Always),
            "2026-11-21T01:08:00Z"
        );
    }

    #[test]
    fn a_start_asks_at_once_for_what_has_rested_for_an_interval() {
        let sunday = "2026-11-22T12:00:00Z";
        assert_eq!(due("2026-11-21T01:03:00Z", sunday, Market::Us), sunday);
        // Answered two minutes before the start: Monday is early enough.
        assert_eq!(
            due("2026-11-22T11:58:00Z", sunday, Market::Us),
            "2026-11-23T09:00:00Z"
        );
        let noon = "2026-11-20T17:00:00Z";
        assert_eq!(
            due("2026-11-20T16:58:00Z", noon, Market::Us),
            "2026-11-20T17:03:00Z"
        );
        assert_eq!(due("2026-11-20T16:50:00Z", noon, Market::Us), noon);
    }

    #[test]
    fn a_symbol_is_stale_after_three_intervals_of_an_open_market() {
        let noon = at("2026-11-20T17:00:00Z");
        let stale = |answered_at: &str, market, now| {
            is_stale(Some(at(answered_at)), Some(FIVE_MINUTES), market, now)
        };
        assert!(!stale("2026-11-20T16:45:00Z", Market::Us, noon));
        assert!(stale("2026-11-20T16:44:59Z", Market::Us, noon));
        assert!(is_stale(None, Some(FIVE_MINUTES), Market::Us, noon));
        assert!(is_stale(None, None, Market::Us, noon));
        assert!(!is_stale(
            Some(Timestamp::from_micros(0)),
            None,
            Market::Always,
            noon
        ));
        let just_now = noon.before(Duration::from_secs(2));
        let every = Some(Duration::from_millis(5));
        assert!(!is_stale(Some(just_now), every, Market::Always, noon));
        let long_ago = noon.before(Duration::from_secs(4));
        assert!(is_stale(Some(long_ago), every, Market::Always, noon));
        let sunday = at("2026-11-22T12:00:00Z");
        assert!(!stale("2026-11-21T01:03:00Z", Market::Us, sunday));
        assert!(stale("2026-11-21T01:03:00Z", Market::Always, sunday));
    }
}
