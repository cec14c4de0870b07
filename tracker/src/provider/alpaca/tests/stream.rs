//! The stream, with recorded frames.

use proptest::{collection::vec, prelude::*};
use runtime::config::Secret;

use super::{super::stream::Session, provider};
use crate::provider::{
    Frame, PollError, QuoteProvider, StreamEvent, StreamProtocol, StreamSession, TradeId,
    testing::{check_events, check_not_json, damaged, event, not_json, price, symbol, symbols},
};

const CONNECTED: &str = r#"[{"T":"success","msg":"connected"}]"#;
const AUTHENTICATED: &str = r#"[{"T":"success","msg":"authenticated"}]"#;
const ODD_LOT: &str = r#"[{"T":"t","i":96921,"S":"AAPL","x":"V","p":126.55,"s":1,"t":"2021-02-22T15:51:44.208123456Z","c":["@","I"],"z":"C"}]"#;
const BAR: &str = r#"[{"T":"d","S":"SPY","o":388.985,"h":389.13,"l":388.975,"c":389.12,"v":749378,"t":"2021-02-16T05:00:00Z"}]"#;
const TOO_MANY: &str = r#"[{"T":"error","code":405,"msg":"symbol limit exceeded"}]"#;

const FRAMES: &[&str] = &[
    CONNECTED,
    AUTHENTICATED,
    ODD_LOT,
    BAR,
    TOO_MANY,
    r#"[{"T":"subscription","trades":["AAPL","SPY"],"quotes":[],"dailyBars":["AAPL","SPY"]}]"#,
    r#"[{"T":"error","code":406,"msg":"connection limit exceeded"}]"#,
];

fn new() -> Session {
    Session::new(Secret::new("K3Y-ID"), Secret::new("S3CRET"))
}

/// Returns the list of all subscribed symbols, as the server sends it.
fn listing(names: &[&str]) -> String {
    let names = serde_json::json!(names);
    format!(
        r#"[{{"T":"subscription","trades":{names},"quotes":[],"bars":[],"dailyBars":{names}}}]"#
    )
}

/// A connection whose subscriptions are confirmed.
fn session(texts: &[&str]) -> Session {
    let mut session = new();
    session.subscribe(&symbols(texts));
    session.received(&listing(texts));
    session
}

#[test]
fn the_key_is_sent_after_the_greeting_and_not_formatted() {
    let mut session = new();
    assert_eq!(session.opened(), []);
    let StreamEvent::Send(frame) = event(&mut session, CONNECTED) else {
        panic!("no key");
    };
    assert_eq!(
        frame.as_str(),
        r#"{"action":"auth","key":"K3Y-ID","secret":"S3CRET"}"#
    );
    assert_eq!(event(&mut session, AUTHENTICATED), StreamEvent::Ready);
    let provider = provider();
    let address = StreamProtocol::address(&provider);
    let text = format!("{session:?} {frame:?} {provider:?} {address:?}");
    assert!(!text.contains("S3CRET") && !text.contains("K3Y"), "{text}");
    assert_eq!(
        provider.key_setting(),
        Some("ALPACA_API_KEY_ID, ALPACA_API_SECRET_KEY")
    );
}

#[test]
fn a_subscription_is_confirmed_by_the_whole_list() {
    let mut session = session(&["MSFT"]);
    let frames = session.subscribe(&symbols(&["AAPL", "BRK-B", "MSFT", "HALT"]));
    let texts: Vec<_> = frames.iter().map(Frame::as_str).collect();
    assert_eq!(
        texts,
        [
            r#"{"action":"subscribe","dailyBars":["AAPL","BRK.B","HALT"],"trades":["AAPL","BRK.B","HALT"]}"#
        ]
    );
    let error = PollError::refused("the stream does not list the symbol");
    assert_eq!(
        session.received(&listing(&["AAPL", "BRK.B", "MSFT"])),
        [
            StreamEvent::Subscribed(symbol("AAPL")),
            StreamEvent::Subscribed(symbol("BRK-B")),
            StreamEvent::Rejected {
                symbol: symbol("HALT"),
                error
            },
        ]
    );
    let frames = session.unsubscribe(&symbols(&["BRK-B", "HALT"]));
    assert_eq!(
        frames[0].as_str(),
        r#"{"action":"unsubscribe","dailyBars":["BRK.B"],"trades":["BRK.B"]}"#
    );
    let answer = event(&mut session, &listing(&["AAPL", "MSFT"]));
    assert!(matches!(answer, StreamEvent::Notice { .. }), "{answer:?}");
    assert!(session.unsubscribe(&symbols(&["BRK-B"])).is_empty());
}

