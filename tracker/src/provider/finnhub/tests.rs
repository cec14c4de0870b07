//! Tests of quotes, searches and the stream, with recorded responses and frames.

use proptest::{collection::vec, prelude::*};
use runtime::config::Secret;

use super::{parse, stream::Session, *};
use crate::{
    provider::{
        Frame, StreamEvent, StreamSession,
        testing::{
            check_events, check_malformed, check_not_json, check_quote, damaged, event, not_json,
            price, symbol, symbols,
        },
    },
    quote::{PreviousClose, Quote},
};

const QUOTE: &str = r#"{"c":182.63,"d":1.85,"dp":1.0239,"h":183.12,"l":180.97,"o":181.05,"pc":180.78,"t":1704067200}"#;
const MATCHES: &str = r#"{"count":3,"result":[
    {"description":"APPLE INC","displaySymbol":"AAPL","symbol":"AAPL","type":"Common Stock"},
    {"description":"no symbol"}, {"symbol":"NOT A SYMBOL"}, 7,
    {"description":"","symbol":"APLE.X","type":""}]}"#;
const TRADE: &str = r#"{"type":"trade","data":[{"s":"AAPL","p":122.1,"t":1672348887195,"v":1}]}"#;
const TRADES: &str = r#"{"type":"trade","data":[
    {"c":["1","24","12"],"p":146.76,"s":"AAPL","t":1628238530221,"v":43},
    {"c":null,"p":"146.70","s":"AAPL","t":1628238530100,"v":0},
    {"c":[],"p":4e2,"s":"BRK.B","t":1628238530300,"v":1.5},
    {"p":1,"s":"MSFT","t":1628238530300,"v":1},
    {"p":0,"s":"AAPL","t":1628238530300,"v":1},
    {"p":1,"s":"AAPL","t":null,"v":-1},
    7]}"#;
const TOO_MANY: &str = r#"{"type":"error","msg":"Subscribing to too many symbols"}"#;
const FRAMES: &[&str] = &[
    TRADE,
    TRADES,
    TOO_MANY,
    r#"{"type":"ping"}"#,
    r#"{"type":"error","msg":"Symbol not found"}"#,
];

fn quote_of(body: &str) -> Result<Quote, PollError> {
    parse::quote(body.as_bytes(), &symbol("AAPL"))
}

fn provider() -> Finnhub {
    let settings = FinnhubSettings {
        api_key: Some(Secret::new("K3Y&S3CRET")),
        url: "http://127.0.0.1:1".parse().expect("a URL"),
        stream_url: "wss://ws.finnhub.io".parse().expect("a URL"),
        per_second: std::num::NonZeroU32::MIN,
        per_minute: std::num::NonZeroU32::MIN,
        stream_symbols: 50,
    };
    Finnhub::new(&settings, Duration::from_secs(1)).expect("a provider")
}

#[test]
fn a_quote_has_the_figures_of_its_day_in_new_york() {
    let quote = quote_of(QUOTE).expect("a quote");
    assert_eq!(quote.price.to_string(), "182.63");
    assert_eq!(quote.market_time, "2024-01-01T00:00:00Z".parse().ok());
    assert_eq!(quote.trading_day.to_string(), "2023-12-31");
    let close = "180.78".parse().expect("a price");
    assert_eq!(quote.previous_close, PreviousClose::Sent(close));
    let text = |price: Option<entity::Decimal>| price.map(|price| price.to_string());
    assert_eq!(text(quote.open).as_deref(), Some("181.05"));
    assert_eq!(text(quote.high).as_deref(), Some("183.12"));
    assert_eq!(text(quote.low).as_deref(), Some("180.97"));
    assert_eq!(quote.volume, None);
}

