//! The evaluation of a sample: which rules fire.

use std::sync::Arc;

use entity::{ChangeBase, Direction, Split, Trigger};

use super::{Instance, Previous, SymbolIndex, place::is_cooling};
use crate::{
    Condition, Evaluation, Firing, Progress, Reference, Sample,
    group::{Signal, Slot, Value},
    scale,
};

impl SymbolIndex {
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

    /// Moves to the day and time of a sample: adjusts for splits, and looks at the instances that
    /// waited for it.
    pub(super) fn advance(&mut self, sample: &Sample, evaluation: &mut Evaluation) {
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

    pub(super) fn progress(&self, values: &[(Signal, Value)]) -> Progress {
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

    /// The instances of a signal that are true and may fire.
    pub(super) fn candidates(&self, signal: Signal, value: &Value, sample: &Sample) -> Vec<Slot> {
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
    pub(super) fn knows_session(&self, slot: Slot, sample: &Sample) -> bool {
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
    pub(super) fn fire(
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

    pub(super) fn firing(&self, instance: &Instance, sample: &Sample) -> Firing {
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
    pub(super) fn follow_alert(
        &mut self,
        rule: i64,
        sample: &Sample,
        references: &mut Vec<(i64, Reference)>,
    ) {
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
    pub(super) fn set_first_reference(
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
    pub(super) fn disable(&mut self, rule: i64) {
        for slot in self.slots(rule) {
            self.update(slot, |instance| {
                Arc::make_mut(&mut instance.rule).enabled = false;
            });
        }
        self.unreferenced.remove(&rule);
    }

    /// Adds a sample to the recent prices.
    pub(super) fn remember(&mut self, sample: &Sample) {
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
}
