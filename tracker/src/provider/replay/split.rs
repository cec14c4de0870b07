//! Splits, found where the adjusted close jumps against the close.
//!
//! One invariant: exact whole-number arithmetic; only n:1, 1:n and 3:2 are splits, within 0.1 %, so that a cash
//! dividend, however special, stays a move of the price. The tape calls it for each pair of neighbouring rows.

use entity::Decimal;

/// One part in so many is how far a jump may be off.
const TOLERANCE: i128 = 1000;

/// A split: so many new shares for so many old ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Split {
    /// Shares after.
    pub(super) new: i64,
    /// Shares before.
    pub(super) old: i64,
}

impl Split {
    /// The split between two rows, each a close and its adjusted close, both above 0.
    pub(super) fn between(before: (Decimal, Decimal), after: (Decimal, Decimal)) -> Option<Self> {
        // jump = (close / adjusted before) / (close / adjusted after), as a fraction.
        let jump = product(before.0, after.1)?;
        let of = product(before.1, after.0)?;
        let candidates = [
            Self { new: 3, old: 2 },
            Self {
                new: nearest(jump, of)?,
                old: 1,
            },
            Self {
                new: 1,
                old: nearest(of, jump)?,
            },
        ];
        candidates
            .into_iter()
            .find(|split| split.new != split.old && split.is(jump, of))
    }

    /// A price from before the split in terms of the shares after it.
    pub(super) fn restate(self, price: Decimal) -> Option<Decimal> {
        price.checked_ratio(self.old, self.new)
    }

    /// Whether `jump / of` is this split within the tolerance. Numbers too large for that are no prices of this world.
    fn is(self, jump: i128, of: i128) -> bool {
        let close = || {
            let jump = jump.checked_mul(self.old.into())?;
            let exact = of.checked_mul(self.new.into())?;
            let off = (jump - exact).checked_abs()?.checked_mul(TOLERANCE)?;
            Some(off <= exact)
        };
        close().unwrap_or(false)
    }
}

fn product(left: Decimal, right: Decimal) -> Option<i128> {
    i128::from(left.units()).checked_mul(right.units().into())
}

/// The whole number nearest to `numerator / denominator`.
fn nearest(numerator: i128, denominator: i128) -> Option<i64> {
    let doubled = numerator.checked_mul(2)?.checked_add(denominator)?;
    i64::try_from(doubled.checked_div(denominator.checked_mul(2)?)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("a number")
    }

    /// The split between a row whose adjusted close is its close over `before`, and one where it is over `after`.
    fn split(before: [&str; 2], after: [&str; 2]) -> Option<(i64, i64)> {
        let [before, after] = [before, after].map(|row| (decimal(row[0]), decimal(row[1])));
        Split::between(before, after).map(|split| (split.new, split.old))
    }

    #[test]
    fn splits_of_whole_numbers_either_way_and_three_for_two_are_found() {
        for (before, after, found) in [
            (["100", "50"], ["51", "51"], Some((2, 1))),
            (["700", "100"], ["101", "101"], Some((7, 1))),
            (["1", "10"], ["10.1", "10.1"], Some((1, 10))),
            (["30", "20"], ["21", "21"], Some((3, 2))),
            (["100", "100"], ["90", "90"], None),
            // Two for three is none of the kinds.
            (["20", "30"], ["31", "31"], None),
            // A dividend of a tenth of the price.
            (["100", "90"], ["90", "90"], None),
        ] {
            assert_eq!(split(before, after), found, "{before:?} {after:?}");
        }
    }

    #[test]
    fn a_jump_may_be_off_by_a_thousandth_and_no_more() {
        assert_eq!(split(["2.002", "1"], ["1", "1"]), Some((2, 1)));
        assert_eq!(split(["1.998", "1"], ["1", "1"]), Some((2, 1)));
        assert_eq!(split(["2.00201", "1"], ["1", "1"]), None);
        assert_eq!(split(["1.99799", "1"], ["1", "1"]), None);
        assert_eq!(split(["1.001", "1"], ["1", "1"]), None);
    }

    #[test]
    fn a_price_is_restated_in_new_shares() {
        let two = Split { new: 2, old: 1 };
        assert_eq!(two.restate(decimal("88.99")), Some(decimal("44.495")));
        let three = Split { new: 3, old: 2 };
        assert_eq!(three.restate(decimal("10")), Some(decimal("6.66666667")));
        let reverse = Split { new: 1, old: 10 };
        assert_eq!(reverse.restate(decimal("0.5")), Some(decimal("5")));
    }

    proptest! {
        #[test]
        fn no_prices_panic(units in proptest::array::uniform4(1..=i64::MAX)) {
            let [a, b, c, d] = units.map(Decimal::from_units);
            let _ = Split::between((a, b), (c, d)).map(|split| split.restate(a));
        }
    }
}
