//! Builds candles from prices, in the transaction that stores the prices.
//!
//! Ingest calls [`updated`] with new prices, and stores the candles with them.
//! [`rebuild`](fn@rebuild) builds the candles of a database that was filled before candles existed;
//! the result is the same. [`fill`] adds daily candles from the history of a provider.

mod backfill;
mod fold;
mod rebuild;

use std::collections::{BTreeMap, BTreeSet};

use entity::{Candle, CandleInterval, Price};
use market::candle_start;
use store::{
    candle::{self, CandleKey},
    feed::FeedTransaction,
};

use self::fold::fold;
pub(crate) use self::{backfill::fill, rebuild::rebuild};

/// Returns the candles of prices, which are added in the order in which they were recorded. Each
/// comes with the previous price of its stock. The caller holds the lock of the feed.
pub(crate) async fn updated(
    feed: &FeedTransaction,
    prices: &[(&Price, Option<&Price>)],
) -> Result<Vec<Candle>, store::Error> {
    let key = |price: &Price, interval| CandleKey {
        stock_id: price.stock_id,
        interval,
        start: candle_start(interval, price),
    };
    let keys: BTreeSet<CandleKey> = prices
        .iter()
        .flat_map(|(price, _)| CandleInterval::ALL.map(|interval| key(price, interval)))
        .collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<CandleKey> = keys.into_iter().collect();
    let known = candle::by_keys(feed.connection(), &keys).await?;
    let mut candles: BTreeMap<CandleKey, _> = known
        .into_iter()
        .map(|candle| (CandleKey::of(&candle), candle))
        .collect();
    for (price, before) in prices {
        for interval in CandleInterval::ALL {
            let key = key(price, interval);
            let candle = fold(candles.remove(&key), key, price, *before);
            candles.insert(key, candle);
        }
    }
    Ok(candles.into_values().collect())
}
