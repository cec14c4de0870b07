//! Where the instances of rules are listed, by what they wait for.

use std::{sync::Arc, time::Duration};

use entity::{ChangeBase, Decimal, Timestamp, Trigger};

use super::{Instance, Place, SymbolIndex};
use crate::{
    Condition, Rule,
    group::{Signal, Slot},
    scale,
};

impl SymbolIndex {
    pub(super) fn place_all(&mut self, rule: i64) {
        for slot in self.slots(rule) {
            self.place(slot);
        }
    }

    /// Lists an instance under what it waits for.
    pub(super) fn place(&mut self, slot: Slot) {
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
    pub(super) fn rearm_daily(&mut self, slot: Slot) {
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

    pub(super) fn unplace(&mut self, slot: Slot) {
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
    pub(super) fn keys(&self, instance: &Instance) -> Option<(i128, i128)> {
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

pub(super) fn cooldown(rule: &Rule) -> Duration {
    Duration::from_secs(rule.cooldown_seconds.into())
}

pub(super) fn hold(rule: &Rule) -> Duration {
    Duration::from_secs(rule.hold_seconds.into())
}

/// Whether the cooldown of an instance has not ended.
pub(super) fn is_cooling(instance: &Instance, now: Timestamp) -> bool {
    let end = instance
        .state
        .fired_at
        .map(|at| at.after(cooldown(&instance.rule)));
    end.is_some_and(|end| end > now)
}
