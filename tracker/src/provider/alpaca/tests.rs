//! Tests of quotes and splits, with recorded responses.

use std::num::NonZeroU32;

use entity::{Ratio, Timestamp};
use proptest::prelude::*;
use runtime::clock::ManualClock;

use super::*;
use crate::{
    provider::testing::{check_malformed, check_quote, damaged, not_json, symbol},
    quote::{PreviousClose, Quote},
};

mod stream;

pub(super) fn provider() -> Alpaca {
    let settings = AlpacaSettings {
        api_key_id: Some(Secret::new("K3Y-ID")),
        api_secret_key: Some(Secret::new("S3CRET")),
        url: "http://127.0.0.1:1".parse().expect("a URL"),
        stream_url: "wss://stream.example/v2/iex".parse().expect("a URL"),
        per_second: NonZeroU32::MIN,
        per_minute: NonZeroU32::MIN,
        stream_symbols: 30,
    };
    let clock = ManualClock::at(Timestamp::default()).shared();
    Alpaca::new(&settings, Duration::from_secs(1), clock).expect("a provider")
}

const SNAPSHOT: &str = r#"{"AAPL":{
    "latestTrade":{"t":"2021-05-03T14:48:06.563Z","x":"D","p":133.4201,"s":145,"c":["@"],"i":62700,"z":"C"},
    "latestQuote":{"ap":1},"minuteBar":{"c":1},
    "dailyBar":{"t":"2021-05-03T04:00:00Z","o":132.04,"h":134.07,"l":131.83,"c":133.42,"v":25846800,"n":254678,"vw":132.568},
    "prevDailyBar":{"t":"2021-04-30T04:00:00Z","o":131.82,"h":133.56,"l":131.065,"c":131.46,"v":109506363}},
    "GONE":null}"#;

const SPLITS: &str = r#"{"corporate_actions":{
    "forward_splits":[
        {"symbol":"NVDA","new_rate":10,"old_rate":1,"ex_date":"2024-06-10","process_date":"2024-06-10"},
        {"symbol":"AMD","new_rate":2,"old_rate":1,"ex_date":"2024-06-11"},
        {"symbol":"NVDA","new_rate":1,"old_rate":1,"ex_date":"2024-06-12"},
        {"symbol":"NVDA","new_rate":0,"old_rate":1,"ex_date":"2024-06-13"},
        {"symbol":"NVDA","old_rate":1,"ex_date":"2024-06-14"}, 7,
        {"symbol":"NVDA","new_rate":"1.5","old_rate":"1.0","ex_date":"2001-09-12"}],
    "reverse_splits":[{"symbol":"NVDA","new_rate":1,"old_rate":20,"ex_date":"2010-01-04"}]},
    "next_page_token":null}"#;

fn quote_of(body: &str, text: &str) -> Result<Quote, PollError> {
    Snapshots::parse(body.as_bytes())?.quote(&symbol(text))
}

fn text(price: Option<entity::Decimal>) -> Option<String> {
    price.map(|price| price.to_string())
}

#[test]
fn a_snapshot_has_the_price_the_session_and_the_previous_close() {
    let quote = quote_of(SNAPSHOT, "AAPL").expect("a quote");
    assert_eq!(quote.price.to_string(), "133.4201");
    assert_eq!(quote.market_time, "2021-05-03T14:48:06.563Z".parse().ok());
    assert_eq!(quote.trading_day.to_string(), "2021-05-03");
    assert_eq!(text(quote.open).as_deref(), Some("132.04"));
    assert_eq!(text(quote.high).as_deref(), Some("134.07"));
    assert_eq!(text(quote.low).as_deref(), Some("131.83"));
    assert_eq!(quote.volume, Some(25_846_800));
    let close = "131.46".parse().expect("a price");
    assert_eq!(quote.previous_close, PreviousClose::Sent(close));
}

