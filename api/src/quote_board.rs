//! The cache of the newest data: all stocks with their latest price, and the newest prices and
//! alerts, in memory.
//!
//! The board equals the tables at one position of the feed, and [`apply`](QuoteBoard::apply) moves
//! it to the next. The follower updates it before any reader receives an event, so that a client
//! finds what it received. The board returns a result only if its data is complete.
//! While the database is away, the service reads from the board alone.
//!
//! Stocks, latest prices and rules are always in memory. The newest prices and alerts of stocks are
//! bounded by a size: those of the stocks that were read least recently are dropped, and loaded
//! again when they are read.

mod capacity;
mod loading;
mod newest;
mod page;
mod recent;
mod rules;
mod state;
mod stocks;

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use chrono::NaiveDate;
use entity::{Alert, AlertRule, Batch, Position, Price, Stock, Symbol};
use parking_lot::{RwLock, RwLockReadGuard};
use store::{
    Store,
    alert::AlertFilter,
    page::{Page, Span},
    price::Recorded,
    stock::StockKey,
};
use tokio::{sync::watch, time::timeout};

use self::capacity::Capacity;
pub(crate) use self::state::{BoardState, Reading};

/// Maximum time to wait for a committed entry of the feed. Only an outage takes that long.
const WAIT_TIMEOUT: Duration = Duration::from_secs(2);

/// The board. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct QuoteBoard {
    state: Arc<RwLock<BoardState>>,
    /// The position up to which the feed was applied.
    applied: watch::Sender<i64>,
    /// The ticket of the next load.
    tickets: Arc<AtomicU64>,
}

impl QuoteBoard {
    /// Loads and [fills](Self::fill) the board within the default size.
    #[cfg(test)]
    pub(crate) async fn load(store: &Store) -> Result<(Self, Position), store::Error> {
        let (board, position) = Self::load_within(store, 64 << 20).await?;
        board.fill(store).await?;
        Ok((board, position))
    }

    /// Loads the board from the database, without the newest prices and alerts of stocks, which
    /// will take at most `size` bytes. Returns it with its position in the feed.
    pub(crate) async fn load_within(
        store: &Store,
        size: usize,
    ) -> Result<(Self, Position), store::Error> {
        Self::load_with(store, Capacity::within(size)).await
    }

    async fn load_with(
        store: &Store,
        capacity: Capacity,
    ) -> Result<(Self, Position), store::Error> {
        let state = Self::read_state(store, capacity).await?;
        let position = state.position();
        let board = Self {
            state: Arc::new(RwLock::new(state)),
            applied: watch::Sender::new(position.seq),
            tickets: Arc::default(),
        };
        Ok((board, position))
    }

    async fn read_state(store: &Store, capacity: Capacity) -> Result<BoardState, store::Error> {
        let snapshot = store::snapshot(store, capacity.all_alerts).await?;
        Ok(BoardState::new(snapshot, capacity))
    }

    /// Reloads the board, after a gap in the feed or its replacement.
    pub(crate) async fn reload(&self, store: &Store) -> Result<(), store::Error> {
        let capacity = self.read().capacity;
        let state = Self::read_state(store, capacity).await?;
        let seq = state.position().seq;
        *self.state.write() = state;
        self.applied.send_replace(seq);
        Ok(())
    }

    /// Applies the next batch of the feed. A batch that was applied before is ignored.
    pub(crate) fn apply(&self, batch: &Batch) {
        let is_new = self.state.write().apply(batch);
        if is_new {
            self.applied.send_replace(batch.end.seq);
        }
    }

    /// Waits until the feed is applied up to `seq`, so that a client reads its own writes. Gives up
    /// after [`WAIT_TIMEOUT`].
    pub(crate) async fn wait_for(&self, seq: i64) {
        self.wait_at_most(seq, WAIT_TIMEOUT).await;
    }

    async fn wait_at_most(&self, seq: i64, patience: Duration) {
        let mut applied = self.applied.subscribe();
        let _ = timeout(patience, applied.wait_for(|at| *at >= seq)).await;
    }

    /// Sets the retention watermark: prices up to `seq` may have been deleted from the tables.
    pub(crate) fn set_pruned_seq(&self, seq: i64) {
        self.state.write().pruned_seq = seq;
    }

