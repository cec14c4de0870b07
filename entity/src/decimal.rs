//! Exact decimal numbers for prices, percentages and thresholds.
//!
//! A [`Decimal`] is an integer number of units of 1e-8. It is never converted to or from a float,
//! so every client reads the same digits.

use std::{fmt, str::FromStr};

use sea_orm::DeriveValueType;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Maximum number of fractional digits.
const DIGITS: u32 = 8;
/// Units in 1.
pub(crate) const SCALE: i64 = 10_i64.pow(DIGITS);

/// An exact number with at most 8 fractional digits, from -92233720368.54775808 to
/// 92233720368.54775807.
///
/// Stored as a 64-bit integer, displayed in its shortest form (`187.5`, never `187.50` or
/// `1.875e2`) and serialized as that text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType)]
pub struct Decimal(i64);

/// The error of parsing a [`Decimal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// The text is not a decimal number.
    #[error("is not a decimal number")]
    Malformed,
    /// The number has more than 8 fractional digits.
    #[error("has more than 8 fractional digits")]
    TooPrecise,
    /// The number is out of the range of 64 bits.
    #[error("is out of range: must be within \u{b1}92233720368.54775807")]
    OutOfRange,
}

impl Decimal {
    /// The number 0.
    pub const ZERO: Self = Self(0);

    /// Creates a number from units of 1e-8.
    pub const fn from_units(units: i64) -> Self {
        Self(units)
    }

    /// Returns the number in units of 1e-8.
    pub const fn units(self) -> i64 {
        self.0
    }

    /// Creates a number from an integer.
    pub const fn from_int(whole: i32) -> Self {
        Self(whole as i64 * SCALE)
    }

    /// Whether it is an integer.
    pub const fn is_whole(self) -> bool {
        self.0 % SCALE == 0
    }

    /// Parses a number as providers send it, with any number of fractional digits and an optional
    /// exponent. Rounds to 8 fractional digits, half away from zero.
    pub fn parse_rounded(text: &str) -> Result<Self, DecimalError> {
        let (digits, exponent) = Digits::read_scientific(text)?;
        digits.into_units(exponent).map(Self)
    }

    /// Parses a number in any form that [`parse_rounded`](Self::parse_rounded) accepts and rounds
    /// it to a 64-bit integer, half away from zero.
    ///
    /// # Errors
    ///
    /// The text is not a decimal number, or the number is out of range.
    pub fn parse_whole_rounded(text: &str) -> Result<i64, DecimalError> {
        let (digits, exponent) = Digits::read_scientific(text)?;
        digits.into_units(exponent.saturating_sub(DIGITS.cast_signed()))
    }

    /// Returns the number of fractional digits in the text of a number, from 0 to 8: 2 for `1.50`,
    /// 3 for `1.5e-2`. 0 if the text is not a number.
    pub fn written_digits(text: &str) -> u32 {
        let Ok((digits, exponent)) = Digits::read_scientific(text) else {
            return 0;
        };
        let written = digits.fraction.saturating_sub(exponent);
        written.clamp(0, DIGITS.cast_signed()).unsigned_abs()
    }

    /// Returns the absolute value; for the smallest number, the largest one.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// Rounds to `digits` fractional digits, half away from zero.
    #[must_use]
    pub fn round_to(self, digits: u32) -> Self {
        let step = i128::from(10_i64.pow(DIGITS.saturating_sub(digits)));
        let rounded = divide_rounded(i128::from(self.0), step) * step;
        Self(i64::try_from(rounded).unwrap_or(self.0))
    }

    /// Returns `self - other`, or `None` on overflow.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Returns `self * factor`, or `None` on overflow.
    pub fn checked_mul_int(self, factor: i64) -> Option<Self> {
        self.0.checked_mul(factor).map(Self)
    }

    /// Returns the change from `reference` to `self` in percent, rounded to 4 decimals, half away
    /// from zero. `None` if `reference` is 0 or on overflow.
    pub fn percent_from(self, reference: Self) -> Option<Self> {
        const PERCENT_SCALE: i128 = 10_000;
        if reference.0 == 0 {
            return None;
        }
        let change = i128::from(self.0) - i128::from(reference.0);
        let percent = divide_rounded(change * 100 * PERCENT_SCALE, i128::from(reference.0));
        i64::try_from(percent * (i128::from(SCALE) / PERCENT_SCALE))
            .ok()
            .map(Self)
    }