#[test]
fn an_unknown_symbol_has_the_price_0_and_no_time() {
    let zero = r#"{"c":0,"d":null,"dp":null,"h":0,"l":0,"o":0,"pc":0,"t":0}"#;
    assert_eq!(quote_of(zero), Err(PollError::UnknownSymbol));
    // With a time, the symbol is known but has no price.
    let traded = zero.replace(r#""t":0"#, r#""t":1704067200"#);
    assert!(matches!(quote_of(&traded), Err(PollError::NoPrice { .. })));
    let timeless = QUOTE.replace("1704067200", "0");
    assert!(matches!(
        quote_of(&timeless),
        Err(PollError::NoPrice { .. })
    ));
    assert!(matches!(quote_of("{}"), Err(PollError::NoPrice { .. })));
}

#[test]
fn other_responses_are_errors() {
    for body in ["", "[]", "<html>", "7"] {
        assert!(
            matches!(quote_of(body), Err(PollError::Malformed { .. })),
            "{body}"
        );
    }
    let access = r#"{"error":"You don't have access to this resource."}"#;
    assert_eq!(quote_of(access), Err(PollError::NotEntitled));
    assert!(matches!(
        quote_of(r#"{"error":"odd"}"#),
        Err(PollError::Upstream { .. })
    ));
    for price in ["-1", "null", "\"NaN\"", "1e-9"] {
        let body = QUOTE.replace("182.63", price);
        assert!(
            matches!(quote_of(&body), Err(PollError::NoPrice { .. })),
            "{price}"
        );
    }
    let exponent = QUOTE.replace("182.63", "1.8263e2");
    assert_eq!(
        quote_of(&exponent).map(|quote| quote.price.to_string()),
        Ok("182.63".to_owned())
    );
}

#[test]
fn a_status_of_a_symbol_differs_from_one_of_the_key() {
    let of = |status: u16, text: &str| {
        body(HttpResponse {
            status: reqwest::StatusCode::from_u16(status).expect("a status"),
            wait: None,
            body: text.into(),
        })
        .expect_err("an error")
    };
    let access = r#"{"error":"You don't have access to this resource."}"#;
    assert_eq!(of(403, access), PollError::NotEntitled);
    assert_eq!(of(403, "banned"), PollError::refused("HTTP 403"));
    assert_eq!(
        of(401, r#"{"error":"Invalid API key"}"#),
        PollError::refused("HTTP 401")
    );
    let wait = Duration::from_mins(1);
    let limited = r#"{"error":"API limit reached. Please try again later. Remaining Limit: 0"}"#;
    assert_eq!(of(429, limited), PollError::RateLimited { wait });
    assert_eq!(of(502, ""), PollError::upstream("HTTP 502"));
}

#[test]
fn matches_that_are_not_symbols_are_left_out() {
    let matches = parse::matches(MATCHES.as_bytes()).expect("matches");
    assert_eq!(matches.len(), 2);
    assert_eq!(matches[0].symbol, symbol("AAPL"));
    assert_eq!(matches[0].name.as_deref(), Some("APPLE INC"));
    assert_eq!(matches[0].kind.as_deref(), Some("Common Stock"));
    assert_eq!((&matches[1].name, &matches[1].kind), (&None, &None));
    assert!(parse::matches(b"{}").is_err());
}

#[test]
fn shares_are_served_and_pairs_only_with_their_venue() {
    let provider = provider();
    for (text, served) in [
        ("AAPL", true),
        ("BRK-B", true),
        ("TSCO.L", true),
        ("BINANCE:BTCUSDT", true),
        ("BTC/USD", false),
        ("EUR/USD", false),
        ("^GSPC", false),
    ] {
        let knows = provider.knows(&symbol(text));
        assert_eq!(knows, (!served).then_some(false), "{text}");
    }
}

#[test]
fn the_key_is_in_the_address_but_not_in_what_is_formatted() {
    let provider = provider();
    let address = StreamProtocol::address(&provider);
    assert_eq!(
        address.0.as_str(),
        "wss://ws.finnhub.io/?token=K3Y%26S3CRET"
    );
    let text = format!("{address:?} {provider:?}");
    assert!(!text.contains("S3CRET"), "{text}");
}

fn session(texts: &[&str]) -> Session {
    let mut session = Session::new(Secret::new("K3Y"));
    session.subscribe(&symbols(texts));
    session
}

#[test]
fn each_symbol_takes_a_frame() {
    let mut session = Session::new(Secret::new("K3Y"));
    assert_eq!(session.opened(), [StreamEvent::Ready]);
    let frames = session.subscribe(&symbols(&["AAPL", "BRK-B", "AAPL"]));
    let texts: Vec<_> = frames.iter().map(Frame::as_str).collect();
    assert_eq!(
        texts,
        [
            r#"{"symbol":"AAPL","type":"subscribe"}"#,
            r#"{"symbol":"BRK.B","type":"subscribe"}"#
        ]
    );
    let frames = session.unsubscribe(&symbols(&["BRK-B", "MSFT"]));
    assert_eq!(frames.len(), 1);
    assert_eq!(
        frames[0].as_str(),
        r#"{"symbol":"BRK.B","type":"unsubscribe"}"#
    );
}

#[test]
fn a_message_has_trades_of_several_symbols_in_any_order() {
    let mut session = session(&["AAPL", "BRK-B"]);
    let events = session.received(TRADES);
    let StreamEvent::Price(first) = &events[0] else {
        panic!("not a price: {events:?}");
    };
    assert_eq!(
        (first.symbol.as_str(), first.price.to_string().as_str()),
        ("AAPL", "146.76")
    );
    assert_eq!(first.market_time, "2021-08-06T08:28:50.221Z".parse().ok());
    assert_eq!(first.size, "43".parse().ok());
    assert!(
        matches!(&events[1], StreamEvent::Price(price) if price.market_time < first.market_time)
    );
    assert!(
        matches!(&events[2], StreamEvent::Price(price) if price.symbol == symbol("BRK-B")
        && price.size == "1.5".parse().ok())
    );
    assert!(matches!(events[3], StreamEvent::Dropped { .. }));
    assert!(matches!(events[4], StreamEvent::Malformed { .. }));
    assert!(
        matches!(&events[5], StreamEvent::Price(price) if price.market_time.is_none()
        && price.size.is_none())
    );
    assert!(matches!(events[6], StreamEvent::Malformed { .. }));
    assert_eq!(events.len(), 7);
    assert_eq!(price(&mut session, TRADE).price.to_string(), "122.1");
}

#[test]
fn too_many_symbols_take_the_slot_of_the_latest() {
    let mut session = session(&["A", "B", "C"]);
    for (text, slots) in [("C", 2), ("B", 1), ("A", 0)] {
        assert_eq!(
            event(&mut session, TOO_MANY),
            StreamEvent::LimitLowered {
                symbol: symbol(text),
                slots
            }
        );
    }
    assert!(matches!(
        event(&mut session, TOO_MANY),
        StreamEvent::Notice { .. }
    ));
    // The symbol has no slot, so that it can be subscribed again.
    assert_eq!(session.subscribe(&symbols(&["C"])).len(), 1);
}

#[test]
fn other_messages_are_told_apart() {
    let mut session = session(&["A"]);
    let mut read = |frame: &str| event(&mut session, frame);
    assert_eq!(read(r#"{"type":"ping"}"#), StreamEvent::Heartbeat);
    let refused = read(r#"{"type":"error","msg":"Invalid API key K3Y"}"#);
    assert_eq!(refused, StreamEvent::refused("Invalid API key \u{2026}"));
    let notice = read(r#"{"type":"error","msg":"Symbol not found"}"#);
    assert_eq!(notice, StreamEvent::notice("Symbol not found"));
    assert!(matches!(
        read(r#"{"type":"news"}"#),
        StreamEvent::Notice { .. }
    ));
    for frame in [
        "",
        "[]",
        "{}",
        "garbage",
        r#"{"type":"trade"}"#,
        r#"{"type":"trade","data":[]}"#,
    ] {
        assert!(
            matches!(read(frame), StreamEvent::Malformed { .. }),
            "{frame}"
        );
    }
}

proptest! {
    #[test]
    fn a_response_that_is_not_json_is_malformed(body in not_json(&[QUOTE, MATCHES])) {
        check_malformed(&quote_of(&body));
        check_malformed(&parse::matches(body.as_bytes()));
    }

    #[test]
    fn a_damaged_response_is_an_error_or_has_valid_numbers(body in damaged(&[QUOTE, MATCHES])) {
        check_quote(&quote_of(&body), "AAPL");
        let _ = parse::matches(body.as_bytes());
    }

    #[test]
    fn a_frame_that_is_not_json_is_malformed_and_changes_nothing(frame in not_json(FRAMES)) {
        check_not_json(&mut session(&["AAPL"]), &frame, TRADE);
    }

    #[test]
    fn damaged_frames_have_valid_events(frames in vec(damaged(FRAMES), 1..8)) {
        let texts = ["AAPL", "BRK-B"];
        check_events(&mut session(&texts), &frames, &symbols(&texts));
    }
}
