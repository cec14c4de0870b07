//! Reads the stored state that a batch is compared with, under the feed's lock.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::NaiveDate;
use entity::{Decimal, Price, Split, Stock, Symbol, Timestamp, table::alert_rule};
use market::Market;
use store::{candle, feed::FeedTransaction, held_price, price, rule, split, stock};

use crate::{quote::Quote, reference::trading_day_before};

/// The stored state of the stocks of a batch.
pub(super) struct CurrentState {
    /// The tracked stocks by symbol.
    pub(super) stocks: HashMap<Symbol, Stock>,
    /// The latest price by stock.
    pub(super) latest: HashMap<i64, Price>,
    /// The default rule, if it is enabled.
    pub(super) rule: Option<alert_rule::Model>,
    /// The splits between a quote and the previous close, by stock.
    pub(super) splits: HashMap<i64, Vec<Split>>,
    /// The stocks with held prices.
    pub(super) held: HashSet<i64>,
    /// The last stored close of an earlier day and its date, by stock.
    pub(super) closes: HashMap<i64, (NaiveDate, Decimal)>,
}

impl CurrentState {
    /// Reads the state of the tracked stocks among the symbols of `quotes` and `unquoted`.
    pub(super) async fn load<'a>(
        feed: &FeedTransaction,
        quotes: &'a [Quote],
        unquoted: impl IntoIterator<Item = &'a Symbol>,
    ) -> Result<Self, store::Error> {
        let symbols = quotes.iter().map(|quote| &quote.symbol);
        let symbols: BTreeSet<&Symbol> = symbols.chain(unquoted).collect();
        let connection = feed.connection();
        let stocks: HashMap<Symbol, Stock> = stock::tracked(connection, symbols)
            .await?
            .into_iter()
            .map(|stock| (stock.symbol.clone(), stock))
            .collect();
        let ids: Vec<i64> = stocks.values().map(|stock| stock.id).collect();
        let latest = price::latest(connection, &ids)
            .await?
            .into_iter()
            .map(|price| (price.stock_id, price))
            .collect();
        let held = held_price::stocks(connection).await?.into_iter();
        let mut state = Self {
            stocks,
            latest,
            rule: rule::default_rule(connection).await?,
            splits: HashMap::new(),
            held: held.map(|stock| stock.stock_id).collect(),
            closes: HashMap::new(),
        };
        state.load_closes(feed, quotes).await?;
        Ok(state)
    }

    /// Reads the splits and the closes that they apply to.
    async fn load_closes(
        &mut self,
        feed: &FeedTransaction,
        quotes: &[Quote],
    ) -> Result<(), store::Error> {
        let tracked = quotes
            .iter()
            .filter_map(|quote| Some((quote, self.stocks.get(&quote.symbol)?.id)));
        let days: HashMap<i64, NaiveDate> = tracked
            .clone()
            .map(|(quote, id)| (id, quote.trading_day))
            .collect();
        let markets: HashMap<i64, Market> = tracked
            .map(|(quote, id)| (id, Market::of(&quote.symbol)))
            .collect();
        for (id, day) in &days {
            let latest = self.latest.get(id);
            if let Some(latest) = latest.filter(|latest| latest.trading_day < *day) {
                self.closes.insert(*id, (latest.trading_day, latest.price));
            }
        }
        let stored = self.closes.values().map(|(day, _)| *day);
        let calendar = days.values().map(|day| trading_day_before(*day));
        let (Some(after), Some(until)) = (stored.chain(calendar).min(), days.values().max()) else {
            return Ok(());
        };
        let ids: Vec<i64> = days.keys().copied().collect();
        self.splits = split::between(feed.connection(), &ids, after, *until).await?;
        // After the first price of a day, the stored close matters only if there may be a split.
        let running: Vec<(i64, Timestamp)> = days
            .iter()
            .filter(|(id, _)| !self.closes.contains_key(id))
            .filter(|(id, _)| self.splits.contains_key(id) || self.held.contains(id))
            .filter_map(|(id, day)| Some((*id, markets.get(id)?.session(*day).start)))
            .collect();
        for (id, start, close) in candle::closes_before(feed.connection(), &running).await? {
            if let Some(market) = markets.get(&id) {
                self.closes.insert(id, (market.day_of(start), close));
            }
        }
        Ok(())
    }

    /// Returns the tracked stocks among `symbols`, as they were read.
    pub(super) fn tracked<'a>(&self, symbols: impl IntoIterator<Item = &'a Symbol>) -> Vec<Stock> {
        let stock = |symbol| self.stocks.get(symbol).cloned();
        symbols.into_iter().filter_map(stock).collect()
    }
}