    /// Locks the board for reading, to borrow from it. Everything read through one guard is of one
    /// position. The feed is not applied meanwhile, and a thread that holds a guard must not take
    /// another one: do not call functions of the board or the service.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, BoardState> {
        self.state.read()
    }

    /// Returns a stock that is or was tracked.
    pub(crate) fn stock(&self, symbol: &Symbol) -> Option<Stock> {
        self.read().stock(symbol).cloned()
    }

    /// Returns a stock by id, or `None` if the id is unknown.
    pub(crate) fn stock_by_id(&self, id: i64) -> Option<Stock> {
        self.read().stock_by_id(id).cloned()
    }

    /// Returns stocks by id. Unknown ids are omitted.
    pub(crate) fn stocks_by_id(&self, ids: &[i64]) -> HashMap<i64, Stock> {
        let state = self.read();
        let found = ids.iter().filter_map(|id| state.stock_by_id(*id));
        found.map(|stock| (stock.id, stock.clone())).collect()
    }

    /// [`BoardState::stocks`], copied.
    pub(crate) fn stocks(&self, search: Option<&str>, span: &Span<StockKey>) -> Page<Stock> {
        self.read().stocks(search, span).map(Stock::clone)
    }

    /// Returns every tracked stock with its latest price, by symbol.
    pub(crate) fn quoted(&self) -> Vec<(Stock, Option<Price>)> {
        let state = self.read();
        let quoted = state.quoted();
        quoted
            .map(|(stock, price)| (stock.clone(), price.cloned()))
            .collect()
    }

    /// Returns a stock that is or was tracked, with its latest price at the same position.
    pub(crate) fn quoted_stock(&self, symbol: &Symbol) -> Option<(Stock, Option<Price>)> {
        let state = self.read();
        let stock = state.stock(symbol)?;
        Some((stock.clone(), state.latest_price(stock.id).cloned()))
    }

    /// The total number of stocks in [`stocks`](Self::stocks).
    pub(crate) fn stock_count(&self, search: Option<&str>) -> usize {
        self.read().stock_count(search)
    }

    /// Returns the latest price of a stock, or `None` before the first.
    pub(crate) fn latest_price(&self, id: i64) -> Option<Price> {
        self.read().latest_price(id).cloned()
    }

    /// The newest trading day of all prices.
    pub(crate) fn newest_day(&self) -> Option<NaiveDate> {
        self.read().newest_day()
    }

    /// Returns the latest price of each of these stocks, or of every tracked one, in feed order,
    /// with the position of the feed at which they are the latest.
    pub(crate) fn snapshot(&self, ids: Option<&[i64]>) -> (Vec<Price>, Position) {
        let state = self.read();
        let mut prices: Vec<Price> = if let Some(ids) = ids {
            let selected = ids.iter().filter_map(|id| state.latest_price(*id));
            selected.cloned().collect()
        } else {
            let prices = state.quoted().filter_map(|(_, price)| price);
            prices.cloned().collect()
        };
        prices.sort_unstable_by_key(|price| price.seq);
        (prices, state.position())
    }

    /// [`BoardState::history`], copied.
    pub(crate) fn history(
        &self,
        stock: i64,
        recorded: Recorded,
        span: &Span<Position>,
        reading: Reading,
    ) -> Option<Page<Price>> {
        let state = self.read();
        let page = state.history(stock, recorded, span, reading)?;
        Some(page.map(Price::clone))
    }

    /// [`BoardState::alerts`], copied.
    pub(crate) fn alerts(
        &self,
        filter: AlertFilter,
        triggered: Recorded,
        span: &Span<Position>,
        reading: Reading,
    ) -> Option<Page<Alert>> {
        let state = self.read();
        let page = state.alerts(filter, triggered, span, reading)?;
        Some(page.map(Alert::clone))
    }

    /// Returns the alerts with these ids that are in memory.
    pub(crate) fn alerts_by_id(&self, ids: &[i64]) -> HashMap<i64, Alert> {
        let state = self.read();
        let found = ids.iter().filter_map(|id| state.alert(*id));
        found.map(|alert| (alert.id, alert.clone())).collect()
    }

    /// The number of alerts of all stocks.
    pub(crate) fn alert_count(&self) -> i64 {
        self.read().alert_count()
    }

    /// Returns the rules that apply to a stock, or all rules: the default rule first.
    pub(crate) fn rules(&self, stock: Option<i64>) -> Vec<AlertRule> {
        self.read().rules(stock).into_iter().cloned().collect()
    }

    /// Returns a rule, or `None` if it does not exist.
    pub(crate) fn rule(&self, id: i64) -> Option<AlertRule> {
        self.read().rule(id).cloned()
    }
}

#[cfg(test)]
mod tests;