#[test]
fn those_that_fit_are_found_if_the_plan_allows_fewer() {
    const LIMIT: usize = 3;
    let mut session = new();
    let mut to_send: Vec<String> = Vec::new();
    let names = ["A", "B", "C", "D", "E", "F"];
    for frame in session.subscribe(&symbols(&names)) {
        to_send.push(frame.as_str().to_owned());
    }
    // Plays a server with a limit.
    let (mut listed, mut events): (Vec<String>, Vec<StreamEvent>) = Default::default();
    while !to_send.is_empty() {
        let frame: serde_json::Value = serde_json::from_str(&to_send.remove(0)).expect("JSON");
        let names = frame["trades"].as_array().expect("names");
        let names: Vec<_> = names
            .iter()
            .map(|name| name.as_str().expect("a name").to_owned())
            .collect();
        let answer = if listed.len() + names.len() > LIMIT {
            TOO_MANY.to_owned()
        } else {
            listed.extend(names);
            listing(&listed.iter().map(String::as_str).collect::<Vec<_>>())
        };
        for event in session.received(&answer) {
            match event {
                StreamEvent::Send(frame) => to_send.push(frame.as_str().to_owned()),
                event => events.push(event),
            }
        }
    }
    let lowered = |text, slots| StreamEvent::LimitLowered {
        symbol: symbol(text),
        slots,
    };
    let subscribed: Vec<_> = ["A", "B", "C"]
        .map(|text| StreamEvent::Subscribed(symbol(text)))
        .into();
    assert_eq!(events[..3], subscribed);
    assert_eq!(
        events[3..],
        [lowered("D", 3), lowered("E", 3), lowered("F", 3)]
    );
    assert!(matches!(
        event(&mut session, TOO_MANY),
        StreamEvent::Notice { .. }
    ));
}

#[test]
fn a_symbol_that_was_removed_meanwhile_is_not_requested_again() {
    let mut session = new();
    session.subscribe(&symbols(&["A", "B"]));
    session.unsubscribe(&symbols(&["A"]));
    assert_eq!(
        event(&mut session, TOO_MANY),
        StreamEvent::LimitLowered {
            symbol: symbol("B"),
            slots: 0
        }
    );
}

#[test]
fn a_trade_has_its_size_time_and_identity() {
    let mut session = session(&["AAPL"]);
    let read = price(&mut session, ODD_LOT);
    assert_eq!(read.price.to_string(), "126.55");
    assert_eq!(read.size, "1".parse().ok());
    assert_eq!(read.market_time, "2021-02-22T15:51:44.208123Z".parse().ok());
    assert_eq!(
        read.trade,
        Some(TradeId {
            exchange: 'V',
            number: 96_921
        })
    );
    assert!(!read.moves_last);
    assert!(price(&mut session, &ODD_LOT.replace(",\"I\"", "")).moves_last);
    let bare = r#"[{"T":"t","S":"AAPL","p":"1.2655e2"}]"#;
    let read = price(&mut session, bare);
    assert_eq!(read.price.to_string(), "126.55");
    assert_eq!(
        (read.size, read.market_time, read.trade),
        (None, None, None)
    );
    let other = ODD_LOT.replace("AAPL", "MSFT");
    assert!(matches!(
        event(&mut session, &other),
        StreamEvent::Dropped { .. }
    ));
}

