//! The interface to streams: the protocol of a provider over a WebSocket, without the socket.
//!
//! A [`StreamProtocol`] has the address and the limits. For each connection it opens a
//! [`StreamSession`], which returns the frames to send and turns each received frame into
//! [`StreamEvent`]s. Neither does I/O, reads a clock or logs. Keys are part of addresses and frames
//! only, whose `Debug` does not show them.

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::Entry},
    fmt,
    time::Duration,
};

use chrono::NaiveDate;
use entity::{Decimal, Ratio, Symbol, Timestamp};
use reqwest::{StatusCode, Url};
use serde::Deserialize;

use super::{PollError, field, http, json};

/// The streaming protocol of a provider. It is sent symbols that the provider
/// [serves](super::QuoteProvider::serves) and that it [can carry](Self::can_carry), and may reject
/// some.
pub trait StreamProtocol: Send + Sync {
    /// Where to connect.
    fn address(&self) -> StreamAddress;

    /// The limits of a connection.
    fn limits(&self) -> StreamLimits;

    /// Whether a symbol can be subscribed to now. If not, it is polled.
    fn can_carry(&self, _symbol: &Symbol) -> bool {
        true
    }

    /// Returns the state of a new connection.
    fn session(&self) -> Box<dyn StreamSession>;
}

/// The state of one connection.
pub trait StreamSession: Send {
    /// Returns the events right after the connection is open.
    fn opened(&mut self) -> Vec<StreamEvent>;

    /// Returns the frames that subscribe to symbols. Symbols that are subscribed are left out. Only
    /// sent after [`StreamEvent::Ready`].
    fn subscribe(&mut self, symbols: &[Symbol]) -> Vec<Frame>;

    /// Returns the frames that unsubscribe from symbols. Later prices of them are
    /// [dropped](StreamEvent::Dropped).
    fn unsubscribe(&mut self, symbols: &[Symbol]) -> Vec<Frame>;

    /// Returns the events of a received text frame; at least one.
    fn received(&mut self, frame: &str) -> Vec<StreamEvent>;
}

/// The URL of a WebSocket, which may contain a key.
#[derive(Clone)]
pub struct StreamAddress(pub Url);

/// Shows the host only.
impl fmt::Debug for StreamAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.host_str().unwrap_or_default();
        f.debug_tuple("StreamAddress").field(&host).finish()
    }
}

/// A text frame to send, which may contain a key.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame(String);

impl Frame {
    /// Creates a frame from its text.
    pub(super) fn new(json: &serde_json::Value) -> Self {
        Self(json.to_string())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Shows the size only.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} bytes)", self.0.len())
    }
}

/// The limits of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// The number of symbols, or `None` for no limit.
    pub slots: Option<usize>,
    /// The number of frames to send in a second, or `None` for no limit.
    pub frames_per_second: Option<u32>,
    /// A connection on which nothing was received for this long is dead. Pongs count.
    pub silence: Duration,
    /// The ping to send, if the provider requires one or if nothing else breaks the silence.
    pub ping: Option<Ping>,
}

/// A ping that a connection sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ping {
    /// How often.
    pub every: Duration,
    /// The text frame, or `None` for the ping frame of the WebSocket protocol.
    pub text: Option<&'static str>,
}

/// An event of a received frame. A connection continues after every event except
/// [`Evicted`](Self::Evicted), [`Refused`](Self::Refused) and [`Failed`](Self::Failed).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamEvent {
    /// The connection accepts subscriptions.
    Ready,
    /// A frame must be sent now, such as the key.
    Send(Frame),
    /// A price.
    Price(StreamPrice),
    /// The figures of the session so far, which replace those known.
    Day(DayFigures),
    /// The connection is alive, but nothing was traded.
    Heartbeat,
    /// The provider confirms a subscription.
    Subscribed(Symbol),
    /// The provider refuses a subscription. The connection is not affected.
    Rejected {
        /// The symbol.
        symbol: Symbol,
        /// Why.
        error: PollError,
    },
    /// The plan allows fewer symbols than assumed. The symbol is not subscribed.
    LimitLowered {
        /// The symbol without a slot.
        symbol: Symbol,
        /// The number of slots of this connection.
        slots: usize,
    },
    /// The provider sends no prices for now, such as during maintenance.
    Paused {
        /// Why.
        reason: Cow<'static, str>,
    },
    /// The provider sends prices again.
    Resumed,
    /// Another connection uses the key.
    Evicted,
    /// The provider refuses the connection or the key. A retry with the same settings cannot
    /// succeed.
    Refused {
        /// Why.
        reason: Cow<'static, str>,
    },
    /// The provider ends the connection. Connect again after a backoff.
    Failed {
        /// Why.
        reason: Cow<'static, str>,
    },
    /// A correct message that carries no price for us, such as one of an unsubscribed symbol or a
    /// corrected trade.
    Dropped {
        /// Why.
        reason: &'static str,
    },
    /// A message that needs no action.
    Notice {
        /// Its text.
        reason: Cow<'static, str>,
    },
    /// A message that is not in the documented format, or a price that cannot be stored.
    Malformed {
        /// What is wrong with it.
        reason: Cow<'static, str>,
    },
}

/// A traded price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPrice {
    /// The subscribed symbol.
    pub symbol: Symbol,
    /// The price to 8 decimals, above 0.
    pub price: Decimal,
    /// The exact price, if it has more decimals.
    pub exact: Option<Ratio>,
    /// The traded quantity, 0 or more, if sent. It may be a fraction.
    pub size: Option<Decimal>,
    /// The time of the trade, if sent. Messages may come out of order and may be of an earlier day.
    pub market_time: Option<Timestamp>,
    /// Identifies the trade among those of the symbol on its day, if sent.
    pub trade: Option<TradeId>,
    /// Whether the trade moves the last price. Odd lots and others count for the volume only.
    pub moves_last: bool,
}

