//! The reference evaluator of alert rules.
//!
//! It keeps every price and evaluates every rule for each of them, word by word as in the
//! specification. It shares no code with the index of rules except the data types and [`adjust`].

mod entry;
mod judgement;

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
};

use alerting::{Condition, Firing, Rule, Sample, adjust};
use chrono::NaiveDate;
use entity::{Decimal, Direction, Split, Trigger};

use self::entry::Entry;

/// All prices, all rules and all states.
#[derive(Default)]
pub struct NaiveRules {
    /// The prices of each symbol, in the order of the feed.
    history: HashMap<i64, Vec<Sample>>,
    splits: HashMap<i64, Vec<Split>>,
    /// By id.
    entries: BTreeMap<i64, Entry>,
}

/// A sample and what is known of its symbol.
struct Scene<'a> {
    sample: &'a Sample,
    /// The symbol's earlier samples, in the order of the feed.
    earlier: &'a [Sample],
    splits: &'a [Split],
    /// The extremes of windows that were computed for this sample, by length.
    extremes: RefCell<HashMap<(i64, Direction), Option<Decimal>>>,
}

impl NaiveRules {
    /// Adds a rule or changes its settings. Its state is kept unless its start differs.
    pub fn set_rule(&mut self, rule: Rule) {
        let mut entry = Entry::new(rule);
        if let Some(old) = self.entries.remove(&entry.rule.id)
            && old.rule.start == entry.rule.start
        {
            entry.states = old.states;
            entry.references = old.references;
            if !old.in_range {
                (entry.in_range, entry.enabled, entry.level) = (false, false, old.level);
            }
        }
        if let Some(stock) = entry.rule.stock
            && let Some(newest) = self.newest(stock)
        {
            entry.convert_level(self.splits_of(stock), newest.trading_day);
        }
        self.entries.insert(entry.rule.id, entry);
    }

    /// Removes a rule with its states.
    pub fn remove_rule(&mut self, rule: i64) {
        self.entries.remove(&rule);
    }

    /// Replaces the splits of a symbol, sorted by day. A level that becomes true for the newest
    /// price counts as fired.
    pub fn set_splits(&mut self, stock: i64, splits: Vec<Split>) {
        self.splits.insert(stock, splits);
        let Some(newest) = self.newest(stock).cloned() else {
            return;
        };
        let splits = self.splits_of(stock).to_vec();
        for entry in self.entries.values_mut() {
            if entry.rule.stock != Some(stock) {
                continue;
            }
            let was_reached = entry.is_reached_by(newest.price);
            entry.convert_level(&splits, newest.trading_day);
            if was_reached == Some(false) && entry.is_reached_by(newest.price) == Some(true) {
                let direction = match entry.rule.condition {
                    Condition::Above { .. } => Direction::Up,
                    _ => Direction::Down,
                };
                let state = entry.states.entry((stock, direction)).or_default();
                if entry.rule.trigger == Trigger::OncePerDay {
                    state.fired_day = Some(newest.trading_day);
                } else {
                    state.disarmed = true;
                }
            }
        }
    }

    /// Adds a price that is not evaluated.
    pub fn observe(&mut self, sample: &Sample) {
        self.convert_levels(sample);
        self.remember(sample);
    }

    /// Evaluates a price.
    pub fn evaluate(&mut self, sample: &Sample) -> Vec<Firing> {
        self.convert_levels(sample);
        let mut entries = std::mem::take(&mut self.entries);
        let scene = Scene {
            sample,
            earlier: self.history_of(sample.stock),
            splits: self.splits_of(sample.stock),
            extremes: RefCell::default(),
        };
        let mut firings = Vec::new();
        for entry in entries.values_mut() {
            entry.evaluate(&scene, &mut firings);
        }
        self.entries = entries;
        self.remember(sample);
        firings
    }

    /// The level of a rule in the shares of the newest price. `None` if it has left the range of
    /// prices.
    pub fn level(&self, rule: i64) -> Option<Decimal> {
        let entry = self.entries.get(&rule)?;
        entry.level.filter(|_| entry.in_range)
    }

    /// Whether a rule is evaluated.
    pub fn is_enabled(&self, rule: i64) -> bool {
        self.entries.get(&rule).is_some_and(|entry| entry.enabled)
    }

    /// The prices of a symbol, in the order of the feed.
    pub fn history_of(&self, stock: i64) -> &[Sample] {
        self.history.get(&stock).map_or(&[], Vec::as_slice)
    }

    /// The newest price of a symbol.
    pub fn newest(&self, stock: i64) -> Option<&Sample> {
        self.history_of(stock).last()
    }

    fn remember(&mut self, sample: &Sample) {
        let history = self.history.entry(sample.stock).or_default();
        history.push(sample.clone());
    }

    fn splits_of(&self, stock: i64) -> &[Split] {
        self.splits.get(&stock).map_or(&[], Vec::as_slice)
    }

    /// Converts the levels of a symbol to the shares of a new sample.
    fn convert_levels(&mut self, sample: &Sample) {
        let splits = self.splits_of(sample.stock).to_vec();
        for entry in self.entries.values_mut() {
            if entry.rule.stock == Some(sample.stock) {
                entry.convert_level(&splits, sample.trading_day);
            }
        }
    }
}

impl Scene<'_> {
    /// Converts a price of an earlier day to the shares of the sample.
    fn convert(&self, price: Decimal, day: NaiveDate) -> Option<Decimal> {
        adjust(self.splits, price, day, self.sample.trading_day)
    }

    fn previous_price(&self) -> Option<Decimal> {
        let previous = self.earlier.last()?;
        self.convert(previous.price, previous.trading_day)
    }

    /// The lowest (for UP) or highest (for DOWN) earlier price of a window of microseconds.
    fn extreme(&self, window: i64, direction: Direction) -> Option<Decimal> {
        let compute = || {
            let from = self.sample.market_time.micros() - window;
            let prices = self
                .earlier
                .iter()
                .filter(|earlier| earlier.market_time.micros() >= from)
                .filter_map(|earlier| self.convert(earlier.price, earlier.trading_day));
            match direction {
                Direction::Up => prices.min(),
                Direction::Down => prices.max(),
            }
        };
        let mut extremes = self.extremes.borrow_mut();
        *extremes.entry((window, direction)).or_insert_with(compute)
    }
}

/// Seconds in microseconds.
fn seconds(seconds: u32) -> i64 {
    i64::from(seconds) * 1_000_000
}