    /// Returns `self × numerator ÷ denominator`, rounded half away from zero, for example to adjust
    /// a price for a split. `None` if `denominator` is 0 or on overflow.
    pub fn checked_ratio(self, numerator: i64, denominator: i64) -> Option<Self> {
        if denominator == 0 {
            return None;
        }
        let product = i128::from(self.0) * i128::from(numerator);
        i64::try_from(divide_rounded(product, i128::from(denominator)))
            .ok()
            .map(Self)
    }
}

/// A parsed decimal number: its sign, its digits as an integer, and the number of fractional
/// digits.
pub(crate) struct Digits {
    negative: bool,
    value: i128,
    fraction: i32,
    /// The first digit after those in `value`, if any; it is used for rounding.
    surplus: Option<u8>,
}

impl Digits {
    /// Parses a number with an optional exponent and returns its digits and exponent.
    pub(crate) fn read_scientific(text: &str) -> Result<(Self, i32), DecimalError> {
        let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
            return Ok((Self::read(text)?, 0));
        };
        let exponent = exponent.parse().map_err(|_| DecimalError::Malformed)?;
        Ok((Self::read(mantissa)?, exponent))
    }

    /// Returns the sign (`true` if negative), the digits, and the number of fractional digits.
    pub(crate) fn parts(&self) -> (bool, i128, i32) {
        (self.negative, self.value, self.fraction)
    }

    fn read(text: &str) -> Result<Self, DecimalError> {
        /// Further digits cannot change a 64-bit number, only its rounding.
        const MAX_DIGITS: usize = 36;
        let (negative, rest) = match text.as_bytes() {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] | rest => (false, rest),
        };
        let (mut value, mut fraction, mut kept) = (0_i128, 0_i32, 0_usize);
        let (mut point, mut any, mut surplus) = (false, false, None);
        for &byte in rest {
            match byte {
                b'.' if !point => point = true,
                b'0'..=b'9' => {
                    any = true;
                    let digit = byte - b'0';
                    if kept == MAX_DIGITS {
                        if !point {
                            return Err(DecimalError::OutOfRange);
                        }
                        surplus = surplus.or(Some(digit));
                        continue;
                    }
                    value = value * 10 + i128::from(digit);
                    kept += usize::from(value != 0);
                    fraction += i32::from(point);
                }
                _ => return Err(DecimalError::Malformed),
            }
        }
        if any {
            Ok(Self {
                negative,
                value,
                fraction,
                surplus,
            })
        } else {
            Err(DecimalError::Malformed)
        }
    }

    /// The number of fractional digits without trailing zeros.
    fn significant_fraction(&self) -> i32 {
        let (mut value, mut fraction) = (self.value, self.fraction);
        while fraction > 0 && value % 10 == 0 {
            value /= 10;
            fraction -= 1;
        }
        fraction
    }

    fn into_units(self, exponent: i32) -> Result<i64, DecimalError> {
        /// A number shifted by more digits is either 0 or out of range.
        const MAX_SHIFT: i32 = 60;
        let shift = exponent
            .saturating_sub(self.fraction)
            .saturating_add(DIGITS.cast_signed());
        let units = if self.value == 0 || shift < -MAX_SHIFT {
            0
        } else if shift > MAX_SHIFT {
            return Err(DecimalError::OutOfRange);
        } else if shift >= 0 {
            let factor = 10_i128
                .checked_pow(shift.unsigned_abs())
                .ok_or(DecimalError::OutOfRange)?;
            self.value
                .checked_mul(factor)
                .ok_or(DecimalError::OutOfRange)?
        } else {
            match 10_i128.checked_pow(shift.unsigned_abs()) {
                Some(divisor) => divide_rounded(self.value, divisor),
                None => 0,
            }
        };
        let signed = if self.negative { -units } else { units };
        i64::try_from(signed).map_err(|_| DecimalError::OutOfRange)
    }
}

