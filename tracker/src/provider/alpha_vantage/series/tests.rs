//! Tests of parsing daily histories, from recorded, damaged and random responses.

use proptest::prelude::*;

use super::{
    super::recorded::{check_notices, key, msft, recorded},
    *,
};

fn parse_msft(body: &[u8]) -> Result<Vec<DailyBar>, PollError> {
    parse(body, &msft(), &key())
}

#[test]
fn a_history_is_parsed_exactly() {
    let bars = parse_msft(recorded("series").as_bytes()).expect("a history");
    assert_eq!(bars.len(), 3);
    let decimal = |text: &str| text.parse().expect("a number");
    assert_eq!(
        bars[0],
        DailyBar {
            trading_day: "2013-02-27".parse().expect("a date"),
            open: decimal("27.42"),
            high: decimal("28"),
            low: decimal("27.33"),
            close: decimal("27.81"),
            volume: Some(36_394_700),
        }
    );
}

#[test]
fn a_bar_with_an_invalid_date_or_price_is_left_out() {
    let series = recorded("series");
    for (from, to, bars) in [
        ("\"28.0000\"", "\"0.0000\"", 2),
        ("\"28.0000\"", "null", 2),
        ("2013-02-27", "2013-02-30", 2),
        ("\"5. volume\": \"36394700\"", "\"5. volume\": \"many\"", 3),
        ("\"6. nothing\"", "\"6. nothing\"", 3),
    ] {
        let parsed = parse_msft(series.replace(from, to).as_bytes()).expect("a history");
        assert_eq!(parsed.len(), bars, "{from} {to}");
    }
    let without_volume = series.replace("volume", "turnover");
    let bars = parse_msft(without_volume.as_bytes()).expect("a history");
    assert!(bars.iter().all(|bar| bar.volume.is_none()));
}

#[test]
fn each_notice_has_the_same_error_as_for_a_quote() {
    check_notices(parse_msft);
}

#[test]
fn an_undocumented_response_is_malformed() {
    let series = recorded("series");
    let another = series.replace("MSFT", "IBM");
    let without_symbol = series.replace("2. Symbol", "2. Name");
    let without_close = series.replace("close\"", "end\"");
    let quote = recorded("quote");
    for body in [
        "",
        "null",
        "[]",
        "<!DOCTYPE html><title>502</title>",
        &quote,
        &another,
        &without_symbol,
        &without_close,
        r#"{"Time Series (Daily)":5}"#,
        r#"{"Time Series (Daily)":{"2013-03-01":{}}}"#,
    ] {
        let result = parse_msft(body.as_bytes());
        assert!(
            matches!(result, Err(PollError::Malformed { .. })),
            "{body}: {result:?}"
        );
    }
    assert_eq!(
        parse_msft(br#"{"Time Series (Daily)":{}}"#),
        Err(PollError::UnknownSymbol)
    );
}

proptest! {
    #[test]
    fn parsing_never_panics(
        body in prop::collection::vec(any::<u8>(), 0..200),
        at in any::<prop::sample::Index>(),
    ) {
        let series = recorded("series").into_bytes();
        let (before, after) = series.split_at(at.index(series.len()));
        let _ = parse_msft(&body);
        // A truncated response, and one with other bytes inserted.
        let _ = parse_msft(before);
        let _ = parse_msft(&[before, &body, after].concat());
    }
}
