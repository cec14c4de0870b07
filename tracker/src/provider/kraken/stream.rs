//! The channel `ticker` of Kraken's WebSocket API, version 2.
//!
//! Kraken confirms each symbol alone and continues after a refusal. It sends a heartbeat every
//! second in which nothing else is sent, also if it refused every symbol.

use std::{sync::Arc, time::Duration};

use entity::Symbol;
use serde::Deserialize;
use serde_json::json;

use super::{Kraken, SharedPairs, error_of};
use crate::provider::{
    PollError, field,
    json::{self, Value},
    stream::{
        self, Frame, Ping, StreamAddress, StreamEvent, StreamLimits, StreamPrice, StreamProtocol,
        StreamSession, Subscriptions,
    },
};

/// Symbols in a frame.
const SYMBOLS_PER_FRAME: usize = 50;

impl StreamProtocol for Kraken {
    fn address(&self) -> StreamAddress {
        StreamAddress(self.stream_url.clone())
    }

    /// The ping keeps a connection without subscriptions alive, on which Kraken sends nothing.
    fn limits(&self) -> StreamLimits {
        StreamLimits {
            slots: None,
            frames_per_second: Some(10),
            silence: Duration::from_secs(10),
            ping: Some(Ping {
                every: Duration::from_secs(5),
                text: Some(r#"{"method":"ping"}"#),
            }),
        }
    }

    /// A pair that may be tokenised waits for the list, which has its name.
    fn can_carry(&self, symbol: &Symbol) -> bool {
        !self.pairs().may_be_tokenized(symbol)
    }

    fn session(&self) -> Box<dyn StreamSession> {
        Box::new(Session::new(Arc::clone(&self.pairs)))
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Session {
    pairs: SharedPairs,
    subscriptions: Subscriptions,
}

/// A message. Its fields depend on its kind.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    channel: Value<'a>,
    #[serde(borrow)]
    data: Value<'a>,
    #[serde(borrow)]
    method: Value<'a>,
    #[serde(borrow)]
    success: Value<'a>,
    #[serde(borrow)]
    result: Value<'a>,
    #[serde(borrow)]
    error: Value<'a>,
    #[serde(borrow)]
    symbol: Value<'a>,
}

/// The fields of a ticker that are used. The others are of the last 24 hours.
#[derive(Deserialize)]
struct Ticker<'a> {
    #[serde(borrow)]
    symbol: Value<'a>,
    #[serde(borrow)]
    last: Value<'a>,
    #[serde(borrow)]
    timestamp: Value<'a>,
}

impl Session {
    pub(super) fn new(pairs: SharedPairs) -> Self {
        Self {
            pairs,
            subscriptions: Subscriptions::default(),
        }
    }

    fn ticker(&self, ticker: &Ticker<'_>) -> StreamEvent {
        let details = |price| StreamPrice {
            market_time: field::rfc3339(json::text(ticker.timestamp).as_deref()),
            ..price
        };
        self.subscriptions
            .price(ticker.symbol, ticker.last, details)
    }

    /// Handles the answer to a subscription.
    fn answered(&mut self, message: &Message<'_>) -> StreamEvent {
        let subscribed = message.result.and_then(json::object);
        let subscribed = subscribed.and_then(|result| json::text_of(&result, "symbol"));
        let name = subscribed.or_else(|| json::text(message.symbol));
        if message
            .success
            .is_some_and(|success| success.get() == "true")
        {
            let symbol = name.and_then(|name| self.subscriptions.get(&name).cloned());
            return symbol.map_or(
                StreamEvent::notice("confirmed a symbol that is not subscribed"),
                StreamEvent::Subscribed,
            );
        }
        let text = json::text(message.error).unwrap_or_default();
        let error = error_of(&text);
        let name = name.unwrap_or_default();
        match self.subscriptions.remove(&name) {
            Some(symbol) => StreamEvent::Rejected {
                symbol,
                error: match error {
                    PollError::Upstream { reason, .. } => PollError::Refused { reason },
                    error => error,
                },
            },
            None if matches!(error, PollError::Refused { .. }) => {
                StreamEvent::refused(field::excerpt(&text, &[]))
            }
            None => StreamEvent::failed(field::excerpt(&text, &[])),
        }
    }
}

impl StreamSession for Session {
    fn opened(&mut self) -> Vec<StreamEvent> {
        vec![StreamEvent::Ready]
    }

    fn subscribe(&mut self, symbols: &[Symbol]) -> Vec<Frame> {
        let pairs = Arc::clone(&self.pairs.read());
        let wire_name = |it| pairs.wire_name(it).to_owned();
        let added = self.subscriptions.add_all(symbols, wire_name);
        let frames = added.chunks(SYMBOLS_PER_FRAME);
        frames
            .map(|names| {
                Frame::new(&json!({"method": "subscribe", "params": {
                    "channel": "ticker", "symbol": names, "event_trigger": "trades", "snapshot": true,
                }}))
            })
            .collect()
    }

    fn unsubscribe(&mut self, symbols: &[Symbol]) -> Vec<Frame> {
        let removed = self.subscriptions.remove_all(symbols);
        let frames = removed.chunks(SYMBOLS_PER_FRAME);
        frames
            .map(|names| {
                Frame::new(&json!({"method": "unsubscribe", "params": {
                    "channel": "ticker", "symbol": names,
                }}))
            })
            .collect()
    }

    fn received(&mut self, frame: &str) -> Vec<StreamEvent> {
        let Ok(message) = serde_json::from_str::<Message<'_>>(frame) else {
            return vec![StreamEvent::malformed("not a JSON object")];
        };
        let channel = json::text(message.channel);
        vec![
            match (channel.as_deref(), json::text(message.method).as_deref()) {
                (Some("heartbeat"), _) | (None, Some("pong")) => StreamEvent::Heartbeat,
                (Some("ticker"), _) => {
                    return stream::events_of(message.data, |ticker| self.ticker(ticker));
                }
                (Some("status"), _) => status(message.data),
                (Some(_), _) => StreamEvent::notice("a message of another channel"),
                (None, Some("subscribe")) => self.answered(&message),
                (None, Some(_)) => StreamEvent::notice("an answer to another request"),
                (None, None) => StreamEvent::malformed("neither a channel nor a method"),
            },
        ]
    }
}

/// Returns whether the exchange trades, from a message of the channel `status`.
fn status(data: Value<'_>) -> StreamEvent {
    let data = data.and_then(json::list).unwrap_or_default();
    let first = data.first().and_then(|raw| json::object(raw));
    match first.and_then(|status| json::text_of(&status, "system")) {
        Some(system) if system == "online" => StreamEvent::Resumed,
        Some(system) => StreamEvent::Paused {
            reason: field::excerpt(&system, &[]).into(),
        },
        None => StreamEvent::malformed("a status without a system"),
    }
}
