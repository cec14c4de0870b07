//! Runs the stream of one provider: connects, and connects again after a connection has ended.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use entity::{Symbol, Timestamp};
use market::{Market, PollingHours};
use parking_lot::Mutex;
use store::priority::StockPriority;

use super::{
    conflation::Trade,
    connect::connect,
    connection::{self, End},
    retry::Retry,
    shared::{SharedStream, StreamState},
};
use crate::{
    ingest::QuoteBatch,
    metrics::MessageOutcome,
    poller::PollContext,
    provider::{DayFigures, QuoteProvider, StreamPrice},
    quote::Quote,
};

/// How often the lease is checked, and whether an idle stream has symbols.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);
/// A holder that cannot prove its lease for this long closes its connections.
const MAX_UNPROVEN: Duration = Duration::from_secs(2);

/// The stream of one provider.
pub(super) struct Engine {
    pub(super) provider: Arc<dyn QuoteProvider>,
    pub(super) context: Arc<PollContext>,
    pub(super) shared: Arc<SharedStream>,
    hours: PollingHours,
    candidates: Mutex<Vec<StockPriority>>,
}

impl Engine {
    pub(super) fn new(
        provider: Arc<dyn QuoteProvider>,
        context: Arc<PollContext>,
        shared: Arc<SharedStream>,
        hours: PollingHours,
    ) -> Self {
        Self {
            provider,
            context,
            shared,
            hours,
            candidates: Mutex::default(),
        }
    }

    /// Sets the symbols that the stream can carry.
    pub(super) fn set_candidates(&self, candidates: Vec<StockPriority>) {
        let symbols: BTreeSet<Symbol> = candidates.iter().map(|it| it.symbol.clone()).collect();
        self.shared.retain(&symbols);
        *self.candidates.lock() = candidates;
    }

    /// Returns the symbols to deal the slots to; none outside the polling hours of all of them.
    pub(super) fn candidates(&self) -> Vec<StockPriority> {
        let Some(protocol) = self.provider.stream() else {
            return Vec::new();
        };
        let now = self.context.now();
        let is_open = |it: &StockPriority| self.hours.contains(Market::of(&it.symbol), now);
        let mut candidates = self.candidates.lock().clone();
        candidates.retain(|it| protocol.can_carry(&it.symbol));
        if !candidates.iter().any(is_open) {
            candidates.clear();
        }
        candidates
    }

    /// Whether this process certainly held the lease a short time ago.
    fn is_lease_proven(&self) -> bool {
        self.context.lease.unproven_for() < MAX_UNPROVEN
    }

    /// Adds a trade to the conflation.
    pub(super) fn trade(&self, trade: &StreamPrice) -> MessageOutcome {
        match self.shared.trade(trade, self.context.now()) {
            Trade::Moved => MessageOutcome::Price,
            Trade::Counted | Trade::Dropped(_) => MessageOutcome::Dropped,
        }
    }

    /// Replaces the figures of the session.
    pub(super) fn replace_figures(&self, figures: &DayFigures) -> MessageOutcome {
        if self.shared.replace_figures(figures) {
            MessageOutcome::Control
        } else {
            MessageOutcome::Dropped
        }
    }

    /// Counts a message.
    pub(super) fn count(&self, outcome: MessageOutcome) {
        let metrics = &self.context.metrics.streams;
        metrics.message_received(self.provider.name(), outcome);
    }

    pub(super) fn set_state(&self, state: StreamState) {
        let is_connected = matches!(state, StreamState::Open | StreamState::Paused(_));
        let is_refused = matches!(state, StreamState::Refused(_) | StreamState::Evicted);
        let metrics = &self.context.metrics.streams;
        metrics.state_changed(self.provider.name(), is_connected, is_refused);
        self.shared.set_state(state);
    }

    /// Keeps a connection open until the process stops.
    pub(super) async fn run(&self) {
        let stopping = self.context.stopping.clone();
        stopping.run_until_cancelled(self.connect_forever()).await;
        self.set_state(StreamState::Idle);
    }

    async fn connect_forever(&self) {
        let mut retry = Retry::default();
        let mut connected_before = false;
        loop {
            while self.candidates().is_empty() || !self.is_lease_proven() {
                self.set_state(StreamState::Idle);
                tokio::time::sleep(CHECK_INTERVAL).await;
            }
            if connected_before {
                let metrics = &self.context.metrics.streams;
                metrics.reconnected(self.provider.name());
            }
            connected_before = true;
            self.set_state(StreamState::Connecting);
            let end = tokio::select! {
                end = self.connect_once(&mut retry) => end,
                () = self.lease_unproven() => End::LeaseUnproven,
            };
            self.shared
                .set_subscribed(&BTreeSet::new(), self.context.now());
            let delay = retry.delay(&end, &self.context.random);
            self.ended(end, delay);
            match delay {
                Some(delay) => tokio::time::sleep(delay).await,
                None => std::future::pending().await,
            }
        }
    }

    /// Keeps one connection until it ends. Dropping the future closes it at once.
    async fn connect_once(&self, retry: &mut Retry) -> End {
        let Some(protocol) = self.provider.stream() else {
            return End::Unwanted;
        };
        match connect(&protocol.address()).await {
            Ok(socket) => connection::run(socket, self, protocol, retry).await,
            Err(end) => end,
        }
    }

    /// Waits until another process may hold the lease.
    async fn lease_unproven(&self) {
        while self.is_lease_proven() {
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
    }

    fn ended(&self, end: End, delay: Option<Duration>) {
        let provider = self.provider.name();
        let delay_seconds = delay.map(|delay| delay.as_secs_f64());
        let state = match end {
            End::Unwanted => StreamState::Idle,
            End::LeaseUnproven => {
                tracing::warn!(provider, "the lease cannot be proven, the stream is closed");
                StreamState::Idle
            }
            End::Evicted => {
                tracing::warn!(
                    provider,
                    delay_seconds,
                    "another connection uses the key of the stream"
                );
                StreamState::Evicted
            }
            End::Refused(reason) => {
                tracing::error!(provider, %reason, "the stream is refused, its symbols are polled");
                StreamState::Refused(reason)
            }
            End::Failed { reason, .. } => {
                tracing::warn!(provider, %reason, delay_seconds, "the stream has ended, its symbols are polled");
                StreamState::Down(reason)
            }
        };
        self.set_state(state);
    }

    /// Stores the quotes of the stream until the process stops, then those that are left.
    pub(super) async fn store_quotes(&self) {
        let stopping = self.context.stopping.clone();
        while let Some(quotes) = stopping.run_until_cancelled(self.shared.due()).await {
            self.store(quotes).await;
        }
        let quotes = self.shared.flush();
        if !quotes.is_empty() {
            self.store(quotes).await;
        }
    }

    async fn store(&self, quotes: Vec<Quote>) {
        let traded: Vec<Timestamp> = quotes.iter().filter_map(|it| it.market_time).collect();
        let batch = QuoteBatch {
            provider: self.provider.name(),
            quotes,
            ..QuoteBatch::default()
        };
        if self.context.store_quotes(batch).await.is_some() {
            let now = self.context.now();
            for traded_at in traded {
                let metrics = &self.context.metrics.streams;
                metrics.price_stored(self.provider.name(), now.since(traded_at));
            }
        }
    }
}
