//! Tests of what all streams share: prices, sizes, refused handshakes, and that keys are hidden.

use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;
use crate::provider::testing::symbol;

fn parsed(price: &str) -> Result<StreamPrice, PollError> {
    let raw: &RawValue = serde_json::from_str(price).expect("JSON");
    StreamPrice::parse(&symbol("AAPL"), Some(raw))
}

#[test]
fn keys_are_not_formatted() {
    let frame = Frame::new(&serde_json::json!({"secret": "S3CRET"}));
    assert!(frame.as_str().contains("S3CRET"));
    let url = "wss://me:S3CRET@host:1/S3CRET?token=S3CRET";
    let address = StreamAddress(url.parse().expect("a URL"));
    let text = format!("{address:?} {frame:?}");
    assert!(!text.contains("S3CRET"), "{text}");
    assert!(text.contains("host"), "{text}");
}

#[test]
fn a_price_is_a_string_or_a_number_with_or_without_an_exponent() {
    for (written, read) in [
        ("126.55", "126.55"),
        ("\"126.5500\"", "126.55"),
        ("1.2655e2", "126.55"),
        ("1e-7", "0.0000001"),
        ("\"1E+3\"", "1000"),
        ("83744.300000000003", "83744.3"),
        // A float would change the last digits of this one.
        ("92233720368.54775807", "92233720368.54775807"),
    ] {
        let price = parsed(written).expect(written);
        assert_eq!(price.price.to_string(), read, "{written}");
        assert!(price.moves_last);
    }
    assert_eq!(parsed("0.1").map(|price| price.exact), Ok(None));
    let exact = parsed("0.1000000001").map(|price| price.exact);
    let ratio = Ratio::parse_decimal("0.1000000001").expect("a ratio");
    assert_eq!(exact, Ok(Some(ratio)));
}

#[test]
fn a_price_that_cannot_be_stored_is_an_error() {
    for written in [
        "0", "-1", "0.0", "-0.0001", "1e-9", "1e99", "\"\"", "\"NaN\"", "\"inf\"", "\"-\"", "{}",
        "[1]", "true",
    ] {
        let error = parsed(written).expect_err(written);
        assert!(
            matches!(error, PollError::NoPrice { .. }),
            "{written}: {error:?}"
        );
    }
    assert!(StreamPrice::parse(&symbol("AAPL"), None).is_err());
}

#[test]
fn a_refused_handshake_is_final_for_errors_of_the_client() {
    let of = |status, wait| {
        let status = StatusCode::from_u16(status).expect("a status");
        handshake_refused(status, wait)
    };
    let minute = Some(Duration::from_mins(1));
    for status in [400, 401, 403, 404, 451] {
        let (event, wait) = of(status, minute);
        assert_eq!(event, StreamEvent::refused(format!("HTTP {status}")));
        assert_eq!(wait, None, "{status}");
    }
    for (status, sent, wait) in [
        (429, None, minute),
        (
            429,
            Some(Duration::from_secs(7)),
            Some(Duration::from_secs(7)),
        ),
        (503, minute, minute),
        (503, None, None),
        (500, None, None),
        (408, None, None),
        (302, None, None),
    ] {
        let (event, waits) = of(status, sent);
        assert_eq!(event, StreamEvent::failed(format!("HTTP {status}")));
        assert_eq!(waits, wait, "{status}");
    }
}

#[test]
fn trades_are_identified_by_exchange_and_number() {
    let id = |exchange, number| TradeId { exchange, number };
    let ids: HashSet<_> = [id('V', 1), id('V', 2), id('Q', 1), id('V', 1)].into();
    assert_eq!(ids.len(), 3);
}

#[test]
fn a_size_is_not_negative() {
    assert_eq!(size(Some("-1")), None);
    assert_eq!(size(None), None);
    assert_eq!(size(Some("0")), Some(Decimal::ZERO));
    assert_eq!(
        size(Some("1.5e-3")).map(|size| size.to_string()).as_deref(),
        Some("0.0015")
    );
}

proptest! {
    /// Any text of a number has the same digits, whether it is written with an exponent or not,
    /// and as a number or as a string.
    #[test]
    fn exponents_change_no_digit(units in 1_i64..=i64::MAX, exponent in -12_i32..=12) {
        let digits = units.to_string();
        let plain = Decimal::from_units(units).to_string();
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        // units × 1e-8, with the point after the first digit and then moved by an exponent.
        let power = i32::try_from(rest.len()).expect("few digits") - 8;
        let scientific = format!("{first}{point}{rest}e{power}");
        let shifted = if exponent >= 0 {
            let zeros = "0".repeat(exponent.unsigned_abs() as usize);
            format!("{digits}{zeros}E{}", -8 - exponent)
        } else {
            format!("{digits}e-8")
        };
        for written in [&plain, &scientific, &shifted, &format!("\"{scientific}\"")] {
            let price = parsed(written).expect(written);
            prop_assert_eq!(price.price.units(), units, "{}", written);
            prop_assert_eq!(price.exact, None, "{}", written);
        }
    }

    /// Digits after the eighth decimal are rounded for the price and kept exactly beside it.
    #[test]
    fn more_digits_than_stored_are_kept_exactly(units in 1_i64..1_000_000_000_000, tail in 1_u64..10_000) {
        let plain = Decimal::from_units(units);
        let (whole, fraction) = (units / 100_000_000, units % 100_000_000);
        let written = format!("{whole}.{fraction:08}{tail:04}");
        let price = parsed(&written).expect("a price");
        let up = i64::from(tail >= 5_000);
        prop_assert_eq!(price.price.units(), plain.units() + up);
        prop_assert_eq!(price.exact, Ratio::parse_decimal(&written).ok());
    }
}
