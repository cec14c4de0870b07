//! The index of all rules.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use chrono::NaiveDate;
use entity::{Decimal, Direction, Split, Timestamp};

use crate::{Evaluation, Reference, Rule, Sample, State, symbol_index::SymbolIndex};

/// All rules, with their states, by symbol.
///
/// A symbol's splits and newest price are set before its rules, so that levels are in today's
/// shares. Afterwards rule changes, splits and prices are applied in the order of the feed.
#[derive(Clone, Debug, Default)]
pub struct RuleIndex {
    symbols: HashMap<i64, SymbolIndex>,
    /// The stock of each rule.
    stocks: HashMap<i64, Option<i64>>,
    /// The rules for all symbols. A symbol takes them over with its next sample.
    shared: BTreeMap<i64, Arc<Rule>>,
    shared_version: u64,
}

impl RuleIndex {
    /// The number of rules.
    pub fn len(&self) -> usize {
        self.stocks.len()
    }

    /// Whether the index has no rules.
    pub fn is_empty(&self) -> bool {
        self.stocks.is_empty()
    }

    /// Sets the splits of a symbol, sorted by day, when the index is loaded.
    pub fn load_splits(&mut self, stock: i64, splits: Vec<Split>) {
        self.symbols.entry(stock).or_default().load_splits(splits);
    }

    /// Adds a rule, or replaces its settings. Its states are kept unless its
    /// [start](Rule::start) changes.
    pub fn set_rule(&mut self, rule: Rule) {
        let rule = Arc::new(rule);
        if let Some(stock) = rule.stock {
            set_rule(self.symbols.entry(stock).or_default(), &rule);
        } else {
            for symbol in self.symbols.values_mut() {
                if symbol.contains(rule.id) {
                    set_rule(symbol, &rule);
                }
            }
            self.shared_version += 1;
            self.shared.insert(rule.id, Arc::clone(&rule));
        }
        self.stocks.insert(rule.id, rule.stock);
    }

    /// Removes a rule with its states.
    pub fn remove_rule(&mut self, rule: i64) {
        match self.stocks.remove(&rule) {
            Some(Some(stock)) => {
                if let Some(symbol) = self.symbols.get_mut(&stock) {
                    symbol.remove_rule(rule);
                }
            }
            Some(None) => {
                self.shared.remove(&rule);
                for symbol in self.symbols.values_mut() {
                    symbol.remove_rule(rule);
                }
            }
            None => {}
        }
    }

    /// The settings of a rule of a symbol.
    pub fn rule(&self, stock: i64, rule: i64) -> Option<&Rule> {
        self.symbols.get(&stock)?.rule(rule)
    }

    /// Sets the stored state of a rule when the index is loaded.
    pub fn load_state(&mut self, rule: i64, stock: i64, direction: Direction, state: State) {
        self.symbol(stock).set_state(rule, direction, state);
    }

    /// Sets the stored reference of a rule when the index is loaded.
    pub fn load_reference(&mut self, rule: i64, stock: i64, reference: Reference) {
        self.symbol(stock).set_reference(rule, reference);
    }

    /// Whether the prices of the last day of a symbol must be [loaded](Self::load_window) before
    /// its next sample is evaluated.
    pub fn needs_window(&mut self, stock: i64) -> bool {
        self.symbol(stock).needs_window()
    }

    /// Loads the prices of the last day of a symbol: market time, price and trading day, in feed
    /// order.
    pub fn load_window(
        &mut self,
        stock: i64,
        prices: impl IntoIterator<Item = (Timestamp, Decimal, NaiveDate)>,
    ) {
        self.symbol(stock).load_window(prices);
    }

    /// Whether a rule needs the [average volume](Sample::average_volume) of a symbol.
    pub fn needs_volume(&mut self, stock: i64) -> bool {
        self.symbol(stock).needs_volume()
    }

    /// Adds a price that is not evaluated. A split may change levels.
    pub fn observe(&mut self, sample: &Sample) -> Evaluation {
        let symbol = self.symbols.entry(sample.stock).or_default();
        symbol.observe(sample)
    }

    /// Evaluates a price.
    pub fn evaluate(&mut self, sample: &Sample) -> Evaluation {
        let evaluation = self.symbol(sample.stock).evaluate(sample);
        for firing in evaluation.firings.iter().filter(|firing| firing.disables) {
            if let Some(rule) = self.shared.get_mut(&firing.rule) {
                Arc::make_mut(rule).enabled = false;
                for symbol in self.symbols.values_mut().filter(|it| it.contains(rule.id)) {
                    symbol.set_rule(rule);
                }
            }
        }
        evaluation
    }

    /// Replaces the splits of a symbol, sorted by day, after one became known or was corrected. A
    /// level that becomes true counts as fired.
    pub fn set_splits(&mut self, stock: i64, splits: Vec<Split>) -> Evaluation {
        self.symbol(stock).set_splits(splits)
    }

    /// Converts the level of a rule of a symbol if its stored level lacks a split. If `marks`, a
    /// level that the split makes true counts as fired.
    pub fn catch_up(&mut self, stock: i64, rule: i64, stored: Decimal, marks: bool) -> Evaluation {
        self.symbol(stock).catch_up(rule, stored, marks)
    }

    /// The rules of a symbol, including those for all symbols.
    fn symbol(&mut self, stock: i64) -> &mut SymbolIndex {
        let symbol = self.symbols.entry(stock).or_default();
        if symbol.shared_version != self.shared_version {
            for rule in self.shared.values() {
                if !symbol.contains(rule.id) {
                    symbol.set_rule(rule);
                }
            }
            symbol.shared_version = self.shared_version;
        }
        symbol
    }
}

/// Sets a rule, without its states if it began anew.
fn set_rule(symbol: &mut SymbolIndex, rule: &Arc<Rule>) {
    if symbol
        .start(rule.id)
        .is_some_and(|start| start != rule.start)
    {
        symbol.remove_rule(rule.id);
    }
    symbol.set_rule(rule);
}
