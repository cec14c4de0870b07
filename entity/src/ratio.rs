//! Exact ratios: unrounded prices, quotients of prices, and split ratios.

use std::{cmp::Ordering, fmt, str::FromStr};

use crate::{
    Decimal, DecimalError,
    decimal::{Digits, SCALE, divide_rounded},
};

/// A positive fraction in lowest terms, displayed as `12179/100`.
///
/// The ratio of a split is the number of new shares per old share: 10 for 10:1, 3/2 for 3:2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ratio {
    numerator: i128,
    denominator: i128,
}

/// The text is not a [`Ratio`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a ratio of two positive whole numbers")]
pub struct RatioError;

impl Ratio {
    /// The ratio 1.
    pub const ONE: Self = Self {
        numerator: 1,
        denominator: 1,
    };

    /// Returns `numerator / denominator`, or `None` unless both are positive.
    pub fn new(numerator: i128, denominator: i128) -> Option<Self> {
        if numerator <= 0 || denominator <= 0 {
            return None;
        }
        let divisor = common_divisor(numerator, denominator);
        Some(Self {
            numerator: numerator / divisor,
            denominator: denominator / divisor,
        })
    }

    /// Converts a positive decimal. Returns `None` for others.
    pub fn from_decimal(decimal: Decimal) -> Option<Self> {
        Self::new(decimal.units().into(), SCALE.into())
    }

    /// Parses a positive decimal number, with an optional exponent, without rounding it. Drops
    /// digits after the 36th significant one and after the 36th decimal place.
    ///
    /// # Errors
    ///
    /// The text is not a decimal number, not positive, or larger than the largest [`Decimal`].
    pub fn parse_decimal(text: &str) -> Result<Self, DecimalError> {
        /// Maximum number of decimal places: 10 to this power fits 128 bits.
        const LARGEST: i64 = 36;
        let (digits, exponent) = Digits::read_scientific(text)?;
        let (negative, mut value, fraction) = digits.parts();
        let mut scale = i64::from(fraction) - i64::from(exponent);
        while value % 10 == 0 && value != 0 && scale > 0 {
            (value, scale) = (value / 10, scale - 1);
        }
        while scale > LARGEST && value != 0 {
            (value, scale) = (value / 10, scale - 1);
        }
        if value == 0 || negative {
            return Err(DecimalError::OutOfRange);
        }
        let power = |exponent: i64| 10_i128.checked_pow(u32::try_from(exponent).ok()?);
        let fraction = if scale >= 0 {
            power(scale).map(|denominator| (value, denominator))
        } else {
            power(-scale)
                .and_then(|factor| value.checked_mul(factor))
                .map(|numerator| (numerator, 1))
        };
        fraction
            .and_then(|(numerator, denominator)| Self::new(numerator, denominator))
            .ok_or(DecimalError::OutOfRange)
    }

    /// The numerator, which is positive.
    pub const fn numerator(self) -> i128 {
        self.numerator
    }

    /// The denominator, which is positive.
    pub const fn denominator(self) -> i128 {
        self.denominator
    }

    /// Returns 1 divided by this ratio.
    #[must_use]
    pub const fn inverse(self) -> Self {
        Self {
            numerator: self.denominator,
            denominator: self.numerator,
        }
    }

    /// Returns the product. It is exact if its terms fit 127 bits; otherwise low bits are dropped.
    #[must_use]
    pub fn times(self, other: Self) -> Self {
        let across = common_divisor(self.numerator, other.denominator);
        let back = common_divisor(other.numerator, self.denominator);
        let mut numerators = [self.numerator / across, other.numerator / back];
        let mut denominators = [self.denominator / back, other.denominator / across];
        loop {
            let product = |[left, right]: [i128; 2]| left.checked_mul(right);
            if let (Some(numerator), Some(denominator)) =
                (product(numerators), product(denominators))
            {
                return Self {
                    numerator,
                    denominator,
                };
            }
            halve_larger(&mut numerators);
            halve_larger(&mut denominators);
        }
    }

