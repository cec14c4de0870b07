//! Holds prices that suggest an unknown split from alerts, and releases them.
//!
//! A held price is stored and published like any other. Only its alert waits until the splits of
//! its stock are known.

use std::collections::BTreeMap;

use entity::{Event, Price, Split, Timestamp, table::held_price};
use market::Market;
use store::{
    feed::FeedTransaction,
    price::{self, PriceKey},
    split,
};

use super::{
    Ingest,
    default_rule::{DefaultRule, EvaluatedPrice},
    log_committed,
    rules::{Judgement, LiveRules},
};
use crate::reference::{ReferenceInputs, trading_day_before};

/// Returns the row of a price that is held until `held_until` at most.
pub(super) fn row(
    price: &Price,
    inputs: &ReferenceInputs,
    held_until: Timestamp,
) -> held_price::Model {
    held_price::Model {
        stock_id: price.stock_id,
        seq: price.seq,
        recorded_at: price.recorded_at,
        trading_day: price.trading_day,
        price: price.price,
        open: inputs.open,
        previous_close: inputs.previous_close.map(|close| close.rounded),
        exact_price: inputs.price.exact.to_string(),
        exact_previous_close: inputs.previous_close.map(|close| close.exact.to_string()),
        close: inputs.stored.map(|(_, close)| close),
        close_day: inputs.stored.map(|(day, _)| day),
        held_until,
    }
}

impl Ingest {
    /// Stores the splits that a provider reported for a stock, if any were requested, and evaluates
    /// the stock's held prices in feed order. Their alerts are appended to the feed. After an
    /// error, nothing is stored. Returns the number of alerts.
    pub async fn release(
        &self,
        stock_id: i64,
        reported: Option<(&str, &[Split])>,
    ) -> Result<usize, store::Error> {
        let _paused = self.pause().await;
        let mut feed = FeedTransaction::begin(&self.store).await?;
        if let Some((source, splits)) = reported {
            split::record(&mut feed, stock_id, splits, source).await?;
        }
        let mut rules = LiveRules::take(&self.rules, &feed).await?;
        if reported.is_some() {
            rules.splits_changed(&feed, stock_id).await?;
        }
        let prices = store::held_price::by_stock(feed.connection(), stock_id).await?;
        let stock = store::stock::by_ids(feed.connection(), &[stock_id]).await?;
        let mut fired = Vec::new();
        if let Some(stock) = stock.into_iter().next().filter(|_| !prices.is_empty()) {
            let market = Market::of(&stock.symbol);
            let days = prices.iter().map(|price| (stock_id, price.trading_day));
            let mut default_rule = DefaultRule::new(rules.default_rule(), days);
            let splits = splits_since_closes(&feed, stock_id, &prices).await?;
            for price in &prices {
                let Some(inputs) = ReferenceInputs::of_held(price) else {
                    continue;
                };
                let evaluated = EvaluatedPrice {
                    stock_id,
                    symbol: &stock.symbol,
                    price: inputs.price,
                    trading_day: price.trading_day,
                    recorded_at: price.recorded_at,
                    fired_at: Some(feed.recorded_at()),
                    replays_day: false,
                };
                let reference = inputs.reference(&splits);
                let alert = default_rule.evaluate(&mut feed, evaluated, reference);
                fired.extend(alert.await?);
                let key = PriceKey::new(price.recorded_at, price.seq);
                if let Some(price) = price::at(feed.connection(), stock_id, key).await? {
                    let day = BTreeMap::from([(stock_id, (market, price.trading_day))]);
                    rules.prepare(&feed, &day).await?;
                    let evaluated = rules.evaluate(&mut feed, &price, Judgement::Evaluated);
                    fired.extend(evaluated.await?);
                }
            }
            rules.name(&feed, &mut fired).await?;
            store::alert::record(feed.connection(), &mut fired).await?;
            store::held_price::delete(feed.connection(), stock_id).await?;
            rules.released(stock_id);
            store::delivery::enqueue(&feed, &fired).await?;
            for alert in &fired {
                let alert = alert.clone();
                feed.push(Event::AlertFired { alert });
            }
            if !fired.is_empty() {
                store::stock::publish(&mut feed, stock_id).await?;
            }
        }
        rules.store(&mut feed).await?;
        let end = feed.commit().await?;
        self.rules.put(rules, end);
        self.committed(&fired);
        log_committed(&[], &fired);
        Ok(fired.len())
    }
}

/// Returns the splits of a stock between the oldest close that a held price is compared with and
/// the newest held price.
async fn splits_since_closes(
    feed: &FeedTransaction,
    stock_id: i64,
    prices: &[held_price::Model],
) -> Result<Vec<Split>, store::Error> {
    let calendar = prices
        .iter()
        .map(|price| trading_day_before(price.trading_day));
    let stored = prices.iter().filter_map(|price| price.close_day);
    let last = prices.iter().map(|price| price.trading_day).max();
    let (Some(after), Some(until)) = (calendar.chain(stored).min(), last) else {
        return Ok(Vec::new());
    };
    let mut splits = split::between(feed.connection(), &[stock_id], after, until).await?;
    Ok(splits.remove(&stock_id).unwrap_or_default())
}
