//! The stored state that the quotes of a transaction are compared with, under the feed's lock.
//!
//! It is [cached](Cached) between transactions, and read again if the feed has changed meanwhile.
//! What changes it without an entry of the feed must call [`Ingest::pause`](super::Ingest::pause).

use std::collections::{BTreeSet, HashMap, HashSet};

use entity::{Price, Stock, Symbol, Timestamp};
use store::{feed::FeedTransaction, stock};

use super::{cached::Cached, rules::LiveRules};
use crate::candle::NewestCandles;

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
}

impl CurrentState {
    /// Takes the state out of `cached` if it is of the start of a transaction. Otherwise it is
    /// empty.
    pub(super) fn take(cached: &Cached<Self>, feed: &FeedTransaction, rules: &LiveRules) -> Self {
        let valid = cached.take(feed).filter(|(state, seq)| {
            // Another tracker releases prices that fire no alert without an entry of the feed.
            *seq == feed.start().seq && state.held.is_subset(rules.held())
        });
        valid.map(|(state, _)| state).unwrap_or_default()
    }

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

    /// Sets the number of answers without a price to 0 for the `priced` stocks, and adds one for
    /// the `unpriced` ones.
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

    /// Returns the tracked stocks among `symbols`, each once, as they are now.
    pub(super) fn tracked<'a>(&self, symbols: impl IntoIterator<Item = &'a Symbol>) -> Vec<Stock> {
        let symbols: BTreeSet<&Symbol> = symbols.into_iter().collect();
        let stock = |symbol| self.stocks.get(symbol).cloned();
        symbols.into_iter().filter_map(stock).collect()
    }
}
