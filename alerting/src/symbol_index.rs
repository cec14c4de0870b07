//! The rules of one symbol, sorted by their thresholds.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use chrono::NaiveDate;
use entity::{ChangeBase, Decimal, Direction, Split, Timestamp, Trigger};

use crate::{
    Condition, Evaluation, Firing, LevelChange, Progress, Reference, Rule, RuleStart, Sample,
    State, StateChange, adjust,
    group::{Extreme, Group, Signal, Slot, Value},
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

    /// Whether a price is at a level or beyond. A crossing is not reached by a split, because splits
    /// adjust the previous price, too.
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
    /// Whether a rule needs [`Sample::average_volume`].
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

    /// From where on a rule is evaluated.
    pub(crate) fn start(&self, rule: i64) -> Option<RuleStart> {
        self.instances_of(rule).next().map(|it| it.rule.start)
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

    /// Adds a sample to the recent prices without evaluating it.
    pub(crate) fn observe(&mut self, sample: &Sample) -> Evaluation {
        let mut evaluation = Evaluation::default();
        self.advance(sample, &mut evaluation);
        self.remember(sample);
        evaluation.states = self.take_changes();
        evaluation
    }

    /// Evaluates a sample.
    pub(crate) fn evaluate(&mut self, sample: &Sample) -> Evaluation {
        let mut evaluation = Evaluation::default();
        self.advance(sample, &mut evaluation);
        let values = self.values(sample);
        for (signal, value) in &values {
            self.update_holds(*signal, value, sample);
            self.rearm(*signal, value);
        }
        evaluation.progress = self.progress(&values);
        let mut candidates: Vec<(i64, Direction, Slot)> = values
            .iter()
            .flat_map(|(signal, value)| self.candidates(*signal, value, sample))
            .filter_map(|slot| {
                let instance = self.instance(slot)?;
                (instance.rule.start.seq < sample.seq).then_some((
                    instance.rule.id,
                    instance.direction,
                    slot,
                ))
            })
            .collect();
        candidates.sort_unstable();
        for (rule, _, slot) in candidates {
            let fired_once = |firing: &Firing| firing.rule == rule && firing.disables;
            if !evaluation.firings.last().is_some_and(fired_once) {
                let firing = self.fire(slot, sample, &mut evaluation.references);
                evaluation.firings.extend(firing);
            }
        }
        for rule in std::mem::take(&mut self.unreferenced) {
            self.set_first_reference(rule, sample, &mut evaluation.references);
        }
        self.remember(sample);
        evaluation.states = self.take_changes();
        evaluation
    }

    /// Replaces the splits after one became known or was corrected. Levels that become true count
    /// as fired. The prices of the window must be [loaded](Self::load_window) again.
    pub(crate) fn set_splits(&mut self, splits: Vec<Split>) -> Evaluation {
        let mut evaluation = Evaluation::default();
        self.splits = splits;
        self.window = None;
        let (Some(day), Some(previous)) = (self.day, self.previous) else {
            return evaluation;
        };
        let reached: Vec<bool> = self.reached_levels(previous.price).collect();
        self.relevel(day, &mut evaluation);
        let reached_now: Vec<bool> = self.reached_levels(previous.price).collect();
        for (slot, (before, now)) in (0..).zip(reached.into_iter().zip(reached_now)) {
            if now && !before {
                self.mark_fired(slot, day);
            }
        }
        evaluation.states = self.take_changes();
        evaluation
    }

    /// Converts the level of a rule if the stored one lacks a split, and disables a rule whose level
    /// left the range of prices. If `marks`, a level that becomes true counts as fired.
    pub(crate) fn catch_up(&mut self, rule: i64, stored: Decimal, marks: bool) -> Evaluation {
        let mut evaluation = Evaluation::default();
        let (Some(day), Some(previous)) = (self.day, self.previous) else {
            return evaluation;
        };
        for slot in self.slots(rule) {
            let Some(instance) = self.instance(slot).filter(|it| it.level.is_some()) else {
                continue;
            };
            let set = instance.rule.condition.threshold();
            let level = adjust(&self.splits, set, instance.rule.level_day, day);
            let was_reached = instance.is_reached(stored, previous.price);
            let is_reached = level.is_some_and(|level| instance.is_reached(level, previous.price));
            if level.is_none() && instance.rule.enabled {
                self.set_level(slot, None, &mut evaluation);
            } else if level.is_some_and(|level| level != stored) {
                evaluation.levels.push(LevelChange { rule, level });
            }
            if marks && is_reached && !was_reached {
                self.mark_fired(slot, day);
            }
        }
        evaluation.states = self.take_changes();
        evaluation
    }

    /// Counts a level that a split made true as fired.
    fn mark_fired(&mut self, slot: Slot, day: NaiveDate) {
        self.update(slot, |instance| {
            instance.state.fired_day = Some(day);
            instance.state.disarmed = instance.rule.trigger != Trigger::OncePerDay;
        });
    }

    /// For each slot whether a price reaches the level of its rule.
    fn reached_levels(&self, price: Decimal) -> impl Iterator<Item = bool> {
        self.instances.iter().map(move |instance| {
            instance.as_ref().is_some_and(|instance| {
                let level = instance.level;
                level.is_some_and(|level| instance.is_reached(level, price))
            })
        })
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

    /// Moves to the day and time of a sample: adjusts for splits, and looks at the instances that
    /// waited for it.
    fn advance(&mut self, sample: &Sample, evaluation: &mut Evaluation) {
        let began = self.day;
        self.now = sample.recorded_at;
        if began != Some(sample.trading_day) {
            self.day = Some(sample.trading_day);
            let split = began
                .is_some_and(|day| Split::between(&self.splits, day, sample.trading_day).is_some());
            if split {
                self.adjust_prices(sample.trading_day);
            }
            if split || began.is_none() {
                self.relevel(sample.trading_day, evaluation);
            }
            for slot in std::mem::take(&mut self.next_day) {
                self.place(slot);
            }
        }
        while let Some(&(at, slot)) = self.timers.first() {
            if at > self.now {
                break;
            }
            self.timers.pop_first();
            self.place(slot);
        }
    }

    fn progress(&self, values: &[(Signal, Value)]) -> Progress {
        let holds = |(signal, _): &(Signal, Value)| {
            self.groups
                .get(signal)
                .is_some_and(|group| !group.holding.is_empty())
        };
        if values.iter().any(holds) {
            Progress::NotHeld
        } else if values.is_empty() {
            Progress::NoReference
        } else {
            Progress::False
        }
    }

    /// The value of each signal that has rules and can be computed.
    fn values(&self, sample: &Sample) -> Vec<(Signal, Value)> {
        self.groups
            .iter()
            .filter(|(_, group)| !group.is_empty())
            .filter_map(|(signal, _)| Some((*signal, self.value(*signal, sample)?)))
            .collect()
    }

    fn value(&self, signal: Signal, sample: &Sample) -> Option<Value> {
        let plain = |now| Value {
            now,
            previous: None,
            extreme: None,
        };
        Some(match signal {
            Signal::Price(direction) => plain(scale::price(sample.price, direction)),
            Signal::Crossing(direction) => Value {
                previous: Some(scale::price(self.previous?.price, direction)),
                ..plain(scale::price(sample.price, direction))
            },
            Signal::Touch(direction) => {
                let same_day = self
                    .previous
                    .filter(|previous| previous.trading_day == sample.trading_day);
                let (now, previous) = match direction {
                    Direction::Up => (sample.high, same_day.map(|previous| previous.high)),
                    Direction::Down => (sample.low, same_day.map(|previous| previous.low)),
                };
                let extreme = Extreme {
                    now: scale::price(now.unwrap_or(sample.price), direction),
                    previous: previous.map(|price| scale::price(price, direction)),
                };
                Value {
                    extreme: Some(extreme),
                    ..plain(scale::price(sample.price, direction))
                }
            }
            Signal::FromClose(direction) => plain(scale::change(
                sample.price,
                sample.previous_close?,
                direction,
            )),
            Signal::FromOpen(direction) => {
                plain(scale::change(sample.price, sample.open?, direction))
            }
            Signal::InWindow(seconds, direction) => {
                let reference = self.window_reference(seconds, direction, sample)?;
                plain(scale::change(sample.price, reference, direction))
            }
            Signal::Volume => {
                let average = sample.average_volume?;
                plain(scale::volume(sample.volume?, average.sum, average.sessions))
            }
        })
    }

    fn window_reference(
        &self,
        seconds: u64,
        direction: Direction,
        sample: &Sample,
    ) -> Option<Decimal> {
        let since = sample.market_time.before(Duration::from_secs(seconds));
        match direction {
            Direction::Up => self.window.as_ref()?.lowest(since),
            Direction::Down => self.window.as_ref()?.highest(since),
        }
    }

    /// Notes which of the rules that must hold became true or false.
    fn update_holds(&mut self, signal: Signal, value: &Value, sample: &Sample) {
        let Some(group) = self.groups.get(&signal) else {
            return;
        };
        let became_true: Vec<Slot> = group.waiting.within(None, value.now).collect();
        let became_false: Vec<Slot> = group.holding.above(value.now).collect();
        for slot in became_true {
            let now = self.now;
            self.update(slot, |instance| {
                if instance.rule.start.seq < sample.seq {
                    instance.state.true_since = Some(now);
                }
            });
        }
        for slot in became_false {
            self.update(slot, |instance| instance.state.true_since = None);
        }
    }

    /// Re-arms the rules that are false by their margin.
    fn rearm(&mut self, signal: Signal, value: &Value) {
        let Some(group) = self.groups.get(&signal) else {
            return;
        };
        let rearmed: Vec<Slot> = group
            .disarmed
            .above(value.now)
            .filter(|slot| {
                let key = self
                    .instance(*slot)
                    .and_then(|it| it.place)
                    .map(|it| it.key);
                !key.is_some_and(|key| value.touches(key))
            })
            .collect();
        for slot in rearmed {
            self.update(slot, |instance| instance.state.disarmed = false);
        }
    }

    /// The instances of a signal that are true and may fire.
    fn candidates(&self, signal: Signal, value: &Value, sample: &Sample) -> Vec<Slot> {
        let Some(group) = self.groups.get(&signal) else {
            return Vec::new();
        };
        let mut slots: Vec<Slot> = group.ready.within(value.previous, value.now).collect();
        slots.extend(&group.held);
        if let Some(extreme) = value.extreme {
            let above = extreme.previous.map_or(value.now, |it| it.max(value.now));
            let touched = group.ready.within(Some(above), extreme.now);
            let first = extreme.previous.is_none();
            slots.extend(touched.filter(|slot| !first || self.knows_session(*slot, sample)));
        }
        slots
    }

    /// Whether an extreme that a session had reached before its first sample counts: the rule was
    /// in force before the session opened, or has evaluated an earlier trading day.
    fn knows_session(&self, slot: Slot, sample: &Sample) -> bool {
        let Some(instance) = self.instance(slot) else {
            return false;
        };
        let start = instance.rule.start;
        start.recorded_at < sample.session_open
            || self
                .previous
                .is_some_and(|previous| previous.seq > start.seq)
    }

    /// Fires an instance that is true, unless its cooldown drops a crossing.
    fn fire(
        &mut self,
        slot: Slot,
        sample: &Sample,
        references: &mut Vec<(i64, Reference)>,
    ) -> Option<Firing> {
        let instance = self.instance(slot)?;
        let rule = Arc::clone(&instance.rule);
        if is_cooling(instance, self.now) {
            // Only crossings are looked at during a cooldown.
            self.update(slot, |instance| instance.state.disarmed = true);
            return None;
        }
        let firing = self.firing(instance, sample);
        let (now, day) = (self.now, sample.trading_day);
        self.update(slot, |instance| {
            let state = &mut instance.state;
            state.fired_at = Some(now);
            state.fired_day = Some(day);
            state.disarmed = rule.trigger == Trigger::EveryTime && !rule.condition.follows_alerts();
        });
        if rule.condition.follows_alerts() {
            self.follow_alert(rule.id, sample, references);
        }
        if firing.disables {
            self.disable(rule.id);
        }
        Some(firing)
    }

    fn firing(&self, instance: &Instance, sample: &Sample) -> Firing {
        let (rule, direction) = (&instance.rule, instance.direction);
        let threshold = instance.threshold();
        let reference = match &rule.condition {
            Condition::PercentChange { base, .. } => match base {
                ChangeBase::PreviousClose => sample.previous_close,
                ChangeBase::Open => sample.open,
                ChangeBase::LastAlert => self.reference(rule.id),
            },
            Condition::ChangeInWindow { window, .. } => {
                self.window_reference(window.as_secs(), direction, sample)
            }
            Condition::VolumeSpike { .. } => None,
            _ => Some(threshold),
        };
        let reached = instance.level.is_none_or(|level| {
            scale::price(sample.price, direction) >= scale::key(level, direction, true)
        });
        let extreme = match direction {
            Direction::Up => sample.high,
            Direction::Down => sample.low,
        };
        Firing {
            rule: rule.id,
            direction,
            threshold,
            reference,
            change_percent: reference.and_then(|it| sample.price.percent_from(it)),
            touched: extreme.filter(|_| !reached),
            disables: rule.trigger == Trigger::Once,
        }
    }

    /// Makes a sample the reference of a rule, and restarts its holds.
    fn follow_alert(&mut self, rule: i64, sample: &Sample, references: &mut Vec<(i64, Reference)>) {
        let reference = Reference {
            price: sample.price,
            trading_day: sample.trading_day,
        };
        self.references.insert(rule, reference);
        references.push((rule, reference));
        for slot in self.slots(rule) {
            self.update(slot, |instance| instance.state.true_since = None);
        }
    }

    /// Makes a sample the first reference of a rule, if the rule evaluates it.
    fn set_first_reference(
        &mut self,
        rule: i64,
        sample: &Sample,
        references: &mut Vec<(i64, Reference)>,
    ) {
        let Some(instance) = self.instances_of(rule).next() else {
            return;
        };
        if instance.rule.start.seq >= sample.seq {
            self.unreferenced.insert(rule);
        } else if instance.rule.enabled && !instance.rule.is_expired(self.now) {
            self.follow_alert(rule, sample, references);
        }
    }

    /// Stops evaluating a rule that fired once.
    fn disable(&mut self, rule: i64) {
        for slot in self.slots(rule) {
            self.update(slot, |instance| {
                Arc::make_mut(&mut instance.rule).enabled = false;
            });
        }
        self.unreferenced.remove(&rule);
    }

    /// Adds a sample to the recent prices.
    fn remember(&mut self, sample: &Sample) {
        self.previous = Some(Previous {
            seq: sample.seq,
            trading_day: sample.trading_day,
            price: sample.price,
            high: sample.high.unwrap_or(sample.price),
            low: sample.low.unwrap_or(sample.price),
        });
        if let Some(window) = &mut self.window {
            window.add(sample.market_time, sample.price);
        }
    }

    /// Converts the recent prices to the shares of a day.
    fn adjust_prices(&mut self, to: NaiveDate) {
        let splits = &self.splits;
        if let Some(previous) = &mut self.previous {
            let from = previous.trading_day;
            for price in [&mut previous.price, &mut previous.high, &mut previous.low] {
                *price = adjust(splits, *price, from, to).unwrap_or(*price);
            }
            if let Some(window) = &mut self.window {
                window.convert(|price| adjust(splits, price, from, to).unwrap_or(price));
            }
        }
    }

    /// Recomputes the levels of all rules in the shares of a day.
    fn relevel(&mut self, day: NaiveDate, evaluation: &mut Evaluation) {
        for slot in 0..self.instances.len() {
            let slot = Slot::try_from(slot).unwrap_or(Slot::MAX);
            let Some(instance) = self.instance(slot) else {
                continue;
            };
            let rule = Arc::clone(&instance.rule);
            if instance.level.is_some() {
                let set = rule.condition.threshold();
                let level = adjust(&self.splits, set, rule.level_day, day);
                self.set_level(slot, level, evaluation);
            } else if rule.condition.follows_alerts() {
                self.place(slot);
            }
        }
    }

    fn set_level(&mut self, slot: Slot, level: Option<Decimal>, evaluation: &mut Evaluation) {
        let Some(instance) = self.instance_mut(slot) else {
            return;
        };
        let (rule, was_enabled) = (instance.rule.id, instance.rule.enabled);
        match level {
            Some(new) if instance.level == Some(new) => return,
            Some(new) => instance.level = Some(new),
            None if was_enabled => Arc::make_mut(&mut instance.rule).enabled = false,
            None => return,
        }
        self.place(slot);
        evaluation.levels.push(LevelChange { rule, level });
    }

    fn adjusted(&self, price: Decimal, from: NaiveDate) -> Option<Decimal> {
        match self.day {
            Some(day) => adjust(&self.splits, price, from, day),
            None => Some(price),
        }
    }

    /// The reference of a rule, in the shares of today.
    fn reference(&self, rule: i64) -> Option<Decimal> {
        let reference = self.references.get(&rule)?;
        self.adjusted(reference.price, reference.trading_day)
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

    fn place_all(&mut self, rule: i64) {
        for slot in self.slots(rule) {
            self.place(slot);
        }
    }

    /// Lists an instance under what it waits for.
    fn place(&mut self, slot: Slot) {
        self.unplace(slot);
        self.rearm_daily(slot);
        let Some(instance) = self.instance(slot) else {
            return;
        };
        let (rule, state) = (Arc::clone(&instance.rule), instance.state);
        if !rule.enabled || rule.is_expired(self.now) {
            return;
        }
        let Some((key, rearm_key)) = self.keys(instance) else {
            return;
        };
        let signal = Signal::of(&rule.condition, instance.direction);
        let is_cooling = is_cooling(instance, self.now);
        let fired_today = state.fired_day.is_some() && state.fired_day == self.day;
        let is_done = rule.trigger == Trigger::OncePerDay && fired_today;
        let cooldown_end = state.fired_at.map(|at| at.after(cooldown(&rule)));
        let group = self.groups.entry(signal).or_default();
        let mut timer = None;
        if state.disarmed {
            group.disarmed.insert(rearm_key, slot);
        }
        if rule.hold_seconds > 0 {
            let held_at = state.true_since.map(|since| since.after(hold(&rule)));
            if held_at.is_some() {
                group.holding.insert(key, slot);
            } else {
                group.waiting.insert(key, slot);
            }
            if let Some(held_at) = held_at.filter(|_| !state.disarmed && !is_done) {
                let at = held_at.max(cooldown_end.unwrap_or(held_at));
                if at <= self.now {
                    group.held.insert(slot);
                } else {
                    timer = Some(at);
                }
            }
        } else if !state.disarmed && !is_done {
            // A crossing during the cooldown is dropped and must be re-armed.
            let drops = rule.condition.is_crossing() && rule.trigger == Trigger::EveryTime;
            if is_cooling && !drops {
                timer = cooldown_end;
            } else {
                group.ready.insert(key, slot);
            }
        }
        if is_done || (state.disarmed && rule.condition.rearms_daily()) {
            self.next_day.insert(slot);
        }
        let timer = [timer, rule.expires_at].into_iter().flatten().min();
        if let Some(at) = timer {
            self.timers.insert((at, slot));
        }
        if let Some(instance) = self.instance_mut(slot) {
            instance.place = Some(Place {
                signal,
                key,
                rearm_key,
                timer,
            });
        }
    }

    /// Re-arms an instance on a new trading day, if its condition is about the day.
    fn rearm_daily(&mut self, slot: Slot) {
        let day = self.day;
        if let Some(instance) = self.instance_mut(slot)
            && instance.rule.condition.rearms_daily()
            && instance.state.disarmed
            && instance.state.fired_day < day
        {
            instance.state.disarmed = false;
            self.changed.insert(slot);
        }
    }

    fn unplace(&mut self, slot: Slot) {
        let Some(place) = self.instance_mut(slot).and_then(|it| it.place.take()) else {
            return;
        };
        if let Some(group) = self.groups.get_mut(&place.signal) {
            group.ready.remove(place.key, slot);
            group.waiting.remove(place.key, slot);
            group.holding.remove(place.key, slot);
            group.disarmed.remove(place.rearm_key, slot);
            group.held.remove(&slot);
        }
        self.next_day.remove(&slot);
        if let Some(at) = place.timer {
            self.timers.remove(&(at, slot));
        }
    }

    /// The key from which a rule is true, and the one below which it is re-armed. `None` without a
    /// reference.
    fn keys(&self, instance: &Instance) -> Option<(i128, i128)> {
        let (rule, direction) = (&instance.rule, instance.direction);
        if let Condition::PercentChange {
            base: ChangeBase::LastAlert,
            percent,
        } = rule.condition
        {
            let level = scale::level_of_change(self.reference(rule.id)?, percent, direction);
            return Some((level, level));
        }
        let (threshold, is_level) = (instance.threshold(), instance.level.is_some());
        let key = scale::key(threshold, direction, is_level);
        // A crossing is false on the next sample.
        let rearm_key = if rule.condition.is_crossing() && rule.rearm_percent == Decimal::ZERO {
            i128::MAX
        } else {
            scale::rearm_key(threshold, rule.rearm_percent, direction, is_level)
        };
        Some((key, rearm_key))
    }
}

fn cooldown(rule: &Rule) -> Duration {
    Duration::from_secs(rule.cooldown_seconds.into())
}

fn hold(rule: &Rule) -> Duration {
    Duration::from_secs(rule.hold_seconds.into())
}

/// Whether the cooldown of an instance has not ended.
fn is_cooling(instance: &Instance, now: Timestamp) -> bool {
    let end = instance
        .state
        .fired_at
        .map(|at| at.after(cooldown(&instance.rule)));
    end.is_some_and(|end| end > now)
}
