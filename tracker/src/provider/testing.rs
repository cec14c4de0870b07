//! Shared code of the tests of parsers and streams: symbols, events, and malformed input.

use std::fmt;

use entity::{Decimal, Symbol};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};
use serde::de::IgnoredAny;

use super::{PollError, StreamEvent, StreamPrice, StreamSession};
use crate::quote::Quote;

/// What parts of damaged texts are replaced with.
const FRAGMENTS: &[&str] = &[
    "",
    "null",
    "true",
    "0",
    "-1",
    "-0.0",
    "0.000000001",
    "1e400",
    "1e999999999",
    "1e-999999999",
    "9223372036854775808",
    "253402300800",
    "340282366920938463463374607431768211456",
    "\"\"",
    "\"-\"",
    "\"NaN\"",
    "\"\\ud800\"",
    "\"\u{e9}\u{1f4c8}\"",
    "\"9999-12-31T23:59:60.999999999Z\"",
    "\"9999-12-31 23:59:59\"",
    "\"0000-00-00\"",
    "[]",
    "{}",
    "[[[[",
    "}",
    ",",
    "\u{0}",
];

/// Parses a symbol.
pub(super) fn symbol(text: &str) -> Symbol {
    text.parse().expect("a symbol")
}

/// Parses symbols.
pub(super) fn symbols(texts: &[&str]) -> Vec<Symbol> {
    texts.iter().map(|text| symbol(text)).collect()
}

/// Returns the only event of a frame.
pub(super) fn event(session: &mut dyn StreamSession, frame: &str) -> StreamEvent {
    let [event] = <[_; 1]>::try_from(session.received(frame)).expect("one event");
    event
}

/// Returns the only price of a frame.
pub(super) fn price(session: &mut dyn StreamSession, frame: &str) -> StreamPrice {
    match event(session, frame) {
        StreamEvent::Price(price) => price,
        other => panic!("not a price: {other:?}"),
    }
}

/// Random texts and beginnings of samples, none of which is JSON. A sample is an object or a list.
pub(super) fn not_json(samples: &'static [&'static str]) -> impl Strategy<Value = String> {
    let truncated = (select(samples), any::<Index>()).prop_map(|(sample, end)| {
        let ends: Vec<usize> = sample.char_indices().map(|(at, _)| at).collect();
        sample[..*end.get(&ends)].to_owned()
    });
    prop_oneof![truncated, any::<String>()].prop_filter("JSON", |text| {
        serde_json::from_str::<IgnoredAny>(text).is_err()
    })
}

/// Samples in which some tokens are replaced. Many of them are JSON in another format.
pub(super) fn damaged(samples: &'static [&'static str]) -> impl Strategy<Value = String> {
    let replacements = vec((any::<Index>(), 0_usize..4, select(FRAGMENTS)), 1..4);
    (select(samples), replacements).prop_map(|(sample, replacements)| {
        let mut text = sample.to_owned();
        for (first, length, fragment) in replacements {
            let ends = token_ends(&text);
            let first = first.index(ends.len());
            let last = (first + length).min(ends.len() - 1);
            text.replace_range(ends[first]..ends[last], fragment);
        }
        text
    })
}

/// Returns the places around the punctuation of a JSON text, in order.
fn token_ends(text: &str) -> Vec<usize> {
    let marks = text.match_indices(['"', ',', ':', '[', ']', '{', '}']);
    let mut ends: Vec<usize> = marks.flat_map(|(at, _)| [at, at + 1]).collect();
    ends.extend([0, text.len()]);
    ends.sort_unstable();
    ends.dedup();
    ends
}

/// Checks that a frame that is not JSON is malformed, and that a price is read after it.
pub(super) fn check_not_json(session: &mut dyn StreamSession, frame: &str, valid: &str) {
    let read = event(session, frame);
    assert!(
        matches!(read, StreamEvent::Malformed { .. }),
        "{frame:?}: {read:?}"
    );
    price(session, valid);
}

/// Checks that every frame has an event, and that each event is of a subscribed symbol and has only
/// numbers that can be stored.
pub(super) fn check_events(
    session: &mut dyn StreamSession,
    frames: &[String],
    subscribed: &[Symbol],
) {
    for frame in frames {
        let events = session.received(frame);
        assert!(!events.is_empty(), "{frame:?}");
        for event in events {
            let symbol = match &event {
                StreamEvent::Price(price) => {
                    assert!(price.price > Decimal::ZERO, "{event:?}");
                    assert!(price.size.is_none_or(|it| it >= Decimal::ZERO), "{event:?}");
                    &price.symbol
                }
                StreamEvent::Day(day) => {
                    let prices = [day.open, day.high, day.low];
                    assert!(prices.into_iter().flatten().all(|it| it > Decimal::ZERO));
                    assert!(day.volume.is_none_or(|volume| volume >= 0), "{event:?}");
                    &day.symbol
                }
                StreamEvent::Subscribed(symbol)
                | StreamEvent::Rejected { symbol, .. }
                | StreamEvent::LimitLowered { symbol, .. } => symbol,
                _ => continue,
            };
            assert!(subscribed.contains(symbol), "{event:?}");
        }
    }
}

/// Checks that a parser rejected a text that is not JSON.
pub(super) fn check_malformed<T: fmt::Debug>(parsed: &Result<T, PollError>) {
    assert!(
        matches!(parsed, Err(PollError::Malformed { .. })),
        "{parsed:?}"
    );
}

/// Checks that a quote, if there is one, is of a symbol and has only numbers that can be stored.
pub(super) fn check_quote(parsed: &Result<Quote, PollError>, of: &str) {
    let Ok(quote) = parsed else { return };
    assert_eq!(quote.symbol.as_str(), of);
    assert!(quote.price > Decimal::ZERO, "{quote:?}");
    let prices = [quote.open, quote.high, quote.low];
    assert!(prices.into_iter().flatten().all(|it| it > Decimal::ZERO));
    assert!(quote.volume.is_none_or(|volume| volume >= 0), "{quote:?}");
    let last_day = "9999-12-31".parse().expect("a date");
    assert!(quote.trading_day <= last_day, "{quote:?}");
    let times = quote.market_time.into_iter();
    assert!(
        times
            .map(|at| at.to_utc().date_naive())
            .all(|day| day <= last_day)
    );
}
