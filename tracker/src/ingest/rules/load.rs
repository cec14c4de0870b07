//! Loads the index of rules from the database, in bounded pages.

use std::collections::{HashMap, HashSet};

use alerting::{Reference, RuleIndex, State};
use entity::Price;
use store::{
    feed::FeedTransaction,
    held_price,
    price::{self, PriceKey},
    rule, split,
};

use super::{Changes, LiveRules, sample};

/// The number of rules that are loaded with one statement.
const PAGE: u32 = 5_000;

impl LiveRules {
    /// Loads all rules as of the start of a transaction.
    pub(super) async fn load(feed: &FeedTransaction) -> Result<Self, store::Error> {
        let connection = feed.connection();
        let held = held_price::stocks(connection).await?;
        let mut rules = Self {
            index: RuleIndex::default(),
            loaded: HashSet::new(),
            shared: HashSet::new(),
            held: held.into_iter().map(|stock| stock.stock_id).collect(),
            default_rule: rule::default_rule(connection)
                .await?
                .map(|rule| (rule.id, rule.threshold)),
            volumes: HashMap::new(),
            changes: Changes::default(),
        };
        let mut last = 0;
        loop {
            let page = rule::after(connection, last, PAGE).await?;
            let (Some(first), Some(end)) = (page.first(), page.last()) else {
                break;
            };
            last = end.id;
            // The others are for all stocks.
            let stocks = page.iter().filter_map(|rule| rule.stock_id);
            rules.load_stocks(feed, stocks.collect()).await?;
            for rule in &page {
                rules.set_rule(rule);
            }
            rules.load_states(feed, first.id, end.id).await?;
            for rule in &page {
                rules.catch_up(rule, true);
            }
        }
        if !rules.index.is_empty() {
            tracing::info!(rules = rules.index.len(), "alert rules loaded");
        }
        Ok(rules)
    }

    /// Loads the states and references of the rules with ids in a range, inclusive.
    async fn load_states(
        &mut self,
        feed: &FeedTransaction,
        first: i64,
        last: i64,
    ) -> Result<(), store::Error> {
        let states = rule::states(feed.connection(), first, last).await?;
        let references = rule::references(feed.connection(), first, last).await?;
        let stocks = states.iter().map(|row| row.stock_id);
        let stocks = stocks.chain(references.iter().map(|row| row.stock_id));
        self.load_stocks(feed, stocks.collect()).await?;
        for row in states {
            let state = State {
                disarmed: row.disarmed,
                fired_at: row.fired_at,
                fired_day: row.fired_day,
                true_since: row.true_since,
            };
            self.index
                .load_state(row.rule_id, row.stock_id, row.direction, state);
        }
        for row in references {
            let reference = Reference {
                price: row.price,
                trading_day: row.trading_day,
            };
            self.index
                .load_reference(row.rule_id, row.stock_id, reference);
        }
        Ok(())
    }

    /// Loads the splits of stocks and their newest prices that were evaluated, unless they are
    /// loaded.
    pub(super) async fn load_stocks(
        &mut self,
        feed: &FeedTransaction,
        mut stocks: Vec<i64>,
    ) -> Result<(), store::Error> {
        stocks.retain(|id| !self.loaded.contains(id));
        if stocks.is_empty() {
            return Ok(());
        }
        stocks.sort_unstable();
        stocks.dedup();
        let connection = feed.connection();
        let mut splits = split::all_of(connection, &stocks).await?;
        let held = held_price::first_of(connection, &stocks).await?;
        let latest = price::latest(connection, &stocks).await?;
        let mut newest: HashMap<i64, Price> =
            latest.into_iter().map(|it| (it.stock_id, it)).collect();
        for held in held {
            let (stock, key) = (held.stock_id, PriceKey::new(held.recorded_at, held.seq));
            match price::before(connection, feed.now(), stock, key).await? {
                Some(price) => newest.insert(stock, price),
                None => newest.remove(&stock),
            };
        }
        for stock in stocks {
            let splits = splits.remove(&stock).unwrap_or_default();
            self.index.load_splits(stock, splits);
            if let Some(price) = newest.get(&stock) {
                self.index.observe(&sample(price));
            }
            self.loaded.insert(stock);
        }
        Ok(())
    }
}
