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
    alert::{AlertFilter, AlertKey},
    feed::FeedTransaction,
    page::{Page, Span},
    price::{PriceKey, Recorded},
    stock::StockKey,
};
use tokio::sync::Semaphore;

pub(crate) use candle::{CANDLES, CandleDetails, candle_range};
pub(crate) use error::{CURSOR_EXPIRED, Error};
pub(crate) use page::{FirstPage, GRAPHQL, PageArgs, PageSize};
pub(crate) use rules::{NewRule, NotFired, RuleTest, RuleUpdate, TestFiring};
pub(crate) use staleness::{Condition, Staleness};
pub(crate) use status::{BuildInfo, ProviderReport, SystemStatus};
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
        stock: i64,
        recorded: Recorded,
        args: &PageArgs,
        size: PageSize,
    ) -> Result<Page<Price>, Error> {
        ordered(recorded.from, recorded.to)?;
        let span: Span<Position> = args.feed_span(size, self.epoch())?;
        let from_memory = || self.current()?.history(stock, recorded, &span);
        if let Some(page) = from_memory() {
            return Ok(page);
        }
        let keys: Span<PriceKey> = span.map(PriceKey::from);
        let (connection, now) = (self.store.database.read(), self.store.clock.now());
        let read = async {
            if self.load_rows(&[stock], &span).await?
                && let Some(page) = from_memory()
            {
                return Ok(page);
            }
            self.read(|| store::price::page(connection, now, stock, recorded, &keys))
                .await
        };
        match read.await {
            Err(error) if error.is_outage() => {
                let page = self.board.history_in_outage(stock, recorded, &span);
                page.ok_or(error)
            }
            read => read,
        }
    }

    /// The quote board, unless it is behind the database.
    fn current(&self) -> Option<&QuoteBoard> {
        self.is_current().then_some(&self.board)
    }

    /// Loads the rows of stocks into memory if the page may be there afterwards. Returns whether
    /// they were loaded.
    async fn load_rows(&self, stocks: &[i64], span: &Span<Position>) -> Result<bool, Error> {
        let is_newest = span.after.is_none() && !span.from_end;
        let loads = is_newest && self.current().is_some_and(|board| board.lacks_rows(stocks));
        if loads {
            self.read(|| self.board.load_rows(&self.store, stocks))
                .await?;
        }
        Ok(loads)
    }

    /// Returns a page of alerts, newest first: from memory if the quote board holds all of it, else
    /// from the database.
    pub(crate) async fn alerts(
        &self,
        filter: AlertFilter,
        triggered: Recorded,
        args: &PageArgs,
        size: PageSize,
    ) -> Result<Page<Alert>, Error> {
        ordered(triggered.from, triggered.to)?;
        let span: Span<Position> = args.feed_span(size, self.epoch())?;
        let from_memory = || self.current()?.alerts(filter, triggered, &span);
        if let Some(page) = from_memory() {
            return Ok(page);
        }
        let keys: Span<AlertKey> = span.map(AlertKey::from);
        let connection = self.store.database.read();
        let read = async {
            if let AlertFilter::Stock(stock) = filter
                && self.load_rows(&[stock], &span).await?
                && let Some(page) = from_memory()
            {
                return Ok(page);
            }
            self.read(|| store::alert::page(connection, filter, triggered, &keys))
                .await
        };
        match read.await {
            Err(error) if error.is_outage() => {
                let page = self.board.alerts_in_outage(filter, triggered, &span);
                page.ok_or(error)
            }
            read => read,
        }
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
        let (connection, now) = (self.store.database.read(), self.store.clock.now());
        let FirstPage { limit, from_end } = first;
        self.first_pages(
            stocks,
            first,
            |board, stock, span| board.history(stock, recorded, span),
            |board, stock, span| board.history_in_outage(stock, recorded, span),
            |missing| async move {
                let read = || {
                    store::price::first_pages(connection, now, &missing, recorded, limit, from_end)
                };
                self.read(read).await
            },
        )
        .await
    }

    /// Returns the first page of the alerts of each stock.
    pub(crate) async fn first_alerts(
        &self,
        stocks: &[i64],
        first: FirstPage,
    ) -> Result<HashMap<i64, Page<Alert>>, Error> {
        let (connection, all) = (self.store.database.read(), Recorded::default());
        let FirstPage { limit, from_end } = first;
        let of_stock = AlertFilter::Stock;
        self.first_pages(
            stocks,
            first,
            |board, stock, span| board.alerts(of_stock(stock), all, span),
            |board, stock, span| board.alerts_in_outage(of_stock(stock), all, span),
            |missing| async move {
                let read = || store::alert::first_pages(connection, &missing, limit, from_end);
                self.read(read).await
            },
        )
        .await
    }

    /// Returns the first page of a list of each stock: from memory, or else with `read` from the
    /// database, or else as memory has it in an outage.
    async fn first_pages<T, F>(
        &self,
        stocks: &[i64],
        first: FirstPage,
        from_memory: impl Fn(&QuoteBoard, i64, &Span<Position>) -> Option<Page<T>>,
        in_outage: impl Fn(&QuoteBoard, i64, &Span<Position>) -> Option<Page<T>>,
        read: impl FnOnce(Vec<i64>) -> F,
    ) -> Result<HashMap<i64, Page<T>>, Error>
    where
        F: Future<Output = Result<HashMap<i64, Page<T>>, Error>>,
    {
        let span = Span {
            after: None,
            before: None,
            limit: first.limit,
            from_end: first.from_end,
        };
        let mut pages = HashMap::with_capacity(stocks.len());
        let find = |stocks: &[i64], pages: &mut HashMap<_, _>| {
            let mut missing = Vec::new();
            for stock in stocks {
                match self
                    .current()
                    .and_then(|board| from_memory(board, *stock, &span))
                {
                    Some(page) => {
                        pages.insert(*stock, page);
                    }
                    None => missing.push(*stock),
                }
            }
            missing
        };
        let mut missing = find(stocks, &mut pages);
        if missing.is_empty() {
            return Ok(pages);
        }
        let reading = async {
            if self.load_rows(&missing, &span).await? {
                missing = find(&missing, &mut pages);
            }
            if missing.is_empty() {
                return Ok(HashMap::new());
            }
            read(missing.clone()).await
        };
        match reading.await {
            Err(error) if error.is_outage() => {
                for stock in missing {
                    match in_outage(&self.board, stock, &span) {
                        Some(page) => pages.insert(stock, page),
                        None => return Err(error),
                    };
                }
            }
            read => pages.extend(read?),
        }
        Ok(pages)
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
