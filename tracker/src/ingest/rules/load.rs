//! Loads the index of rules from the database, in bounded pages.

use std::collections::HashSet;

use alerting::{Reference, RuleIndex, State};
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
            seq: feed.begin_seq(),
            loaded: HashSet::new(),
            shared: HashSet::new(),
            held: held.into_iter().map(|stock| stock.stock_id).collect(),
            changes: Changes::default(),
        };
        let mut last = 0;
        loop {
            let page = rule::after(connection, last, PAGE).await?;
            let (Some(first), Some(end)) = (page.first(), page.last()) else {
                break;
            };
            last = end.id;
            for rule in &page {
                rules.set_rule(feed, rule).await?;
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
        for row in rule::states(feed.connection(), first, last).await? {
            self.load_stock(feed, row.stock_id).await?;
            let state = State {
                disarmed: row.disarmed,
                fired_at: row.fired_at,
                fired_day: row.fired_day,
                true_since: row.true_since,
            };
            self.index
                .load_state(row.rule_id, row.stock_id, row.direction, state);
        }
        for row in rule::references(feed.connection(), first, last).await? {
            self.load_stock(feed, row.stock_id).await?;
            let reference = Reference {
                price: row.price,
                trading_day: row.trading_day,
            };
            self.index
                .load_reference(row.rule_id, row.stock_id, reference);
        }
        Ok(())
    }

    /// Loads the splits of a stock and its newest price that was evaluated.
    pub(super) async fn load_stock(
        &mut self,
        feed: &FeedTransaction,
        stock: i64,
    ) -> Result<(), store::Error> {
        if !self.loaded.insert(stock) {
            return Ok(());
        }
        let connection = feed.connection();
        let splits = split::all(connection, stock).await?;
        self.index.load_splits(stock, splits);
        let held = held_price::by_stock(connection, stock).await?;
        let newest = match held.first() {
            Some(held) => {
                let key = PriceKey::new(held.recorded_at, held.seq);
                price::before(connection, feed.now(), stock, key).await?
            }
            None => price::latest(connection, &[stock]).await?.pop(),
        };
        if let Some(price) = newest {
            self.index.observe(&sample(&price));
        }
        Ok(())
    }
}
