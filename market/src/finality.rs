//! Candle finality: whether trades can still change a candle.
//!
//! The end of a session by the clock is not enough, because its last price arrives later. A candle
//! that has ended is final as soon as a later candle exists, a price or an answer from after its
//! end arrives, or polling hours are over. A replayed day is final with its price, which is the
//! close, although its date may be far ahead of the clock.

use entity::{Candle, Timestamp};

use crate::{Market, candle_end, polling_window};

/// What decides whether a candle is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinalityContext {
    /// The market of the stock.
    pub market: Market,
    /// The start of the stock's newest candle of the same interval.
    pub newest: Option<Timestamp>,
    /// The time of the last answer from a provider for the stock.
    pub answered_at: Option<Timestamp>,
    /// The current time.
    pub now: Timestamp,
}

/// Whether a candle is final: no later trade of its interval can change it.
pub fn is_final(candle: &Candle, context: FinalityContext) -> bool {
    let market = context.market;
    let day = market.day_of(candle.start);
    let close = market.session(day).end;
    let ended = if market == Market::Us && candle.start <= close {
        close
    } else {
        candle_end(market, candle.interval, candle.start)
    };
    let polling_ends = match market {
        Market::Us => ended.max(polling_window(day).end),
        Market::Crypto | Market::Forex | Market::Other => ended,
    };
    context.newest.is_some_and(|newest| newest > candle.start)
        || candle.closed_at >= ended
        || context.answered_at.is_some_and(|at| at >= ended)
        || context.now >= polling_ends
}

#[cfg(test)]
mod tests {
    use entity::{CandleInterval, Decimal};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn candle(interval: CandleInterval, start: &str, closed_at: &str) -> Candle {
        let price = Decimal::from_int(1);
        Candle {
            stock_id: 1,
            interval,
            start: at(start),
            opened_at: None,
            closed_at: at(closed_at),
            open: price,
            high: price,
            low: price,
            close: price,
            volume: None,
            count: 1,
        }
    }

    fn check(candle: &Candle, newest: &str, answered_at: &str, now: &str) -> bool {
        let context = FinalityContext {
            market: Market::Us,
            newest: Some(at(newest)),
            answered_at: Some(at(answered_at)),
            now: at(now),
        };
        is_final(candle, context)
    }

    /// 16:00 in New York is 21:00 in UTC.
    #[test]
    fn a_candle_is_final_after_an_answer_from_after_the_close_or_when_polling_ends() {
        use CandleInterval::{OneDay, OneMinute};
        let (open, last) = ("2026-11-20T14:30:00Z", "2026-11-20T20:57:00Z");
        let day = candle(OneDay, open, "2026-11-20T20:57:10Z");
        let minute = candle(OneMinute, last, "2026-11-20T20:57:10Z");
        for (answered_at, now, is_final) in [
            ("2026-11-20T20:57:11Z", "2026-11-20T20:58:30Z", false),
            // After the close, but the closing price is not polled yet.
            ("2026-11-20T20:57:11Z", "2026-11-20T21:00:30Z", false),
            ("2026-11-20T21:00:31Z", "2026-11-20T21:00:31Z", true),
            // Polling has ended.
            ("2026-11-20T20:57:11Z", "2026-11-21T00:59:59Z", false),
            ("2026-11-20T20:57:11Z", "2026-11-21T01:00:00Z", true),
        ] {
            assert_eq!(check(&day, open, answered_at, now), is_final, "{now}");
            assert_eq!(check(&minute, last, answered_at, now), is_final, "{now}");
        }
        let now = "2026-11-20T20:58:30Z";
        assert!(check(&minute, "2026-11-20T20:58:00Z", now, now));
        assert!(check(&day, "2026-11-23T14:30:00Z", now, now));
    }

    #[test]
    fn a_candle_with_the_closing_price_is_final_even_if_it_is_in_the_future() {
        use CandleInterval::{OneDay, OneHour};
        let now = "2026-11-20T12:00:00Z";
        for (interval, start) in [
            (OneDay, "2033-03-01T14:30:00Z"),
            (OneHour, "2033-03-01T21:00:00Z"),
        ] {
            let closed = candle(interval, start, "2033-03-01T21:00:00Z");
            assert!(check(&closed, start, now, now));
        }
    }

    #[test]
    fn outside_the_united_states_a_daily_candle_is_final_at_the_end_of_the_utc_day() {
        let day = candle(
            CandleInterval::OneDay,
            "2026-11-20T00:00:00Z",
            "2026-11-20T23:58:00Z",
        );
        for market in [Market::Crypto, Market::Forex, Market::Other] {
            for (now, ends) in [
                ("2026-11-20T23:59:59.999999Z", false),
                ("2026-11-21T00:00:00Z", true),
            ] {
                let context = FinalityContext {
                    market,
                    newest: Some(day.start),
                    answered_at: Some(day.closed_at),
                    now: at(now),
                };
                assert_eq!(is_final(&day, context), ends, "{market:?} {now}");
            }
        }
    }

    #[test]
    fn an_after_hours_candle_is_final_at_its_end() {
        let start = "2026-11-20T22:15:00Z";
        let late = candle(
            CandleInterval::FifteenMinutes,
            start,
            "2026-11-20T22:16:00Z",
        );
        for (now, is_final) in [
            ("2026-11-20T22:29:59Z", false),
            ("2026-11-20T22:30:00Z", true),
        ] {
            assert_eq!(check(&late, start, now, now), is_final, "{now}");
        }
    }
}
