//! When the default rule fires, as a pure function.
//!
//! One invariant: comparisons are made on exact numbers, before anything is rounded for people to read.
//! `ingest` calls it inside of the transaction that stores the price.

use entity::{Decimal, Direction};

/// Units of 1e-8 in one.
const SCALE: i128 = 100_000_000;

/// A price that reached a multiple of the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Firing {
    /// Which way the price went.
    pub direction: Direction,
    /// By how many percent, to 4 decimals; `None` where 64 bits do not hold it.
    pub change_percent: Option<Decimal>,
    /// The highest multiple of the threshold that was reached, in percent (5, 10, 15 …).
    pub multiple: Decimal,
}

/// What a price fires that differs from `reference` by `threshold` percent or more; exactly as many are enough. A jump
/// over several multiples fires once, at the highest. Whether that one has fired before is the caller's to know.
pub fn percent_change(price: Decimal, reference: Decimal, threshold: Decimal) -> Option<Firing> {
    if reference <= Decimal::ZERO || threshold <= Decimal::ZERO {
        return None;
    }
    let direction = if price < reference {
        Direction::Down
    } else {
        Direction::Up
    };
    let change = i128::from(price.units()) - i128::from(reference.units());
    // |price − reference| × 100 ≥ n × threshold × reference, in units: both sides fit 128 bits for any two prices.
    let step = i128::from(threshold.units()) * i128::from(reference.units());
    // A multiple beyond what 64 bits hold counts as the highest that they do.
    let highest = i64::MAX / threshold.units();
    let reached = i64::try_from(change.abs() * 100 * SCALE / step)
        .unwrap_or(highest)
        .min(highest);
    let multiple = threshold.checked_mul_int(reached)?;
    let change_percent = price.percent_from(reference);
    (reached > 0).then_some(Firing {
        direction,
        change_percent,
        multiple,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("a decimal")
    }

    fn fires(price: &str, reference: &str) -> Option<(Direction, String)> {
        percent_change(decimal(price), decimal(reference), decimal("5"))
            .map(|firing| (firing.direction, firing.multiple.to_string()))
    }

    #[test]
    fn exactly_the_threshold_fires_and_a_hair_less_does_not() {
        assert_eq!(fires("105", "100"), Some((Direction::Up, "5".into())));
        assert_eq!(fires("104.99999999", "100"), None);
        assert_eq!(fires("95", "100"), Some((Direction::Down, "5".into())));
        assert_eq!(fires("95.00000001", "100"), None);
        assert_eq!(fires("100", "100"), None);
    }

    #[test]
    fn a_jump_over_several_multiples_fires_once_at_the_highest() {
        assert_eq!(fires("117", "100"), Some((Direction::Up, "15".into())));
        assert_eq!(
            fires("119.99999999", "100"),
            Some((Direction::Up, "15".into()))
        );
        assert_eq!(fires("120", "100"), Some((Direction::Up, "20".into())));
    }

    #[test]
    fn the_largest_and_the_smallest_prices_do_not_overflow() {
        let (largest, smallest) = (decimal("92233720368.54775807"), decimal("0.00000001"));
        let up = percent_change(largest, smallest, decimal("5")).expect("it fires");
        assert_eq!(up.multiple, decimal("92233720365"));
        assert_eq!((up.direction, up.change_percent), (Direction::Up, None));
        let down = percent_change(smallest, largest, decimal("5"));
        assert_eq!(down.map(|firing| firing.multiple), Some(decimal("95")));
        assert!(percent_change(largest, decimal("90000000000"), largest).is_none());
    }
}
