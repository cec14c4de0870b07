//! What the board holds, for readers that borrow from it.

use std::{cmp::Reverse, collections::HashMap, sync::atomic::Ordering::Relaxed};

use chrono::NaiveDate;
use entity::{Alert, AlertRule, Batch, Event, Position, Price, Stock, Symbol};
use store::{
    RecentPages, Snapshot,
    alert::AlertFilter,
    page::{Page, Span},
    price::Recorded,
    stock::StockKey,
};
use tokio::sync::watch;

use super::{
    capacity::Capacity,
    newest::Newest,
    recent::{Loading, RecentRows, StockRows},
    rules::Rules,
    stocks::Stocks,
};

/// Which pages to return from memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Those that equal the page of the tables at the board's position.
    Current,
    /// Also those that may contain rows that retention has deleted, or lack rows that are newer
    /// than the board. For use while the database is away.
    Outage,
}

/// The contents of the board at one position of the feed.
#[derive(Debug)]
pub(crate) struct BoardState {
    pub(super) position: Position,
    pub(super) stocks: Stocks,
    /// The newest alerts of all stocks.
    alerts: Newest<Alert>,
    pub(super) rules: Rules,
    /// The newest trading day of all prices. In a replay this is the current day.
    newest_day: Option<NaiveDate>,
    /// The retention watermark: later prices were not deleted from the tables.
    pub(super) pruned_seq: i64,
    pub(super) capacity: Capacity,
    /// Size of the rows in memory, in bytes.
    size: usize,
    /// Increases when rows are loaded or dropped.
    clock: u64,
}

impl BoardState {
    pub(super) fn new(snapshot: Snapshot, capacity: Capacity) -> Self {
        let newest_day = snapshot.latest.iter().map(|price| price.trading_day).max();
        let mut state = Self {
            position: snapshot.position,
            stocks: Stocks::new(snapshot.stocks),
            alerts: Newest::new(snapshot.alerts),
            rules: Rules::new(snapshot.rules),
            newest_day,
            pruned_seq: snapshot.pruned_seq,
            capacity,
            size: 0,
            clock: 0,
        };
        for price in snapshot.latest {
            if let Some(entry) = state.stocks.get_mut(price.stock_id) {
                entry.latest = Some(price);
            }
        }
        state.size = state.alerts.size();
        state
    }

    /// The stocks whose rows fit, tracked ones first, at most `most`.
    pub(super) fn to_fill(&self, most: usize) -> Vec<i64> {
        let mut stocks: Vec<&Stock> = self.stocks.all().map(|entry| &entry.stock).collect();
        stocks.sort_unstable_by_key(|stock| (Reverse(stock.tracked), stock.id));
        let most = most.min(self.capacity.stocks());
        stocks.iter().take(most).map(|stock| stock.id).collect()
    }

    /// Applies the next batch of the feed. Returns false if it was applied before.
    pub(super) fn apply(&mut self, batch: &Batch) -> bool {
        if batch.end.seq <= self.position.seq {
            return false;
        }
        for event in &batch.events {
            self.apply_event(event);
        }
        self.position = batch.end;
        self.drop_least_recent();
        true
    }

    fn apply_event(&mut self, event: &Event) {
        match event {
            Event::QuoteRecorded { price, stock } => {
                self.newest_day = self.newest_day.max(Some(price.trading_day));
                let entry = self.stocks.update(stock);
                entry.latest = Some(price.clone());
                self.apply_to_rows(price.stock_id, event);
            }
            Event::AlertFired { alert } => {
                let before = self.alerts.size();
                self.alerts.push(alert.clone(), self.capacity.all_alerts);
                self.size = self.size + self.alerts.size() - before;
                self.apply_to_rows(alert.stock_id, event);
            }
            Event::AlertChanged { alert, .. } => {
                self.alerts.replace(alert.clone());
                self.apply_to_rows(alert.stock_id, event);
            }
            Event::StockChanged { stock, .. } => {
                self.stocks.update(stock);
            }
            Event::RuleChanged { rule, .. } => {
                self.rules.apply(rule);
                if rule.deleted {
                    self.alerts.forget_rule(rule.id);
                    for entry in self.stocks.all_mut() {
                        entry.recent.apply(event, self.capacity);
                    }
                }
            }
            // A split changes no stored price.
            Event::SplitsChanged { .. } => {}
        }
    }

