//! Loads what many objects of one answer ask for, in one statement.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{
    Context, Result,
    dataloader::{DataLoader, Loader},
    runtime::{TokioSpawner, TokioTimer},
};
use entity::{AlertRule, Price, Stock};

use crate::service::{Error, Service};

/// A stock by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct StockId(pub(super) i64);

/// A stock's latest price, by the stock's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct LatestPriceOf(pub(super) i64);

/// A rule by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct RuleId(pub(super) i64);

/// Loads through the service. It caches nothing: answers are as new as the database.
pub(super) struct Batches(Service);

/// The loader that a schema keeps.
pub(super) fn loader(service: Service) -> DataLoader<Batches> {
    DataLoader::new(
        Batches(service),
        TokioSpawner::current(),
        TokioTimer::default(),
    )
}

/// The loader of a context.
pub(super) fn batches<'a>(ctx: &Context<'a>) -> Result<&'a DataLoader<Batches>> {
    ctx.data::<DataLoader<Batches>>()
}

impl Loader<StockId> for Batches {
    type Value = Stock;
    type Error = Arc<Error>;

    async fn load(&self, keys: &[StockId]) -> Result<HashMap<StockId, Stock>, Arc<Error>> {
        let ids: Vec<i64> = keys.iter().map(|key| key.0).collect();
        let stocks = self.0.stocks_by_id(&ids).await?;
        Ok(stocks
            .into_iter()
            .map(|(id, stock)| (StockId(id), stock))
            .collect())
    }
}

impl Loader<LatestPriceOf> for Batches {
    type Value = Price;
    type Error = Arc<Error>;

    async fn load(
        &self,
        keys: &[LatestPriceOf],
    ) -> Result<HashMap<LatestPriceOf, Price>, Arc<Error>> {
        let ids: Vec<i64> = keys.iter().map(|key| key.0).collect();
        let prices = self.0.latest_prices(&ids).await?;
        Ok(prices
            .into_iter()
            .map(|(id, price)| (LatestPriceOf(id), price))
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
