//! Numbers and dates as providers write them.
//!
//! One invariant: a price is above 0 and exact, or it is a failure; any other field that cannot be read is absent, never
//! a guess. The providers' parsers call it.

use std::borrow::Cow;

use chrono::NaiveDate;
use entity::{Decimal, Ratio};
use serde_json::value::RawValue;

use crate::{
    provider::PollError,
    quote::{PreviousClose, Unrounded},
};

/// The text of a JSON string, or of a number as it was written: no digit goes through a float.
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

/// The price of a quote, above 0.
///
/// # Errors
/// Absent, not a finite number, not above 0 (also after rounding), or out of range.
pub(super) fn price(text: Option<&str>) -> Result<Decimal, PollError> {
    let text = text.ok_or_else(|| PollError::malformed("no price"))?;
    let price = Decimal::parse_rounded(text)
        .map_err(|error| PollError::malformed(format!("a price that {error}")))?;
    if price > Decimal::ZERO {
        Ok(price)
    } else {
        Err(PollError::malformed("a price that is not above 0"))
    }
}

/// Another price of a quote: readable and above 0, or nothing.
pub(super) fn other_price(text: Option<&str>) -> Option<Decimal> {
    Decimal::parse_rounded(text?)
        .ok()
        .filter(|price| *price > Decimal::ZERO)
}

/// The close before: 0 says that there is none.
pub(super) fn previous_close(text: Option<&str>) -> PreviousClose {
    match text.map(Decimal::parse_rounded) {
        Some(Ok(Decimal::ZERO)) => PreviousClose::None,
        Some(Ok(close)) if close > Decimal::ZERO => PreviousClose::Sent(close),
        _ => PreviousClose::Absent,
    }
}

/// Price and previous close as they were sent, or `None` if [`price`] and [`previous_close`] hold every digit.
pub(super) fn unrounded(price: Option<&str>, previous_close: Option<&str>) -> Option<Unrounded> {
    let read = |text: Option<&str>| Ratio::parse_decimal(text?).ok();
    let rounded = |text: Option<&str>| Ratio::from_decimal(Decimal::parse_rounded(text?).ok()?);
    let exact = Unrounded {
        price: read(price)?,
        // One that is rounded to 0 stands for none.
        previous_close: rounded(previous_close).and_then(|_| read(previous_close)),
    };
    let loses =
        rounded(price) != Some(exact.price) || rounded(previous_close) != exact.previous_close;
    loses.then_some(exact)
}

/// A number of shares: a whole number from 0 on, also one written with a fraction of zeros, or nothing.
pub(super) fn volume(text: Option<&str>) -> Option<i64> {
    let (whole, fraction) = text?.split_once('.').unwrap_or((text?, ""));
    let is_whole = fraction.bytes().all(|digit| digit == b'0');
    let volume: u64 = whole.parse().ok().filter(|_| is_whole)?;
    volume.try_into().ok()
}

/// A date of the years 1900 to 9999 in the form `2018-10-05`, which is what both databases and every client can hold.
pub(super) fn date(text: &str) -> Option<NaiveDate> {
    let plain = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    (plain && text >= "1900").then_some(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_above_nothing_or_a_failure() {
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
                matches!(price(text), Err(PollError::Malformed { .. })),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_bad_field_beside_the_price_is_absent() {
        for text in [None, Some("0"), Some("-2"), Some("-"), Some("NaN")] {
            assert_eq!(other_price(text), None, "{text:?}");
        }
        for text in [
            None,
            Some("-1"),
            Some("1.5"),
            Some(""),
            Some("+"),
            Some("9223372036854775808"),
        ] {
            assert_eq!(volume(text), None, "{text:?}");
        }
        assert_eq!(volume(Some("29062853")), Some(29_062_853));
        assert_eq!(volume(Some("29062853.00")), Some(29_062_853));
        assert_eq!(volume(Some("0")), Some(0));
    }

    #[test]
    fn a_previous_close_of_nothing_is_none_and_an_unreadable_one_absent() {
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
    fn digits_that_rounding_drops_are_kept_for_percentages() {
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
    fn a_date_is_written_in_full() {
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
