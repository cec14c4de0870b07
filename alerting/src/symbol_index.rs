//! The rules of one symbol, sorted by their thresholds.

mod evaluate;
mod place;
mod signals;
mod splits;

use std::{collections::BTreeMap, collections::BTreeSet, collections::HashMap, sync::Arc};

use chrono::NaiveDate;
use entity::{Decimal, Direction, Split, Timestamp};

use crate::{
    Condition, Reference, Rule, RuleStart, State, StateChange,
    group::{Group, Signal, Slot},
    scale,
    window::Window,
};

/// A rule in one direction.
#[derive(Clone, Debug)]
struct Instance {
    rule: Arc<Rule>,
    direction: Direction,
    /// The level of the rule in the shares of the newest trading day, if it has one.
    level: Option<Decimal>,
    state: State,
    place: Option<Place>,
}

impl Instance {
    /// The level, the percentage or the multiple.
    fn threshold(&self) -> Decimal {
        self.level
            .unwrap_or_else(|| self.rule.condition.threshold())
    }

    /// Whether a price is at a level or beyond. A crossing is not reached by a split, because
    /// splits adjust the previous price, too.
    fn is_reached(&self, level: Decimal, price: Decimal) -> bool {
        let price = scale::price(price, self.direction);
        !self.rule.condition.is_crossing() && price >= scale::key(level, self.direction, true)
    }
}

/// The instances of a rule, UP before DOWN.
type Slots = [Option<Slot>; 2];

/// Where an instance is listed, so that it can be removed from there.
#[derive(Clone, Copy, Debug)]
struct Place {
    signal: Signal,
    key: i128,
    rearm_key: i128,
    timer: Option<Timestamp>,
}

/// The previous sample.
#[derive(Clone, Copy, Debug)]
struct Previous {
    seq: i64,
    trading_day: NaiveDate,
    price: Decimal,
    high: Decimal,
    low: Decimal,
}

/// The rules, their states, and the recent prices of a symbol.
#[derive(Clone, Debug, Default)]
pub(crate) struct SymbolIndex {
    instances: Vec<Option<Instance>>,
    free: Vec<Slot>,
    by_rule: HashMap<i64, Slots>,
    groups: BTreeMap<Signal, Group>,
    /// When to look at an instance again: its cooldown ends, it has held, or it expires.
    timers: BTreeSet<(Timestamp, Slot)>,
    /// Instances to look at again on the next trading day.
    next_day: BTreeSet<Slot>,
    references: HashMap<i64, Reference>,
    /// Rules that lack a reference.
    unreferenced: BTreeSet<i64>,
    splits: Vec<Split>,
    /// The trading day of the newest sample.
    day: Option<NaiveDate>,
    now: Timestamp,
    previous: Option<Previous>,
    /// The prices of the last day, if a rule has a window.
    window: Option<Window>,
    /// The number of rules that need the average volume.
    spikes: usize,
    /// The number of rules that need the window.
    windows: usize,
    changed: BTreeSet<Slot>,
    /// The version of the rules for all symbols that is included.
    pub(crate) shared_version: u64,
}

impl SymbolIndex {
    /// Whether a rule needs [`average_volume`](crate::Sample::average_volume).
    pub(crate) const fn needs_volume(&self) -> bool {
        self.spikes > 0
    }

    /// Whether the prices of the last day must be [loaded](Self::load_window).
    pub(crate) const fn needs_window(&self) -> bool {
        self.windows > 0 && self.window.is_none()
    }

    pub(crate) fn contains(&self, rule: i64) -> bool {
        self.by_rule.contains_key(&rule)
    }

    pub(crate) fn rule(&self, rule: i64) -> Option<&Rule> {
        self.instances_of(rule).next().map(|it| &*it.rule)
    }

    /// From where on a rule is evaluated.
    pub(crate) fn start(&self, rule: i64) -> Option<RuleStart> {
        self.rule(rule).map(|it| it.start)
    }

    /// Adds a rule, or replaces its settings and keeps its states.
    pub(crate) fn set_rule(&mut self, rule: &Arc<Rule>) {
        let kept: Vec<(Direction, State)> = self
            .instances_of(rule.id)
            .map(|instance| (instance.direction, instance.state))
            .collect();
        self.remove_instances(rule.id);
        self.count_needs(rule, true);
        let level = rule.condition.level();
        let level = level.map(|set| self.adjusted(set, rule.level_day).unwrap_or(set));
        let mut slots = Slots::default();
        for (direction, added) in rule.directions().iter().zip(&mut slots) {
            let state = kept.iter().find(|(kept, _)| kept == direction);
            *added = Some(self.add(Instance {
                rule: Arc::clone(rule),
                direction: *direction,
                level,
                state: state.map(|(_, state)| *state).unwrap_or_default(),
                place: None,
            }));
        }
        self.by_rule.insert(rule.id, slots);
        self.place_all(rule.id);
        let follows = rule.enabled && rule.condition.follows_alerts();
        if follows && !self.references.contains_key(&rule.id) {
            self.unreferenced.insert(rule.id);
        }
    }