#[test]
fn a_daily_bar_has_the_figures_of_the_session() {
    let mut session = session(&["SPY"]);
    let StreamEvent::Day(day) = event(&mut session, BAR) else {
        panic!("no figures");
    };
    assert_eq!(day.symbol, symbol("SPY"));
    assert_eq!(day.trading_day.to_string(), "2021-02-16");
    assert_eq!(day.open, "388.985".parse().ok());
    assert_eq!(day.high, "389.13".parse().ok());
    assert_eq!(day.low, "388.975".parse().ok());
    assert_eq!(day.volume, Some(749_378));
    let dayless = BAR.replace("2021-02-16T05:00:00Z", "");
    assert!(matches!(
        event(&mut session, &dayless),
        StreamEvent::Malformed { .. }
    ));
}

#[test]
fn corrections_move_no_price_and_halts_are_notices() {
    let mut session = session(&["AAPL"]);
    for frame in [
        r#"[{"T":"c","S":"AAPL","x":"V","oi":1,"op":100.1,"os":1,"ci":2,"cp":100.2,"cs":1}]"#,
        r#"[{"T":"x","S":"AAPL","i":1,"x":"V","p":100.1,"s":1}]"#,
    ] {
        assert!(
            matches!(event(&mut session, frame), StreamEvent::Dropped { .. }),
            "{frame}"
        );
    }
    let halt = r#"[{"T":"s","S":"AAPL","sc":"H","sm":"Trading Halt"}]"#;
    assert!(matches!(
        event(&mut session, halt),
        StreamEvent::Notice { .. }
    ));
}

#[test]
fn errors_are_classified_by_their_code() {
    let of = |code: u32| {
        let frame = format!(r#"[{{"T":"error","code":{code},"msg":"said K3Y-ID and S3CRET"}}]"#);
        event(&mut new(), &frame)
    };
    for code in [402, 408, 409, 410, 411] {
        let expected = format!("error {code}: said \u{2026} and \u{2026}");
        assert_eq!(of(code), StreamEvent::refused(expected));
    }
    for code in [400, 401, 404, 407, 500, 999] {
        assert!(matches!(of(code), StreamEvent::Failed { .. }), "{code}");
    }
    assert!(matches!(of(403), StreamEvent::Notice { .. }));
    assert_eq!(of(406), StreamEvent::Evicted);
}

#[test]
fn a_malformed_message_does_not_affect_the_others_of_its_frame() {
    let mut session = session(&["AAPL"]);
    for frame in ["", "garbage", "{}", "7", "null"] {
        assert!(
            matches!(event(&mut session, frame), StreamEvent::Malformed { .. }),
            "{frame}"
        );
    }
    for message in [
        "7",
        "{}",
        r#"{"T":"t"}"#,
        r#"{"T":"t","S":"AAPL"}"#,
        r#"{"T":"t","S":"AAPL","p":0}"#,
        r#"{"T":"t","S":"AAPL","p":-1}"#,
        r#"{"T":"t","S":"AAPL","p":"NaN"}"#,
        r#"{"T":"d","S":"AAPL"}"#,
        r#"{"T":"subscription"}"#,
    ] {
        let frame = format!(r#"[{message},{{"T":"t","S":"AAPL","p":1}}]"#);
        let [bad, good] = &session.received(&frame)[..] else {
            panic!("not two events: {frame}");
        };
        assert!(
            matches!(bad, StreamEvent::Malformed { .. }),
            "{message}: {bad:?}"
        );
        assert!(matches!(good, StreamEvent::Price(_)));
    }
    assert!(matches!(
        event(&mut session, "[]"),
        StreamEvent::Notice { .. }
    ));
}

proptest! {
    #[test]
    fn a_frame_that_is_not_json_is_malformed_and_changes_nothing(frame in not_json(FRAMES)) {
        check_not_json(&mut session(&["AAPL"]), &frame, ODD_LOT);
    }

    #[test]
    fn damaged_frames_have_valid_events(frames in vec(damaged(FRAMES), 1..8)) {
        let (mut session, subscribed) = (new(), symbols(&["AAPL", "SPY"]));
        session.subscribe(&subscribed);
        check_events(&mut session, &frames, &subscribed);
    }
}
