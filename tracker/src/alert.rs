//! When the default rule fires, as a pure function.
//!
//! One invariant: comparisons are made on exact numbers, before anything is rounded for people to read.
//! `ingest` calls it inside of the transaction that stores the price.

use entity::{Decimal, Direction, Ratio};

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

/// Returns what a price fires that differs from `reference` by `threshold` percent or more, or `None`. A difference of
/// exactly `threshold` fires. A jump over several multiples fires once, at the highest. The caller knows which
/// multiples have fired before.
///
/// Both are compared as they were sent, before they were rounded to 8 decimals.
pub fn percent_change(price: Ratio, reference: Ratio, threshold: Decimal) -> Option<Firing> {
    if threshold <= Decimal::ZERO {
        return None;
    }
    // 1e10 times either term fits 128 bits.
    let compared = price.over(reference).shortened();
    let (price, reference) = (compared.numerator(), compared.denominator());
    let direction = if price < reference {
        Direction::Down
    } else {
        Direction::Up
    };
    let change = price - reference;
    // |price − reference| × 100 ≥ n × threshold × reference. A right side that does not fit is above every left side.
    let one = Ratio::from_decimal(threshold)?;
    let step = one.numerator().checked_mul(reference)?;
    let reached = (change.abs() * 100).checked_mul(one.denominator())? / step;
    // A multiple beyond what 64 bits hold counts as the highest that they do.
    let highest = i64::MAX / threshold.units();
    let reached = i64::try_from(reached).unwrap_or(highest).min(highest);
    let multiple = threshold.checked_mul_int(reached)?;
    (reached > 0).then_some(Firing {
        direction,
        change_percent: compared.percent_from_one(),
        multiple,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("a decimal")
    }

    fn ratio(text: &str) -> Ratio {
        Ratio::parse_decimal(text).expect("a price")
    }

    fn fires(price: &str, reference: &str) -> Option<(Direction, String)> {
        percent_change(ratio(price), ratio(reference), decimal("5"))
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
        let (largest, smallest) = (ratio("92233720368.54775807"), ratio("0.00000001"));
        let up = percent_change(largest, smallest, decimal("5")).expect("it fires");
        assert_eq!(up.multiple, decimal("92233720365"));
        assert_eq!((up.direction, up.change_percent), (Direction::Up, None));
        let down = percent_change(smallest, largest, decimal("5"));
        assert_eq!(down.map(|firing| firing.multiple), Some(decimal("95")));
        let threshold = decimal("92233720368.54775807");
        assert!(percent_change(largest, ratio("90000000000"), threshold).is_none());
    }

    #[test]
    fn prices_below_the_smallest_unit_are_compared_as_sent() {
        assert_eq!(fires("0.0000000151", "0.0000000149"), None);
        assert_eq!(
            fires("0.0000000105", "0.00000001"),
            Some((Direction::Up, "5".into()))
        );
        assert_eq!(fires("0.00000001049999999999", "0.00000001"), None);
    }
}
