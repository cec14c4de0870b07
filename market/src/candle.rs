//! Which stretch of time a price belongs to.
//!
//! One invariant: a trading day is the session's date as its provider said it, so that early and late trades belong to
//! the day that they are of, whatever UTC's date is; shorter stretches are cut from UTC, whatever the session.

use entity::{CandleInterval, Price, Timestamp};

use crate::Market;

const MINUTE: i64 = 60_000_000;

/// When the stretch of a price begins.
pub fn candle_start(interval: CandleInterval, price: &Price) -> Timestamp {
    if interval == CandleInterval::OneDay {
        return Market::of(&price.symbol).session(price.trading_day).start;
    }
    let at = price.market_time.micros();
    Timestamp::from_micros(at - at.rem_euclid(width(interval)))
}

/// When the stretch of a market that begins at `start` ends: a day with its session.
pub fn candle_end(market: Market, interval: CandleInterval, start: Timestamp) -> Timestamp {
    match interval {
        CandleInterval::OneDay => market.session(market.day_of(start)).end,
        _ => Timestamp::from_micros(start.micros().saturating_add(width(interval))),
    }
}

fn width(interval: CandleInterval) -> i64 {
    i64::from(interval.minutes()) * MINUTE
}
