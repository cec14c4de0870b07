//! The price cache: all stocks with their latest and newest prices, in memory.
//!
//! The board equals the tables at one position of the feed, and [`apply`](QuoteBoard::apply) moves
//! it to the next. The follower updates it before any reader receives an event, so that a client
//! finds what it received. The board returns a result only if its data is complete.
//! While the database is away, the service reads from the board alone.

mod page;
mod recent;
mod rules;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use chrono::NaiveDate;
use entity::{AlertRule, Batch, Event, Position, Price, Stock, Symbol};
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use store::{
    Snapshot, Store,
    page::{Page, Span},
    price::Recorded,
    stock::StockKey,
};
use tokio::{sync::watch, time::timeout};
use unicode_normalization::UnicodeNormalization;

use self::{recent::RecentPrices, rules::Rules};

/// Maximum number of prices kept per stock: the default page of REST and the price that follows it.
const PRICES_PER_STOCK: u32 = 101;
/// Approximate maximum number of prices kept for all stocks. A price takes about 200 bytes.
const TOTAL_PRICES: usize = 200_000;
/// Maximum time to wait for a committed entry of the feed. Only an outage takes that long.
const WAIT_TIMEOUT: Duration = Duration::from_secs(2);

/// The price cache. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct QuoteBoard {
    state: Arc<RwLock<BoardState>>,
    /// The position up to which the feed was applied.
    applied: watch::Sender<i64>,
}

#[derive(Debug)]
struct BoardState {
    position: Position,
    stocks: HashMap<i64, BoardStock>,
    ids: BTreeMap<Symbol, i64>,
    rules: Rules,
    /// The newest trading day of all prices. In a replay this is the current day.
    newest_day: Option<NaiveDate>,
    /// Maximum number of prices kept per stock.
    prices_per_stock: usize,
    /// The retention watermark: later prices were not deleted from the tables.
    pruned_seq: i64,
}

/// A stock on the board.
#[derive(Debug)]
struct BoardStock {
    stock: Stock,
    latest: Option<Price>,
    recent: RecentPrices,
}

impl QuoteBoard {
    /// Loads the board from the database. Returns it with its position in the feed.
    pub(crate) async fn load(store: &Store) -> Result<(Self, Position), store::Error> {
        let snapshot = store::snapshot(store, prices_per_stock).await?;
        let position = snapshot.position;
        let board = Self {
            state: Arc::new(RwLock::new(BoardState::new(snapshot))),
            applied: watch::Sender::new(position.seq),
        };
        Ok((board, position))
    }

    /// Reloads the board, after a gap in the feed or its replacement.
    pub(crate) async fn reload(&self, store: &Store) -> Result<(), store::Error> {
        let snapshot = store::snapshot(store, prices_per_stock).await?;
        let seq = snapshot.position.seq;
        *self.state_mut() = BoardState::new(snapshot);
        self.applied.send_replace(seq);
        Ok(())
    }

    /// Applies the next batch of the feed. A batch that was applied before is ignored.
    pub(crate) fn apply(&self, batch: &Batch) {
        let mut state = self.state_mut();
        if batch.end.seq <= state.position.seq {
            return;
        }
        for event in &batch.events {
            state.apply(event);
        }
        state.position = batch.end;
        drop(state);
        self.applied.send_replace(batch.end.seq);
    }

    /// Waits until the feed is applied up to `seq`, so that a client reads its own writes. Gives up
    /// after [`WAIT_TIMEOUT`].
    pub(crate) async fn wait_for(&self, seq: i64) {
        let mut applied = self.applied.subscribe();
        let _ = timeout(WAIT_TIMEOUT, applied.wait_for(|at| *at >= seq)).await;
    }

    /// Sets the retention watermark: prices up to `seq` may have been deleted from the tables.
    pub(crate) fn set_pruned_seq(&self, seq: i64) {
        self.state_mut().pruned_seq = seq;
    }

    /// Returns a stock that is or was tracked.
    pub(crate) fn stock(&self, symbol: &Symbol) -> Option<Stock> {
        let state = self.state();
        let id = state.ids.get(symbol)?;
        state.stocks.get(id).map(|entry| entry.stock.clone())
    }