    fn apply_to_rows(&mut self, stock: i64, event: &Event) {
        if let Some(entry) = self.stocks.get_mut(stock) {
            let before = entry.recent.size();
            entry.recent.apply(event, self.capacity);
            self.size = self.size + entry.recent.size() - before;
        }
    }

    fn set_rows(&mut self, stock: i64, rows: StockRows) {
        if let Some(entry) = self.stocks.get_mut(stock) {
            let before = entry.recent.size();
            self.size = self.size + rows.size() - before;
            entry.recent = RecentRows::Loaded(rows);
            entry.read_at.store(self.clock, Relaxed);
        }
    }

    /// Drops the rows of the stocks that were read least recently, if all rows exceed the limit.
    pub(super) fn drop_least_recent(&mut self) {
        if self.size <= self.capacity.size {
            return;
        }
        self.clock += 1;
        let mut loaded: Vec<(u64, i64)> = self
            .stocks
            .all()
            .filter(|entry| entry.recent.size() > 0)
            .map(|entry| (entry.read_at.load(Relaxed), entry.stock.id))
            .collect();
        loaded.sort_unstable();
        for (_, stock) in loaded {
            if self.size <= self.capacity.reduced_size() {
                break;
            }
            if let Some(entry) = self.stocks.get_mut(stock) {
                self.size -= entry.recent.size();
                entry.recent = RecentRows::Unloaded;
            }
        }
    }

    /// Size of the rows in memory, in bytes.
    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Drops the rows of all stocks.
    #[cfg(test)]
    pub(super) fn drop_rows(&mut self) {
        for entry in self.stocks.all_mut() {
            self.size -= entry.recent.size();
            entry.recent = RecentRows::Unloaded;
        }
    }

    /// Whether the rows of one of these stocks are not in memory, but would fit.
    pub(super) fn lacks_rows(&self, stocks: &[i64]) -> bool {
        let lacks = |id: &i64| {
            let entry = self.stocks.get(*id);
            entry.is_some_and(|entry| entry.recent.loaded().is_none())
        };
        self.capacity.stocks() > 0 && stocks.iter().any(lacks)
    }

    /// Begins to load the rows of those of `stocks` that are not in memory, at most as many as fit.
    /// Returns them, and receivers that end with the loads that others began.
    pub(super) fn begin_loading(
        &mut self,
        stocks: &[i64],
        ticket: u64,
    ) -> (Vec<i64>, Vec<watch::Receiver<()>>) {
        let (mut begun, mut others) = (Vec::new(), Vec::new());
        let most = self.capacity.stocks();
        for id in stocks {
            match self.stocks.get_mut(*id).map(|entry| &mut entry.recent) {
                Some(recent @ RecentRows::Unloaded) if begun.len() < most => {
                    *recent = RecentRows::Loading(Loading {
                        ticket,
                        events: Vec::new(),
                        done: watch::Sender::new(()),
                    });
                    begun.push(*id);
                }
                Some(RecentRows::Loading(loading)) if loading.ticket != ticket => {
                    others.push(loading.done.subscribe());
                }
                _ => {}
            }
        }
        (begun, others)
    }

    /// Ends a load: with the rows as they were at `position`, or without. Events that were applied
    /// since then are applied to the rows.
    pub(super) fn end_loading(&mut self, stocks: &[i64], ticket: u64, pages: Option<RecentPages>) {
        // The rows are newer than the board if it did not follow in time.
        let pages = pages.filter(|pages| {
            pages.position.epoch == self.position.epoch && pages.position.seq <= self.position.seq
        });
        let seq = pages.as_ref().map_or(0, |pages| pages.position.seq);
        let mut rows: HashMap<i64, StockRows> = pages.into_iter().flat_map(by_stock).collect();
        self.clock += 1;
        for id in stocks {
            let Some(entry) = self.stocks.get_mut(*id) else {
                continue;
            };
            let RecentRows::Loading(loading) = &mut entry.recent else {
                continue;
            };
            if loading.ticket != ticket {
                continue;
            }
            let events = std::mem::take(&mut loading.events);
            entry.recent = RecentRows::Unloaded;
            if let Some(mut rows) = rows.remove(id) {
                for event in events.iter().filter(|event| event.seq() > seq) {
                    rows.apply(event, self.capacity);
                }
                self.set_rows(*id, rows);
            }
        }
        self.drop_least_recent();
    }

