//! Batches the loads of nested fields: many objects of one response need one statement.

mod batch;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, hash::Hash, sync::Arc};

use async_graphql::dataloader::Loader;
use entity::{Alert, AlertRule, Price, Stock};
use store::{candle::CandleRange, page::Page, price::Recorded};

pub(super) use batch::Batcher;

use crate::service::{CandleDetails, Error, FirstPage, Service};

/// The key of a stock's first page of prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct HistoryOf {
    /// The stock's id.
    pub(super) stock: i64,
    /// The range of `recordedAt`.
    pub(super) recorded: Recorded,
    /// The size of the page, and the end of the list that it begins at.
    pub(super) first: FirstPage,
}

/// The key of a stock's first page of alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct AlertsOf {
    /// The stock's id.
    pub(super) stock: i64,
    /// The size of the page, and the end of the list that it begins at.
    pub(super) first: FirstPage,
}

/// The key of a stock's newest candles of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct CandlesOf {
    /// The stock's id.
    pub(super) stock: i64,
    /// The interval, the range and the limit.
    pub(super) range: CandleRange,
}

/// The key of the rules that apply to a stock: the stock's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct RulesOf(pub(super) i64);

/// The key of an alert: its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct AlertId(pub(super) i64);

/// The key of a rule: its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct RuleId(pub(super) i64);

/// Loads through the service. Nothing is cached between batches.
pub(super) struct Batches(Service);

/// Creates the batching loader of a schema.
pub(super) fn loader(service: Service) -> Batcher<Batches> {
    Batcher::new(Batches(service))
}

impl Loader<AlertId> for Batches {
    type Value = Alert;
    type Error = Arc<Error>;

    async fn load(&self, keys: &[AlertId]) -> Result<HashMap<AlertId, Alert>, Arc<Error>> {
        let ids: Vec<i64> = keys.iter().map(|key| key.0).collect();
        let alerts = self.0.alerts_by_id(&ids).await?.into_iter();
        Ok(alerts.map(|(id, alert)| (AlertId(id), alert)).collect())
    }
}

impl Loader<HistoryOf> for Batches {
    type Value = Page<Price>;
    type Error = Arc<Error>;

    async fn load(
        &self,
        keys: &[HistoryOf],
    ) -> Result<HashMap<HistoryOf, Self::Value>, Arc<Error>> {
        let mut loaded = HashMap::with_capacity(keys.len());
        for ((recorded, first), stocks) in
            grouped(keys, |key| ((key.recorded, key.first), key.stock))
        {
            let pages = self.0.first_histories(&stocks, recorded, first).await?;
            let keyed = pages.into_iter().map(|(stock, page)| {
                (
                    HistoryOf {
                        stock,
                        recorded,
                        first,
                    },
                    page,
                )
            });
            loaded.extend(keyed);
        }
        Ok(loaded)
    }
}

impl Loader<AlertsOf> for Batches {
    type Value = Page<Alert>;
    type Error = Arc<Error>;

    async fn load(&self, keys: &[AlertsOf]) -> Result<HashMap<AlertsOf, Self::Value>, Arc<Error>> {
        let mut loaded = HashMap::with_capacity(keys.len());
        for (first, stocks) in grouped(keys, |key| (key.first, key.stock)) {
            let pages = self.0.first_alerts(&stocks, first).await?;
            loaded.extend(
                pages
                    .into_iter()
                    .map(|(stock, page)| (AlertsOf { stock, first }, page)),
            );
        }
        Ok(loaded)
    }
}

impl Loader<CandlesOf> for Batches {
    type Value = Vec<CandleDetails>;
    type Error = Arc<Error>;

    async fn load(
        &self,
        keys: &[CandlesOf],
    ) -> Result<HashMap<CandlesOf, Self::Value>, Arc<Error>> {
        let mut loaded = HashMap::with_capacity(keys.len());
        for (range, stocks) in grouped(keys, |key| (key.range, key.stock)) {
            let candles = self.0.candles(&stocks, range).await?.into_iter();
            loaded.extend(candles.map(|(stock, candles)| (CandlesOf { stock, range }, candles)));
        }
        Ok(loaded)
    }
}

impl Loader<RulesOf> for Batches {
    type Value = Vec<AlertRule>;
    type Error = Arc<Error>;

    async fn load(&self, keys: &[RulesOf]) -> Result<HashMap<RulesOf, Self::Value>, Arc<Error>> {
        let ids: Vec<i64> = keys.iter().map(|key| key.0).collect();
        let stocks = self.0.stocks_by_id(&ids);
        let rules = self.0.rules(None).await?;
        let applicable = |stock: &Stock| {
            let applies =
                |rule: &&AlertRule| rule.symbol.as_ref().is_none_or(|it| *it == stock.symbol);
            rules.iter().filter(applies).cloned().collect()
        };
        Ok(stocks
            .iter()
            .map(|(id, stock)| (RulesOf(*id), applicable(stock)))
            .collect())
    }
}

impl Loader<RuleId> for Batches {
    type Value = AlertRule;
    type Error = Arc<Error>;

    async fn load(&self, _: &[RuleId]) -> Result<HashMap<RuleId, AlertRule>, Arc<Error>> {
        let rules = self.0.rules(None).await?;
        Ok(rules
            .into_iter()
            .map(|rule| (RuleId(rule.id), rule))
            .collect())
    }
}

/// Groups the stocks of keys by the rest of the key.
fn grouped<K, A: Eq + Hash>(keys: &[K], split: impl Fn(&K) -> (A, i64)) -> HashMap<A, Vec<i64>> {
    let mut groups: HashMap<A, Vec<i64>> = HashMap::new();
    for (rest, stock) in keys.iter().map(split) {
        groups.entry(rest).or_default().push(stock);
    }
    groups
}
