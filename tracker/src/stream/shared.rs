//! The state of a stream that the poller reads and seeds.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use entity::{Symbol, Timestamp};
use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use super::conflation::{Conflation, Trade};
use crate::{
    provider::{DayFigures, StreamPrice},
    quote::Quote,
};

/// The state of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StreamState {
    /// No symbol is to be streamed now.
    Idle,
    /// Waits until the connection of an earlier holder of the lease has ended.
    TakingOver,
    /// A connection is being opened.
    Connecting,
    /// The connection accepts subscriptions.
    Open,
    /// The connection is open, but the provider sends no prices for now.
    Paused(Cow<'static, str>),
    /// The connection failed and is opened again after a delay.
    Down(Cow<'static, str>),
    /// Another connection uses the key.
    Evicted,
    /// The provider refuses the connection or the key.
    Refused(Cow<'static, str>),
}

/// What the poller does for a symbol because of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coverage {
    /// The stream does not carry it, or is silent: it is polled on schedule.
    None,
    /// The stream carries it, but has no previous close of the day: it is polled once.
    Unseeded,
    /// The stream carries it: it is not polled.
    Fresh,
}

/// The stream of one provider, shared by its connection and the poller.
#[derive(Debug)]
pub(crate) struct SharedStream {
    provider: &'static str,
    inner: Mutex<Inner>,
    /// Notified when a quote is due earlier.
    due: Notify,
}

#[derive(Debug)]
struct Inner {
    state: StreamState,
    conflation: Conflation,
    /// The time of the last price of each subscribed symbol, or of its subscription.
    heard_at: HashMap<Symbol, Timestamp>,
}

impl SharedStream {
    pub(super) fn new(provider: &'static str, interval: Duration) -> Self {
        Self {
            provider,
            inner: Mutex::new(Inner {
                state: StreamState::Idle,
                conflation: Conflation::new(interval),
                heard_at: HashMap::new(),
            }),
            due: Notify::new(),
        }
    }

    /// The name of the provider.
    pub(crate) fn provider(&self) -> &'static str {
        self.provider
    }

    /// The state of the stream.
    pub(crate) fn state(&self) -> StreamState {
        self.inner.lock().state.clone()
    }

    /// The number of subscribed symbols.
    pub(crate) fn subscribed(&self) -> usize {
        self.inner.lock().heard_at.len()
    }

    pub(super) fn set_state(&self, state: StreamState) {
        self.inner.lock().state = state;
    }

    /// Sets the subscribed symbols. The figures of the day are kept for a while after that, because
    /// a connection that ends is opened again.
    pub(super) fn set_subscribed(&self, symbols: &BTreeSet<Symbol>, now: Timestamp) {
        let mut inner = self.inner.lock();
        inner.heard_at.retain(|symbol, _| symbols.contains(symbol));
        for symbol in symbols {
            inner.heard_at.entry(symbol.clone()).or_insert(now);
        }
    }

    /// Forgets the prices of all other symbols than these.
    pub(super) fn retain(&self, symbols: &BTreeSet<Symbol>) {
        let mut inner = self.inner.lock();
        inner.conflation.retain(|symbol| symbols.contains(symbol));
    }

    /// Returns what the poller does for a symbol that it polls every `interval`.
    pub(super) fn coverage(&self, symbol: &Symbol, interval: Duration, now: Timestamp) -> Coverage {
        let inner = self.inner.lock();
        let is_connected = matches!(inner.state, StreamState::Open | StreamState::Paused(_));
        match inner.heard_at.get(symbol) {
            Some(_) if is_connected && !inner.conflation.is_seeded(symbol, now) => {
                Coverage::Unseeded
            }
            Some(heard_at) if is_connected && now < heard_at.after(interval) => Coverage::Fresh,
            _ => Coverage::None,
        }
    }

    pub(super) fn seed(&self, quote: &Quote, now: Timestamp) {
        let seeding = |conflation: &mut Conflation| conflation.seed(quote, now, Instant::now());
        self.change(seeding);
    }

    pub(super) fn trade(&self, trade: &StreamPrice, now: Timestamp) -> Trade {
        let outcome = self.change(|conflation| conflation.trade(trade, now, Instant::now()));
        if outcome == Trade::Moved
            && let Some(heard_at) = self.inner.lock().heard_at.get_mut(&trade.symbol)
        {
            *heard_at = now;
        }
        outcome
    }

    pub(super) fn replace_figures(&self, figures: &DayFigures) -> bool {
        self.change(|conflation| conflation.replace_figures(figures, Instant::now()))
    }

    /// Waits until quotes are due, and returns them.
    pub(super) async fn due(&self) -> Vec<Quote> {
        loop {
            let changed = self.due.notified();
            let next = {
                let conflation = &mut self.inner.lock().conflation;
                let quotes = conflation.due(Instant::now());
                if !quotes.is_empty() {
                    return quotes;
                }
                conflation.next_due()
            };
            match next {
                Some(next) => {
                    // Either of them ends the wait.
                    let _ = tokio::time::timeout_at(next, changed).await;
                }
                None => changed.await,
            }
        }
    }

    /// Returns the quotes that are due later.
    pub(super) fn flush(&self) -> Vec<Quote> {
        let conflation = &mut self.inner.lock().conflation;
        let last = conflation.last_due();
        last.map_or_else(Vec::new, |last| conflation.due(last))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Conflation) -> T) -> T {
        let mut inner = self.inner.lock();
        let before = inner.conflation.next_due();
        let result = change(&mut inner.conflation);
        let after = inner.conflation.next_due();
        drop(inner);
        if after != before {
            self.due.notify_one();
        }
        result
    }
}

impl StreamState {
    /// Describes the state for operators. `symbols` is the number of subscribed symbols.
    pub(crate) fn note(&self, symbols: usize) -> Option<String> {
        match self {
            Self::Idle => None,
            Self::TakingOver => Some("the stream waits for that of another tracker to end".into()),
            Self::Connecting => Some("the stream is connecting".into()),
            Self::Open => Some(format!(
                "streaming {symbols} {}",
                if symbols == 1 { "symbol" } else { "symbols" }
            )),
            Self::Paused(reason) => Some(format!("the stream is paused: {reason}")),
            Self::Down(reason) => Some(format!("the stream is down: {reason}")),
            Self::Evicted => Some("another connection uses the key of the stream".into()),
            Self::Refused(reason) => Some(format!("the stream is refused: {reason}")),
        }
    }
}
