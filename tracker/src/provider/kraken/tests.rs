//! Tests of the list of pairs, quotes and the stream, with recorded responses and frames.

use std::sync::Arc;

use proptest::{collection::vec, prelude::*};
use reqwest::StatusCode;

use super::{
    pairs::{self, Pair, Pairs},
    stream::Session,
    ticker, *,
};
use crate::{
    provider::{
        StreamEvent, StreamSession,
        testing::{
            check_events, check_malformed, check_not_json, check_quote, damaged, event, not_json,
            price, symbol, symbols,
        },
    },
    quote::{PreviousClose, Quote},
};

const SPOT: &str = r#"{"error":[],"result":{
    "XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT/USD","base":"XXBT","quote":"ZUSD","status":"online"},
    "XDGUSD":{"altname":"XDGUSD","wsname":"XDG/USD","base":"XXDG","quote":"ZUSD","status":"online"},
    "ETHXBT":{"altname":"ETHXBT","wsname":"ETH/XBT","status":"cancel_only"},
    "BAD":{"altname":"BAD"}, "WORSE":7, "XBTUSD.d":{"wsname":null}}}"#;
const TOKENIZED: &str = r#"{"error":[],"result":{
    "AAPLxUSD":{"altname":"AAPLxUSD","wsname":"AAPLx/USD","base":"AAPLx","quote":"ZUSD"}}}"#;
const TICKER: &str = r#"{"error":[],"result":{"XXBTZUSD":{"a":["105944.30000","1","1.000"],
    "b":["105944.2","1","1.0"],"c":["105899.40000","0.00009443"],"v":["0.78648221","163.28908096"],
    "p":["1","2"],"t":[35,3276],"l":["105853.50000","104711.00000"],
    "h":["106112.00000","106613.10000"],"o":"106021.60000"}}}"#;
const UPDATE: &str = r#"{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":83744.2,"bid_qty":0.56251979,"ask":83744.3,"ask_qty":0.00044780,"last":83744.3,"volume":3156.84782110,"vwap":84174.6,"low":83163.6,"high":85247.4,"change":-429.3,"change_pct":-0.51,"trades":135262,"timestamp":"2026-09-25T17:48:26.844359Z"}]}"#;
const ONLINE: &str = r#"{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2","connection_id":18125794168470749634,"upcoming_maintenance":[],"emergency":[]}]}"#;
const CONFIRMED: &str = r#"{"method":"subscribe","result":{"channel":"ticker","symbol":"BTC/USD","snapshot":true},"success":true,"time_in":"…","time_out":"…","req_id":1}"#;
const REJECTED: &str = r#"{"error":"Currency pair not supported XBT/USD","method":"subscribe","success":false,"symbol":"XBT/USD","time_in":"2026-09-25T17:48:54.701041Z","time_out":"2026-09-25T17:48:54.701062Z"}"#;
const FRAMES: &[&str] = &[
    UPDATE,
    ONLINE,
    CONFIRMED,
    REJECTED,
    r#"{"channel":"heartbeat"}"#,
    r#"{"error":"Exceeded msg rate limit","method":"subscribe","success":false}"#,
];

fn listed() -> Pairs {
    let parse = |body: &str| pairs::parse(body.as_bytes()).expect("pairs");
    let spot = Pairs::default().with(parse(SPOT), false);
    assert!(!spot.is_complete());
    spot.with(parse(TOKENIZED), true)
}

fn day() -> NaiveDate {
    "2026-09-25".parse().expect("a day")
}

fn quote_of(body: &str, text: &str, pairs: &Pairs) -> Result<Quote, PollError> {
    let requested = symbols(&[text]);
    let mut quotes = ticker::parse(body.as_bytes(), &requested, pairs, day())?;
    quotes.remove(&requested[0]).expect("an answer")
}

