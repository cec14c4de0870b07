//! Whether the condition of a rule is true for a sample.

use alerting::{Basis, Condition, Sample};
use entity::{ChangeBase, Decimal, Direction};

use super::{Scene, entry::Entry, seconds};

/// Units in 1.
const ONE: i128 = 100_000_000;
/// Units in 100 percent.
const WHOLE: i128 = 100 * ONE;

/// Whether the condition of a rule is true for a sample.
pub(super) struct Judgement {
    pub(super) is_true: bool,
    /// Whether it was false by the margin of re-arming.
    pub(super) rearms: bool,
    pub(super) reference: Option<Decimal>,
    pub(super) touched: Option<Decimal>,
}

impl Entry {
    /// `None` if there is nothing to compare with or the rule does not have the direction.
    pub(super) fn judge(&self, scene: &Scene<'_>, direction: Direction) -> Option<Judgement> {
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
                let reference = scene.extreme(window, direction)?;
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
    /// one. `reached` is whether that of a sample did.
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
