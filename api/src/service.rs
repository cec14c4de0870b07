//! The operations of the API. GraphQL, REST and `/ws` call them and add no rules, so that all three
//! behave alike.

mod candle;
mod database;
mod error;
mod lists;
mod page;
mod rules;
mod splits;
mod staleness;
mod status;
mod subscription;
mod subscription_plan;
mod symbol_search;
mod tracking;
mod webhooks;

use std::{collections::HashMap, sync::Arc};

use entity::{Alert, Cursor, List, Position, Price, Stock, Symbol, Timestamp};
use market::PollingHours;
use parking_lot::RwLockReadGuard;
use runtime::health::Health;
use store::{
    Store,
    feed::FeedTransaction,
    page::{Page, Span},
    price::Recorded,
    stock::StockKey,
};
use tokio::sync::Semaphore;

pub(crate) use candle::{CANDLES, CandleDetails, candle_range};
pub(crate) use error::{CURSOR_EXPIRED, Error};
pub(crate) use page::{FirstPage, GRAPHQL, PageArgs, PageSize};
pub(crate) use rules::{NewRule, NotFired, RuleTest, RuleUpdate, TestFiring};
pub(crate) use staleness::{Condition, Staleness};
pub(crate) use status::{BuildInfo, SystemStatus};
pub(crate) use subscription::{Deliveries, Delivery};
pub(crate) use subscription_plan::{SubscriptionKind, SubscriptionPlan};
pub(crate) use symbol_search::{FoundSymbol, SearchLimits};
pub(crate) use webhooks::{NewWebhook, WebhookSettings, WebhookUpdate};

use crate::{
    live::Hub,
    quote_board::{BoardState, QuoteBoard},
};

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
    search_limits: SearchLimits,
    /// Limits the searches for symbols at the same time.
    searches: Arc<Semaphore>,
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
            search_limits: SearchLimits::NONE,
            searches: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
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

    /// Limits the searches for symbols.
    #[must_use]
    pub(crate) fn with_search_limits(self, limits: SearchLimits) -> Self {
        Self {
            search_limits: limits,
            searches: Arc::new(Semaphore::new(limits.concurrent)),
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

    /// Locks the quote board for reading. While it is locked, call no other function of the service
    /// that reads it.
    pub(crate) fn board(&self) -> RwLockReadGuard<'_, BoardState> {
        self.board.read()
    }

    /// Whether the quote board is as new as the database.
    pub(crate) fn is_current(&self) -> bool {
        self.hub.feed_stall().is_none()
    }

    /// Returns the span of a list that is ordered by positions of the feed, within a range of time.
    pub(crate) fn feed_span(
        &self,
        args: &PageArgs,
        recorded: Recorded,
    ) -> Result<Span<Position>, Error> {
        ordered(recorded.from, recorded.to)?;
        args.feed_span(GRAPHQL, self.epoch())
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

    /// Returns a stock that is or was tracked, with its latest price at the same position.
    pub(crate) fn quoted_stock(&self, symbol: &Symbol) -> Option<(Stock, Option<Price>)> {
        self.board.quoted_stock(symbol)
    }

    /// The number of tracked stocks that match `search`.
    pub(crate) fn stock_count(&self, search: Option<&str>) -> usize {
        self.board.stock_count(search)
    }

    /// Returns the latest price of a stock, or `None` before the first.
    pub(crate) fn latest_price(&self, stock: i64) -> Option<Price> {
        self.board.latest_price(stock)
    }

    /// The quote board, unless it is behind the database.
    fn current(&self) -> Option<&QuoteBoard> {
        self.is_current().then_some(&self.board)
    }

    /// The number of alerts of all stocks.
    pub(crate) async fn alert_count(&self) -> Result<i64, Error> {
        if let Some(board) = self.current() {
            return Ok(board.alert_count());
        }
        let connection = self.store.database.read();
        match self.read(|| store::alert::count(connection)).await {
            Err(error) if error.is_outage() => Ok(self.board.alert_count()),
            read => read,
        }
    }

    /// Returns alerts by id. Unknown ids are omitted.
    pub(crate) async fn alerts_by_id(&self, ids: &[i64]) -> Result<HashMap<i64, Alert>, Error> {
        let found = self.current().map(|board| board.alerts_by_id(ids));
        let mut found = found.unwrap_or_default();
        let missing = ids.iter().copied().filter(|id| !found.contains_key(id));
        let missing: Vec<i64> = missing.collect();
        if !missing.is_empty() {
            let connection = self.store.database.read();
            let read = || store::alert::by_ids(connection, &missing);
            let alerts = self.read(read).await?;
            found.extend(alerts.into_iter().map(|alert| (alert.id, alert)));
        }
        Ok(found)
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
        let acknowledging = async {
            let mut feed = FeedTransaction::begin(&self.store).await?;
            let alert = store::alert::acknowledge(&mut feed, id).await?;
            Ok((alert, feed.commit().await?))
        };
        let (alert, end) = self.while_connected(acknowledging).await?;
        self.board.wait_for(end.seq).await;
        alert.ok_or_else(missing)
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