    /// Returns a stock by id, or `None` if the id is unknown.
    pub(crate) fn stock_by_id(&self, id: i64) -> Option<Stock> {
        self.state()
            .stocks
            .get(&id)
            .map(|entry| entry.stock.clone())
    }

    /// Returns stocks by id. Unknown ids are omitted.
    pub(crate) fn stocks_by_id(&self, ids: &[i64]) -> HashMap<i64, Stock> {
        let state = self.state();
        let found = ids.iter().filter_map(|id| state.stocks.get(id));
        found
            .map(|entry| (entry.stock.id, entry.stock.clone()))
            .collect()
    }

    /// Returns a page of the tracked stocks by symbol: all, or those whose symbol or name contains
    /// `search`, case-insensitively.
    pub(crate) fn stocks(&self, search: Option<&str>, span: &Span<StockKey>) -> Page<Stock> {
        let state = self.state();
        let listed: Vec<&Stock> = state.listed(search).collect();
        let bounds = [&span.after, &span.before];
        let [after, before] = bounds.map(|key| key.as_ref().map(|key| &key.0));
        let (limit, from_end) = (span.limit, span.from_end);
        page::page(
            &listed,
            |stock| &stock.symbol,
            after,
            before,
            limit,
            from_end,
        )
    }

    /// Returns every tracked stock with its latest price, by symbol.
    pub(crate) fn quoted(&self) -> Vec<(Stock, Option<Price>)> {
        let state = self.state();
        let listed = state.listed(None);
        let quoted = listed.map(|stock| (stock.clone(), state.stocks[&stock.id].latest.clone()));
        quoted.collect()
    }

    /// The total number of stocks in [`stocks`](Self::stocks).
    pub(crate) fn stock_count(&self, search: Option<&str>) -> usize {
        self.state().listed(search).count()
    }

    /// Returns the latest price of a stock, or `None` before the first.
    pub(crate) fn latest_price(&self, id: i64) -> Option<Price> {
        self.state().stocks.get(&id)?.latest.clone()
    }

    /// The newest trading day of all prices.
    pub(crate) fn newest_day(&self) -> Option<NaiveDate> {
        self.state().newest_day
    }

    /// Returns the latest price of each of these stocks, or of every tracked one, in feed order,
    /// with the position of the feed at which they are the latest.
    pub(crate) fn snapshot(&self, ids: Option<&[i64]>) -> (Vec<Price>, Position) {
        let state = self.state();
        let mut prices: Vec<Price> = if let Some(ids) = ids {
            let selected = ids.iter().filter_map(|id| state.stocks.get(id));
            selected.filter_map(|entry| entry.latest.clone()).collect()
        } else {
            let tracked = state.stocks.values().filter(|entry| entry.stock.tracked);
            tracked.filter_map(|entry| entry.latest.clone()).collect()
        };
        prices.sort_unstable_by_key(|price| price.seq);
        (prices, state.position)
    }

    /// Returns a page of a stock's prices, newest first, if memory contains it. The page equals
    /// that of [`store::price::page`] at the board's position.
    pub(crate) fn history(
        &self,
        stock: i64,
        recorded: Recorded,
        span: &Span<Position>,
    ) -> Option<Page<Price>> {
        let state = self.state();
        // Another process has served newer prices than the board has.
        let is_ahead =
            |cursor: &Option<Position>| cursor.is_some_and(|at| at.seq > state.position.seq);
        if is_ahead(&span.after) || is_ahead(&span.before) {
            return None;
        }
        let recent = &state.stocks.get(&stock)?.recent;
        recent.page(recorded, span, state.pruned_seq)
    }

    /// Like [`history`](Self::history), but may contain prices that retention has deleted. For use
    /// while the database is away.
    pub(crate) fn history_in_outage(
        &self,
        stock: i64,
        recorded: Recorded,
        span: &Span<Position>,
    ) -> Option<Page<Price>> {
        let state = self.state();
        state.stocks.get(&stock)?.recent.page(recorded, span, 0)
    }

