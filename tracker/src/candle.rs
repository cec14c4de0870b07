//! Builds candles from prices, in the transaction that stores the prices.
//!
//! Ingest calls [`updated`] with new prices, and stores the candles with them.
//! [`rebuild`](fn@rebuild) builds the candles of a database that was filled before candles existed;
//! the result is the same. [`fill`] adds daily candles from the history of a provider.

mod backfill;
mod fold;
mod rebuild;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use entity::{Candle, CandleInterval, Price};
use market::candle_start;
use store::{
    candle::{self, CandleKey},
    feed::FeedTransaction,
};

use self::fold::fold;
pub(crate) use self::{backfill::fill, rebuild::rebuild};

/// The newest candle of each interval, by stock. A stock without an entry is not known.
#[derive(Debug, Default)]
pub(crate) struct NewestCandles(HashMap<i64, BTreeMap<CandleInterval, Candle>>);

impl NewestCandles {
    /// Reads the newest candles of the stocks of `keys` that are not known.
    async fn load(
        &mut self,
        feed: &FeedTransaction,
        keys: &BTreeSet<CandleKey>,
    ) -> Result<(), store::Error> {
        let stocks: BTreeSet<i64> = keys.iter().map(|key| key.stock_id).collect();
        let unknown = stocks.into_iter().filter(|id| !self.0.contains_key(id));
        let series: Vec<(i64, CandleInterval)> = unknown
            .flat_map(|id| CandleInterval::ALL.map(|interval| (id, interval)))
            .collect();
        if series.is_empty() {
            return Ok(());
        }
        let newest = candle::newest_of_each(feed.connection(), &series).await?;
        for (id, _) in series {
            self.0.entry(id).or_default();
        }
        for candle in newest {
            self.add(candle);
        }
        Ok(())
    }

    fn get(&self, key: &CandleKey) -> Option<&Candle> {
        self.0.get(&key.stock_id)?.get(&key.interval)
    }

    /// Adds a candle that was read or is to be stored.
    fn add(&mut self, candle: Candle) {
        let key = CandleKey::of(&candle);
        if self.get(&key).is_none_or(|known| known.start <= key.start) {
            let known = self.0.entry(key.stock_id).or_default();
            known.insert(key.interval, candle);
        }
    }
}

/// Returns the candles of prices, which are added in the order in which they were recorded. Each
/// comes with the previous price of its stock. The caller holds the lock of the feed, and stores
/// the candles.
pub(crate) async fn updated(
    feed: &FeedTransaction,
    newest: &mut NewestCandles,
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
    newest.load(feed, &keys).await?;
    let mut candles: BTreeMap<CandleKey, Candle> = BTreeMap::new();
    // A candle after the newest one does not exist.
    let mut earlier = Vec::new();
    for key in keys {
        match newest.get(&key) {
            Some(candle) if candle.start == key.start => {
                candles.insert(key, candle.clone());
            }
            Some(candle) if candle.start > key.start => earlier.push(key),
            _ => {}
        }
    }
    if !earlier.is_empty() {
        let read = candle::by_keys(feed.connection(), &earlier).await?;
        candles.extend(read.into_iter().map(|it| (CandleKey::of(&it), it)));
    }
    for (price, before) in prices {
        for interval in CandleInterval::ALL {
            let key = key(price, interval);
            let candle = fold(candles.remove(&key), key, price, *before);
            candles.insert(key, candle);
        }
    }
    for candle in candles.values() {
        newest.add(candle.clone());
    }
    Ok(candles.into_values().collect())
}
