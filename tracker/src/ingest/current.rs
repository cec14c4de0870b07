//! The stored state that the quotes of a transaction are compared with, under the feed's lock.
//!
//! It stays in memory between transactions, so that a batch need not read it: it is taken out at the
//! start of a transaction, and put back after the commit. It is read again if the feed has changed
//! meanwhile, or after a failure. What changes it without an entry of the feed must call
//! [`Ingest::pause`](super::Ingest::pause).

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use chrono::NaiveDate;
use entity::{Decimal, Position, Price, Split, Stock, Symbol, Timestamp};
use market::Market;
use parking_lot::Mutex;
use store::{candle, feed::FeedTransaction, split, stock};

use super::rules::LiveRules;
use crate::{candle::NewestCandles, quote::Quote, reference::trading_day_before};

/// The state between transactions, and the position of the feed at which it is valid.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedState(Arc<Mutex<Option<(CurrentState, Position)>>>);

impl SharedState {
    /// Takes out the state if it is of the start of this transaction, and an empty one otherwise.
    pub(super) fn take(&self, feed: &FeedTransaction, rules: &LiveRules) -> CurrentState {
        let kept = self.0.lock().take();
        let valid = kept.filter(|(state, position)| {
            let start = feed.start();
            let is_unchanged = (position.epoch, position.seq) == (start.epoch, start.seq);
            // Another tracker releases prices that fire no alert without an entry of the feed.
            is_unchanged && state.held.is_subset(rules.held())
        });
        valid.map(|(state, _)| state).unwrap_or_default()
    }

    /// Puts the state back after the commit of a transaction that ended at `position`.
    pub(super) fn put(&self, state: CurrentState, position: Position) {
        *self.0.lock() = Some((state, position));
    }

    /// Makes the next transaction read the state.
    pub(super) fn forget(&self) {
        *self.0.lock() = None;
    }
}

/// The state of the tracked stocks that a provider answered for. It includes the new prices, in the
/// order of the batch.
#[derive(Debug, Default)]
pub(super) struct CurrentState {
    /// The tracked stocks by symbol.
    pub(super) stocks: HashMap<Symbol, Stock>,
    /// The latest price by stock.
    pub(super) latest: HashMap<i64, Price>,
    /// The stocks with held prices.
    pub(super) held: HashSet<i64>,
    /// The stocks that have splits.
    pub(super) with_splits: HashSet<i64>,
    /// The newest candles by stock.
    pub(super) candles: NewestCandles,
    /// The splits between a quote of the batch and the previous close, by stock.
    pub(super) splits: HashMap<i64, Vec<Split>>,
    /// The last stored close of an earlier day and its date, by stock of the batch.
    pub(super) closes: HashMap<i64, (NaiveDate, Decimal)>,
}

impl CurrentState {
    /// Reads the state of the tracked stocks among `symbols` that are not known.
    pub(super) async fn load(
        &mut self,
        feed: &FeedTransaction,
        symbols: &BTreeSet<&Symbol>,
    ) -> Result<(), store::Error> {
        let unknown = symbols.iter().copied();
        let unknown: Vec<&Symbol> = unknown
            .filter(|symbol| !self.stocks.contains_key(symbol))
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        for read in stock::tracked(feed.connection(), unknown).await? {
            let id = read.stock.id;
            if let Some(latest) = read.latest {
                self.latest.insert(id, latest);
            }
            if read.is_held {
                self.held.insert(id);
            }
            if read.has_splits {
                self.with_splits.insert(id);
            }
            self.stocks.insert(read.stock.symbol.clone(), read.stock);
        }
        Ok(())
    }

    /// Sets the time of the last answer for the tracked stocks among `symbols`. Returns the ids of
    /// those whose rows have another one, or answers without a price.
    pub(super) fn set_answered(&mut self, symbols: &BTreeSet<&Symbol>, now: Timestamp) -> Vec<i64> {
        let mut changed = Vec::new();
        for symbol in symbols {
            let Some(stock) = self.stocks.get_mut(*symbol) else {
                continue;
            };
            if stock.answered_at != Some(now) || stock.unpriced_answers != 0 {
                stock.answered_at = Some(now);
                changed.push(stock.id);
            }
        }
        changed
    }

