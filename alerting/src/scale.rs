//! Converts prices, changes and volumes to integers of one scale, so that each condition is a
//! comparison of a signal with a key: true if `signal >= key`, and re-armed if `signal < re-arm
//! key`.
//!
//! For DOWN, signals and keys are negated.

use entity::{Decimal, Direction};

/// Converts units of a decimal to keys and signals.
const SCALE: i128 = 10_i128.pow(10);

/// The signal of a price.
pub(crate) fn price(price: Decimal, direction: Direction) -> i128 {
    signed(i128::from(price.units()) * SCALE, direction)
}

/// The signal of a change from a reference, in percent. Rounded down, which no comparison with a
/// key notices because keys are integers.
pub(crate) fn change(price: Decimal, reference: Decimal, direction: Direction) -> i128 {
    let change = i128::from(price.units()) - i128::from(reference.units());
    let hundredfold = signed(change, direction) * SCALE;
    quotient(hundredfold, i128::from(reference.units()))
}

/// The signal of a volume, as a multiple of the average `sum / sessions`.
pub(crate) fn volume(volume: i64, sum: i128, sessions: u32) -> i128 {
    const UNITS: i128 = 10_i128.pow(8);
    quotient(
        (i128::from(volume) * i128::from(sessions)).saturating_mul(UNITS),
        sum,
    )
}

/// `numerator * SCALE / denominator`, rounded down; saturates.
fn quotient(numerator: i128, denominator: i128) -> i128 {
    let whole = numerator.div_euclid(denominator);
    let rest = numerator.rem_euclid(denominator);
    whole
        .saturating_mul(SCALE)
        .saturating_add((rest * SCALE) / denominator)
}

/// The key of a level, a percentage or a multiple.
pub(crate) fn key(threshold: Decimal, direction: Direction, is_level: bool) -> i128 {
    let key = i128::from(threshold.units()) * SCALE;
    if is_level {
        signed(key, direction)
    } else {
        key
    }
}

/// The key below which a rule is re-armed: `rearm` percent below its threshold.
pub(crate) fn rearm_key(
    threshold: Decimal,
    rearm: Decimal,
    direction: Direction,
    is_level: bool,
) -> i128 {
    let units = i128::from(threshold.units());
    let margin = i128::from(rearm.units());
    match direction {
        Direction::Down if is_level => -units * (SCALE + margin),
        _ => units * (SCALE - margin),
    }
}

/// The level that a price must reach to differ from `reference` by `percent`, as a key.
pub(crate) fn level_of_change(reference: Decimal, percent: Decimal, direction: Direction) -> i128 {
    let change = match direction {
        Direction::Up => i128::from(percent.units()),
        Direction::Down => -i128::from(percent.units()),
    };
    signed(i128::from(reference.units()) * (SCALE + change), direction)
}

const fn signed(value: i128, direction: Direction) -> i128 {
    match direction {
        Direction::Up => value,
        Direction::Down => -value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("a decimal")
    }

    #[test]
    fn a_change_reaches_its_percentage_exactly() {
        let five = key(decimal("5"), Direction::Up, false);
        for (price, reached) in [("105", true), ("104.99999999", false)] {
            let change = change(decimal(price), decimal("100"), Direction::Up);
            assert_eq!(change >= five, reached, "{price}");
        }
        for (price, reached) in [("95", true), ("95.00000001", false), ("106", false)] {
            let change = change(decimal(price), decimal("100"), Direction::Down);
            assert_eq!(change >= five, reached, "{price}");
        }
        let third = change(decimal("4"), decimal("3"), Direction::Up);
        assert!(third >= key(decimal("33.33333333"), Direction::Up, false));
        assert!(third < key(decimal("33.33333334"), Direction::Up, false));
    }

    #[test]
    fn the_largest_and_the_smallest_values_do_not_overflow() {
        let (largest, smallest) = (decimal("92233720368.54775807"), decimal("0.00000001"));
        for direction in [Direction::Up, Direction::Down] {
            let up = change(largest, smallest, direction);
            assert_eq!(up > 0, direction == Direction::Up);
            let _ = level_of_change(largest, largest, direction);
            let _ = rearm_key(largest, decimal("50"), direction, true);
        }
        assert!(
            change(smallest, largest, Direction::Down)
                >= key(decimal("99"), Direction::Down, false)
        );
        let _ = volume(i64::MAX, 1, u32::MAX);
    }
}
