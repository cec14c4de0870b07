//! Loads what many objects of one answer ask for, in one statement.

#[cfg(test)]
mod tests;

use std::{collections::HashMap, hash::Hash, sync::Arc};

use async_graphql::{Context, Result, dataloader::Loader};
use entity::{Alert, AlertRule, Price, Stock};
use store::{candle::CandleRange, page::Page, price::Recorded};

use super::batch::Batcher;
use crate::service::{CandleDetails, Error, FirstPage, Service};

/// A stock by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct StockId(pub(super) i64);

/// A stock's latest price, by the stock's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct LatestPriceOf(pub(super) i64);

/// A stock's first page of prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct HistoryOf {
    /// The stock's id.
    pub(super) stock: i64,
    /// Of which time.
    pub(super) recorded: Recorded,
    /// How many, from which end.
    pub(super) first: FirstPage,
}

/// A stock's first page of alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct AlertsOf {
    /// The stock's id.
    pub(super) stock: i64,
    /// How many, from which end.
    pub(super) first: FirstPage,
}

/// A stock's newest candles of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct CandlesOf {
    /// The stock's id.
    pub(super) stock: i64,
    /// Which ones.
    pub(super) range: CandleRange,
}

/// The rules that watch a stock, by the stock's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct RulesOf(pub(super) i64);

/// An alert by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct AlertId(pub(super) i64);

/// A rule by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct RuleId(pub(super) i64);

/// Loads through the service. It caches nothing: answers are as new as the database.
pub(super) struct Batches(Service);

/// The loader that a schema keeps.
pub(super) fn loader(service: Service) -> Batcher<Batches> {
    Batcher::new(Batches(service))
}

/// The loader of a context.
pub(super) fn batches<'a>(ctx: &Context<'a>) -> Result<&'a Batcher<Batches>> {
    ctx.data::<Batcher<Batches>>()
}

/// Declares how values are loaded by the ids that their keys hold.
macro_rules! load_by_id {
    ($key:ident -> $value:ty: |$service:ident, $ids:ident| $load:expr) => {
        impl Loader<$key> for Batches {
            type Value = $value;
            type Error = Arc<Error>;

            async fn load(&self, keys: &[$key]) -> Result<HashMap<$key, $value>, Arc<Error>> {
                let $ids: Vec<i64> = keys.iter().map(|key| key.0).collect();
                let $service = &self.0;
                let found = $load;
                Ok(found
                    .into_iter()
                    .map(|(id, value)| ($key(id), value))
                    .collect())
            }
        }
    };
}

load_by_id!(StockId -> Stock: |service, ids| service.stocks_by_id(&ids));
load_by_id!(LatestPriceOf -> Price: |service, ids| service.latest_prices(&ids));
load_by_id!(AlertId -> Alert: |service, ids| service.alerts_by_id(&ids).await?);

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
        let watching = |stock: &Stock| {
            let watches =
                |rule: &&AlertRule| rule.symbol.as_ref().is_none_or(|it| *it == stock.symbol);
            rules.iter().filter(watches).cloned().collect()
        };
        Ok(stocks
            .iter()
            .map(|(id, stock)| (RulesOf(*id), watching(stock)))
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

/// The stocks of keys that ask for the same, by what they ask for.
fn grouped<K, A: Eq + Hash>(keys: &[K], split: impl Fn(&K) -> (A, i64)) -> HashMap<A, Vec<i64>> {
    let mut groups: HashMap<A, Vec<i64>> = HashMap::new();
    for (asked, stock) in keys.iter().map(split) {
        groups.entry(asked).or_default().push(stock);
    }
    groups
}