    /// Sets the number of answers without a price to 0 for the `priced` stocks, and adds one for the
    /// `unpriced` ones.
    pub(super) fn count_unpriced_answers(&mut self, priced: &[Stock], unpriced: &[Stock]) {
        for Stock { symbol, .. } in priced {
            if let Some(stock) = self.stocks.get_mut(symbol) {
                stock.unpriced_answers = 0;
            }
        }
        for Stock { symbol, .. } in unpriced {
            if let Some(stock) = self.stocks.get_mut(symbol) {
                stock.unpriced_answers = stock.unpriced_answers.saturating_add(1);
            }
        }
    }

    /// Reads the splits and closes for the next quotes, which are of one trading day for each
    /// symbol. All earlier prices are stored.
    pub(super) async fn load_closes(
        &mut self,
        feed: &FeedTransaction,
        quotes: &[Quote],
    ) -> Result<(), store::Error> {
        self.closes.clear();
        self.splits.clear();
        let days: HashMap<i64, (NaiveDate, Market)> = quotes
            .iter()
            .filter_map(|quote| {
                let stock = self.stocks.get(&quote.symbol)?;
                Some((stock.id, (quote.trading_day, Market::of(&quote.symbol))))
            })
            .collect();
        for (id, (day, _)) in &days {
            let latest = self.latest.get(id);
            if let Some(latest) = latest.filter(|latest| latest.trading_day < *day) {
                self.closes.insert(*id, (latest.trading_day, latest.price));
            }
        }
        self.load_splits(feed, &days).await?;
        // After the first price of a day, the stored close matters only if there may be a split.
        let running: Vec<(i64, Timestamp)> = days
            .iter()
            .filter(|(id, _)| !self.closes.contains_key(id) && self.may_be_split(**id))
            .map(|(id, (day, market))| (*id, market.session(*day).start))
            .collect();
        for (id, start, close) in candle::closes_before(feed.connection(), &running).await? {
            if let Some((_, market)) = days.get(&id) {
                self.closes.insert(id, (market.day_of(start), close));
            }
        }
        Ok(())
    }

    async fn load_splits(
        &mut self,
        feed: &FeedTransaction,
        days: &HashMap<i64, (NaiveDate, Market)>,
    ) -> Result<(), store::Error> {
        let afters: HashMap<i64, NaiveDate> = days
            .iter()
            .filter(|(id, _)| self.with_splits.contains(id))
            .map(|(id, (day, _))| {
                let calendar = trading_day_before(*day);
                let stored = self.closes.get(id).map(|(day, _)| *day);
                (*id, stored.map_or(calendar, |day| day.min(calendar)))
            })
            .collect();
        let last = days.values().map(|(day, _)| *day).max();
        let (Some(first), Some(last)) = (afters.values().min(), last) else {
            return Ok(());
        };
        let ids: Vec<i64> = afters.keys().copied().collect();
        for (id, mut splits) in split::between(feed.connection(), &ids, *first, last).await? {
            // The range is that of all stocks.
            splits.retain(|split| {
                afters
                    .get(&id)
                    .is_some_and(|after| split.effective_on > *after)
                    && days
                        .get(&id)
                        .is_some_and(|(day, _)| split.effective_on <= *day)
            });
            if !splits.is_empty() {
                self.splits.insert(id, splits);
            }
        }
        Ok(())
    }

    /// Whether a split may change the previous close of a stock.
    pub(super) fn may_be_split(&self, stock: i64) -> bool {
        self.splits.contains_key(&stock) || self.held.contains(&stock)
    }

    /// Returns the tracked stocks among `symbols`, each once, as they are now.
    pub(super) fn tracked<'a>(&self, symbols: impl IntoIterator<Item = &'a Symbol>) -> Vec<Stock> {
        let symbols: BTreeSet<&Symbol> = symbols.into_iter().collect();
        let stock = |symbol| self.stocks.get(symbol).cloned();
        symbols.into_iter().filter_map(stock).collect()
    }
}
