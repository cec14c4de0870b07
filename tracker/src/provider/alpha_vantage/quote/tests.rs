//! Tests of parsing quotes, from recorded, damaged and random responses.

use proptest::prelude::*;

use super::{
    super::recorded::{check_notices, key, msft, recorded},
    *,
};
use crate::quote::PreviousClose;

/// Parses a response to a request for MSFT.
fn parse_msft(body: &[u8]) -> Result<Quote, PollError> {
    parse(body, &msft(), &key())
}

fn parse_recorded(name: &str) -> Result<Quote, PollError> {
    parse_msft(recorded(name).as_bytes())
}

fn decimal(text: &str) -> entity::Decimal {
    text.parse().expect("a number")
}

#[test]
fn a_quote_is_parsed_exactly() {
    let quote = parse_recorded("quote").expect("a quote");
    assert_eq!(
        quote,
        Quote {
            previous_close: PreviousClose::Sent(decimal("112.79")),
            open: Some(decimal("112.63")),
            high: Some(decimal("113.17")),
            low: Some(decimal("110.64")),
            volume: Some(29_062_853),
            ..Quote::new(
                msft(),
                decimal("112.13"),
                "2018-10-05".parse().expect("a date")
            )
        }
    );
}

#[test]
fn a_delayed_quote_is_accepted() {
    assert_eq!(
        parse_recorded("quote_delayed").map(|quote| quote.price),
        Ok(decimal("418.16"))
    );
}

#[test]
fn numbers_without_quotation_marks_are_accepted() {
    let body = br#"{"Global Quote":{"01. symbol":"msft","05. price":0.123456785,"06. volume":3,
        "07. latest trading day":"2026-11-20","08. previous close":0}}"#;
    let quote = parse_msft(body).expect("a quote");
    assert_eq!(quote.price, decimal("0.12345679"));
    assert_eq!(quote.volume, Some(3));
    assert_eq!(quote.previous_close, PreviousClose::None);
}

#[test]
fn the_symbol_may_have_another_separator() {
    let body = |symbol: &str| {
        format!(
            r#"{{"Global Quote":{{"01. symbol":"{symbol}","05. price":"480.5",
            "07. latest trading day":"2026-11-20"}}}}"#
        )
    };
    let requested: Symbol = "BRK.B".parse().expect("a symbol");
    for sent in ["BRK.B", "BRK-B", "brk/b"] {
        let quote = parse(body(sent).as_bytes(), &requested, &key()).expect("a quote");
        assert_eq!(quote.symbol, requested, "{sent}");
    }
    for sent in ["BRK.A", "BRKB", "BRK", ""] {
        let error = parse(body(sent).as_bytes(), &requested, &key()).expect_err("another symbol");
        assert!(matches!(error, PollError::NoPrice { .. }), "{sent}");
    }
}

#[test]
fn invalid_fields_other_than_the_price_are_absent() {
    let quote = parse_recorded("quote_bad_fields").expect("a quote");
    assert_eq!(quote.price, decimal("112.13"));
    assert_eq!(
        (quote.open, quote.high, quote.low, quote.volume),
        (None, None, None, Some(13)),
        "a fraction of a share is rounded"
    );
    assert_eq!(quote.previous_close, PreviousClose::Absent);
}

#[test]
fn each_notice_has_its_error() {
    check_notices(parse_msft);
    for (name, error) in [
        ("artificial_quote", PollError::NotEntitled),
        ("unknown_symbol", PollError::UnknownSymbol),
    ] {
        assert_eq!(parse_recorded(name), Err(error), "{name}");
    }
}

#[test]
fn an_undocumented_response_is_malformed() {
    let quote = |fields: &str| format!(r#"{{"Global Quote":{{"01. symbol":"MSFT",{fields}}}}}"#);
    let dated = |price: &str| {
        quote(&format!(
            r#""05. price":{price},"07. latest trading day":"2018-10-05""#
        ))
    };
    for body in [
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        "\u{feff}{}".to_owned(),
        "<!DOCTYPE html><title>502</title>".to_owned(),
        r#"{"Global Quote":{"01. sym"#.to_owned(),
        r#"{"Global Quote":[]}"#.to_owned(),
        r#"{"Global Quote":"MSFT"}"#.to_owned(),
        r#"{"bestMatches":[]}"#.to_owned(),
        r#"{"Information":7}"#.to_owned(),
    ] {
        assert!(
            matches!(
                parse_msft(body.as_bytes()),
                Err(PollError::Malformed { .. })
            ),
            "{body}: {:?}",
            parse_msft(body.as_bytes())
        );
    }
    // A valid response without a price does not affect other symbols.
    for body in [
        dated("\"112.13\"").replace("MSFT", "AAPL"),
        dated("\"112.13\"").replace("01. symbol", "01. ticker"),
        dated("\"112.13\"").replace("2018-10-05", "5 Oct"),
        dated("\"112.13\"").replace("07. latest trading day", "07. day"),
        dated("\"112.13\"").replace("05. price", "05. prize"),
        dated("null"),
        dated("\"\""),
        dated("\"NaN\""),
        dated("\"inf\""),
        dated("\"0.0000\""),
        dated("\"-1.0\""),
        dated("\"0.000000004\""),
        dated("\"92233720368.54775808\""),
        dated("{\"value\":1}"),
    ] {
        assert!(
            matches!(parse_msft(body.as_bytes()), Err(PollError::NoPrice { .. })),
            "{body}: {:?}",
            parse_msft(body.as_bytes())
        );
    }
}

proptest! {
    #[test]
    fn parsing_bytes_never_panics(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse_msft(&body);
    }

    #[test]
    fn a_damaged_quote_never_panics_and_never_has_a_price_of_0(
        at in 0_usize..300, byte: u8, cut in 0_usize..300,
    ) {
        let mut body = recorded("quote").into_bytes();
        let length = body.len();
        body[at % length] = byte;
        body.truncate(length - cut % length);
        if let Ok(quote) = parse_msft(&body) {
            prop_assert!(quote.price > entity::Decimal::ZERO);
            prop_assert_eq!(quote.symbol.as_str(), "MSFT");
        }
    }

    #[test]
    fn parsing_objects_never_panics(
        name in "(Global Quote|Information|Note|Error Message|message|data)",
        value in "([-0-9.eE]{1,12}|\"[a-zA-Z .]{0,30}\"|\\{\"05\\. price\":\"[0-9.eE-]{0,9}\"\\}|\\[{0,200})",
    ) {
        let _ = parse_msft(format!("{{\"{name}\":{value}}}").as_bytes());
    }
}
