//! The operations of the API. GraphQL, REST and `/ws` call them and add no rules, so that all three
//! behave alike.

mod candle;
mod database;
mod error;
mod page;
mod rules;
mod splits;
mod staleness;
mod status;
mod subscription;
mod subscription_plan;
mod tracking;
mod webhooks;

use std::collections::HashMap;

use entity::{Alert, Cursor, List, Position, Price, Stock, Symbol, Timestamp};
use market::PollingHours;
use runtime::health::Health;
use store::{
    Store,
    alert::AlertFilter,
    page::{Page, Span},
    price::{PriceKey, Recorded},
    stock::StockKey,
};

pub(crate) use candle::{CANDLES, CandleDetails, candle_range};
pub(crate) use error::{CURSOR_EXPIRED, Error};
pub(crate) use page::{FirstPage, GRAPHQL, PageArgs, PageSize};
pub(crate) use rules::{NewRule, NotFired, RuleTest, RuleUpdate, TestFiring};
pub(crate) use staleness::Condition;
pub(crate) use status::{BuildInfo, ProviderReport, SystemStatus};
pub(crate) use subscription::{Deliveries, Delivery};
pub(crate) use subscription_plan::{SubscriptionKind, SubscriptionPlan};
pub(crate) use webhooks::{NewWebhook, WebhookSettings, WebhookUpdate};

use crate::{live::Hub, quote_board::QuoteBoard};

/// The service. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Service {
    store: Store,
    board: QuoteBoard,
    hub: Hub,
    health: Health,
    hours: PollingHours,
    build: BuildInfo,
    staleness: staleness::Sampler,
    rule_limit: u64,
    webhooks: Option<WebhookSettings>,
    /// Maximum number of samples of a dry run.
    max_samples: u64,
}

