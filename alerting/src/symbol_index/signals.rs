//! The values of a sample that rules compare with their thresholds.

use std::time::Duration;

use entity::{Decimal, Direction};

use super::SymbolIndex;
use crate::{
    Sample,
    group::{Extreme, Signal, Slot, Value},
    scale,
};

impl SymbolIndex {
    /// The value of each signal that has rules and can be computed.
    pub(super) fn values(&self, sample: &Sample) -> Vec<(Signal, Value)> {
        self.groups
            .iter()
            .filter(|(_, group)| !group.is_empty())
            .filter_map(|(signal, _)| Some((*signal, self.value(*signal, sample)?)))
            .collect()
    }

    pub(super) fn value(&self, signal: Signal, sample: &Sample) -> Option<Value> {
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

    pub(super) fn window_reference(
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
    pub(super) fn update_holds(&mut self, signal: Signal, value: &Value, sample: &Sample) {
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
    pub(super) fn rearm(&mut self, signal: Signal, value: &Value) {
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
}
