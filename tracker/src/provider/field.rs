//! Parses the numbers, dates and symbols of providers and replayed files.
//!
//! An invalid price is an error; any other invalid field is absent. Live providers and the replay
//! use the same functions, so the same text has the same value in both.

use std::borrow::Cow;

use chrono::NaiveDate;
use entity::{Decimal, Ratio, Symbol, Timestamp};
use market::Market;
use runtime::config::Secret;
use serde_json::value::RawValue;

use crate::{
    provider::PollError,
    quote::{PreviousClose, Unrounded},
};

/// Returns the text of a JSON string or number as written, without conversion to a float.
pub(super) fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let written = raw.get();
    match written.as_bytes().first()? {
        b'"' => {
            let text: String = serde_json::from_str(written).ok()?;
            Some(text.trim().to_owned().into())
        }
        b'-' | b'0'..=b'9' => Some(written.into()),
        _ => None,
    }
}

/// Parses the price of a quote, which is greater than 0.
///
/// # Errors
/// The price is absent, not a finite number, not greater than 0 after rounding, or out of range.
pub(super) fn price(text: Option<&str>) -> Result<Decimal, PollError> {
    let text = text.ok_or_else(|| PollError::no_price("the price is missing"))?;
    let price = Decimal::parse_rounded(text)
        .map_err(|error| PollError::no_price(format!("the price {error}")))?;
    if price > Decimal::ZERO {
        Ok(price)
    } else {
        Err(PollError::no_price("the price is not greater than 0"))
    }
}

/// Parses another price, or returns `None` if it is not a number greater than 0.
pub(super) fn other_price(text: Option<&str>) -> Option<Decimal> {
    Decimal::parse_rounded(text?)
        .ok()
        .filter(|price| *price > Decimal::ZERO)
}

/// Parses a previous close. Providers send 0 if the stock has none.
pub(super) fn previous_close(text: Option<&str>) -> PreviousClose {
    match text.map(Decimal::parse_rounded) {
        Some(Ok(Decimal::ZERO)) => PreviousClose::None,
        Some(Ok(close)) if close > Decimal::ZERO => PreviousClose::Sent(close),
        _ => PreviousClose::Absent,
    }
}

/// Returns the exact price and previous close, or `None` if [`price`] and [`previous_close`] do not
/// round them.
pub(super) fn unrounded(price: Option<&str>, previous_close: Option<&str>) -> Option<Unrounded> {
    let read = |text: Option<&str>| Ratio::parse_decimal(text?).ok();
    let rounded = |text: Option<&str>| Ratio::from_decimal(Decimal::parse_rounded(text?).ok()?);
    let exact = Unrounded {
        price: read(price)?,
        // A close that rounds to 0 counts as none.
        previous_close: rounded(previous_close).and_then(|_| read(previous_close)),
    };
    let loses =
        rounded(price) != Some(exact.price) || rounded(previous_close) != exact.previous_close;
    loses.then_some(exact)
}

/// Parses an instant in whole seconds since the Unix epoch, later than it.
pub(super) fn seconds(text: Option<&str>) -> Option<Timestamp> {
    instant(text?, 1_000_000)
}

/// Parses an instant in whole milliseconds since the Unix epoch, later than it.
pub(super) fn millis(text: Option<&str>) -> Option<Timestamp> {
    instant(text?, 1_000)
}

fn instant(text: &str, micros: i64) -> Option<Timestamp> {
    let number = Decimal::parse_whole_rounded(text).ok();
    let instant = number?.checked_mul(micros).map(Timestamp::from_micros);
    instant.filter(|instant| is_storable(*instant))
}

/// Parses an instant in RFC 3339, later than the Unix epoch.
pub(super) fn rfc3339(text: Option<&str>) -> Option<Timestamp> {
    let instant = text?.parse().ok();
    instant.filter(|instant| is_storable(*instant))
}

/// Whether an instant is after the Unix epoch and before the year 10000.
pub(super) fn is_storable(instant: Timestamp) -> bool {
    const END: i64 = 253_402_300_800_000_000;
    (1..END).contains(&instant.micros())
}

/// Returns the beginning of a text of the provider, without control characters and without
/// `secrets`.
pub(super) fn excerpt(text: &str, secrets: &[&Secret]) -> String {
    const MAX_CHARS: usize = 160;
    let mut text = Cow::from(text);
    for secret in secrets.iter().map(|secret| secret.expose()) {
        if !secret.is_empty() && text.contains(secret) {
            text = text.replace(secret, "\u{2026}").into();
        }
    }
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_CHARS)
        .collect()
}

/// Parses the volume of a symbol. A fraction of a share, which results from adjusting for splits,
/// is rounded. A volume with a fraction of a currency is `None`.
pub(super) fn volume(symbol: &Symbol, text: Option<&str>) -> Option<i64> {
    let rounded = quantity(text)?;
    // One that is too large for 8 decimals is whole.
    let exact = Decimal::parse_rounded(text?).ok();
    let is_whole = exact.is_none_or(Decimal::is_whole);
    (is_whole || !Market::of(symbol).is_always_open()).then_some(rounded)
}

/// Parses a quantity and rounds it, halves away from zero. Returns `None` if the number is negative
/// or exceeds 64 bits.
pub(super) fn quantity(text: Option<&str>) -> Option<i64> {
    let text = text.filter(|text| !text.starts_with('-'))?;
    Decimal::parse_whole_rounded(text).ok()
}