impl Service {
    /// Creates the service. `board` and `hub` follow the feed of `store`, whose database `health`
    /// watches.
    pub(crate) fn new(
        store: Store,
        board: QuoteBoard,
        hub: Hub,
        health: Health,
        hours: PollingHours,
        build: BuildInfo,
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
            rule_limit: u64::MAX,
            webhooks: None,
            max_samples: rules::MAX_SAMPLES,
        }
    }

    /// Limits the number of alert rules of users.
    #[must_use]
    pub(crate) fn with_rule_limit(self, rule_limit: u32) -> Self {
        Self {
            rule_limit: rule_limit.into(),
            ..self
        }
    }

    /// Makes the service check webhooks and send test messages to them.
    #[must_use]
    pub(crate) fn with_webhooks(self, webhooks: WebhookSettings) -> Self {
        Self {
            webhooks: Some(webhooks),
            ..self
        }
    }

    /// The hub of live events.
    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Returns the cursor of a position in the feed.
    pub(crate) fn cursor(&self, seq: i64, recorded_at: Timestamp) -> String {
        Cursor::Feed(self.position(seq, recorded_at)).encode()
    }

    /// Returns the cursor of a row of `list`.
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

    /// Returns a stock that is or was tracked.
    pub(crate) fn stock(&self, symbol: &Symbol) -> Option<Stock> {
        self.board.stock(symbol)
    }

    /// Like [`stock`](Self::stock).
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the stock was never tracked.
    pub(crate) fn known_stock(&self, symbol: &Symbol) -> Result<Stock, Error> {
        let stock = self.stock(symbol);
        stock.ok_or_else(|| Error::NotFound(format!("{symbol} was never tracked")))
    }

    /// Returns a stock by id, or `None` if the id is unknown.
    pub(crate) fn stock_by_id(&self, id: i64) -> Option<Stock> {
        self.board.stock_by_id(id)
    }

    /// Returns stocks by id. Unknown ids are omitted.
    pub(crate) fn stocks_by_id(&self, ids: &[i64]) -> HashMap<i64, Stock> {
        self.board.stocks_by_id(ids)
    }

    /// Returns a page of the tracked stocks, by symbol.
    pub(crate) fn stocks(
        &self,
        search: Option<&str>,
        args: &PageArgs,
        size: PageSize,
    ) -> Result<Page<Stock>, Error> {
        let span = args.stock_span(size, StockKey)?;
        Ok(self.board.stocks(search, &span))
    }

    /// Returns every tracked stock with its latest price, by symbol.
    pub(crate) fn quoted_stocks(&self) -> Vec<(Stock, Option<Price>)> {
        self.board.quoted()
    }

    /// The number of tracked stocks that match `search`.
    pub(crate) fn stock_count(&self, search: Option<&str>) -> usize {
        self.board.stock_count(search)
    }

    /// Returns the latest price of a stock, or `None` before the first.
    pub(crate) fn latest_price(&self, stock: i64) -> Option<Price> {
        self.board.latest_price(stock)
    }

    /// Returns a page of a stock's prices, newest first: from memory if the quote board holds all
    /// of it, else from the database.
    pub(crate) async fn history(
        &self,
        stock: &Stock,
        recorded: Recorded,
        args: &PageArgs,
        size: PageSize,
    ) -> Result<Page<Price>, Error> {
        ordered(recorded.from, recorded.to)?;
        let span: Span<Position> = args.feed_span(size, self.epoch())?;
        if let Some(page) = self.current_history(stock.id, recorded, &span) {
            return Ok(page);
        }
        let keys: Span<PriceKey> = span.map(PriceKey::from);
        let (connection, now) = (self.store.database.read(), self.store.clock.now());
        let read = || store::price::page(connection, now, stock.id, recorded, &keys);
        match self.read(read).await {
            Err(error) if error.is_outage() => {
                let page = self.board.history_in_outage(stock.id, recorded, &span);
                page.ok_or(error)
            }
            read => read,
        }
    }

    /// A page of a stock's prices from memory, unless the board is behind the database.
    fn current_history(
        &self,
        stock: i64,
        recorded: Recorded,
        span: &Span<Position>,
    ) -> Option<Page<Price>> {
        let is_current = self.hub.feed_stall().is_none();
        if is_current {
            self.board.history(stock, recorded, span)
        } else {
            None
        }
    }

    /// Returns a page of the alerts of a stock, or of all stocks, newest first.
    pub(crate) async fn alerts(
        &self,
        filter: AlertFilter,
        triggered: Recorded,
        args: &PageArgs,
        size: PageSize,
    ) -> Result<Page<Alert>, Error> {
        ordered(triggered.from, triggered.to)?;
        let span = args.feed_span(size, self.epoch())?;
        let connection = self.store.database.read();
        self.read(|| store::alert::page(connection, filter, triggered, &span))
            .await
    }

    /// Returns the first page of the prices of each stock. Like [`history`](Self::history), for
    /// many stocks at once.
    pub(crate) async fn first_histories(
        &self,
        stocks: &[i64],
        recorded: Recorded,
        first: FirstPage,
    ) -> Result<HashMap<i64, Page<Price>>, Error> {
        ordered(recorded.from, recorded.to)?;
        let FirstPage { limit, from_end } = first;
        let span = Span {
            after: None,
            before: None,
            limit,
            from_end,
        };
        let mut pages = HashMap::with_capacity(stocks.len());
        let mut missing = Vec::new();
        for id in stocks {
            match self.current_history(*id, recorded, &span) {
                Some(page) => {
                    pages.insert(*id, page);
                }
                None => missing.push(*id),
            }
        }
        if missing.is_empty() {
            return Ok(pages);
        }
        let (connection, now) = (self.store.database.read(), self.store.clock.now());
        let read =
            || store::price::first_pages(connection, now, &missing, recorded, limit, from_end);
        match self.read(read).await {
            Err(error) if error.is_outage() => {
                for id in missing {
                    match self.board.history_in_outage(id, recorded, &span) {
                        Some(page) => pages.insert(id, page),
                        None => return Err(error),
                    };
                }
            }
            read => pages.extend(read?),
        }
        Ok(pages)
    }

    /// Returns the first page of the alerts of each stock.
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

    /// The number of alerts of all stocks.
    pub(crate) async fn alert_count(&self) -> Result<i64, Error> {
        let connection = self.store.database.read();
        self.read(|| store::alert::count(connection)).await
    }

    /// Returns alerts by id. Unknown ids are omitted.
    pub(crate) async fn alerts_by_id(&self, ids: &[i64]) -> Result<HashMap<i64, Alert>, Error> {
        let connection = self.store.database.read();
        let alerts = self.read(|| store::alert::by_ids(connection, ids)).await?;
        Ok(alerts.into_iter().map(|alert| (alert.id, alert)).collect())
    }

    /// The number of alerts of a rule.
    pub(crate) async fn alert_count_of_rule(&self, rule: i64) -> Result<i64, Error> {
        let connection = self.store.database.read();
        self.read(|| store::alert::count_of_rule(connection, rule))
            .await
    }

    /// The current time.
    pub(crate) fn now(&self) -> Timestamp {
        self.store.clock.now()
    }

    /// Marks an alert as acknowledged.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if `id` is `None` or unknown.
    pub(crate) async fn acknowledge(&self, id: Option<i64>) -> Result<Alert, Error> {
        let missing = || Error::NotFound("no alert has this id".to_owned());
        let id = id.ok_or_else(missing)?;
        let acknowledging = store::alert::acknowledge(&self.store, id);
        self.while_connected(acknowledging)
            .await?
            .ok_or_else(missing)
    }
}

fn ordered(from: Option<Timestamp>, to: Option<Timestamp>) -> Result<(), Error> {
    match (from, to) {
        (Some(from), Some(to)) if from > to => {
            Err(Error::bad_input("from", "must not be after `to`"))
        }
        _ => Ok(()),
    }
}
