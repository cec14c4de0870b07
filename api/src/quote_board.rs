//! What is true now of every stock, in memory: the stocks, their latest and newest prices.
//!
//! One invariant: the board is what the tables were at one place in the feed, and moves with it, entry by entry; what it
//! does not hold it does not answer. The follower feeds it before it tells anybody, so that whoever was told of
//! something finds it here. `service` asks it first, and it alone while the database is away.

mod page;
mod recent;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use chrono::NaiveDate;
use entity::{AlertRule, Batch, Event, Position, Price, Stock, Symbol};
use store::{
    Snapshot, Store,
    page::{Page, Span},
    price::Recorded,
    stock::StockKey,
};
use tokio::{sync::watch, time::timeout};
use unicode_normalization::UnicodeNormalization;

use self::recent::Recent;

/// How many of a stock's newest prices are kept, at the most: the page that is usually asked for.
const EACH: u32 = 100;
/// How many of all stocks' newest prices are kept, about; a price takes some 200 bytes.
const ALL: usize = 200_000;
/// How long to wait for an entry that is committed: far longer than it takes unless the database went away.
const PASSING: Duration = Duration::from_secs(2);

/// The board; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Board(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: RwLock<State>,
    /// The place of the last entry.
    passed: watch::Sender<i64>,
}

#[derive(Debug)]
struct State {
    position: Position,
    stocks: HashMap<i64, Known>,
    ids: BTreeMap<Symbol, i64>,
    /// As they were last read: they change without an entry in the feed.
    rules: Vec<AlertRule>,
    /// The newest trading day of all prices, which is the current day of a replay.
    newest_day: Option<NaiveDate>,
    /// How many of a stock's newest prices are kept.
    each: usize,
}

/// What is known of a stock.
#[derive(Debug)]
struct Known {
    stock: Stock,
    latest: Option<Price>,
    recent: Recent,
}

impl Board {
    /// What `store` holds now, and where in the feed that is.
    pub(crate) async fn read(store: &Store) -> Result<(Self, Position), store::Error> {
        let snapshot = store::snapshot(store, each).await?;
        let position = snapshot.position;
        let board = Self(Arc::new(Inner {
            state: RwLock::new(State::new(snapshot)),
            passed: watch::Sender::new(position.seq),
        }));
        Ok((board, position))
    }

    /// Becomes what `store` holds now: for when the feed does not lead there any more.
    pub(crate) async fn read_again(&self, store: &Store) -> Result<(), store::Error> {
        let snapshot = store::snapshot(store, each).await?;
        let seq = snapshot.position.seq;
        *self.write() = State::new(snapshot);
        self.0.passed.send_replace(seq);
        Ok(())
    }

    /// Takes in the next entry of the feed, unless it has it already.
    pub(crate) fn pass(&self, batch: &Batch) {
        let mut state = self.write();
        if batch.end.seq <= state.position.seq {
            return;
        }
        for event in &batch.events {
            state.take(event);
        }
        state.position = batch.end;
        drop(state);
        self.0.passed.send_replace(batch.end.seq);
    }

    /// Waits until the entry at `seq` has passed, so that who wrote it reads it; not for ever.
    pub(crate) async fn passed(&self, seq: i64) {
        let mut passed = self.0.passed.subscribe();
        let _ = timeout(PASSING, passed.wait_for(|at| *at >= seq)).await;
    }

    /// A stock that is or was tracked.
    pub(crate) fn stock(&self, symbol: &Symbol) -> Option<Stock> {
        let state = self.state();
        let id = state.ids.get(symbol)?;
        state.stocks.get(id).map(|known| known.stock.clone())
    }

    /// Stocks by their ids.
    pub(crate) fn stocks_by_id(&self, ids: &[i64]) -> HashMap<i64, Stock> {
        let state = self.state();
        let found = ids.iter().filter_map(|id| state.stocks.get(id));
        found
            .map(|known| (known.stock.id, known.stock.clone()))
            .collect()
    }

    /// A page of the tracked stocks, by symbol; with `search`, of those whose symbol or name has it, in any case.
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

    /// Every tracked stock with its latest price, by symbol.
    pub(crate) fn quoted(&self) -> Vec<(Stock, Option<Price>)> {
        let state = self.state();
        let listed = state.listed(None);
        let quoted = listed.map(|stock| (stock.clone(), state.stocks[&stock.id].latest.clone()));
        quoted.collect()
    }

    /// How many stocks [`stocks`](Self::stocks) lists.
    pub(crate) fn stock_count(&self, search: Option<&str>) -> usize {
        self.state().listed(search).count()
    }

    /// The latest price of each of these stocks that has one.
    pub(crate) fn latest_prices(&self, ids: &[i64]) -> HashMap<i64, Price> {
        let state = self.state();
        let found = ids
            .iter()
            .filter_map(|id| state.stocks.get(id)?.latest.clone());
        found.map(|price| (price.stock_id, price)).collect()
    }

