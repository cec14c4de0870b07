//! Batched reads (data loader), which avoid the N+1 problem.
//!
//! The rows that many objects of one response need are read in one statement. Values that the
//! service has in memory are not batched.

mod batch;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, hash::Hash, sync::Arc};

use async_graphql::dataloader::Loader;
use entity::{Alert, Delivery, DeliveryAttempt, Price};
use store::{alert::AlertFilter, candle::CandleRange, page::Page, price::Recorded};

pub(super) use batch::Batcher;

use crate::service::{CandleDetails, Error, FirstPage, GRAPHQL, PageArgs, Service};

/// The first page of a stock's prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct HistoryOf {
    /// The id of the stock.
    pub(super) stock: i64,
    /// The range of time.
    pub(super) recorded: Recorded,
    /// The size of the page, and the end of the list that it is at.
    pub(super) first: FirstPage,
}

/// The first page of a stock's alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct AlertsOf {
    /// The id of the stock.
    pub(super) stock: i64,
    /// The size of the page, and the end of the list that it is at.
    pub(super) first: FirstPage,
}

/// The newest candles of a stock within a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct CandlesOf {
    /// The id of the stock.
    pub(super) stock: i64,
    /// The interval, the range of time and the number of candles.
    pub(super) range: CandleRange,
}

/// An alert, by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct AlertId(pub(super) i64);

/// The deliveries of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct DeliveriesOf(pub(super) i64);

/// The attempts of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct AttemptsOf(pub(super) i64);

/// The number of pending deliveries of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PendingOf(pub(super) i64);

/// Reads through the service, without a cache.
pub(super) struct ServiceLoader(Service);

/// Returns the batching loader of a schema.
pub(super) fn batcher(service: Service) -> Batcher<ServiceLoader> {
    Batcher::new(ServiceLoader(service))
}

/// Returns a page of a stock's prices. First pages are read for many stocks at once.
pub(super) async fn history(
    service: &Service,
    batcher: &Batcher<ServiceLoader>,
    stock: i64,
    recorded: Recorded,
    args: &PageArgs,
) -> Result<Page<Price>, Arc<Error>> {
    let Some(first) = args.first_page(GRAPHQL)? else {
        return Ok(service.history(stock, recorded, args, GRAPHQL).await?);
    };
    let key = HistoryOf {
        stock,
        recorded,
        first,
    };
    Ok(batcher.load_one(key).await?.unwrap_or_default())
}

/// Returns a page of alerts. First pages are read for many stocks at once.
pub(super) async fn alerts(
    service: &Service,
    batcher: &Batcher<ServiceLoader>,
    filter: AlertFilter,
    args: &PageArgs,
) -> Result<Page<Alert>, Arc<Error>> {
    let first = args.first_page(GRAPHQL)?;
    let (AlertFilter::Stock(stock), Some(first)) = (filter, first) else {
        let all = Recorded::default();
        return Ok(service.alerts(filter, all, args, GRAPHQL).await?);
    };
    let loaded = batcher.load_one(AlertsOf { stock, first }).await?;
    Ok(loaded.unwrap_or_default())
}

impl Loader<HistoryOf> for ServiceLoader {
    type Value = Page<Price>;
    type Error = Arc<Error>;

    async fn load(
        &self,
        keys: &[HistoryOf],
    ) -> Result<HashMap<HistoryOf, Self::Value>, Arc<Error>> {
        let mut loaded = HashMap::with_capacity(keys.len());
        let groups = group_stocks(keys, |key| ((key.recorded, key.first), key.stock));
        for ((recorded, first), stocks) in groups {
            let pages = self.0.first_histories(&stocks, recorded, first).await?;
            loaded.extend(pages.into_iter().map(|(stock, page)| {
                let key = HistoryOf {
                    stock,
                    recorded,
                    first,
                };
                (key, page)
            }));
        }
        Ok(loaded)
    }
}

impl Loader<AlertsOf> for ServiceLoader {
    type Value = Page<Alert>;
    type Error = Arc<Error>;

    async fn load(&self, keys: &[AlertsOf]) -> Result<HashMap<AlertsOf, Self::Value>, Arc<Error>> {
        let mut loaded = HashMap::with_capacity(keys.len());
        for (first, stocks) in group_stocks(keys, |key| (key.first, key.stock)) {
            let pages = self.0.first_alerts(&stocks, first).await?.into_iter();
            loaded.extend(pages.map(|(stock, page)| (AlertsOf { stock, first }, page)));
        }
        Ok(loaded)
    }
}

impl Loader<CandlesOf> for ServiceLoader {
    type Value = Vec<CandleDetails>;
    type Error = Arc<Error>;

    async fn load(
        &self,
        keys: &[CandlesOf],
    ) -> Result<HashMap<CandlesOf, Self::Value>, Arc<Error>> {
        let mut loaded = HashMap::with_capacity(keys.len());
        for (range, stocks) in group_stocks(keys, |key| (key.range, key.stock)) {
            let candles = self.0.candles(&stocks, range).await?.into_iter();
            loaded.extend(candles.map(|(stock, candles)| (CandlesOf { stock, range }, candles)));
        }
        Ok(loaded)
    }
}

/// Declares the loader of values by the id of one row.
macro_rules! load_by_id {
    ($key:ident, $value:ty, $method:ident) => {
        impl Loader<$key> for ServiceLoader {
            type Value = $value;
            type Error = Arc<Error>;

            async fn load(&self, keys: &[$key]) -> Result<HashMap<$key, $value>, Arc<Error>> {
                let ids: Vec<i64> = keys.iter().map(|key| key.0).collect();
                let found = self.0.$method(&ids).await?.into_iter();
                Ok(found.map(|(id, value)| ($key(id), value)).collect())
            }
        }
    };
}

load_by_id!(AlertId, Alert, alerts_by_id);
load_by_id!(DeliveriesOf, Vec<Delivery>, deliveries_of_alerts);
load_by_id!(AttemptsOf, Vec<DeliveryAttempt>, attempts);
load_by_id!(PendingOf, i64, pending_deliveries);

/// Groups keys by everything but the stock, and returns the stocks of each group.
fn group_stocks<K, A: Eq + Hash>(
    keys: &[K],
    split: impl Fn(&K) -> (A, i64),
) -> HashMap<A, Vec<i64>> {
    let mut groups: HashMap<A, Vec<i64>> = HashMap::new();
    for (arguments, stock) in keys.iter().map(split) {
        groups.entry(arguments).or_default().push(stock);
    }
    groups
}
