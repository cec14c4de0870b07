//! Candles of past days, as a provider tells them.
//!
//! One invariant: only sessions that are over are filled in; of those the provider knows more than the few prices that
//! were seen, whose number stays. A bar's high and low are widened to contain its open and close. Prices and the feed are left alone. The engine calls it, under the feed's lock.

use std::collections::HashMap;

use entity::{Candle, CandleInterval, Timestamp};
use sea_orm::{ConnectionTrait, DbErr};
use store::candle::{self, CandleKey};

use crate::{market, provider::Bar};

/// Fills in a stock's days. Answers how many.
pub(crate) async fn fill(
    connection: &impl ConnectionTrait,
    stock_id: i64,
    bars: &[Bar],
    now: Timestamp,
) -> Result<usize, DbErr> {
    let over: Vec<(CandleKey, &Bar)> = bars
        .iter()
        .filter(|bar| market::polling_window(bar.trading_day).end <= now)
        .map(|bar| {
            let key = CandleKey {
                stock_id,
                interval: CandleInterval::OneDay,
                start: market::session_open(bar.trading_day),
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
            (key, of(key, bar, count))
        })
        .collect();
    let candles: Vec<Candle> = candles.into_values().collect();
    candle::write(connection, &candles).await?;
    Ok(candles.len())
}

fn of(key: CandleKey, bar: &Bar, count: i32) -> Candle {
    Candle {
        stock_id: key.stock_id,
        interval: key.interval,
        start: key.start,
        opened_at: None,
        closed_at: market::session_close(bar.trading_day),
        open: bar.open,
        high: bar.high.max(bar.open).max(bar.close),
        low: bar.low.min(bar.open).min(bar.close),
        close: bar.close,
        volume: bar.volume,
        count,
    }
}
