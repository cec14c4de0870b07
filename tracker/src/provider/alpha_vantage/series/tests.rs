//! Recorded responses of the service, and arbitrary ones.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

const SERIES: &str = include_str!("../../../../tests/fixtures/alpha_vantage/series.json");

fn parse_msft(body: &[u8]) -> Result<Vec<DailyBar>, PollError> {
    let requested = "MSFT".parse().expect("a symbol");
    parse(body, &requested, &Secret::new("RECORDEDKEY00001"))
}

macro_rules! recorded {
    ($name:literal) => {
        parse_msft(include_bytes!(concat!(
            "../../../../tests/fixtures/alpha_vantage/",
            $name,
            ".json"
        )))
    };
}

#[test]
fn a_history_is_parsed_exactly() {
    let bars = parse_msft(SERIES.as_bytes()).expect("a history");
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
    for (from, to, bars) in [
        ("\"28.0000\"", "\"0.0000\"", 2),
        ("\"28.0000\"", "null", 2),
        ("2013-02-27", "2013-02-30", 2),
        ("\"5. volume\": \"36394700\"", "\"5. volume\": \"many\"", 3),
        ("\"6. nothing\"", "\"6. nothing\"", 3),
    ] {
        let parsed = parse_msft(SERIES.replace(from, to).as_bytes()).expect("a history");
        assert_eq!(parsed.len(), bars, "{from} {to}");
    }
    let without_volume = SERIES.replace("volume", "turnover");
    let bars = parse_msft(without_volume.as_bytes()).expect("a history");
    assert!(bars.iter().all(|bar| bar.volume.is_none()));
}

#[test]
fn each_notice_has_the_same_error_as_for_a_quote() {
    let limited = |seconds| PollError::RateLimited {
        wait: Duration::from_secs(seconds),
    };
    for (name, result, error) in [
        ("burst", recorded!("burst"), limited(2)),
        ("burst_pattern", recorded!("burst_pattern"), limited(2)),
        ("per_minute", recorded!("per_minute"), limited(60)),
        ("per_minute_note", recorded!("per_minute_note"), limited(60)),
        ("daily", recorded!("daily"), PollError::BudgetSpent),
        ("premium", recorded!("premium"), PollError::NotEntitled),
        (
            "artificial",
            recorded!("artificial"),
            PollError::NotEntitled,
        ),
        (
            "invalid_call",
            recorded!("invalid_call"),
            PollError::UnknownSymbol,
        ),
        ("empty", recorded!("empty"), PollError::UnknownSymbol),
    ] {
        assert_eq!(result, Err(error), "{name}");
    }
    for result in [recorded!("invalid_key"), recorded!("demo_key")] {
        assert!(matches!(result, Err(PollError::Refused { .. })));
    }
    for result in [recorded!("unknown_notice"), recorded!("unknown_error")] {
        let Err(PollError::Upstream { reason, .. }) = result else {
            panic!("{result:?}");
        };
        assert!(!reason.contains("RECORDEDKEY00001"), "{reason}");
    }
}

#[test]
fn an_undocumented_response_is_malformed() {
    let another = SERIES.replace("MSFT", "IBM");
    let without_symbol = SERIES.replace("2. Symbol", "2. Name");
    let without_close = SERIES.replace("close\"", "end\"");
    let quote = include_str!("../../../../tests/fixtures/alpha_vantage/quote.json");
    for body in [
        "",
        "null",
        "[]",
        "<!DOCTYPE html><title>502</title>",
        quote,
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
    fn parsing_never_panics(body in prop::collection::vec(any::<u8>(), 0..200), at in 0..SERIES.len()) {
        let _ = parse_msft(&body);
        // A truncated response, and one with other bytes inserted.
        let _ = parse_msft(&SERIES.as_bytes()[..at]);
        let mixed = [&SERIES.as_bytes()[..at], &body, &SERIES.as_bytes()[at..]].concat();
        let _ = parse_msft(&mixed);
    }
}
