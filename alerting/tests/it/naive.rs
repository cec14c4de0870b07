//! The reference evaluator. It keeps every price and evaluates every rule for each of them, word by
//! word as the specification of alert rules says. It shares no code with the index of rules except
//! the data types and [`adjust`].

use std::collections::{BTreeMap, HashMap};

use alerting::{Basis, Condition, Firing, Reference, Rule, Sample, adjust};
use chrono::NaiveDate;
use entity::{ChangeBase, Decimal, Direction, Split, Timestamp, Trigger};

/// Units in 1.
const ONE: i128 = 100_000_000;
/// Units in 100 percent.
const WHOLE: i128 = 100 * ONE;

/// All prices, all rules and all states.
#[derive(Default)]
pub(crate) struct Naive {
    /// In the order of the feed.
    history: Vec<Sample>,
    splits: HashMap<i64, Vec<Split>>,
    /// By id.
    entries: BTreeMap<i64, Entry>,
}

struct Entry {
    rule: Rule,
    enabled: bool,
    /// The level in the shares of the symbol's newest price.
    level: Option<Decimal>,
    /// Whether the level never left the range of prices.
    in_range: bool,
    /// By symbol and direction.
    states: HashMap<(i64, Direction), State>,
    /// The references of `LAST_ALERT`, by symbol.
    references: HashMap<i64, Reference>,
}

#[derive(Clone, Copy, Default)]
struct State {
    disarmed: bool,
    fired_at: Option<Timestamp>,
    fired_day: Option<NaiveDate>,
    true_since: Option<Timestamp>,
}

/// What the condition of a rule says about a sample.
struct Judgement {
    is_true: bool,
    /// Whether it was false by the margin of re-arming.
    rearms: bool,
    reference: Option<Decimal>,
    touched: Option<Decimal>,
}

/// A sample and what is known of its symbol.
struct Scene<'a> {
    sample: &'a Sample,
    /// The symbol's earlier samples, in the order of the feed.
    earlier: Vec<&'a Sample>,
    splits: &'a [Split],
}