    /// Returns the rules that apply to a stock, or all rules: the default rule first.
    pub(crate) fn rules(&self, stock: Option<i64>) -> Vec<AlertRule> {
        self.state().rules.list(stock)
    }

    /// Returns a rule, or `None` if it does not exist.
    pub(crate) fn rule(&self, id: i64) -> Option<AlertRule> {
        self.state().rules.by_id(id)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, BoardState> {
        self.state.write()
    }

    fn state(&self) -> RwLockReadGuard<'_, BoardState> {
        self.state.read()
    }
}

impl BoardState {
    fn new(snapshot: Snapshot) -> Self {
        let Snapshot {
            position,
            stocks,
            latest,
            mut recent,
            rules,
            pruned_seq,
        } = snapshot;
        let mut latest: HashMap<i64, Price> = latest
            .into_iter()
            .map(|price| (price.stock_id, price))
            .collect();
        let newest_day = latest.values().map(|price| price.trading_day).max();
        let ids = stocks.iter().map(|stock| (stock.symbol.clone(), stock.id));
        let ids = ids.collect();
        let prices_per_stock = prices_per_stock(stocks.len()) as usize;
        let entries = stocks.into_iter().map(|stock| {
            let entry = BoardStock {
                latest: latest.remove(&stock.id),
                recent: RecentPrices::new(recent.remove(&stock.id).unwrap_or_default()),
                stock,
            };
            (entry.stock.id, entry)
        });
        Self {
            position,
            stocks: entries.collect(),
            ids,
            rules: Rules::new(rules),
            newest_day,
            prices_per_stock,
            pruned_seq,
        }
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::QuoteRecorded { price, stock } => {
                let capacity = self.prices_per_stock;
                self.newest_day = self.newest_day.max(Some(price.trading_day));
                let entry = self.update(stock);
                entry.latest = Some(price.clone());
                entry.recent.push(price.clone(), capacity);
            }
            Event::StockChanged { stock, .. } => {
                self.update(stock);
            }
            Event::RuleChanged { rule, .. } => self.rules.apply(rule),
            // The stock's alert count came with the price that caused the alert. A split changes no
            // stored price.
            Event::AlertFired { .. } | Event::SplitsChanged { .. } => {}
        }
    }

    /// Updates or inserts a stock, and returns its entry.
    fn update(&mut self, stock: &Stock) -> &mut BoardStock {
        self.ids.insert(stock.symbol.clone(), stock.id);
        let entry = self.stocks.entry(stock.id).or_insert_with(|| BoardStock {
            stock: stock.clone(),
            latest: None,
            recent: RecentPrices::new(Page::default()),
        });
        entry.stock.clone_from(stock);
        entry
    }

    /// The tracked stocks by symbol: all, or those that match `search`.
    fn listed(&self, search: Option<&str>) -> impl Iterator<Item = &Stock> {
        let search = search.map(fold);
        let stocks = self.ids.values().filter_map(|id| self.stocks.get(id));
        let tracked = stocks
            .map(|entry| &entry.stock)
            .filter(|stock| stock.tracked);
        tracked.filter(move |stock| {
            search.as_ref().is_none_or(|search| {
                let matches = |text: &str| fold(text).contains(search);
                matches(stock.symbol.as_str()) || stock.name.as_deref().is_some_and(matches)
            })
        })
    }
}

/// Folds the case of a text and normalizes it (NFC), for searches: "é" is found in either form.
/// Upper case is an intermediate step, so that "ß" and "SS" are equal.
fn fold(text: &str) -> String {
    let upper = text.nfd().flat_map(char::to_uppercase);
    upper.flat_map(char::to_lowercase).nfc().collect()
}

/// Number of prices to keep per stock, given the number of stocks.
fn prices_per_stock(stocks: usize) -> u32 {
    let share = u32::try_from(TOTAL_PRICES / stocks.max(1)).unwrap_or(u32::MAX);
    share.clamp(1, PRICES_PER_STOCK)
}

#[cfg(test)]
mod tests;
