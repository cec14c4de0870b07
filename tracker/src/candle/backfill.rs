//! Candles of past days, as a provider tells them.
//!
//! One invariant: only sessions that are over are filled in; of those the provider knows more than the few prices that
//! were seen, whose number stays. A bar's high and low are widened to contain its open and close. Prices and the feed are left alone. The engine calls it, under the feed's lock.

use std::collections::HashMap;

use chrono::NaiveDate;
use entity::{Candle, CandleInterval, Timestamp};
use market::Market;
use sea_orm::{ConnectionTrait, DbErr};
use store::candle::{self, CandleKey};

use crate::provider::Bar;

/// Fills in a stock's days. Answers how many.
pub(crate) async fn fill(
    connection: &impl ConnectionTrait,
    (stock_id, market): (i64, Market),
    bars: &[Bar],
    now: Timestamp,
) -> Result<usize, DbErr> {
    let over: Vec<(CandleKey, &Bar)> = bars
        .iter()
        .filter(|bar| end_of_day(market, bar.trading_day) <= now)
        .map(|bar| {
            let key = CandleKey {
                stock_id,
                interval: CandleInterval::OneDay,
                start: market.session(bar.trading_day).start,
            };
            (key, bar)
        })
        .collect();
    if over.is_empty() {
        return Ok(0);
    }
    let keys: Vec<CandleKey> = over.iter().map(|(key, _)| *key).collect();
    let known = candle::by_keys(connection, &keys).await?;
    let counts: HashMap<Timestamp, i32> = known.iter().map(|row| (row.start, row.count)).collect();
    let candles: HashMap<CandleKey, Candle> = over
        .into_iter()
        .map(|(key, bar)| {
            let count = counts.get(&key.start).copied().unwrap_or(0);
            (key, of(key, market, bar, count))
        })
        .collect();
    let candles: Vec<Candle> = candles.into_values().collect();
    candle::write(connection, &candles).await?;
    Ok(candles.len())
}

/// When everything of a trading day is known.
fn end_of_day(market: Market, day: NaiveDate) -> Timestamp {
    match market {
        Market::Us => market::polling_window(day).end,
        Market::Crypto | Market::Forex | Market::Other => market.session(day).end,
    }
}

fn of(key: CandleKey, market: Market, bar: &Bar, count: i32) -> Candle {
    Candle {
        stock_id: key.stock_id,
        interval: key.interval,
        start: key.start,
        opened_at: None,
        closed_at: market.session(bar.trading_day).end,
        open: bar.open,
        high: bar.high.max(bar.open).max(bar.close),
        low: bar.low.min(bar.open).min(bar.close),
        close: bar.close,
        volume: bar.volume,
        count,
    }
}
