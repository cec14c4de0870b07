//! The default alert rule: whether the change of a price reaches the threshold.
//!
//! Exact ratios are compared, before any rounding. `ingest/default_rule.rs` applies the rule to
//! every new price.

use entity::{Decimal, Direction, Ratio};

/// A price change that reached a multiple of the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Firing {
    /// The direction of the change.
    pub direction: Direction,
    /// The change in percent, to 4 decimals; `None` if it overflows 64 bits.
    pub change_percent: Option<Decimal>,
    /// The highest multiple of the threshold that was reached, in percent (5, 10, 15 …).
    pub multiple: Decimal,
}

/// Returns the firing of a price that differs from `reference` by at least `threshold` percent, or
/// `None`. A change over several multiples fires once, at the highest. The caller must check
/// whether the multiple has fired before.
///
/// Pass both prices as the provider sent them, not rounded to 8 decimals.
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
    // |price − reference| × 100 ≥ n × threshold × reference. A right side that overflows is greater
    // than any left side.
    let one = Ratio::from_decimal(threshold)?;
    let step = one.numerator().checked_mul(reference)?;
    let reached = (change.abs() * 100).checked_mul(one.denominator())? / step;
    // A multiple that overflows 64 bits is clamped.
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
    fn a_change_of_exactly_the_threshold_fires_and_a_smaller_one_does_not() {
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
        let up = percent_change(largest, smallest, decimal("5")).expect("an alert");
        assert_eq!(up.multiple, decimal("92233720365"));
        assert_eq!((up.direction, up.change_percent), (Direction::Up, None));
        let down = percent_change(smallest, largest, decimal("5"));
        assert_eq!(down.map(|firing| firing.multiple), Some(decimal("95")));
        let threshold = decimal("92233720368.54775807");
        assert!(percent_change(largest, ratio("90000000000"), threshold).is_none());
    }

    #[test]
    fn prices_with_more_than_8_decimals_are_compared_unrounded() {
        assert_eq!(fires("0.0000000151", "0.0000000149"), None);
        assert_eq!(
            fires("0.0000000105", "0.00000001"),
            Some((Direction::Up, "5".into()))
        );
        assert_eq!(fires("0.00000001049999999999", "0.00000001"), None);
    }
}