impl Naive {
    /// Adds a rule or changes its settings. Its state is kept unless its start differs.
    pub(crate) fn set_rule(&mut self, rule: Rule) {
        let mut entry = Entry {
            enabled: rule.enabled,
            level: rule.condition.level(),
            in_range: true,
            rule,
            states: HashMap::new(),
            references: HashMap::new(),
        };
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
    pub(crate) fn remove_rule(&mut self, rule: i64) {
        self.entries.remove(&rule);
    }

    /// Replaces the splits of a symbol, sorted by day. A level that becomes true for the newest price
    /// counts as fired.
    pub(crate) fn set_splits(&mut self, stock: i64, splits: Vec<Split>) {
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
    pub(crate) fn observe(&mut self, sample: &Sample) {
        self.convert_levels(sample);
        self.history.push(sample.clone());
    }

    /// Evaluates a price.
    pub(crate) fn evaluate(&mut self, sample: &Sample) -> Vec<Firing> {
        self.convert_levels(sample);
        let mut entries = std::mem::take(&mut self.entries);
        let scene = Scene {
            sample,
            earlier: self.history_of(sample.stock).collect(),
            splits: self.splits_of(sample.stock),
        };
        let mut firings = Vec::new();
        for entry in entries.values_mut() {
            entry.evaluate(&scene, &mut firings);
        }
        self.entries = entries;
        self.history.push(sample.clone());
        firings
    }

    /// The level of a rule in the shares of the newest price. `None` if it has left the range of
    /// prices.
    pub(crate) fn level(&self, rule: i64) -> Option<Decimal> {
        let entry = self.entries.get(&rule)?;
        entry.level.filter(|_| entry.in_range)
    }

    /// The prices of a symbol, in the order of the feed.
    pub(crate) fn history_of(&self, stock: i64) -> impl Iterator<Item = &Sample> {
        self.history
            .iter()
            .filter(move |sample| sample.stock == stock)
    }

    /// The newest price of a symbol.
    pub(crate) fn newest(&self, stock: i64) -> Option<&Sample> {
        self.history_of(stock).last()
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

impl Entry {
    /// Converts the level as it was set to the shares of a day. If it leaves the range of prices, the
    /// rule is disabled and keeps its last level from then on.
    fn convert_level(&mut self, splits: &[Split], today: NaiveDate) {
        let Some(level) = self.rule.condition.level() else {
            return;
        };
        match adjust(splits, level, self.rule.level_day, today) {
            Some(level) if self.in_range => self.level = Some(level),
            Some(_) => {}
            None => {
                self.in_range = false;
                self.enabled = false;
            }
        }
    }

    /// Whether a price is at the level or beyond. `None` for other conditions: a crossing is not true
    /// of a price by itself, and the price before it is adjusted like the level.
    fn is_reached_by(&self, price: Decimal) -> Option<bool> {
        let level = self.level?;
        match self.rule.condition {
            Condition::Above { .. } => Some(price >= level),
            Condition::Below { .. } => Some(price <= level),
            _ => None,
        }
    }

    fn threshold(&self) -> Decimal {
        self.level.unwrap_or(self.rule.condition.threshold())
    }

    fn evaluate(&mut self, scene: &Scene<'_>, firings: &mut Vec<Firing>) {
        let sample = scene.sample;
        let of_symbol = self.rule.stock.is_none_or(|stock| stock == sample.stock);
        let expired = self
            .rule
            .expires_at
            .is_some_and(|at| at <= sample.recorded_at);
        if !of_symbol || expired || sample.seq <= self.rule.start.seq {
            return;
        }
        for direction in [Direction::Up, Direction::Down] {
            if self.enabled {
                firings.extend(self.evaluate_direction(scene, direction));
            }
        }
        if self.enabled && self.follows_alerts() {
            let first = Reference {
                price: sample.price,
                trading_day: sample.trading_day,
            };
            self.references.entry(sample.stock).or_insert(first);
        }
    }

    fn evaluate_direction(&mut self, scene: &Scene<'_>, direction: Direction) -> Option<Firing> {
        let sample = scene.sample;
        let now = sample.recorded_at;
        let judgement = self.judge(scene, direction)?;
        let key = (sample.stock, direction);
        let mut state = self.states.get(&key).copied().unwrap_or_default();
        let new_day = state.fired_day.is_some_and(|day| day < sample.trading_day);
        if new_day && self.rearms_daily() {
            state.disarmed = false;
        }
        if judgement.rearms {
            state.disarmed = false;
        }
        if !judgement.is_true {
            state.true_since = None;
            self.states.insert(key, state);
            return None;
        }
        let since = *state.true_since.get_or_insert(now);
        let held = seconds(self.rule.hold_seconds) <= now.micros() - since.micros();
        let cooling = state
            .fired_at
            .is_some_and(|at| now.micros() - at.micros() < seconds(self.rule.cooldown_seconds));
        let fires = held
            && match self.rule.trigger {
                Trigger::Once => !state.disarmed,
                Trigger::EveryTime => !state.disarmed && !cooling,
                Trigger::OncePerDay => state.fired_day != Some(sample.trading_day) && !cooling,
            };
        if cooling && self.is_crossing() {
            state.disarmed = true;
        }
        if fires {
            state.fired_at = Some(now);
            state.fired_day = Some(sample.trading_day);
            state.disarmed = !self.follows_alerts();
        }
        self.states.insert(key, state);
        if !fires {
            return None;
        }
        if self.follows_alerts() {
            let reference = Reference {
                price: sample.price,
                trading_day: sample.trading_day,
            };
            self.references.insert(sample.stock, reference);
            for direction in [Direction::Up, Direction::Down] {
                let state = self.states.entry((sample.stock, direction)).or_default();
                state.disarmed = false;
                state.true_since = None;
            }
        }
        if self.rule.trigger == Trigger::Once {
            self.enabled = false;
        }
        Some(Firing {
            rule: self.rule.id,
            direction,
            threshold: self.threshold(),
            reference: judgement.reference,
            change_percent: judgement
                .reference
                .and_then(|reference| sample.price.percent_from(reference)),
            touched: judgement.touched,
            disables: self.rule.trigger == Trigger::Once,
        })
    }

    fn follows_alerts(&self) -> bool {
        match self.rule.condition {
            Condition::PercentChange { base, .. } => base == ChangeBase::LastAlert,
            _ => false,
        }
    }

    fn rearms_daily(&self) -> bool {
        match self.rule.condition {
            Condition::PercentChange { base, .. } => base != ChangeBase::LastAlert,
            Condition::VolumeSpike { .. } => true,
            _ => false,
        }
    }

    fn is_crossing(&self) -> bool {
        matches!(
            self.rule.condition,
            Condition::CrossesAbove { .. } | Condition::CrossesBelow { .. }
        )
    }

    /// `None` if there is nothing to compare with or the rule does not have the direction.
    fn judge(&self, scene: &Scene<'_>, direction: Direction) -> Option<Judgement> {
        let sample = scene.sample;
        match (self.rule.condition, direction) {
            (Condition::Above { basis, .. }, Direction::Up) => {
                let level = self.level?;
                let reached = sample.price >= level;
                let high = |sample: &Sample| sample.high.unwrap_or(sample.price);
                let touched =
                    basis == Basis::Range && self.touches(scene, |sample| high(sample) >= level);
                Some(Judgement {
                    is_true: reached || touched,
                    rearms: !reached && !touched && self.is_missed(sample.price, direction)?,
                    reference: Some(level),
                    touched: (!reached).then_some(high(sample)),
                })
            }
            (Condition::Below { basis, .. }, Direction::Down) => {
                let level = self.level?;
                let reached = sample.price <= level;
                let low = |sample: &Sample| sample.low.unwrap_or(sample.price);
                let touched =
                    basis == Basis::Range && self.touches(scene, |sample| low(sample) <= level);
                Some(Judgement {
                    is_true: reached || touched,
                    rearms: !reached && !touched && self.is_missed(sample.price, direction)?,
                    reference: Some(level),
                    touched: (!reached).then_some(low(sample)),
                })
            }
            (Condition::CrossesAbove { .. }, Direction::Up) => {
                let level = self.level?;
                let previous = scene.previous_price()?;
                self.judge_crossing(scene, direction, previous < level && level <= sample.price)
            }
            (Condition::CrossesBelow { .. }, Direction::Down) => {
                let level = self.level?;
                let previous = scene.previous_price()?;
                self.judge_crossing(scene, direction, previous > level && level >= sample.price)
            }
            (Condition::PercentChange { base, .. }, _) => {
                let reference = match base {
                    ChangeBase::PreviousClose => sample.previous_close?,
                    ChangeBase::Open => sample.open?,
                    ChangeBase::LastAlert => {
                        let reference = self.references.get(&sample.stock)?;
                        scene.convert(reference.price, reference.trading_day)?
                    }
                };
                Some(self.judge_change(sample.price, reference, direction))
            }
            (Condition::ChangeInWindow { window, .. }, _) => {
                let window = seconds(u32::try_from(window.as_secs()).ok()?);
                let from = sample.market_time.micros() - window;
                let prices = scene
                    .earlier
                    .iter()
                    .filter(|earlier| earlier.market_time.micros() >= from)
                    .filter_map(|earlier| scene.convert(earlier.price, earlier.trading_day));
                let reference = match direction {
                    Direction::Up => prices.min()?,
                    Direction::Down => prices.max()?,
                };
                Some(self.judge_change(sample.price, reference, direction))
            }
            (Condition::VolumeSpike { multiple }, Direction::Up) => {
                let volume = i128::from(sample.volume?);
                let average = sample.average_volume?;
                let is_true = volume * ONE * i128::from(average.sessions)
                    >= i128::from(multiple.units()) * average.sum;
                Some(Judgement {
                    is_true,
                    rearms: !is_true,
                    reference: None,
                    touched: None,
                })
            }
            _ => None,
        }
    }

    /// Whether the high or low of the session reached the level between the sample before and this
    /// one. `reached` tells whether that of a sample did.
    fn touches(&self, scene: &Scene<'_>, reached: impl Fn(&Sample) -> bool) -> bool {
        let sample = scene.sample;
        if !reached(sample) {
            return false;
        }
        let start = self.rule.start;
        let in_force_before_open = start.recorded_at < sample.session_open;
        match scene.earlier.last() {
            Some(previous) if previous.trading_day == sample.trading_day => !reached(previous),
            Some(previous) => in_force_before_open || previous.seq > start.seq,
            None => in_force_before_open,
        }
    }

    fn judge_crossing(
        &self,
        scene: &Scene<'_>,
        direction: Direction,
        is_true: bool,
    ) -> Option<Judgement> {
        // Without a margin the previous sample has re-armed it: a crossing begins on the other side
        // of the level, where it is false. It does not matter whether that sample was evaluated.
        let margin = self.rule.rearm_percent > Decimal::ZERO;
        Some(Judgement {
            is_true,
            rearms: !margin || (!is_true && self.is_missed(scene.sample.price, direction)?),
            reference: self.level,
            touched: None,
        })
    }

    /// Whether a price misses the level by the margin of re-arming.
    fn is_missed(&self, price: Decimal, direction: Direction) -> Option<bool> {
        let level = i128::from(self.level?.units());
        let price = i128::from(price.units()) * WHOLE;
        let margin = i128::from(self.rule.rearm_percent.units());
        Some(match direction {
            Direction::Up => price < level * (WHOLE - margin),
            Direction::Down => price > level * (WHOLE + margin),
        })
    }

    fn judge_change(&self, price: Decimal, reference: Decimal, direction: Direction) -> Judgement {
        let percent = i128::from(self.rule.condition.threshold().units());
        let margin = i128::from(self.rule.rearm_percent.units());
        let (price, base) = (i128::from(price.units()), i128::from(reference.units()));
        let change = match direction {
            Direction::Up => price - base,
            Direction::Down => base - price,
        };
        let is_true = change * WHOLE >= percent * base;
        Judgement {
            is_true,
            rearms: !is_true && change * WHOLE * WHOLE < percent * (WHOLE - margin) * base,
            reference: Some(reference),
            touched: None,
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
}

/// Seconds in microseconds.
fn seconds(seconds: u32) -> i64 {
    i64::from(seconds) * 1_000_000
}
