//! Candle intervals: the start and end of the candle to which a price belongs.
//!
//! A daily candle is of the trading day that the provider sent, so it includes pre-market and
//! after-hours trades whatever the UTC date. Shorter candles are aligned to UTC and ignore the
//! session.

use entity::{CandleInterval, Price, Timestamp};

use crate::Market;

const MINUTE: i64 = 60_000_000;

/// Returns the start of the candle that contains a price: for a daily candle the open of its
/// session.
pub fn candle_start(interval: CandleInterval, price: &Price) -> Timestamp {
    if interval == CandleInterval::OneDay {
        return Market::of(&price.symbol).session(price.trading_day).start;
    }
    let at = price.market_time.micros();
    Timestamp::from_micros(at - at.rem_euclid(width(interval)))
}

/// Returns the end of the candle that starts at `start`: for a daily candle the close of its
/// session.
pub fn candle_end(market: Market, interval: CandleInterval, start: Timestamp) -> Timestamp {
    match interval {
        CandleInterval::OneDay => market.session(market.day_of(start)).end,
        _ => Timestamp::from_micros(start.micros().saturating_add(width(interval))),
    }
}

fn width(interval: CandleInterval) -> i64 {
    i64::from(interval.minutes()) * MINUTE
}