    fn add(&mut self, instance: Instance) -> Slot {
        if let Some(slot) = self.free.pop() {
            self.instances[slot as usize] = Some(instance);
            return slot;
        }
        self.instances.push(Some(instance));
        Slot::try_from(self.instances.len() - 1).expect("fewer than 2^32 rules")
    }

    /// Removes a rule with its states.
    pub(crate) fn remove_rule(&mut self, rule: i64) {
        self.remove_instances(rule);
        self.references.remove(&rule);
    }

    /// Sets a stored state.
    pub(crate) fn set_state(&mut self, rule: i64, direction: Direction, state: State) {
        if let Some(slot) = self.slot(rule, direction) {
            self.update(slot, |instance| instance.state = state);
            self.changed.remove(&slot);
        }
    }

    /// Sets a stored reference.
    pub(crate) fn set_reference(&mut self, rule: i64, reference: Reference) {
        self.references.insert(rule, reference);
        self.unreferenced.remove(&rule);
        self.place_all(rule);
    }

    /// Sets the splits at the start, sorted by day.
    pub(crate) fn load_splits(&mut self, splits: Vec<Split>) {
        self.splits = splits;
    }

    /// Loads the prices of the last day: market time, price and trading day, in feed order.
    pub(crate) fn load_window(
        &mut self,
        prices: impl IntoIterator<Item = (Timestamp, Decimal, NaiveDate)>,
    ) {
        let mut window = Window::default();
        for (time, price, day) in prices {
            if let Some(price) = self.adjusted(price, day) {
                window.add(time, price);
            }
        }
        self.window = Some(window);
    }

    fn take_changes(&mut self) -> Vec<StateChange> {
        let changed = std::mem::take(&mut self.changed);
        let mut states: Vec<StateChange> = changed
            .into_iter()
            .filter_map(|slot| self.instance(slot))
            .map(|instance| StateChange {
                rule: instance.rule.id,
                direction: instance.direction,
                state: instance.state,
            })
            .collect();
        states.sort_unstable_by_key(|change| (change.rule, change.direction));
        states
    }

    fn instance(&self, slot: Slot) -> Option<&Instance> {
        self.instances.get(slot as usize)?.as_ref()
    }

    fn instance_mut(&mut self, slot: Slot) -> Option<&mut Instance> {
        self.instances.get_mut(slot as usize)?.as_mut()
    }

    fn slots(&self, rule: i64) -> impl Iterator<Item = Slot> + use<> {
        let slots = self.by_rule.get(&rule).copied();
        slots.into_iter().flatten().flatten()
    }

    fn instances_of(&self, rule: i64) -> impl Iterator<Item = &Instance> {
        self.slots(rule).filter_map(|slot| self.instance(slot))
    }

    fn slot(&self, rule: i64, direction: Direction) -> Option<Slot> {
        self.slots(rule).find(|slot| {
            self.instance(*slot)
                .is_some_and(|instance| instance.direction == direction)
        })
    }

    /// Changes an instance, and lists it according to its new state.
    fn update(&mut self, slot: Slot, change: impl FnOnce(&mut Instance)) {
        let Some(instance) = self.instance_mut(slot) else {
            return;
        };
        let before = instance.state;
        change(instance);
        if instance.state != before {
            self.changed.insert(slot);
        }
        self.place(slot);
    }

    fn remove_instances(&mut self, rule: i64) {
        let Some(slots) = self.by_rule.remove(&rule) else {
            return;
        };
        for (position, slot) in slots.into_iter().flatten().enumerate() {
            self.unplace(slot);
            self.changed.remove(&slot);
            let removed = self.instances[slot as usize].take();
            self.free.push(slot);
            if let Some(instance) = removed.filter(|_| position == 0) {
                self.count_needs(&instance.rule, false);
            }
        }
        self.unreferenced.remove(&rule);
    }

    fn count_needs(&mut self, rule: &Rule, added: bool) {
        let counter = match rule.condition {
            Condition::VolumeSpike { .. } => &mut self.spikes,
            Condition::ChangeInWindow { .. } => &mut self.windows,
            _ => return,
        };
        *counter = if added { *counter + 1 } else { *counter - 1 };
    }
}