/// Returns `numerator / denominator`, rounded half away from zero.
pub(crate) fn divide_rounded(numerator: i128, denominator: i128) -> i128 {
    let (quotient, remainder) = (numerator / denominator, numerator % denominator);
    if remainder.abs() * 2 >= denominator.abs() {
        quotient
            + if (numerator < 0) == (denominator < 0) {
                1
            } else {
                -1
            }
    } else {
        quotient
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    /// Parses a number as clients send it: without an exponent, and exactly representable.
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let digits = Digits::read(text)?;
        let lost = digits.surplus.is_some_and(|digit| digit != 0);
        if lost || digits.significant_fraction() > DIGITS.cast_signed() {
            return Err(DecimalError::TooPrecise);
        }
        digits.into_units(0).map(Self)
    }
}

/// The longest text is -92233720368.54775808.
const MAX_TEXT: usize = 21;

impl Decimal {
    /// Appends the number in its shortest form, as `Display` writes it.
    pub fn write_to(self, out: &mut Vec<u8>) {
        let mut text = [0; MAX_TEXT];
        out.extend_from_slice(self.write_at_end(&mut text));
    }

    /// Writes the number at the end of `text`, and returns it.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "digits, and a remainder below the scale"
    )]
    fn write_at_end(self, text: &mut [u8; MAX_TEXT]) -> &[u8] {
        let mut begin = text.len();
        let mut push = |byte| {
            begin -= 1;
            text[begin] = byte;
        };
        let scale = SCALE.unsigned_abs();
        let magnitude = self.0.unsigned_abs();
        let mut whole = magnitude / scale;
        // 32 bits, because they are divided faster.
        let mut fraction = (magnitude % scale) as u32;
        if fraction > 0 {
            let mut width = DIGITS;
            while fraction.is_multiple_of(10) {
                fraction /= 10;
                width -= 1;
            }
            for _ in 0..width {
                push(b'0' + (fraction % 10) as u8);
                fraction /= 10;
            }
            push(b'.');
        }
        push(b'0' + (whole % 10) as u8);
        while whole >= 10 {
            whole /= 10;
            push(b'0' + (whole % 10) as u8);
        }
        if self.0 < 0 {
            push(b'-');
        }
        &text[begin..]
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; MAX_TEXT];
        let text = self.write_at_end(&mut text);
        f.write_str(std::str::from_utf8(text).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("a decimal")
    }

    #[test]
    fn a_number_is_displayed_in_its_shortest_form() {
        for (given, shown) in [
            ("187.2300", "187.23"),
            ("-0.50", "-0.5"),
            ("0", "0"),
            ("-0", "0"),
            ("+7.", "7"),
            (".25", "0.25"),
            ("0.00000001", "0.00000001"),
            ("92233720368.54775807", "92233720368.54775807"),
            ("-92233720368.54775808", "-92233720368.54775808"),
        ] {
            assert_eq!(decimal(given).to_string(), shown);
        }
    }

    #[test]
    fn a_number_that_is_not_exactly_representable_is_rejected() {
        assert_eq!(
            "0.123456789".parse::<Decimal>(),
            Err(DecimalError::TooPrecise)
        );
        assert_eq!(
            "92233720368.54775808".parse::<Decimal>(),
            Err(DecimalError::OutOfRange)
        );
        for text in [
            "", ".", "-", "1e5", "1,5", "NaN", "inf", " 1", "1.2.3", "\u{661}",
        ] {
            assert_eq!(
                text.parse::<Decimal>(),
                Err(DecimalError::Malformed),
                "{text}"
            );
        }
    }

    #[test]
    fn numbers_of_providers_round_half_away_from_zero() {
        for (given, shown) in [
            ("0.123456785", "0.12345679"),
            ("-0.123456785", "-0.12345679"),
            ("0.123456784999999999999999999999999999999999", "0.12345678"),
            ("1.5e2", "150"),
            ("1e-9", "0"),
            ("5E-9", "0.00000001"),
            ("0e999999999", "0"),
            ("1e-999999999", "0"),
        ] {
            assert_eq!(
                Decimal::parse_rounded(given).expect(given).to_string(),
                shown
            );
        }
        assert_eq!(
            Decimal::parse_rounded("1e11"),
            Err(DecimalError::OutOfRange)
        );
        assert_eq!(
            Decimal::parse_rounded("1e999999999"),
            Err(DecimalError::OutOfRange)
        );
        assert_eq!(Decimal::parse_rounded("1e"), Err(DecimalError::Malformed));
    }

    #[test]
    fn a_whole_number_rounds_half_away_from_zero() {
        for (given, whole) in [
            ("6321507.562155", 6_321_508),
            ("5797.4999", 5797),
            ("0.5", 1),
            ("-0.5", -1),
            ("1.2e7", 12_000_000),
            ("9223372036854775807", i64::MAX),
            ("9223372036854775807.4", i64::MAX),
        ] {
            assert_eq!(Decimal::parse_whole_rounded(given), Ok(whole), "{given}");
        }
        for given in ["9223372036854775807.5", "9223372036854775808", "1e19"] {
            assert_eq!(
                Decimal::parse_whole_rounded(given),
                Err(DecimalError::OutOfRange),
                "{given}"
            );
        }
        for given in ["", "-", "NaN", "1,5", "1e"] {
            assert_eq!(
                Decimal::parse_whole_rounded(given),
                Err(DecimalError::Malformed),
                "{given}"
            );
        }
    }

    #[test]
    fn written_digits_count_trailing_zeros_and_exponents() {
        for (given, digits) in [
            ("31.50", 2),
            ("31", 0),
            ("31.", 0),
            ("-0.5", 1),
            ("1.5e-2", 3),
            ("1.5e2", 0),
            ("65.45999908447266", 8),
            ("null", 0),
        ] {
            assert_eq!(Decimal::written_digits(given), digits, "{given}");
        }
    }

    #[test]
    fn percents_have_four_decimals() {
        let percent = |price: &str, reference: &str| {
            decimal(price)
                .percent_from(decimal(reference))
                .map(|percent| percent.to_string())
        };
        assert_eq!(percent("196.1", "186").as_deref(), Some("5.4301"));
        assert_eq!(percent("94.99995", "100").as_deref(), Some("-5.0001"));
        assert_eq!(percent("105", "100").as_deref(), Some("5"));
        assert_eq!(percent("1", "0"), None);
        assert_eq!(percent("92233720368", "0.00000001"), None);
    }

    proptest! {
        #[test]
        fn every_number_round_trips_through_its_text(digits: i64, zeros in 0..=8_u32) {
            let units = digits / 10_i64.pow(zeros) * 10_i64.pow(zeros);
            let number = Decimal::from_units(units);
            prop_assert_eq!(number.to_string().parse(), Ok(number));
            prop_assert_eq!(Decimal::parse_rounded(&number.to_string()), Ok(number));
            let (whole, fraction) = (units.unsigned_abs() / 100_000_000, units.unsigned_abs() % 100_000_000);
            let long = format!("{}{whole}.{fraction:08}", if units < 0 { "-" } else { "" });
            let shortest = long.trim_end_matches('0').trim_end_matches('.');
            prop_assert_eq!(number.to_string(), shortest);
            let mut appended = b"before ".to_vec();
            number.write_to(&mut appended);
            prop_assert_eq!(String::from_utf8(appended), Ok(format!("before {shortest}")));
        }

        #[test]
        fn a_quotient_is_rounded_half_away_from_zero(
            dividend: i128,
            small: i64,
            divisor in prop_oneof![1..=10_i128, any::<i64>().prop_map(i128::from), -(1_i128 << 100)..1 << 100],
        ) {
            prop_assume!(divisor != 0);
            for dividend in [dividend >> 8, i128::from(small), divisor.saturating_mul(small.into()) / 2] {
                let quotient = divide_rounded(dividend, divisor);
                let error = quotient * divisor - dividend;
                let is_tie = error.abs() * 2 == divisor.abs();
                prop_assert!(error.abs() * 2 <= divisor.abs());
                prop_assert!(!is_tie || (quotient * divisor).abs() > dividend.abs());
            }
        }

        #[test]
        fn parsing_never_panics(text in "[-+0-9.eE]{0,60}") {
            let _ = text.parse::<Decimal>();
            let _ = Decimal::parse_rounded(&text);
            let _ = Decimal::parse_whole_rounded(&text);
            let _ = Decimal::written_digits(&text);
        }
    }
}
