//! The lowest and highest prices of a symbol within any time before now.

use std::{collections::BTreeMap, time::Duration};

use entity::{Decimal, Timestamp};

/// How far before the market time of a sample prices are loaded for a window. The longest window
/// has 24 hours, but market times may step back afterwards, by less than two days: quotes of an
/// earlier trading day are dropped.
pub const LOADED_WINDOW: Duration = Duration::from_hours(72);

/// Prices by market time, reduced to those that can be the lowest or the highest of a window that
/// ends now.
///
/// Times may step back. A price is kept unless a later one is at least as low (or as high).
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    lowest: BTreeMap<Timestamp, Decimal>,
    highest: BTreeMap<Timestamp, Decimal>,
}

impl Window {
    /// Adds a price.
    pub(crate) fn add(&mut self, time: Timestamp, price: Decimal) {
        add(&mut self.lowest, time, price, |new, old| new <= old);
        add(&mut self.highest, time, price, |new, old| new >= old);
    }

    /// Returns the lowest price since a time.
    pub(crate) fn lowest(&self, since: Timestamp) -> Option<Decimal> {
        self.lowest.range(since..).next().map(|(_, price)| *price)
    }

    /// Returns the highest price since a time.
    pub(crate) fn highest(&self, since: Timestamp) -> Option<Decimal> {
        self.highest.range(since..).next().map(|(_, price)| *price)
    }

    /// Converts all prices. The conversion must keep their order.
    pub(crate) fn convert(&mut self, convert: impl Fn(Decimal) -> Decimal) {
        for price in self.lowest.values_mut().chain(self.highest.values_mut()) {
            *price = convert(*price);
        }
    }
}

/// Adds a price to a staircase, in which each price beats all later ones.
fn add(
    staircase: &mut BTreeMap<Timestamp, Decimal>,
    time: Timestamp,
    price: Decimal,
    beats: impl Fn(Decimal, Decimal) -> bool,
) {
    // The first price at or after `time` is the best of them.
    if let Some((_, next)) = staircase.range(time..).next()
        && beats(*next, price)
    {
        return;
    }
    while let Some((&earlier, &old)) = staircase.range(..=time).next_back() {
        if !beats(price, old) {
            break;
        }
        staircase.remove(&earlier);
    }
    staircase.insert(time, price);
    let Some((&newest, _)) = staircase.last_key_value() else {
        return;
    };
    while let Some((&oldest, _)) = staircase.first_key_value() {
        if newest.since(oldest) <= LOADED_WINDOW {
            break;
        }
        staircase.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extremes_equal_those_of_all_prices() {
        let mut window = Window::default();
        let mut prices = Vec::new();
        let mut number: u64 = 7;
        for step in 0..2_000_i64 {
            number = number
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let time = Timestamp::from_micros(step * 10 - i64::try_from(number >> 58).unwrap_or(0));
            let price = Decimal::from_units(1 + i64::try_from((number >> 40) % 50).unwrap_or(0));
            for length in [0, 5, 40, 300] {
                let since = Timestamp::from_micros(time.micros() - length);
                let seen = || {
                    prices
                        .iter()
                        .filter(|(at, _)| *at >= since)
                        .map(|(_, price)| *price)
                };
                assert_eq!(window.lowest(since), seen().min());
                assert_eq!(window.highest(since), seen().max());
            }
            window.add(time, price);
            prices.push((time, price));
        }
    }
}