#[test]
fn a_missing_or_null_symbol_is_unknown() {
    assert_eq!(quote_of(SNAPSHOT, "MSFT"), Err(PollError::UnknownSymbol));
    assert_eq!(quote_of(SNAPSHOT, "GONE"), Err(PollError::UnknownSymbol));
    assert_eq!(quote_of(r#"{"A":{}}"#, "A"), Err(PollError::NoQuote));
    let class = SNAPSHOT.replace("AAPL", "BRK.B");
    assert!(quote_of(&class, "BRK-B").is_ok());
}

#[test]
fn before_the_open_the_bar_of_the_last_session_is_the_previous_close() {
    let early = SNAPSHOT.replace("2021-05-03T14:48:06.563Z", "2021-05-04T09:00:00.123456789Z");
    let quote = quote_of(&early, "AAPL").expect("a quote");
    assert_eq!(quote.trading_day.to_string(), "2021-05-04");
    let close = "133.42".parse().expect("a price");
    assert_eq!(quote.previous_close, PreviousClose::Sent(close));
    assert_eq!(
        (quote.open, quote.high, quote.low, quote.volume),
        (None, None, None, None)
    );
}

#[test]
fn an_odd_lot_does_not_move_the_price() {
    for conditions in [r#"["@","I"]"#, r#"["T"]"#, r#"["4","@"]"#, r#"[" "," W"]"#] {
        let body = SNAPSHOT.replace(r#"["@"]"#, conditions);
        let quote = quote_of(&body, "AAPL").expect("a quote");
        assert_eq!(quote.price.to_string(), "133.42", "{conditions}");
        assert_eq!(quote.market_time, None);
        assert_eq!(quote.trading_day.to_string(), "2021-05-03");
    }
    for conditions in [r#"["@","F"]"#, "[]", "null"] {
        let body = SNAPSHOT.replace(r#"["@"]"#, conditions);
        let quote = quote_of(&body, "AAPL").expect("a quote");
        assert_eq!(quote.price.to_string(), "133.4201", "{conditions}");
    }
    let alone =
        r#"{"A":{"latestTrade":{"t":"2021-05-03T14:48:06Z","p":1,"c":["I"]},"dailyBar":null}}"#;
    assert_eq!(quote_of(alone, "A"), Err(PollError::NoQuote));
}

#[test]
fn invalid_snapshots_are_errors() {
    for body in ["", "[]", "<html>"] {
        assert!(
            matches!(quote_of(body, "A"), Err(PollError::Malformed { .. })),
            "{body}"
        );
    }
    for body in [r#"{"A":7}"#, r#"{"A":{"latestTrade":7}}"#] {
        assert!(
            matches!(quote_of(body, "A"), Err(PollError::Malformed { .. })),
            "{body}"
        );
    }
    for price in ["0", "-1", "null", "\"NaN\"", "[]"] {
        let body = SNAPSHOT.replace("133.4201", price);
        let error = quote_of(&body, "AAPL");
        assert!(
            matches!(error, Err(PollError::NoPrice { .. })),
            "{price}: {error:?}"
        );
    }
    let timeless = SNAPSHOT.replace("2021-05-03T14:48:06.563Z", "now");
    assert!(matches!(
        quote_of(&timeless, "AAPL"),
        Err(PollError::NoPrice { .. })
    ));
    let exponent = SNAPSHOT.replace("133.4201", "\"1.334201E+2\"");
    assert_eq!(
        quote_of(&exponent, "AAPL").map(|quote| quote.price.to_string()),
        Ok("133.4201".to_owned())
    );
    // Other invalid fields are absent.
    let fields = SNAPSHOT
        .replace("25846800", "-1")
        .replace("134.07", "null")
        .replace("131.46", "\"-\"");
    let quote = quote_of(&fields, "AAPL").expect("a quote");
    assert_eq!(
        (quote.volume, quote.high, quote.previous_close),
        (None, None, PreviousClose::Absent)
    );
}

fn failure(status: u16, text: &str) -> Failure {
    let response = HttpResponse {
        status: StatusCode::from_u16(status).expect("a status"),
        wait: None,
        body: text.into(),
    };
    body(response, &provider().secrets()).expect_err("a failure")
}

#[test]
fn failures_are_classified_by_status_and_message() {
    let of = |status, text: &str| failure(status, text).error;
    let recent = r#"{"message":"subscription does not permit querying recent SIP data"}"#;
    assert_eq!(of(403, recent), PollError::NotEntitled);
    assert_eq!(
        of(403, r#"{"message":"forbidden."}"#),
        PollError::refused("HTTP 403")
    );
    assert_eq!(
        of(401, r#"{"message":"forbidden."}"#),
        PollError::refused("HTTP 401")
    );
    let wait = Duration::from_mins(1);
    assert_eq!(
        of(429, r#"{"message":"too many requests."}"#),
        PollError::RateLimited { wait }
    );
    let odd = r#"{"message":"odd keys K3Y-ID and S3CRET"}"#;
    let hidden = PollError::upstream("odd keys \u{2026} and \u{2026}");
    assert_eq!(of(422, odd), hidden);
    assert_eq!(of(500, ""), PollError::upstream("HTTP 500"));
    assert_eq!(of(400, "<html>"), PollError::upstream("HTTP 400"));
}

#[test]
fn an_invalid_symbol_does_not_make_the_others_unknown() {
    let unnamed = failure(422, r#"{"message":"invalid symbol(s)"}"#);
    assert_eq!(unnamed.of(&symbol("AAPL"), 3), PollError::BatchRejected);
    assert_eq!(unnamed.of(&symbol("AAPL"), 1), PollError::UnknownSymbol);
    let failure = failure(400, r#"{"message":"invalid symbol(s): FOO1, BAR.X"}"#);
    assert_eq!(failure.of(&symbol("FOO1"), 3), PollError::UnknownSymbol);
    assert_eq!(failure.of(&symbol("BAR-X"), 3), PollError::UnknownSymbol);
    assert_eq!(failure.of(&symbol("AAPL"), 3), PollError::BatchRejected);
    assert_eq!(failure.of(&symbol("AAPL"), 1), PollError::UnknownSymbol);
}

#[test]
fn only_shares_of_the_united_states_are_served() {
    let provider = provider();
    for (text, served) in [
        ("AAPL", true),
        ("BRK.B", true),
        ("BTC/USD", false),
        ("TSCO.LON", false),
        ("^GSPC", false),
        ("NASDAQ:AAPL", false),
    ] {
        assert_eq!(
            provider.knows(&symbol(text)),
            (!served).then_some(false),
            "{text}"
        );
    }
}

#[test]
fn splits_of_both_kinds_are_read_in_order() {
    let splits = splits::parse(SPLITS.as_bytes(), &symbol("NVDA")).expect("splits");
    let read: Vec<_> = splits
        .iter()
        .map(|split| (split.effective_on.to_string(), split.ratio))
        .collect();
    let ratio = |new, old| Ratio::new(new, old).expect("a ratio");
    assert_eq!(
        read,
        [
            ("2001-09-12".to_owned(), ratio(3, 2)),
            ("2010-01-04".to_owned(), ratio(1, 20)),
            ("2024-06-10".to_owned(), ratio(10, 1)),
        ]
    );
    let none = splits::parse(br#"{"corporate_actions":{}}"#, &symbol("NVDA"));
    assert_eq!(none, Ok(Vec::new()));
    for body in ["", "{}", r#"{"corporate_actions":7}"#] {
        let error = splits::parse(body.as_bytes(), &symbol("NVDA"));
        assert!(matches!(error, Err(PollError::Malformed { .. })), "{body}");
    }
}

proptest! {
    #[test]
    fn a_response_that_is_not_json_is_malformed(body in not_json(&[SNAPSHOT, SPLITS])) {
        check_malformed(&quote_of(&body, "AAPL"));
        check_malformed(&splits::parse(body.as_bytes(), &symbol("NVDA")));
    }

    #[test]
    fn a_damaged_response_is_an_error_or_has_valid_numbers(body in damaged(&[SNAPSHOT, SPLITS])) {
        check_quote(&quote_of(&body, "AAPL"), "AAPL");
        let splits = splits::parse(body.as_bytes(), &symbol("NVDA")).unwrap_or_default();
        prop_assert!(splits.iter().all(|split| split.ratio != Ratio::ONE));
    }
}
