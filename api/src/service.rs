//! What the API does, whichever way it is asked: GraphQL, REST and sockets call this one layer.
//!
//! One invariant: rules live here and nowhere above, so that every surface answers alike.

mod candle;
mod database;
mod error;
mod page;
mod staleness;
mod status;
mod subscription;
mod subscription_plan;
mod tracking;

use std::collections::HashMap;

use entity::{Alert, AlertRule, Cursor, List, Position, Price, Stock, Symbol, Timestamp};
use market::PollingHours;
use runtime::health::Health;
use store::{
    Store,
    page::{Page, Span},
    price::{PriceKey, Recorded},
    stock::StockKey,
};

pub(crate) use candle::{CANDLES, ToldCandle, candle_range};
pub(crate) use error::{CURSOR_EXPIRED, Error};
pub(crate) use page::{FirstPage, GRAPHQL, PageArgs, PageSize};
pub(crate) use staleness::Condition;
pub(crate) use status::{Build, ProviderStatus, Status};
pub(crate) use subscription::Told;
pub(crate) use subscription_plan::{Following, Kind};

use crate::{live::Hub, quote_board::Board};

/// The service; cheap to clone.
#[derive(Clone)]
pub(crate) struct Service {
    store: Store,
    board: Board,
    hub: Hub,
    health: Health,
    hours: PollingHours,
    build: Build,
    staleness: staleness::Sampler,
}

impl Service {
    /// A service over `store`, which `board` follows and `health` watches, and which tells the hub's news.
    pub(crate) fn new(
        store: Store,
        board: Board,
        hub: Hub,
        health: Health,
        hours: PollingHours,
        build: Build,
    ) -> Self {
        let staleness = staleness::Sampler::default();
        Self {
            store,
            board,
            hub,
            health,
            hours,
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
        Cursor::Feed(self.position(seq, recorded_at)).encode()
    }

    /// The cursor of a place in `list`.
    pub(crate) fn list_cursor(&self, list: List, seq: i64, recorded_at: Timestamp) -> String {
        Cursor::Listed(list, self.position(seq, recorded_at)).encode()
    }

    fn position(&self, seq: i64, recorded_at: Timestamp) -> Position {
        Position {
            epoch: self.epoch(),
            seq,
            recorded_at,
        }
    }

    fn epoch(&self) -> i64 {
        self.hub.position().epoch
    }

    /// A stock that is or was tracked.
    pub(crate) fn stock(&self, symbol: &Symbol) -> Option<Stock> {
        self.board.stock(symbol)
    }

    /// As [`stock`](Self::stock); one that never was tracked is an error.
    pub(crate) fn known_stock(&self, symbol: &Symbol) -> Result<Stock, Error> {
        let stock = self.stock(symbol);
        stock.ok_or_else(|| Error::NotFound(format!("{symbol} was never tracked")))
    }

    /// Stocks by their ids.
    pub(crate) fn stocks_by_id(&self, ids: &[i64]) -> HashMap<i64, Stock> {
        self.board.stocks_by_id(ids)
    }

    /// A page of the tracked stocks, by symbol.
    pub(crate) fn stocks(
        &self,
        search: Option<&str>,
        args: &PageArgs,
        size: PageSize,
    ) -> Result<Page<Stock>, Error> {
        let span = args.stock_span(size, StockKey)?;
        Ok(self.board.stocks(search, &span))
    }

    /// Every tracked stock with its latest price, by symbol.
    pub(crate) fn quoted_stocks(&self) -> Vec<(Stock, Option<Price>)> {
        self.board.quoted()
    }

    /// How many stocks are tracked.
    pub(crate) fn stock_count(&self, search: Option<&str>) -> usize {
        self.board.stock_count(search)
    }

    /// The latest price of a stock, if it has one.
    pub(crate) fn latest_price(&self, stock: i64) -> Option<Price> {
        self.board.latest_price(stock)
    }

    /// The latest price of each of these stocks that has one.
    pub(crate) fn latest_prices(&self, stocks: &[i64]) -> HashMap<i64, Price> {
        self.board.latest_prices(stocks)
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
        let (connection, now) = (self.store.database.read(), self.store.clock.now());
        let read = || store::price::page(connection, now, stock.id, recorded, &span);
        match self.read(read).await {
            Err(error) if error.is_outage() => {
                let span = args.feed_span(size, self.epoch())?;
                let page = self.board.history(stock.id, recorded, &span);
                page.ok_or(error)
            }
            read => read,
        }
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
        let connection = self.store.database.read();
        self.read(|| store::alert::page(connection, stock, triggered, &span))
            .await
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
        let read = || store::price::first_pages(connection, now, stocks, recorded, limit, from_end);
        match self.read(read).await {
            Err(error) if error.is_outage() => {
                let span = Span {
                    after: None,
                    before: None,
                    limit,
                    from_end,
                };
                let page = |id: &i64| Some((*id, self.board.history(*id, recorded, &span)?));
                stocks.iter().map(page).collect::<Option<_>>().ok_or(error)
            }
            read => read,
        }
    }

    /// The first pages of many stocks' alerts, by stock.
    pub(crate) async fn first_alerts(
        &self,
        stocks: &[i64],
        first: FirstPage,
    ) -> Result<HashMap<i64, Page<Alert>>, Error> {
        let FirstPage { limit, from_end } = first;
        let connection = self.store.database.read();
        self.read(|| store::alert::first_pages(connection, stocks, limit, from_end))
            .await
    }

    /// How many alerts all stocks have had.
    pub(crate) async fn alert_count(&self) -> Result<i64, Error> {
        let connection = self.store.database.read();
        self.read(|| store::alert::count(connection)).await
    }

    /// Alerts by their ids.
    pub(crate) async fn alerts_by_id(&self, ids: &[i64]) -> Result<HashMap<i64, Alert>, Error> {
        let connection = self.store.database.read();
        let alerts = self.read(|| store::alert::by_ids(connection, ids)).await?;
        Ok(alerts.into_iter().map(|alert| (alert.id, alert)).collect())
    }

    /// Notes that somebody has seen an alert.
    pub(crate) async fn acknowledge(&self, id: Option<i64>) -> Result<Alert, Error> {
        let missing = || Error::NotFound("there is no alert with that id".to_owned());
        let id = id.ok_or_else(missing)?;
        let acknowledging = store::alert::acknowledge(&self.store, id);
        self.unless_lost(acknowledging).await?.ok_or_else(missing)
    }

    /// The rules that watch a stock, or all rules.
    pub(crate) async fn rules(&self, stock: Option<i64>) -> Result<Vec<AlertRule>, Error> {
        let connection = self.store.database.read();
        match self.read(|| store::alert::rules(connection, stock)).await {
            Err(error) if error.is_outage() => Ok(self.board.rules(stock)),
            Ok(rules) => {
                if stock.is_none() {
                    self.board.keep_rules(&rules);
                }
                Ok(rules)
            }
            Err(error) => Err(error),
        }
    }
}

fn ordered(from: Option<Timestamp>, to: Option<Timestamp>) -> Result<(), Error> {
    match (from, to) {
        (Some(from), Some(to)) if from > to => Err(Error::bad_input("from", "is after to")),
        _ => Ok(()),
    }
}
