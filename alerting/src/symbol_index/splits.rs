//! Splits adjust levels, recent prices and references.

use std::sync::Arc;

use chrono::NaiveDate;
use entity::{Decimal, Split, Trigger};

use super::SymbolIndex;
use crate::{Evaluation, LevelChange, adjust, group::Slot};

impl SymbolIndex {
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

    /// Converts the level of a rule if the stored one lacks a split, and disables a rule whose
    /// level left the range of prices. If `marks`, a level that becomes true counts as fired.
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
    pub(super) fn mark_fired(&mut self, slot: Slot, day: NaiveDate) {
        self.update(slot, |instance| {
            instance.state.fired_day = Some(day);
            instance.state.disarmed = instance.rule.trigger != Trigger::OncePerDay;
        });
    }

    /// For each slot whether a price reaches the level of its rule.
    pub(super) fn reached_levels(&self, price: Decimal) -> impl Iterator<Item = bool> {
        self.instances.iter().map(move |instance| {
            instance.as_ref().is_some_and(|instance| {
                let level = instance.level;
                level.is_some_and(|level| instance.is_reached(level, price))
            })
        })
    }

    /// Converts the recent prices to the shares of a day.
    pub(super) fn adjust_prices(&mut self, to: NaiveDate) {
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
    pub(super) fn relevel(&mut self, day: NaiveDate, evaluation: &mut Evaluation) {
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

    pub(super) fn set_level(
        &mut self,
        slot: Slot,
        level: Option<Decimal>,
        evaluation: &mut Evaluation,
    ) {
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

    pub(super) fn adjusted(&self, price: Decimal, from: NaiveDate) -> Option<Decimal> {
        match self.day {
            Some(day) => adjust(&self.splits, price, from, day),
            None => Some(price),
        }
    }

    /// The reference of a rule, in the shares of today.
    pub(super) fn reference(&self, rule: i64) -> Option<Decimal> {
        let reference = self.references.get(&rule)?;
        self.adjusted(reference.price, reference.trading_day)
    }
}