/// Whether a field is empty, or one of the words that data sources write for a missing number.
pub(super) fn is_missing(text: &str) -> bool {
    let words = ["", "-", "null", "none", "nan", "n/a"];
    words.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether a symbol in a response is the requested one. Case is ignored, and so is the separator of
/// a share class: `BRK.B`, `BRK-B` and `BRK/B` match.
pub(super) fn is_same_symbol(sent: &str, requested: &str) -> bool {
    let normalized = |byte: u8| match byte {
        b'-' | b'/' => b'.',
        byte => byte.to_ascii_uppercase(),
    };
    let (sent, requested) = (sent.bytes(), requested.bytes());
    sent.map(normalized).eq(requested.map(normalized))
}

/// Parses a date in the form `2018-10-05` of the years 1900 to 9999, which both databases and all
/// clients support.
pub(super) fn date(text: &str) -> Option<NaiveDate> {
    let plain = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    (plain && text >= "1900").then_some(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_greater_than_0_or_an_error() {
        assert_eq!(
            price(Some("112.1300")).map(|price| price.to_string()),
            Ok("112.13".to_owned())
        );
        assert_eq!(
            price(Some("0.000000005")).map(Decimal::units),
            Ok(1),
            "rounds up to the smallest price"
        );
        for text in [
            None,
            Some(""),
            Some("None"),
            Some("NaN"),
            Some("inf"),
            Some("0"),
            Some("0.0000"),
            Some("-1"),
            Some("0.000000004"),
            Some("92233720368.54775808"),
            Some("1e11"),
        ] {
            assert!(
                matches!(price(text), Err(PollError::NoPrice { .. })),
                "{text:?}"
            );
        }
    }

    #[test]
    fn an_invalid_field_other_than_the_price_is_absent() {
        for text in [None, Some("0"), Some("-2"), Some("-"), Some("NaN")] {
            assert_eq!(other_price(text), None, "{text:?}");
        }
        for text in [
            None,
            Some("-1"),
            Some("-0.4"),
            Some(""),
            Some("+"),
            Some("null"),
            Some("9223372036854775808"),
            Some("9223372036854775807.5"),
        ] {
            assert_eq!(quantity(text), None, "{text:?}");
        }
        assert_eq!(quantity(Some("29062853")), Some(29_062_853));
        assert_eq!(quantity(Some("29062853.00")), Some(29_062_853));
        assert_eq!(quantity(Some("0")), Some(0));
    }

    #[test]
    fn a_volume_with_a_fraction_rounds_half_away_from_zero() {
        for (text, shares) in [
            ("5797.530864197531", 5798),
            ("5797.499999999999", 5797),
            ("0.5", 1),
            ("1.5e3", 1500),
            ("9223372036854775807.4", i64::MAX),
        ] {
            assert_eq!(quantity(Some(text)), Some(shares), "{text}");
        }
    }

    #[test]
    fn a_symbol_matches_in_any_case_and_with_any_separator() {
        for sent in ["BRK.B", "BRK-B", "brk-b", "BRK/B"] {
            assert!(is_same_symbol(sent, "BRK.B"), "{sent}");
            assert!(is_same_symbol(sent, "BRK-B"), "{sent}");
        }
        for sent in ["", "BRK", "BRKB", "BRK B", "BRK.A", "BRK.BB", "BRK..B"] {
            assert!(!is_same_symbol(sent, "BRK.B"), "{sent}");
        }
    }

    #[test]
    fn a_previous_close_of_0_is_none_and_an_invalid_one_is_absent() {
        let close = |text| previous_close(Some(text));
        assert_eq!(
            close("112.79"),
            PreviousClose::Sent("112.79".parse().expect("a number"))
        );
        for text in ["0", "0.0000", "0.000000001"] {
            assert_eq!(close(text), PreviousClose::None, "{text}");
        }
        for text in ["", "-1", "None", "1e99"] {
            assert_eq!(close(text), PreviousClose::Absent, "{text}");
        }
        assert_eq!(previous_close(None), PreviousClose::Absent);
    }

    #[test]
    fn exact_values_are_kept_if_rounding_changes_them() {
        let ratio = |text| Ratio::parse_decimal(text).expect("a price");
        assert_eq!(
            unrounded(Some("0.0000000151"), Some("0.0000000149")),
            Some(Unrounded {
                price: ratio("0.0000000151"),
                previous_close: Some(ratio("0.0000000149")),
            })
        );
        let price = ratio("1.123456789");
        for previous_close in [None, Some("None"), Some("0"), Some("0.000000001")] {
            let expected = Unrounded {
                price,
                previous_close: None,
            };
            assert_eq!(
                unrounded(Some("1.123456789"), previous_close),
                Some(expected)
            );
        }
        assert_eq!(unrounded(Some("112.1300"), Some("112.7900")), None);
        assert_eq!(unrounded(Some("112.1300"), None), None);
    }

    #[test]
    fn a_date_must_have_the_full_form() {
        assert_eq!(date("2018-10-05"), NaiveDate::from_ymd_opt(2018, 10, 5));
        for text in [
            "",
            "2018-10-5",
            "2018-13-01",
            "2018-02-29",
            "0000-01-01",
            "+2018-10-5",
            "2018-10-05T",
            "05.10.2018",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
