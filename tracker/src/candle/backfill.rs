//! Stores the daily candles of past sessions from a provider's daily bars.
//!
//! A bar replaces the candle of its session, except for the number of prices. Sessions that have
//! not ended are skipped. The high and low of a bar are widened to contain its open and close.
//! Prices and the feed do not change.

use std::collections::HashMap;

use chrono::NaiveDate;
use entity::{Candle, CandleInterval, Timestamp};
use market::Market;
use store::{
    candle::{self, CandleKey},
    feed::FeedTransaction,
};

use crate::provider::DailyBar;

/// Stores the bars of a stock under the feed's lock. Returns the number of sessions.
pub(crate) async fn fill(
    feed: &FeedTransaction,
    (stock_id, market): (i64, Market),
    bars: &[DailyBar],
    now: Timestamp,
) -> Result<usize, store::Error> {
    let over: Vec<(CandleKey, &DailyBar)> = bars
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
    let known = candle::by_keys(feed.connection(), &keys).await?;
    let counts: HashMap<Timestamp, i32> = known.iter().map(|row| (row.start, row.count)).collect();
    let candles: HashMap<CandleKey, Candle> = over
        .into_iter()
        .map(|(key, bar)| {
            let count = counts.get(&key.start).copied().unwrap_or(0);
            (key, of(key, market, bar, count))
        })
        .collect();
    let candles: Vec<Candle> = candles.into_values().collect();
    candle::write(feed.connection(), &candles).await?;
    Ok(candles.len())
}

/// Returns when no more trades of a trading day can arrive.
fn end_of_day(market: Market, day: NaiveDate) -> Timestamp {
    match market {
        Market::Us => market::polling_window(day).end,
        Market::Crypto | Market::Forex | Market::Other => market.session(day).end,
    }
}

fn of(key: CandleKey, market: Market, bar: &DailyBar, count: i32) -> Candle {
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