#[test]
fn the_list_has_a_name_of_each_kind_for_a_symbol() {
    let pairs = listed();
    for (text, rest, wire, tokenized) in [
        ("BTC/USD", "XXBTZUSD", "BTC/USD", false),
        ("DOGE/USD", "XDGUSD", "DOGE/USD", false),
        ("ETH/BTC", "ETHXBT", "ETH/BTC", false),
        ("AAPLX/USD", "AAPLxUSD", "AAPLx/USD", true),
    ] {
        let symbol = symbol(text);
        assert_eq!(pairs.knows(&symbol), Some(true), "{text}");
        assert_eq!(pairs.rest_name(&symbol), rest);
        assert_eq!(pairs.wire_name(&symbol), wire);
        assert_eq!(pairs.is_tokenized(&symbol), tokenized);
    }
    assert_eq!(pairs.knows(&symbol("XBT/USD")), Some(false));
    for text in ["BTC/USD", "BTC/PYUSD"] {
        assert_eq!(Pairs::default().knows(&symbol(text)), None, "{text}");
    }
    for text in ["AAPL", "BRK/B", "XBT/USD", "ETH/XBT", "XDG/USD"] {
        assert_eq!(Pairs::default().knows(&symbol(text)), Some(false), "{text}");
    }
}

#[test]
fn every_pair_that_is_listed_is_known() {
    for wire in ["BTC/PYUSD", "ETH/EURC", "A/B"] {
        let list = format!(r#"{{"error":[],"result":{{"X":{{"wsname":"{wire}"}}}}}}"#);
        let list = pairs::parse(list.as_bytes()).expect("pairs");
        let pairs = Pairs::default().with(list, false);
        assert_eq!(pairs.knows(&symbol(wire)), Some(true), "{wire}");
        assert_eq!(pairs.find(wire)[0].symbol, symbol(wire));
    }
}

#[test]
fn a_pair_may_be_tokenised_until_the_list_decides() {
    let spot = Pairs::default().with(pairs::parse(SPOT.as_bytes()).expect("pairs"), false);
    for (text, before) in [("AAPLX/USD", true), ("NO/USD", false), ("X/USD", true)] {
        assert_eq!(spot.may_be_tokenized(&symbol(text)), before, "{text}");
        // The half of the list that is loaded decides about the others.
        let known = spot.knows(&symbol(text));
        assert_eq!(known, (!before).then_some(false), "{text}");
        assert!(!listed().may_be_tokenized(&symbol(text)), "{text}");
    }
    let avax = Pair {
        wire: "AVAX/USD".to_owned(),
        rest: "AVAXUSD".to_owned(),
        tokenized: false,
    };
    let avax = Pairs::default().with(vec![(symbol("AVAX/USD"), avax)], false);
    assert!(!avax.may_be_tokenized(&symbol("AVAX/USD")), "it is listed");
}

#[test]
fn a_new_list_replaces_its_half_only() {
    let spot = vec![(
        symbol("NEW/USD"),
        Pair {
            wire: "NEW/USD".to_owned(),
            rest: "NEWUSD".to_owned(),
            tokenized: false,
        },
    )];
    let pairs = listed().with(spot, false);
    assert_eq!(pairs.knows(&symbol("NEW/USD")), Some(true));
    assert_eq!(pairs.knows(&symbol("BTC/USD")), Some(false));
    assert_eq!(pairs.knows(&symbol("AAPLX/USD")), Some(true));
}

#[test]
fn pairs_are_found_by_a_part_of_the_symbol() {
    let found = listed().find(" usd ");
    let symbols: Vec<_> = found.iter().map(|found| found.symbol.as_str()).collect();
    assert_eq!(symbols, ["BTC/USD", "DOGE/USD", "AAPLX/USD"]);
    assert_eq!(found[0].exchange.as_deref(), Some("Kraken"));
    assert_eq!(found[0].currency.as_deref(), Some("USD"));
    assert_eq!(found[2].exchange.as_deref(), Some("Kraken xStocks"));
    assert_eq!(listed().find("nothing"), []);
}

#[test]
fn a_quote_has_the_figures_of_the_day_and_no_volume() {
    let quote = quote_of(TICKER, "BTC/USD", &listed()).expect("a quote");
    let text = |price: Option<entity::Decimal>| price.map(|price| price.to_string());
    assert_eq!(quote.price.to_string(), "105899.4");
    assert_eq!(text(quote.open).as_deref(), Some("106021.6"));
    assert_eq!(text(quote.high).as_deref(), Some("106112"));
    assert_eq!(text(quote.low).as_deref(), Some("105853.5"));
    assert_eq!(quote.volume, None);
    assert_eq!(quote.trading_day, day());
    assert_eq!(quote.market_time, None);
    let open = "106021.6".parse().expect("a price");
    assert_eq!(quote.previous_close, PreviousClose::Sent(open));
    assert_eq!(quote.currency.as_deref(), Some("USD"));
}

#[test]
fn the_key_of_a_result_differs_from_the_requested_name() {
    for key in ["XXBTZUSD", "XBTUSD", "BTC/USD", "BTCUSD", "Anything"] {
        let body = TICKER.replace("XXBTZUSD", key);
        assert!(
            quote_of(&body, "BTC/USD", &Pairs::default()).is_ok(),
            "{key}"
        );
    }
    for (key, text) in [
        ("XXDGZUSD", "DOGE/USD"),
        ("ETHXBT", "ETH/BTC"),
        ("XETHZEUR", "ETH/EUR"),
    ] {
        assert!(pairs::is_name_of(key, &symbol(text)), "{key}");
        assert!(!pairs::is_name_of(key, &symbol("BTC/USD")), "{key}");
    }
    let requested = symbols(&["BTC/USD", "ETH/USD"]);
    let quotes = ticker::parse(TICKER.as_bytes(), &requested, &Pairs::default(), day());
    let quotes = quotes.expect("answers");
    assert!(quotes[&requested[0]].is_ok());
    assert_eq!(
        quotes[&requested[1]],
        Err(PollError::malformed("a requested pair is missing"))
    );
}

#[test]
fn the_error_in_the_body_counts_more_than_the_status() {
    let of = |status, wait, text: &str| {
        body(HttpResponse {
            status: StatusCode::from_u16(status).expect("a status"),
            wait,
            body: text.into(),
        })
    };
    let unknown = r#"{"error":["WGeneral:Danger","EQuery:Unknown asset pair"]}"#;
    assert_eq!(of(400, None, unknown), Err(PollError::UnknownSymbol));
    let failed = PollError::upstream("HTTP 500");
    for text in ["", "<html>", r#"{"error":["WGeneral:Danger"]}"#] {
        assert_eq!(of(500, None, text), Err(failed.clone()), "{text}");
    }
    let wait = Duration::from_secs(90);
    let limited = of(429, Some(wait), r#"{"error":["EAPI:Rate limit exceeded"]}"#);
    assert_eq!(limited, Err(PollError::RateLimited { wait }));
    // The parser finds the errors of others.
    assert_eq!(of(200, None, unknown), Ok(unknown.into()));
}

#[test]
fn the_errors_of_a_response_are_classified() {
    let of = |error: &str| {
        let body = format!(r#"{{"error":[{error}],"result":null}}"#);
        quote_of(&body, "BTC/USD", &Pairs::default()).expect_err("an error")
    };
    let limited = PollError::RateLimited { wait: RATE_WAIT };
    assert_eq!(
        of(r#""EQuery:Unknown asset pair""#),
        PollError::UnknownSymbol
    );
    assert_eq!(of(r#""EAPI:Rate limit exceeded""#), limited);
    assert_eq!(of(r#""EGeneral:Too many requests""#), limited);
    assert_eq!(
        of(r#""EService:Unavailable""#),
        PollError::upstream("EService:Unavailable")
    );
    assert_eq!(of(r#""EWhat:\u0007""#), PollError::upstream("EWhat: "));
    assert!(matches!(
        of(r#""EGeneral:Permission denied""#),
        PollError::Refused { .. }
    ));
    assert!(matches!(of(""), PollError::Malformed { .. }));
    // A warning beside a result.
    let warned = TICKER.replace(r#""error":[]"#, r#""error":["WGeneral:Danger"]"#);
    assert!(quote_of(&warned, "BTC/USD", &Pairs::default()).is_ok());
    for body in [
        "",
        "<html>",
        "[]",
        r#"{"error":[]}"#,
        r#"{"error":[],"result":[]}"#,
    ] {
        let error = quote_of(body, "BTC/USD", &Pairs::default()).expect_err(body);
        assert!(
            matches!(error, PollError::Malformed { .. }),
            "{body}: {error:?}"
        );
    }
}

#[test]
fn a_ticker_without_a_valid_price_is_no_price() {
    for last in [
        r#"["0","1"]"#,
        r#"["-1"]"#,
        "[null]",
        "[]",
        "null",
        r#""NaN""#,
        r#"["NaN"]"#,
    ] {
        let body = TICKER.replace(r#"["105899.40000","0.00009443"]"#, last);
        let error = quote_of(&body, "BTC/USD", &listed()).expect_err(last);
        assert!(
            matches!(error, PollError::NoPrice { .. }),
            "{last}: {error:?}"
        );
    }
    let number = TICKER.replace(r#"["105899.40000","#, "[1.058994e5,");
    let quote = quote_of(&number, "BTC/USD", &listed()).expect("a quote");
    assert_eq!(quote.price.to_string(), "105899.4");
}

fn shared(pairs: Pairs) -> SharedPairs {
    Arc::new(RwLock::new(Arc::new(pairs)))
}

fn session(texts: &[&str]) -> Session {
    let mut session = Session::new(shared(listed()));
    assert_eq!(session.opened(), [StreamEvent::Ready]);
    session.subscribe(&symbols(texts));
    session
}

#[test]
fn subscriptions_use_the_names_of_the_stream() {
    let mut session = Session::new(shared(listed()));
    let frames = session.subscribe(&symbols(&["btc/usd", "AAPLX/USD", "BTC/USD"]));
    let [frame] = &frames[..] else {
        panic!("not one frame: {}", frames.len());
    };
    let sent: serde_json::Value = serde_json::from_str(frame.as_str()).expect("JSON");
    assert_eq!(
        sent,
        serde_json::json!({"method": "subscribe", "params": {"channel": "ticker",
            "symbol": ["BTC/USD", "AAPLx/USD"], "event_trigger": "trades", "snapshot": true}})
    );
    assert!(session.subscribe(&symbols(&["BTC/USD"])).is_empty());
    let frames = session.unsubscribe(&symbols(&["AAPLX/USD", "ETH/USD"]));
    let sent: serde_json::Value = serde_json::from_str(frames[0].as_str()).expect("JSON");
    assert_eq!(sent["method"], "unsubscribe");
    assert_eq!(sent["params"]["symbol"], serde_json::json!(["AAPLx/USD"]));
}

#[test]
fn a_symbol_that_was_refused_before_the_list_is_requested_by_its_name_in_the_list() {
    let pairs = shared(Pairs::default());
    let mut session = Session::new(Arc::clone(&pairs));
    let tokenized = symbols(&["AAPLX/USD"]);
    session.subscribe(&tokenized);
    let refused = StreamEvent::Rejected {
        symbol: symbol("AAPLX/USD"),
        error: PollError::UnknownSymbol,
    };
    let refusal = REJECTED.replace("XBT/USD", "AAPLX/USD");
    assert_eq!(event(&mut session, &refusal), refused);
    *pairs.write() = Arc::new(listed());
    let [frame] = &session.subscribe(&tokenized)[..] else {
        panic!("no request");
    };
    let sent: serde_json::Value = serde_json::from_str(frame.as_str()).expect("JSON");
    assert_eq!(sent["params"]["symbol"], serde_json::json!(["AAPLx/USD"]));
    let update = UPDATE.replace("BTC/USD", "AAPLx/USD");
    assert_eq!(price(&mut session, &update).symbol, symbol("AAPLX/USD"));
}

#[test]
fn recorded_frames_are_read() {
    let mut session = session(&["BTC/USD", "ETH/USD", "XBT/USD"]);
    let mut read = |frame: &str| event(&mut session, frame);
    assert_eq!(read(ONLINE), StreamEvent::Resumed);
    let maintenance = ONLINE.replace("online", "maintenance");
    assert_eq!(
        read(&maintenance),
        StreamEvent::Paused {
            reason: "maintenance".into()
        }
    );
    assert_eq!(read(r#"{"channel":"heartbeat"}"#), StreamEvent::Heartbeat);
    assert_eq!(
        read(r#"{"method":"pong","req_id":42,"time_in":"…","time_out":"…"}"#),
        StreamEvent::Heartbeat
    );
    assert_eq!(read(CONFIRMED), StreamEvent::Subscribed(symbol("BTC/USD")));
    assert_eq!(
        read(REJECTED),
        StreamEvent::Rejected {
            symbol: symbol("XBT/USD"),
            error: PollError::UnknownSymbol
        }
    );
    let other =
        r#"{"error":"Trading is halted","method":"subscribe","success":false,"symbol":"ETH/USD"}"#;
    assert_eq!(
        read(other),
        StreamEvent::Rejected {
            symbol: symbol("ETH/USD"),
            error: PollError::refused("Trading is halted")
        }
    );
    let wrong_host = r#"{"error":"Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com","method":"subscribe","success":false}"#;
    assert!(matches!(read(wrong_host), StreamEvent::Refused { .. }));
    let limited = r#"{"error":"Exceeded msg rate limit","method":"subscribe","success":false}"#;
    assert!(matches!(read(limited), StreamEvent::Failed { .. }));
    for notice in [
        r#"{"channel":"instrument","data":{}}"#,
        r#"{"method":"unsubscribe","success":true}"#,
    ] {
        assert!(
            matches!(read(notice), StreamEvent::Notice { .. }),
            "{notice}"
        );
    }
}

#[test]
fn a_ticker_is_a_price_with_its_time() {
    let mut session = session(&["BTC/USD", "AAPLX/USD"]);
    let read = price(&mut session, UPDATE);
    assert_eq!(read.symbol, symbol("BTC/USD"));
    assert_eq!(read.price.to_string(), "83744.3");
    assert_eq!(read.market_time, "2026-09-25T17:48:26.844359Z".parse().ok());
    assert_eq!((read.size, read.trade, read.moves_last), (None, None, true));
    let tokenized =
        r#"{"channel":"ticker","type":"snapshot","data":[{"symbol":"AAPLx/USD","last":2.5e2}]}"#;
    let read = price(&mut session, tokenized);
    assert_eq!(read.symbol, symbol("AAPLX/USD"));
    assert_eq!(
        (read.price.to_string().as_str(), read.market_time),
        ("250", None)
    );
    let other = UPDATE.replace("BTC/USD", "ETH/USD");
    assert!(matches!(
        event(&mut session, &other),
        StreamEvent::Dropped { .. }
    ));
    session.unsubscribe(&symbols(&["BTC/USD"]));
    assert!(matches!(
        event(&mut session, UPDATE),
        StreamEvent::Dropped { .. }
    ));
}

#[test]
fn a_malformed_frame_is_one_event_and_ends_nothing() {
    let mut session = session(&["BTC/USD"]);
    for frame in [
        "",
        "garbage",
        "[]",
        "{}",
        "7",
        r#"{"channel":7}"#,
        r#"{"channel":"status","data":[]}"#,
        r#"{"channel":"ticker"}"#,
        r#"{"channel":"ticker","data":[]}"#,
        r#"{"channel":"ticker","data":[7]}"#,
        r#"{"channel":"ticker","data":[{"last":1}]}"#,
        r#"{"channel":"ticker","data":[{"symbol":"BTC/USD"}]}"#,
        r#"{"channel":"ticker","data":[{"symbol":"BTC/USD","last":null}]}"#,
        r#"{"channel":"ticker","data":[{"symbol":"BTC/USD","last":0}]}"#,
        r#"{"channel":"ticker","data":[{"symbol":"BTC/USD","last":-1}]}"#,
        r#"{"channel":"ticker","data":[{"symbol":"BTC/USD","last":"NaN"}]}"#,
    ] {
        let read = event(&mut session, frame);
        let notice = frame == r#"{"channel":7}"#;
        assert!(
            matches!(read, StreamEvent::Malformed { .. }) != notice,
            "{frame}: {read:?}"
        );
    }
    let good = r#"{"channel":"ticker","data":[{"symbol":"BTC/USD","last":null},{"symbol":"BTC/USD","last":"1e-7"}]}"#;
    let [bad, good] = &session.received(good)[..] else {
        panic!("not two events");
    };
    assert!(matches!(bad, StreamEvent::Malformed { .. }));
    assert!(matches!(good, StreamEvent::Price(price) if price.price.to_string() == "0.0000001"));
}

proptest! {
    #[test]
    fn a_response_that_is_not_json_is_malformed(body in not_json(&[TICKER, SPOT])) {
        check_malformed(&quote_of(&body, "BTC/USD", &Pairs::default()));
        check_malformed(&pairs::parse(body.as_bytes()));
    }

    #[test]
    fn a_damaged_response_is_an_error_or_has_valid_numbers(body in damaged(&[TICKER, SPOT])) {
        check_quote(&quote_of(&body, "BTC/USD", &Pairs::default()), "BTC/USD");
        if let Ok(listed) = pairs::parse(body.as_bytes()) {
            prop_assert!(!listed.is_empty());
        }
    }

    #[test]
    fn a_frame_that_is_not_json_is_malformed_and_changes_nothing(frame in not_json(FRAMES)) {
        check_not_json(&mut session(&["BTC/USD"]), &frame, UPDATE);
    }

    #[test]
    fn damaged_frames_have_valid_events(frames in vec(damaged(FRAMES), 1..8)) {
        let texts = ["BTC/USD", "XBT/USD"];
        check_events(&mut session(&texts), &frames, &symbols(&texts));
    }
}
