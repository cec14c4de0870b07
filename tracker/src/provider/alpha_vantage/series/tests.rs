//! Every answer that the service is known to give, recorded, and any other.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

const SERIES: &str = include_str!("../../../../tests/fixtures/alpha_vantage/series.json");

fn judge(body: &[u8]) -> Result<Vec<Bar>, PollError> {
    let asked = "MSFT".parse().expect("a symbol");
    parse(body, &asked, &Secret::new("RECORDEDKEY00001"))
}

macro_rules! recorded {
    ($name:literal) => {
        judge(include_bytes!(concat!(
            "../../../../tests/fixtures/alpha_vantage/",
            $name,
            ".json"
        )))
    };
}

#[test]
fn a_history_is_read_to_its_last_digit() {
    let bars = judge(SERIES.as_bytes()).expect("a history");
    assert_eq!(bars.len(), 3);
    let decimal = |text: &str| text.parse().expect("a number");
    assert_eq!(
        bars[0],
        Bar {
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
fn a_bar_is_read_whole_or_left_out() {
    for (from, to, bars) in [
        ("\"28.0000\"", "\"0.0000\"", 2),
        ("\"28.0000\"", "null", 2),
        ("2013-02-27", "2013-02-30", 2),
        ("\"5. volume\": \"36394700\"", "\"5. volume\": \"many\"", 3),
        ("\"6. nothing\"", "\"6. nothing\"", 3),
    ] {
        let read = judge(SERIES.replace(from, to).as_bytes()).expect("a history");
        assert_eq!(read.len(), bars, "{from} {to}");
    }
    let volumeless = SERIES.replace("volume", "turnover");
    let bars = judge(volumeless.as_bytes()).expect("a history");
    assert!(bars.iter().all(|bar| bar.volume.is_none()));
}

#[test]
fn every_notice_has_the_class_that_it_has_for_a_quote() {
    let limited = |seconds| PollError::RateLimited {
        wait: Duration::from_secs(seconds),
    };
    for (name, judged, class) in [
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
        assert_eq!(judged, Err(class), "{name}");
    }
    for judged in [recorded!("invalid_key"), recorded!("demo_key")] {
        assert!(matches!(judged, Err(PollError::Refused { .. })));
    }
    for judged in [recorded!("unknown_notice"), recorded!("unknown_error")] {
        let Err(PollError::Upstream { reason, .. }) = judged else {
            panic!("{judged:?}");
        };
        assert!(!reason.contains("RECORDEDKEY00001"), "{reason}");
    }
}

#[test]
fn what_was_not_promised_is_malformed() {
    let another = SERIES.replace("MSFT", "IBM");
    let nameless = SERIES.replace("2. Symbol", "2. Name");
    let unreadable = SERIES.replace("close\"", "end\"");
    let quote = include_str!("../../../../tests/fixtures/alpha_vantage/quote.json");
    for body in [
        "",
        "null",
        "[]",
        "<!DOCTYPE html><title>502</title>",
        quote,
        &another,
        &nameless,
        &unreadable,
        r#"{"Time Series (Daily)":5}"#,
        r#"{"Time Series (Daily)":{"2013-03-01":{}}}"#,
    ] {
        let judged = judge(body.as_bytes());
        assert!(
            matches!(judged, Err(PollError::Malformed { .. })),
            "{body}: {judged:?}"
        );
    }
    assert_eq!(
        judge(br#"{"Time Series (Daily)":{}}"#),
        Err(PollError::UnknownSymbol)
    );
}

proptest! {
    #[test]
    fn no_answer_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..200), at in 0..SERIES.len()) {
        let _ = judge(&body);
        // A real answer that breaks off, or has something else in it.
        let _ = judge(&SERIES.as_bytes()[..at]);
        let mixed = [&SERIES.as_bytes()[..at], &body, &SERIES.as_bytes()[at..]].concat();
        let _ = judge(&mixed);
    }
}