    /// Returns the quotient, as exact as [`times`](Self::times).
    #[must_use]
    pub fn over(self, other: Self) -> Self {
        self.times(other.inverse())
    }

    /// Returns `decimal` divided by this ratio, rounded to 8 decimals, half away from zero. `None`
    /// on overflow.
    pub fn divide(self, decimal: Decimal) -> Option<Decimal> {
        let Self {
            numerator,
            denominator,
        } = self.shortened();
        let units = i128::from(decimal.units()).checked_mul(denominator)?;
        let units = divide_rounded(units, numerator);
        i64::try_from(units).ok().map(Decimal::from_units)
    }

    /// Returns the ratio with terms of at most 93 bits, so that 1e10 times a term fits 128 bits.
    /// Drops the low bits of longer terms.
    #[must_use]
    pub fn shortened(self) -> Self {
        const LARGEST: i128 = 1 << 93;
        let Self {
            mut numerator,
            mut denominator,
        } = self;
        while numerator.max(denominator) > LARGEST {
            (numerator, denominator) = ((numerator / 2).max(1), (denominator / 2).max(1));
        }
        Self {
            numerator,
            denominator,
        }
    }

    /// Returns the difference from 1 in percent, rounded to 4 decimals, half away from zero. `None`
    /// on overflow.
    pub fn percent_from_one(self) -> Option<Decimal> {
        const KEPT: i128 = 10_000;
        let Self {
            numerator,
            denominator,
        } = self.shortened();
        let percent = divide_rounded((numerator - denominator) * 100 * KEPT, denominator);
        let units = percent.checked_mul(i128::from(SCALE) / KEPT)?;
        i64::try_from(units).ok().map(Decimal::from_units)
    }

    /// Returns the fraction with the smallest terms that differs from this one by at most
    /// `tolerance`: 1/3 for 0.3333 and 0.00005.
    #[must_use]
    pub fn simplest_within(self, tolerance: Self) -> Self {
        let (Some(low), Some(high)) = (self.minus(tolerance), self.plus(tolerance)) else {
            return self;
        };
        simplest_between(low, high).unwrap_or(self)
    }

    fn plus(self, other: Self) -> Option<Self> {
        let left = self.numerator.checked_mul(other.denominator)?;
        let right = other.numerator.checked_mul(self.denominator)?;
        let denominator = self.denominator.checked_mul(other.denominator)?;
        Self::new(left.checked_add(right)?, denominator)
    }

