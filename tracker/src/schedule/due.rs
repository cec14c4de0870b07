//! When the next poll of a symbol is due.
//!
//! While a market is closed a symbol is polled at most twice: once after the polling window has
//! ended, for the closing price, and once after a start of the tracker.

use std::time::Duration;

use entity::Timestamp;
use market::{Market, PollingHours};

/// Returns when a symbol is due whose last answer was at `answered_at`. A time in the past means
/// now. `started_at` is when this tracker began to poll. An answer more than an interval ahead of
/// `now` was recorded by a wrong clock and is ignored.
pub fn due_at(
    answered_at: Option<Timestamp>,
    started_at: Timestamp,
    interval: Duration,
    (hours, market): (PollingHours, Market),
    now: Timestamp,
) -> Timestamp {
    let Some(answered_at) = answered_at.filter(|at| *at <= now.after(interval)) else {
        return started_at;
    };
    let due = answered_at.after(interval);
    if due <= started_at {
        return started_at;
    }
    let closing_price_missing = || {
        hours
            .last_end(market, due)
            .is_some_and(|end| answered_at < end)
    };
    if hours.contains(market, due) || closing_price_missing() {
        due
    } else {
        hours.next(market, due)
    }
}

/// Whether a symbol that is due at `at` can be polled together with others at `now`: within a tenth
/// of its interval, and only while its market is polled.
pub fn is_due_soon(
    at: Timestamp,
    interval: Duration,
    (hours, market): (PollingHours, Market),
    now: Timestamp,
) -> bool {
    at <= now.after(interval / 10) && hours.contains(market, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE_MINUTES: Duration = Duration::from_mins(5);
    const US: (PollingHours, Market) = (PollingHours::Market, Market::Us);
    const ALWAYS: (PollingHours, Market) = (PollingHours::Always, Market::Us);
    const LONG_AGO: &str = "2026-11-01T00:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn due(answered_at: &str, started_at: &str, hours: (PollingHours, Market)) -> String {
        let (answered_at, started_at) = (at(answered_at), at(started_at));
        let now = answered_at.max(started_at);
        due_at(Some(answered_at), started_at, FIVE_MINUTES, hours, now).to_string()
    }

    #[test]
    fn a_symbol_without_an_answer_is_due_at_any_hour() {
        let sunday = at("2026-11-22T12:00:00Z");
        let due = due_at(None, sunday, FIVE_MINUTES, US, sunday);
        assert_eq!(due, sunday);
    }

    #[test]
    fn an_answer_from_a_clock_that_was_ahead_delays_no_poll() {
        let (start, now) = (at(LONG_AGO), at("2026-11-20T17:00:00Z"));
        let due = |ahead: Duration| {
            let answered_at = Some(now.after(ahead));
            due_at(answered_at, start, FIVE_MINUTES, ALWAYS, now)
        };
        assert_eq!(due(FIVE_MINUTES), now.after(FIVE_MINUTES * 2));
        assert_eq!(due(FIVE_MINUTES + Duration::from_micros(1)), start);
    }

    #[test]
    fn in_the_polling_window_a_symbol_is_due_an_interval_after_its_answer() {
        let noon = "2026-11-20T17:00:00Z";
        assert_eq!(due(noon, LONG_AGO, US), "2026-11-20T17:05:00Z");
        assert_eq!(due(noon, LONG_AGO, ALWAYS), "2026-11-20T17:05:00Z");
    }

    #[test]
    fn a_symbol_is_due_soon_within_a_tenth_of_its_interval_while_its_market_is_polled() {
        let noon = at("2026-11-20T17:00:00Z");
        let soon = |seconds: u64, hours| {
            let due = noon.after(Duration::from_secs(seconds));
            is_due_soon(due, FIVE_MINUTES, hours, noon)
        };
        assert!(soon(30, US));
        assert!(!soon(31, US));
        // Before the polling window, which begins at 04:00 in New York.
        let monday = at("2026-11-23T09:00:00Z");
        let before = monday.before(Duration::from_secs(10));
        assert!(!is_due_soon(monday, FIVE_MINUTES, US, before));
        assert!(is_due_soon(monday, FIVE_MINUTES, ALWAYS, before));
    }

    #[test]
    fn after_the_polling_window_a_symbol_is_polled_once_more() {
        // 20:00 New York is 01:00 UTC.
        let before_the_end = "2026-11-21T00:58:00Z";
        assert_eq!(due(before_the_end, LONG_AGO, US), "2026-11-21T01:03:00Z");
        let after_the_end = "2026-11-21T01:03:00Z";
        assert_eq!(due(after_the_end, LONG_AGO, US), "2026-11-23T09:00:00Z");
        assert_eq!(due(after_the_end, LONG_AGO, ALWAYS), "2026-11-21T01:08:00Z");
    }

    #[test]
    fn a_start_polls_symbols_whose_answer_is_older_than_an_interval() {
        let sunday = "2026-11-22T12:00:00Z";
        assert_eq!(due("2026-11-21T01:03:00Z", sunday, US), sunday);
        // The answer is two minutes older than the start: the next poll is on Monday.
        assert_eq!(
            due("2026-11-22T11:58:00Z", sunday, US),
            "2026-11-23T09:00:00Z"
        );
        let noon = "2026-11-20T17:00:00Z";
        assert_eq!(
            due("2026-11-20T16:58:00Z", noon, US),
            "2026-11-20T17:03:00Z"
        );
        assert_eq!(due("2026-11-20T16:50:00Z", noon, US), noon);
    }

    #[test]
    fn a_stock_of_an_unknown_exchange_is_polled_at_any_hour_of_weekdays() {
        let other = (PollingHours::Market, Market::Other);
        let night = "2026-11-20T03:00:00Z";
        assert_eq!(due(night, LONG_AGO, other), "2026-11-20T03:05:00Z");
        // Once after the end of Friday, then from Sunday noon.
        assert_eq!(
            due("2026-11-20T23:58:00Z", LONG_AGO, other),
            "2026-11-21T00:03:00Z"
        );
        assert_eq!(
            due("2026-11-21T00:03:00Z", LONG_AGO, other),
            "2026-11-22T12:00:00Z"
        );
    }
}