    /// The latest price of a stock, if it has one.
    pub(crate) fn latest_price(&self, id: i64) -> Option<Price> {
        self.state().stocks.get(&id)?.latest.clone()
    }

    /// The newest trading day of the prices of all stocks.
    pub(crate) fn newest_day(&self) -> Option<NaiveDate> {
        self.state().newest_day
    }

    /// The latest price of each of these stocks, or of each tracked one, in feed order, with the place in the feed at
    /// which that is what they are.
    pub(crate) fn snapshot(&self, ids: Option<&[i64]>) -> (Vec<Price>, Position) {
        let state = self.state();
        let mut prices: Vec<Price> = if let Some(ids) = ids {
            let known = ids.iter().filter_map(|id| state.stocks.get(id));
            known.filter_map(|known| known.latest.clone()).collect()
        } else {
            let tracked = state.stocks.values().filter(|known| known.stock.tracked);
            tracked.filter_map(|known| known.latest.clone()).collect()
        };
        prices.sort_unstable_by_key(|price| price.seq);
        (prices, state.position)
    }

    /// A page of a stock's prices, if it lies wholly within what is kept.
    pub(crate) fn history(
        &self,
        stock: i64,
        recorded: Recorded,
        span: &Span<Position>,
    ) -> Option<Page<Price>> {
        self.state().stocks.get(&stock)?.recent.page(recorded, span)
    }

    /// The rules as they were last read: those that watch a stock, or all.
    pub(crate) fn rules(&self, stock: Option<i64>) -> Vec<AlertRule> {
        let state = self.state();
        let symbol = stock.and_then(|id| Some(&state.stocks.get(&id)?.stock.symbol));
        let watches = |rule: &&AlertRule| {
            let of = rule.symbol.as_ref();
            stock.is_none() || of.is_none() || of == symbol
        };
        state.rules.iter().filter(watches).cloned().collect()
    }

    /// Keeps the rules as they were just read.
    pub(crate) fn keep_rules(&self, rules: &[AlertRule]) {
        rules.clone_into(&mut self.write().rules);
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new(snapshot: Snapshot) -> Self {
        let Snapshot {
            position,
            stocks,
            latest,
            mut recent,
            rules,
        } = snapshot;
        let mut latest: HashMap<i64, Price> = latest
            .into_iter()
            .map(|price| (price.stock_id, price))
            .collect();
        let newest_day = latest.values().map(|price| price.trading_day).max();
        let ids = stocks.iter().map(|stock| (stock.symbol.clone(), stock.id));
        let ids = ids.collect();
        let each = each(stocks.len()) as usize;
        let known = stocks.into_iter().map(|stock| {
            let known = Known {
                latest: latest.remove(&stock.id),
                recent: Recent::new(recent.remove(&stock.id).unwrap_or_default()),
                stock,
            };
            (known.stock.id, known)
        });
        Self {
            position,
            stocks: known.collect(),
            ids,
            rules,
            newest_day,
            each,
        }
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::QuoteRecorded { price, stock } => {
                let each = self.each;
                self.newest_day = self.newest_day.max(Some(price.trading_day));
                let known = self.known(stock);
                known.latest = Some(price.clone());
                known.recent.put(price.clone(), each);
            }
            Event::StockChanged { stock, .. } => {
                self.known(stock);
            }
            // The price before it told how many there are.
            Event::AlertFired { .. } => {}
        }
    }

    /// What is known of a stock, which is as `stock` says from now on.
    fn known(&mut self, stock: &Stock) -> &mut Known {
        self.ids.insert(stock.symbol.clone(), stock.id);
        let known = self.stocks.entry(stock.id).or_insert_with(|| Known {
            stock: stock.clone(),
            latest: None,
            recent: Recent::new(Page::default()),
        });
        known.stock.clone_from(stock);
        known
    }

    /// The tracked stocks by symbol, of those with `search` in their symbol or name.
    fn listed(&self, search: Option<&str>) -> impl Iterator<Item = &Stock> {
        let search = search.map(fold);
        let stocks = self.ids.values().filter_map(|id| self.stocks.get(id));
        let tracked = stocks
            .map(|known| &known.stock)
            .filter(|stock| stock.tracked);
        tracked.filter(move |stock| {
            search.as_ref().is_none_or(|search| {
                let has = |text: &str| fold(text).contains(search);
                has(stock.symbol.as_str()) || stock.name.as_deref().is_some_and(has)
            })
        })
    }
}

/// A text in the form in which searches compare it: letters in one case, and normalized (NFC), so that "é" is found
/// however it is composed. By way of upper case, which makes "ß" and "SS" equal too.
fn fold(text: &str) -> String {
    let upper = text.nfd().flat_map(char::to_uppercase);
    upper.flat_map(char::to_lowercase).nfc().collect()
}

/// How many of a stock's newest prices are kept where there are so many stocks.
fn each(stocks: usize) -> u32 {
    let share = u32::try_from(ALL / stocks.max(1)).unwrap_or(u32::MAX);
    share.clamp(1, EACH)
}

#[cfg(test)]
mod tests;