/// The identity of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TradeId {
    /// The code of the exchange that numbers its trades.
    pub exchange: char,
    /// The number of the trade.
    pub number: u64,
}

/// The figures of a session so far. Invalid and missing numbers are absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayFigures {
    /// The subscribed symbol.
    pub symbol: Symbol,
    /// The trading day.
    pub trading_day: NaiveDate,
    /// The first price.
    pub open: Option<Decimal>,
    /// The highest price.
    pub high: Option<Decimal>,
    /// The lowest price.
    pub low: Option<Decimal>,
    /// The number of traded shares.
    pub volume: Option<i64>,
}

impl StreamEvent {
    pub(super) fn malformed(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Malformed {
            reason: reason.into(),
        }
    }

    pub(super) fn notice(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Notice {
            reason: reason.into(),
        }
    }

    pub(super) fn refused(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused {
            reason: reason.into(),
        }
    }

    pub(super) fn failed(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Failed {
            reason: reason.into(),
        }
    }
}

impl StreamPrice {
    /// Parses the price of a trade that moves the last price.
    pub(super) fn parse(symbol: &Symbol, price: json::Value<'_>) -> Result<Self, PollError> {
        let text = json::text(price);
        Ok(Self {
            symbol: symbol.clone(),
            price: field::price(text.as_deref())?,
            exact: field::unrounded(text.as_deref(), None).map(|exact| exact.price),
            size: None,
            market_time: None,
            trade: None,
            moves_last: true,
        })
    }
}

/// Parses a traded quantity, 0 or more.
pub(super) fn size(text: Option<&str>) -> Option<Decimal> {
    let size = Decimal::parse_rounded(text?).ok();
    size.filter(|size| *size >= Decimal::ZERO)
}

/// Returns the event of a WebSocket handshake that was answered with a status other than 101, and
/// the wait that the provider requested.
pub fn handshake_refused(
    status: StatusCode,
    retry_after: Option<Duration>,
) -> (StreamEvent, Option<Duration>) {
    let reason = format!("HTTP {}", status.as_u16());
    let is_final = status.is_client_error()
        && !matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
        );
    if is_final {
        return (StreamEvent::refused(reason), None);
    }
    let error = http::status_error(status, retry_after);
    let wait = error.and_then(|error| error.retry_after());
    (StreamEvent::failed(reason), wait)
}

/// The subscribed symbols of a connection, by the names that the provider uses for them.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    by_wire: HashMap<String, Symbol>,
}

impl Subscriptions {
    /// Adds symbols. Returns the names of those that were not subscribed.
    pub(super) fn add_all<'a>(
        &mut self,
        symbols: &'a [Symbol],
        wire: impl Fn(&'a Symbol) -> String,
    ) -> Vec<String> {
        let mut added = Vec::new();
        for symbol in symbols {
            if let Entry::Vacant(entry) = self.by_wire.entry(wire(symbol)) {
                added.push(entry.key().clone());
                entry.insert(symbol.clone());
            }
        }
        added
    }

    /// Removes symbols. Returns the names of those that were subscribed.
    pub(super) fn remove_all(&mut self, symbols: &[Symbol]) -> Vec<String> {
        let mut removed = Vec::new();
        for symbol in symbols {
            let names = self.by_wire.extract_if(|_, it| it == symbol);
            removed.extend(names.map(|(name, _)| name));
        }
        removed
    }

    /// Removes a symbol. Returns it if it was subscribed.
    pub(super) fn remove(&mut self, wire: &str) -> Option<Symbol> {
        self.by_wire.remove(wire)
    }

    /// Returns the symbol of a name in a message.
    pub(super) fn get(&self, wire: &str) -> Option<&Symbol> {
        self.by_wire.get(wire)
    }

    /// Returns the event of a message about a symbol, which `event` creates if the symbol is
    /// subscribed.
    pub(super) fn event(
        &self,
        name: json::Value<'_>,
        event: impl FnOnce(&Symbol) -> StreamEvent,
    ) -> StreamEvent {
        let Some(name) = json::text(name) else {
            return StreamEvent::malformed("a message without a symbol");
        };
        match self.get(&name) {
            Some(symbol) => event(symbol),
            None => StreamEvent::Dropped {
                reason: "not subscribed",
            },
        }
    }

    /// Returns the event of a message with a price, to which `details` adds the other fields.
    pub(super) fn price(
        &self,
        name: json::Value<'_>,
        price: json::Value<'_>,
        details: impl FnOnce(StreamPrice) -> StreamPrice,
    ) -> StreamEvent {
        self.event(name, |symbol| match StreamPrice::parse(symbol, price) {
            Ok(price) => StreamEvent::Price(details(price)),
            Err(error) => StreamEvent::malformed(error.to_string()),
        })
    }
}

/// Returns the events of the objects in a list, which has at least one.
pub(super) fn events_of<'a, T: Deserialize<'a>>(
    list: json::Value<'a>,
    event: impl Fn(&T) -> StreamEvent,
) -> Vec<StreamEvent> {
    let objects = list.and_then(json::list).unwrap_or_default();
    if objects.is_empty() {
        return vec![StreamEvent::malformed("a message without a list of prices")];
    }
    let events = objects
        .into_iter()
        .map(|raw| match serde_json::from_str::<T>(raw.get()) {
            Ok(object) => event(&object),
            Err(_) => StreamEvent::malformed("an item of a list is not an object"),
        });
    events.collect()
}

#[cfg(test)]
mod tests;
