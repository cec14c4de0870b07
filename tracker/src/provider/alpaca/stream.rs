//! The stream of trades and daily bars of Alpaca.
//!
//! Every message is a list. After the server has accepted the key, it answers each subscription
//! with the list of all subscribed symbols, or with the error 405, which changes nothing. A refused
//! subscription of several symbols is then sent again in halves, until those that fit are known.

use std::{collections::VecDeque, time::Duration};

use entity::Symbol;
use runtime::config::Secret;
use serde::Deserialize;
use serde_json::json;

use super::{
    Alpaca, condition,
    snapshot::{self, Bar},
};
use crate::provider::{
    PollError, field,
    json::{self, Value},
    shape,
    stream::{
        self, DayFigures, Frame, Ping, StreamAddress, StreamEvent, StreamLimits, StreamPrice,
        StreamProtocol, StreamSession, Subscriptions, TradeId,
    },
};

impl StreamProtocol for Alpaca {
    fn address(&self) -> StreamAddress {
        StreamAddress(self.stream_url.clone())
    }

    fn limits(&self) -> StreamLimits {
        StreamLimits {
            slots: Some(self.slots),
            frames_per_second: None,
            silence: Duration::from_secs(15),
            ping: Some(Ping {
                every: Duration::from_secs(10),
                text: None,
            }),
        }
    }

    fn session(&self) -> Box<dyn StreamSession> {
        Box::new(Session::new(self.key.clone(), self.secret.clone()))
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Session {
    key: Secret,
    secret: Secret,
    subscriptions: Subscriptions,
    /// The number of confirmed symbols.
    confirmed: usize,
    /// The requests without an answer, in the order in which they were sent.
    pending: VecDeque<Pending>,
}

/// A request without an answer.
#[derive(Debug)]
enum Pending {
    /// Subscribes to these names.
    Subscribe(Vec<String>),
    Unsubscribe,
}

/// A message. Its fields depend on its kind.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, rename = "T")]
    kind: Value<'a>,
    #[serde(borrow, rename = "S")]
    symbol: Value<'a>,
    #[serde(borrow)]
    msg: Value<'a>,
    #[serde(borrow)]
    code: Value<'a>,
    #[serde(borrow)]
    trades: Value<'a>,
    #[serde(borrow, rename = "i")]
    id: Value<'a>,
    #[serde(borrow, rename = "x")]
    exchange: Value<'a>,
    #[serde(borrow, rename = "p")]
    price: Value<'a>,
    #[serde(borrow, rename = "s")]
    size: Value<'a>,
    #[serde(borrow, rename = "t")]
    time: Value<'a>,
    #[serde(borrow, rename = "c")]
    conditions: Value<'a>,
}

impl Session {
    pub(super) fn new(key: Secret, secret: Secret) -> Self {
        Self {
            key,
            secret,
            subscriptions: Subscriptions::default(),
            confirmed: 0,
            pending: VecDeque::new(),
        }
    }

    fn message(&mut self, raw: &str, events: &mut Vec<StreamEvent>) {
        let Ok(message) = serde_json::from_str::<Message<'_>>(raw) else {
            events.push(StreamEvent::malformed("a message is not an object"));
            return;
        };
        let event = match json::text(message.kind).as_deref() {
            Some("t") => self.trade(&message),
            Some("d") => self.daily_bar(raw, &message),
            Some("success") => match json::text(message.msg).as_deref() {
                Some("connected") => StreamEvent::Send(self.auth()),
                Some("authenticated") => StreamEvent::Ready,
                _ => StreamEvent::notice("an unknown success"),
            },
            Some("subscription") => return self.answered(&message, events),
            Some("error") => return self.error(&message, events),
            Some("c" | "x") => StreamEvent::Dropped {
                reason: "a correction",
            },
            Some(_) => StreamEvent::notice("a message of another type"),
            None => StreamEvent::malformed("a message without a type"),
        };
        events.push(event);
    }

    fn auth(&self) -> Frame {
        let (key, secret) = (self.key.expose(), self.secret.expose());
        Frame::new(&json!({"action": "auth", "key": key, "secret": secret}))
    }

    fn trade(&self, message: &Message<'_>) -> StreamEvent {
        let id = || {
            Some(TradeId {
                exchange: json::text(message.exchange)?.chars().next()?,
                number: json::text(message.id)?.parse().ok()?,
            })
        };
        let details = |price| StreamPrice {
            size: stream::size(json::text(message.size).as_deref()),
            market_time: field::rfc3339(json::text(message.time).as_deref()),
            trade: id(),
            moves_last: condition::moves_last(&snapshot::conditions(message.conditions)),
            ..price
        };
        self.subscriptions
            .price(message.symbol, message.price, details)
    }

    fn daily_bar(&self, raw: &str, message: &Message<'_>) -> StreamEvent {
        self.subscriptions
            .event(message.symbol, |symbol| day_figures(symbol, raw))
    }

