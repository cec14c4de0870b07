//! What the API does, whichever way it is asked: GraphQL, REST and sockets call this one layer.
//!
//! One invariant: rules live here and nowhere above, so that every surface answers alike.

mod candle;
mod error;
mod following;
mod page;
mod staleness;
mod status;
mod telling;
mod tracking;

use std::collections::HashMap;

use entity::{Alert, AlertRule, Cursor, Position, Price, Stock, Symbol, Timestamp};
use store::{
    Store,
    page::{Page, Span},
    price::{PriceKey, Recorded},
    stock::StockKey,
};
use tracker::market::Market;

pub(crate) use candle::{CANDLES, ToldCandle, candle_range};
pub(crate) use error::Error;
pub(crate) use following::{Following, Kind};
pub(crate) use page::{FirstPage, GRAPHQL, PageArgs, PageSize};
pub(crate) use status::{Build, ProviderStatus, Status};
pub(crate) use telling::Told;

use crate::hub::Hub;

/// The service; cheap to clone.
#[derive(Clone)]
pub(crate) struct Service {
    store: Store,
    hub: Hub,
    market: Market,
    build: Build,
    staleness: staleness::Sampler,
}

impl Service {
    /// A service over `store`, which tells the hub's news.
    pub(crate) fn new(store: Store, hub: Hub, market: Market, build: Build) -> Self {
        let staleness = staleness::Sampler::default();
        Self {
            store,
            hub,
            market,
            build,
            staleness,
        }
    }

    /// What happened lately.
    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// The cursor of a place in the feed.
    pub(crate) fn cursor(&self, seq: i64, recorded_at: Timestamp) -> String {
        let epoch = self.epoch();
        Cursor::Feed(Position {
            epoch,
            seq,
            recorded_at,
        })
        .encode()
    }

    fn epoch(&self) -> i64 {
        self.hub.position().epoch
    }

    /// A stock that is or was tracked.
    pub(crate) async fn stock(&self, symbol: &Symbol) -> Result<Option<Stock>, Error> {
        Ok(store::stock::by_symbol(self.store.database.read(), symbol).await?)
    }

    /// As [`stock`](Self::stock); one that never was tracked is an error.
    pub(crate) async fn known_stock(&self, symbol: &Symbol) -> Result<Stock, Error> {
        let stock = self.stock(symbol).await?;
        stock.ok_or_else(|| Error::NotFound(format!("{symbol} was never tracked")))
    }

    /// Stocks by their ids.
    pub(crate) async fn stocks_by_id(&self, ids: &[i64]) -> Result<HashMap<i64, Stock>, Error> {
        let stocks = store::stock::by_ids(self.store.database.read(), ids).await?;
        Ok(stocks.into_iter().map(|stock| (stock.id, stock)).collect())
    }

    /// A page of the tracked stocks, by symbol.
    pub(crate) async fn stocks(
        &self,
        search: Option<&str>,
        args: &PageArgs,
        size: PageSize,
    ) -> Result<Page<Stock>, Error> {
        let span = args.stock_span(size, StockKey)?;
        Ok(store::stock::page(self.store.database.read(), search, &span).await?)
    }

    /// Every tracked stock, by symbol.
    pub(crate) async fn all_stocks(&self) -> Result<Vec<Stock>, Error> {
        let span = Span {
            after: None,
            before: None,
            limit: u32::MAX,
            from_end: false,
        };
        Ok(store::stock::page(self.store.database.read(), None, &span)
            .await?
            .rows)
    }

    /// How many stocks are tracked.
    pub(crate) async fn stock_count(&self, search: Option<&str>) -> Result<i64, Error> {
        Ok(store::stock::count(self.store.database.read(), search).await?)
    }

    /// The latest price of each of these stocks that has one.
    pub(crate) async fn latest_prices(&self, stocks: &[i64]) -> Result<HashMap<i64, Price>, Error> {
        let prices = store::price::latest(self.store.database.read(), stocks).await?;
        Ok(prices
            .into_iter()
            .map(|price| (price.stock_id, price))
            .collect())
    }

    /// A page of a stock's prices, newest first.
    pub(crate) async fn history(
        &self,
        stock: &Stock,
        recorded: Recorded,
        args: &PageArgs,
        size: PageSize,
    ) -> Result<Page<Price>, Error> {
        ordered(recorded.from, recorded.to)?;
        let span: Span<PriceKey> = args.feed_span(size, self.epoch())?;
        Ok(store::price::page(
            self.store.database.read(),
            self.store.clock.now(),
            stock.id,
            recorded,
            &span,
        )
        .await?)
    }

    /// A page of a stock's alerts, or of everybody's, newest first.
    pub(crate) async fn alerts(
        &self,
        stock: Option<&Stock>,
        triggered: Recorded,
        args: &PageArgs,
        size: PageSize,
    ) -> Result<Page<Alert>, Error> {
        ordered(triggered.from, triggered.to)?;
        let span = args.feed_span(size, self.epoch())?;
        let stock = stock.map(|stock| stock.id);
        Ok(store::alert::page(self.store.database.read(), stock, triggered, &span).await?)
    }

    /// The first pages of many stocks' prices, by stock.
    pub(crate) async fn first_histories(
        &self,
        stocks: &[i64],
        recorded: Recorded,
        first: FirstPage,
    ) -> Result<HashMap<i64, Page<Price>>, Error> {
        ordered(recorded.from, recorded.to)?;
        let FirstPage { limit, from_end } = first;
        let (connection, now) = (self.store.database.read(), self.store.clock.now());
        Ok(store::price::first_pages(connection, now, stocks, recorded, limit, from_end).await?)
    }

    /// The first pages of many stocks' alerts, by stock.
    pub(crate) async fn first_alerts(
        &self,
        stocks: &[i64],
        first: FirstPage,
    ) -> Result<HashMap<i64, Page<Alert>>, Error> {
        let FirstPage { limit, from_end } = first;
        let connection = self.store.database.read();
        Ok(store::alert::first_pages(connection, stocks, limit, from_end).await?)
    }

    /// How many alerts all stocks have had.
    pub(crate) async fn alert_count(&self) -> Result<i64, Error> {
        Ok(store::alert::count(self.store.database.read()).await?)
    }

    /// Alerts by their ids.
    pub(crate) async fn alerts_by_id(&self, ids: &[i64]) -> Result<HashMap<i64, Alert>, Error> {
        let alerts = store::alert::by_ids(self.store.database.read(), ids).await?;
        Ok(alerts.into_iter().map(|alert| (alert.id, alert)).collect())
    }

    /// Notes that somebody has seen an alert.
    pub(crate) async fn acknowledge(&self, id: Option<i64>) -> Result<Alert, Error> {
        let missing = || Error::NotFound("there is no alert with that id".to_owned());
        let id = id.ok_or_else(missing)?;
        store::alert::acknowledge(&self.store, id)
            .await?
            .ok_or_else(missing)
    }

    /// The rules that watch a stock, or all rules.
    pub(crate) async fn rules(&self, stock: Option<i64>) -> Result<Vec<AlertRule>, Error> {
        Ok(store::alert::rules(self.store.database.read(), stock).await?)
    }
}

fn ordered(from: Option<Timestamp>, to: Option<Timestamp>) -> Result<(), Error> {
    match (from, to) {
        (Some(from), Some(to)) if from > to => Err(Error::bad_input("from", "is after to")),
        _ => Ok(()),
    }
}