    fn minus(self, other: Self) -> Option<Self> {
        let left = self.numerator.checked_mul(other.denominator)?;
        let right = other.numerator.checked_mul(self.denominator)?;
        let denominator = self.denominator.checked_mul(other.denominator)?;
        Self::new(left.checked_sub(right)?, denominator)
    }
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        let quotient = self.over(*other);
        quotient.numerator.cmp(&quotient.denominator)
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Returns the fraction with the smallest terms in a closed interval, from the continued fractions
/// of its bounds.
fn simplest_between(low: Ratio, high: Ratio) -> Option<Ratio> {
    let whole = low.numerator / low.denominator;
    if low.numerator % low.denominator == 0 {
        return Ratio::new(whole, 1);
    }
    if high.numerator / high.denominator > whole {
        return Ratio::new(whole + 1, 1);
    }
    // Both are strictly between `whole` and `whole + 1`, so inverting their remainders swaps their
    // order.
    let rest = |ratio: Ratio| {
        Ratio::new(
            ratio.denominator,
            ratio.numerator - whole * ratio.denominator,
        )
    };
    let inner = simplest_between(rest(high)?, rest(low)?)?;
    let numerator = whole
        .checked_mul(inner.numerator)?
        .checked_add(inner.denominator)?;
    Ratio::new(numerator, inner.numerator)
}

fn halve_larger(terms: &mut [i128; 2]) {
    let at = usize::from(terms[1] > terms[0]);
    terms[at] = (terms[at] / 2).max(1);
}

fn common_divisor(mut left: i128, mut right: i128) -> i128 {
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

impl FromStr for Ratio {
    type Err = RatioError;

    fn from_str(text: &str) -> Result<Self, RatioError> {
        let (numerator, denominator) = text.split_once('/').ok_or(RatioError)?;
        let term = |text: &str| text.parse().map_err(|_| RatioError);
        Self::new(term(numerator)?, term(denominator)?).ok_or(RatioError)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ratio(text: &str) -> Ratio {
        text.parse().expect("a ratio")
    }

    #[test]
    fn a_decimal_is_read_without_rounding() {
        for (text, expected) in [
            ("121.7900", "12179/100"),
            ("0.0000000151", "151/10000000000"),
            ("1.51e-8", "151/10000000000"),
            ("1.5e3", "1500/1"),
            ("3", "3/1"),
        ] {
            assert_eq!(
                Ratio::parse_decimal(text).map(|ratio| ratio.to_string()),
                Ok(expected.to_owned())
            );
        }
        for text in ["0", "-1", "", "x", "1e99", "1e-99"] {
            assert!(Ratio::parse_decimal(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_rounded_fraction_is_the_simplest_one_near_it() {
        let tolerance = ratio("1/20000");
        for (text, expected) in [
            ("10.0000", "10/1"),
            ("1.5000", "3/2"),
            ("0.3333", "1/3"),
            ("0.0667", "1/15"),
            ("0.1000", "1/10"),
            ("1.1", "11/10"),
            ("0.3333333333", "1/3"),
        ] {
            let read = Ratio::parse_decimal(text).expect(text);
            assert_eq!(read.simplest_within(tolerance), ratio(expected), "{text}");
        }
    }

    #[test]
    fn a_price_is_divided_by_a_split_half_away_from_zero() {
        let decimal = |text: &str| text.parse::<Decimal>().expect("a decimal");
        let divided = |split: &str, price| ratio(split).divide(decimal(price));
        assert_eq!(divided("10/1", "1208.88"), Some(decimal("120.888")));
        assert_eq!(divided("3/2", "10"), Some(decimal("6.66666667")));
        assert_eq!(divided("1/10", "0.5"), Some(decimal("5")));
        assert_eq!(divided("1/10", "92233720368"), None);
    }

    proptest! {
        #[test]
        fn products_and_order_are_exact(terms in proptest::array::uniform4(1..=1_000_000_000_i64)) {
            let [a, b, c, d] = terms.map(i128::from);
            let (left, right) = (Ratio::new(a, b).expect("positive"), Ratio::new(c, d).expect("positive"));
            prop_assert_eq!(Some(left.times(right)), Ratio::new(a * c, b * d));
            prop_assert_eq!(left.cmp(&right), (a * d).cmp(&(c * b)));
            prop_assert_eq!(left.to_string().parse(), Ok(left));
            prop_assert_eq!(left.over(right).times(right), left);
        }

        #[test]
        fn operations_never_panic(terms in proptest::array::uniform4(1..=i128::MAX)) {
            let [a, b, c, d] = terms;
            let (left, right) = (Ratio::new(a, b).expect("positive"), Ratio::new(c, d).expect("positive"));
            let _ = (left.times(right), left.over(right).percent_from_one(), left.cmp(&right));
            let _ = left.simplest_within(right);
        }

        #[test]
        fn a_decimal_and_its_ratio_are_equal(units in 1..=i64::MAX) {
            let decimal = Decimal::from_units(units);
            let ratio = Ratio::from_decimal(decimal).expect("positive");
            prop_assert_eq!(Ratio::parse_decimal(&decimal.to_string()), Ok(ratio));
            prop_assert_eq!(Ratio::ONE.divide(decimal), Some(decimal));
        }
    }
}
