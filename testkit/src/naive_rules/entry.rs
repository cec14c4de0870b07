//! A rule of the reference evaluator, with its states: hold, trigger, cooldown and expiry.

use std::collections::HashMap;

use alerting::{Condition, Firing, Reference, Rule, adjust};
use chrono::NaiveDate;
use entity::{ChangeBase, Decimal, Direction, Split, Timestamp, Trigger};

use super::{Scene, seconds};

pub(super) struct Entry {
    pub(super) rule: Rule,
    pub(super) enabled: bool,
    /// The level in the shares of the symbol's newest price.
    pub(super) level: Option<Decimal>,
    /// Whether the level never left the range of prices.
    pub(super) in_range: bool,
    /// By symbol and direction.
    pub(super) states: HashMap<(i64, Direction), State>,
    /// The references of `LAST_ALERT`, by symbol.
    pub(super) references: HashMap<i64, Reference>,
}

#[derive(Clone, Copy, Default)]
pub(super) struct State {
    pub(super) disarmed: bool,
    pub(super) fired_at: Option<Timestamp>,
    pub(super) fired_day: Option<NaiveDate>,
    pub(super) true_since: Option<Timestamp>,
}

impl Entry {
    /// A rule whose state has just begun.
    pub(super) fn new(rule: Rule) -> Self {
        Self {
            enabled: rule.enabled,
            level: rule.condition.level(),
            in_range: true,
            rule,
            states: HashMap::new(),
            references: HashMap::new(),
        }
    }

    /// Converts the level as it was set to the shares of a day. If it leaves the range of prices,
    /// the rule is disabled and keeps its last level from then on.
    pub(super) fn convert_level(&mut self, splits: &[Split], today: NaiveDate) {
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

    /// Whether a price is at the level or beyond. `None` for other conditions: a crossing is not
    /// true of a price by itself, and the price before it is adjusted like the level.
    pub(super) fn is_reached_by(&self, price: Decimal) -> Option<bool> {
        let level = self.level?;
        match self.rule.condition {
            Condition::Above { .. } => Some(price >= level),
            Condition::Below { .. } => Some(price <= level),
            _ => None,
        }
    }

    pub(super) fn threshold(&self) -> Decimal {
        self.level.unwrap_or(self.rule.condition.threshold())
    }

    pub(super) fn evaluate(&mut self, scene: &Scene<'_>, firings: &mut Vec<Firing>) {
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
}