    /// The position of the feed up to which it was applied.
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// Returns a stock that is or was tracked.
    pub(crate) fn stock(&self, symbol: &Symbol) -> Option<&Stock> {
        self.stocks.by_symbol(symbol).map(|entry| &entry.stock)
    }

    /// Returns a stock by id, or `None` if the id is unknown.
    pub(crate) fn stock_by_id(&self, id: i64) -> Option<&Stock> {
        self.stocks.get(id).map(|entry| &entry.stock)
    }

    /// Returns the latest price of a stock, or `None` before the first.
    pub(crate) fn latest_price(&self, id: i64) -> Option<&Price> {
        self.stocks.get(id)?.latest.as_ref()
    }

    /// Returns every tracked stock with its latest price, by symbol.
    pub(crate) fn quoted(&self) -> impl Iterator<Item = (&Stock, Option<&Price>)> {
        let tracked = self.stocks.tracked();
        tracked.map(|entry| (&entry.stock, entry.latest.as_ref()))
    }

    /// Returns a page of the tracked stocks by symbol: all, or those whose symbol or name contains
    /// `search`, case-insensitively.
    pub(crate) fn stocks(&self, search: Option<&str>, span: &Span<StockKey>) -> Page<&Stock> {
        self.stocks.page(search, span)
    }

    /// The total number of stocks in [`stocks`](Self::stocks).
    pub(crate) fn stock_count(&self, search: Option<&str>) -> usize {
        self.stocks.count(search)
    }

    /// The newest trading day of all prices.
    pub(crate) fn newest_day(&self) -> Option<NaiveDate> {
        self.newest_day
    }

    /// Returns a page of a stock's prices, newest first, if memory contains it.
    pub(crate) fn history(
        &self,
        stock: i64,
        recorded: Recorded,
        span: &Span<Position>,
        reading: Reading,
    ) -> Option<Page<&Price>> {
        let pruned_seq = match reading {
            Reading::Current if self.is_behind(span) => return None,
            Reading::Current => self.pruned_seq,
            Reading::Outage => 0,
        };
        self.rows(stock)?.prices.page(recorded, span, pruned_seq)
    }

    /// Returns a page of alerts, newest first, if memory contains it.
    pub(crate) fn alerts(
        &self,
        filter: AlertFilter,
        triggered: Recorded,
        span: &Span<Position>,
        reading: Reading,
    ) -> Option<Page<&Alert>> {
        if reading == Reading::Current && self.is_behind(span) {
            return None;
        }
        match filter {
            AlertFilter::All => self.alerts.page(triggered, span),
            AlertFilter::Stock(stock) => self.rows(stock)?.alerts.page(triggered, span),
            AlertFilter::Rule(_) => None,
        }
    }

    /// Returns an alert by id, if it is one of the newest of all stocks.
    pub(crate) fn alert(&self, id: i64) -> Option<&Alert> {
        self.alerts.rows().find(|alert| alert.id == id)
    }

    /// The number of alerts of all stocks.
    pub(crate) fn alert_count(&self) -> i64 {
        self.stocks.alert_count()
    }

    /// Returns the rules that apply to a stock, or all rules: the default rule first.
    pub(crate) fn rules(&self, stock: Option<i64>) -> Vec<&AlertRule> {
        self.rules.list(stock)
    }

    /// Returns a rule, or `None` if it does not exist.
    pub(crate) fn rule(&self, id: i64) -> Option<&AlertRule> {
        self.rules.by_id(id)
    }

    /// Whether a cursor is from another process, which has served newer rows than the board has.
    fn is_behind(&self, span: &Span<Position>) -> bool {
        let cursors = span.after.iter().chain(&span.before);
        cursors.into_iter().any(|at| at.seq > self.position.seq)
    }

    fn rows(&self, stock: i64) -> Option<&StockRows> {
        let entry = self.stocks.get(stock)?;
        if entry.read_at.load(Relaxed) != self.clock {
            entry.read_at.store(self.clock, Relaxed);
        }
        entry.recent.loaded()
    }
}

/// Groups pages by stock.
fn by_stock(pages: RecentPages) -> impl Iterator<Item = (i64, StockRows)> {
    let RecentPages {
        prices, mut alerts, ..
    } = pages;
    prices.into_iter().map(move |(stock, prices)| {
        let alerts = alerts.remove(&stock).unwrap_or_default();
        let rows = StockRows {
            prices: Newest::new(prices),
            alerts: Newest::new(alerts),
        };
        (stock, rows)
    })
}
