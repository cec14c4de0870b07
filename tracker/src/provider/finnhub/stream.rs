//! The stream of trades of Finnhub.
//!
//! Finnhub confirms no subscription, and its error about too many symbols names none: the symbol
//! that was subscribed last has no slot. A second connection with the same key ends both.

use std::time::Duration;

use entity::Symbol;
use runtime::config::Secret;
use serde::Deserialize;
use serde_json::json;

use super::Finnhub;
use crate::provider::{
    field,
    json::{self, Value},
    shape,
    stream::{
        self, Frame, StreamAddress, StreamEvent, StreamLimits, StreamPrice, StreamProtocol,
        StreamSession, Subscriptions,
    },
};

impl StreamProtocol for Finnhub {
    fn address(&self) -> StreamAddress {
        let mut url = self.stream_url.clone();
        url.query_pairs_mut()
            .append_pair("token", self.key.expose());
        StreamAddress(url)
    }

    /// Finnhub itself sends a ping every minute.
    fn limits(&self) -> StreamLimits {
        StreamLimits {
            slots: Some(self.slots),
            frames_per_second: Some(20),
            silence: Duration::from_secs(150),
            ping: None,
        }
    }

    fn session(&self) -> Box<dyn StreamSession> {
        Box::new(Session::new(self.key.clone()))
    }
}

/// A connection.
pub(super) struct Session {
    key: Secret,
    subscriptions: Subscriptions,
    /// The subscribed names, the latest last.
    order: Vec<String>,
}

/// A message.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, rename = "type")]
    kind: Value<'a>,
    #[serde(borrow)]
    data: Value<'a>,
    #[serde(borrow)]
    msg: Value<'a>,
}

/// A trade.
#[derive(Deserialize)]
struct Trade<'a> {
    #[serde(borrow, rename = "s")]
    symbol: Value<'a>,
    #[serde(borrow, rename = "p")]
    price: Value<'a>,
    #[serde(borrow, rename = "t")]
    millis: Value<'a>,
    #[serde(borrow, rename = "v")]
    size: Value<'a>,
}

impl Session {
    pub(super) fn new(key: Secret) -> Self {
        Self {
            key,
            subscriptions: Subscriptions::default(),
            order: Vec::new(),
        }
    }

    fn trade(&self, trade: &Trade<'_>) -> StreamEvent {
        let details = |price| StreamPrice {
            size: stream::size(json::text(trade.size).as_deref()),
            market_time: field::millis(json::text(trade.millis).as_deref()),
            ..price
        };
        self.subscriptions.price(trade.symbol, trade.price, details)
    }

    fn error(&mut self, text: &str) -> StreamEvent {
        let lower = text.to_ascii_lowercase();
        let contains = |words: &str| lower.contains(words);
        let excerpt = || field::excerpt(text, &[&self.key]);
        if contains("too many symbols") {
            let last = self.order.pop();
            let last = last.and_then(|name| self.subscriptions.remove(&name));
            match last {
                Some(symbol) => StreamEvent::LimitLowered {
                    symbol,
                    slots: self.order.len(),
                },
                None => StreamEvent::notice("too many symbols, but none is subscribed"),
            }
        } else if contains("api key") || contains("token") || contains("unauthorized") {
            StreamEvent::refused(excerpt())
        } else {
            StreamEvent::notice(excerpt())
        }
    }
}

/// Returns a frame for each name.
fn requests(kind: &str, names: &[String]) -> Vec<Frame> {
    let frame = |name: &String| Frame::new(&json!({"type": kind, "symbol": name}));
    names.iter().map(frame).collect()
}

impl StreamSession for Session {
    fn opened(&mut self) -> Vec<StreamEvent> {
        vec![StreamEvent::Ready]
    }

    fn subscribe(&mut self, symbols: &[Symbol]) -> Vec<Frame> {
        let added = self.subscriptions.add_all(symbols, shape::dotted);
        let frames = requests("subscribe", &added);
        self.order.extend(added);
        frames
    }

    fn unsubscribe(&mut self, symbols: &[Symbol]) -> Vec<Frame> {
        let removed = self.subscriptions.remove_all(symbols);
        self.order.retain(|name| !removed.contains(name));
        requests("unsubscribe", &removed)
    }

    fn received(&mut self, frame: &str) -> Vec<StreamEvent> {
        let Ok(message) = serde_json::from_str::<Message<'_>>(frame) else {
            return vec![StreamEvent::malformed("not a JSON object")];
        };
        vec![match json::text(message.kind).as_deref() {
            Some("trade") => return stream::events_of(message.data, |trade| self.trade(trade)),
            Some("ping") => StreamEvent::Heartbeat,
            Some("error") => self.error(&json::text(message.msg).unwrap_or_default()),
            Some(_) => StreamEvent::notice("a message of another type"),
            None => StreamEvent::malformed("a message without a type"),
        }]
    }
}