    /// Handles the list of subscribed symbols, which answers the oldest request.
    fn answered(&mut self, message: &Message<'_>, events: &mut Vec<StreamEvent>) {
        let trades = message.trades.and_then(json::list);
        let Some(trades) = trades else {
            events.push(StreamEvent::malformed("a subscription without trades"));
            return;
        };
        let listed = trades.into_iter().filter_map(|name| json::text(Some(name)));
        let listed: Vec<_> = listed.collect();
        self.confirmed = listed.len();
        let before = events.len();
        if let Some(Pending::Subscribe(names)) = self.pending.pop_front() {
            for name in names {
                if listed.iter().any(|listed| *listed == name) {
                    let symbol = self.subscriptions.get(&name).cloned();
                    events.extend(symbol.map(StreamEvent::Subscribed));
                } else if let Some(symbol) = self.subscriptions.remove(&name) {
                    let error = PollError::refused("the stream does not list the symbol");
                    events.push(StreamEvent::Rejected { symbol, error });
                }
            }
        }
        if events.len() == before {
            events.push(StreamEvent::notice("the subscribed symbols"));
        }
    }

    fn error(&mut self, message: &Message<'_>, events: &mut Vec<StreamEvent>) {
        let text = json::text(message.msg).unwrap_or_default();
        let code = json::text(message.code).unwrap_or_default();
        let excerpt = |text| field::excerpt(text, &[&self.key, &self.secret]);
        let reason = format!("error {}: {}", excerpt(&code), excerpt(&text));
        let event = match &*code {
            "402" | "408" | "409" | "410" | "411" => StreamEvent::refused(reason),
            "403" => StreamEvent::notice(reason),
            "405" => return self.exceeded(events),
            "406" => StreamEvent::Evicted,
            _ => StreamEvent::failed(reason),
        };
        events.push(event);
    }

    /// Handles the refusal of the oldest subscription because of the number of symbols.
    fn exceeded(&mut self, events: &mut Vec<StreamEvent>) {
        let Some(Pending::Subscribe(mut names)) = self.pending.pop_front() else {
            events.push(StreamEvent::notice(
                "too many symbols, but none is requested",
            ));
            return;
        };
        names.retain(|name| self.subscriptions.get(name).is_some());
        if names.len() < 2 {
            let symbol = names
                .first()
                .and_then(|name| self.subscriptions.remove(name));
            let slots = self.confirmed;
            events.push(match symbol {
                Some(symbol) => StreamEvent::LimitLowered { symbol, slots },
                None => StreamEvent::notice("too many symbols, which are no longer requested"),
            });
            return;
        }
        let second = names.split_off(names.len() / 2);
        for half in [names, second] {
            events.push(StreamEvent::Send(request("subscribe", &half)));
            self.pending.push_back(Pending::Subscribe(half));
        }
    }
}

/// Parses a daily bar.
fn day_figures(symbol: &Symbol, raw: &str) -> StreamEvent {
    let bar = serde_json::from_str::<Bar<'_>>(raw).ok();
    let Some((bar, trading_day)) = bar.and_then(|bar| bar.day().map(|day| (bar, day))) else {
        return StreamEvent::malformed("a daily bar without a day");
    };
    let price = |value| field::other_price(json::text(value).as_deref());
    StreamEvent::Day(DayFigures {
        symbol: symbol.clone(),
        trading_day,
        open: price(bar.open),
        high: price(bar.high),
        low: price(bar.low),
        volume: field::volume(symbol, json::text(bar.volume).as_deref()),
    })
}

fn request(action: &str, names: &[String]) -> Frame {
    Frame::new(&json!({"action": action, "trades": names, "dailyBars": names}))
}

impl StreamSession for Session {
    /// The server greets first.
    fn opened(&mut self) -> Vec<StreamEvent> {
        Vec::new()
    }

    fn subscribe(&mut self, symbols: &[Symbol]) -> Vec<Frame> {
        let added = self.subscriptions.add_all(symbols, shape::dotted);
        if added.is_empty() {
            return Vec::new();
        }
        let frame = request("subscribe", &added);
        self.pending.push_back(Pending::Subscribe(added));
        vec![frame]
    }

    fn unsubscribe(&mut self, symbols: &[Symbol]) -> Vec<Frame> {
        let removed = self.subscriptions.remove_all(symbols);
        if removed.is_empty() {
            return Vec::new();
        }
        self.pending.push_back(Pending::Unsubscribe);
        vec![request("unsubscribe", &removed)]
    }

    fn received(&mut self, frame: &str) -> Vec<StreamEvent> {
        let Ok(messages) = serde_json::from_str::<Vec<&serde_json::value::RawValue>>(frame) else {
            return vec![StreamEvent::malformed("not a JSON list")];
        };
        let mut events = Vec::with_capacity(messages.len());
        for message in &messages {
            self.message(message.get(), &mut events);
        }
        if events.is_empty() {
            events.push(StreamEvent::notice("an empty message"));
        }
        events
    }
}
