//! The rules of one symbol that are compared with the same signal.

use std::{collections::BTreeSet, ops::Bound};

use entity::{ChangeBase, Direction};

use crate::{Basis, Condition};

/// The number of a rule's instance within its symbol.
pub(crate) type Slot = u32;

/// What the rules of a group are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Signal {
    /// The price.
    Price(Direction),
    /// The price, and the session's high or low.
    Touch(Direction),
    /// The price and the previous one.
    Crossing(Direction),
    /// The change from the previous close.
    FromClose(Direction),
    /// The change from the open.
    FromOpen(Direction),
    /// The change from the extreme of a window of seconds.
    InWindow(u64, Direction),
    /// The volume.
    Volume,
}

impl Signal {
    /// The signal of a condition in a direction.
    pub(crate) const fn of(condition: &Condition, direction: Direction) -> Self {
        match condition {
            Condition::Above { basis, .. } | Condition::Below { basis, .. } => match basis {
                Basis::Last => Self::Price(direction),
                Basis::Range => Self::Touch(direction),
            },
            Condition::CrossesAbove { .. } | Condition::CrossesBelow { .. } => {
                Self::Crossing(direction)
            }
            Condition::PercentChange { base, .. } => match base {
                ChangeBase::PreviousClose => Self::FromClose(direction),
                ChangeBase::Open => Self::FromOpen(direction),
                ChangeBase::LastAlert => Self::Price(direction),
            },
            Condition::ChangeInWindow { window, .. } => Self::InWindow(window.as_secs(), direction),
            Condition::VolumeSpike { .. } => Self::Volume,
        }
    }
}

/// The value of a signal for one sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value {
    /// The value.
    pub(crate) now: i128,
    /// For a crossing the value of the previous sample: keys up to it do not count.
    pub(crate) previous: Option<i128>,
    /// For a touch the session's extreme.
    pub(crate) extreme: Option<Extreme>,
}

/// The extreme of a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extreme {
    /// The extreme.
    pub(crate) now: i128,
    /// The extreme of the previous sample of the same trading day, if any.
    pub(crate) previous: Option<i128>,
}

impl Value {
    /// Whether a key is touched by the extreme only.
    pub(crate) fn touches(&self, key: i128) -> bool {
        let Some(extreme) = self.extreme else {
            return false;
        };
        key > self.now
            && key <= extreme.now
            && extreme.previous.is_none_or(|previous| key > previous)
    }
}

/// Instances sorted by key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sorted(BTreeSet<(i128, Slot)>);

impl Sorted {
    pub(crate) fn insert(&mut self, key: i128, slot: Slot) {
        self.0.insert((key, slot));
    }

    pub(crate) fn remove(&mut self, key: i128, slot: Slot) {
        self.0.remove(&(key, slot));
    }

    /// Instances with a key above `above` (if given) and up to `to`.
    pub(crate) fn within(&self, above: Option<i128>, to: i128) -> impl Iterator<Item = Slot> {
        let from = above.map_or(Bound::Unbounded, |key| Bound::Excluded((key, Slot::MAX)));
        let is_empty = above.is_some_and(|above| above >= to);
        let range = (!is_empty).then(|| self.0.range((from, Bound::Included((to, Slot::MAX)))));
        range.into_iter().flatten().map(|(_, slot)| *slot)
    }

    /// Instances with a key above `key`.
    pub(crate) fn above(&self, key: i128) -> impl Iterator<Item = Slot> {
        let from = Bound::Excluded((key, Slot::MAX));
        self.0
            .range((from, Bound::Unbounded))
            .map(|(_, slot)| *slot)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The instances of a signal, by what they wait for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    /// Fire as soon as they are true, by key.
    pub(crate) ready: Sorted,
    /// Must be re-armed, by re-arm key.
    pub(crate) disarmed: Sorted,
    /// Must hold and are false, by key.
    pub(crate) waiting: Sorted,
    /// Must hold and are true, by key.
    pub(crate) holding: Sorted,
    /// Have held long enough: fire if they are true once more.
    pub(crate) held: BTreeSet<Slot>,
}

impl Group {
    pub(crate) fn is_empty(&self) -> bool {
        self.ready.is_empty()
            && self.disarmed.is_empty()
            && self.waiting.is_empty()
            && self.holding.is_empty()
    }
}
