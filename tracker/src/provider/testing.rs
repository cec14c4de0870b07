//! Shared code of the tests of parsers.

use entity::Symbol;

use super::{StreamEvent, StreamPrice, StreamSession};

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
