//! What the evaluations of a transaction change: states, references and rules.

use std::collections::BTreeMap;

use alerting::{Evaluation, State};
use entity::{
    Direction,
    table::{rule_reference, rule_state},
};
use store::{
    feed::FeedTransaction,
    rule::{self, RuleChange},
};

/// What is to be stored in the transaction, once per row.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// By rule, stock and direction.
    states: BTreeMap<(i64, i64, Direction), rule_state::Model>,
    /// By rule and stock.
    references: BTreeMap<(i64, i64), rule_reference::Model>,
    /// The changes of rules since the last price, by rule.
    rules: BTreeMap<i64, RuleChange>,
    /// Those before, with their positions in the feed.
    published: Vec<RuleChange>,
}

impl Changes {
    /// Adds what the evaluation of a price or a split of a stock changed.
    pub(super) fn add(&mut self, stock_id: i64, evaluation: &Evaluation) {
        for change in &evaluation.states {
            let State {
                disarmed,
                fired_at,
                fired_day,
                true_since,
            } = change.state;
            let row = rule_state::Model {
                rule_id: change.rule,
                stock_id,
                direction: change.direction,
                disarmed,
                fired_at,
                fired_day,
                true_since,
            };
            let key = (row.rule_id, stock_id, row.direction);
            self.states.insert(key, row);
        }
        for (rule_id, reference) in &evaluation.references {
            let row = rule_reference::Model {
                rule_id: *rule_id,
                stock_id,
                price: reference.price,
                trading_day: reference.trading_day,
            };
            self.references.insert((*rule_id, stock_id), row);
        }
        for change in &evaluation.levels {
            let rule = self.rule(change.rule);
            rule.level = change.level.or(rule.level);
            rule.disables |= change.level.is_none();
        }
        for firing in evaluation.firings.iter().filter(|firing| firing.disables) {
            self.rule(firing.rule).disables = true;
        }
    }

    fn rule(&mut self, id: i64) -> &mut RuleChange {
        self.rules.entry(id).or_insert(RuleChange {
            id,
            seq: 0,
            level: None,
            disables: false,
        })
    }

    /// Drops the changes of a rule that was changed or deleted afterwards, perhaps except its
    /// states.
    pub(super) fn forget(&mut self, rule: i64, keeps_states: bool) {
        self.rules.remove(&rule);
        if !keeps_states {
            self.states.retain(|(of, ..), _| *of != rule);
            self.references.retain(|(of, _), _| *of != rule);
        }
    }

    /// Assigns the changes of rules since the last price to the next positions of the feed.
    pub(super) fn end_price(&mut self, feed: &mut FeedTransaction) {
        for change in std::mem::take(&mut self.rules).into_values() {
            let seq = feed.next_seq();
            self.published.push(RuleChange { seq, ..change });
        }
    }

    /// Stores the changes, and publishes the rules that changed.
    pub(super) async fn store(mut self, feed: &mut FeedTransaction) -> Result<(), store::Error> {
        self.end_price(feed);
        let states: Vec<_> = self.states.into_values().collect();
        let references: Vec<_> = self.references.into_values().collect();
        rule::set_states(feed.connection(), &states).await?;
        rule::set_references(feed.connection(), &references).await?;
        rule::apply(feed, &self.published).await
    }
}
