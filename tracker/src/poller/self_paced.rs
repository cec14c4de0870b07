//! The loop over a provider that determines its own pace: a replay, one trading day at a time, or a
//! simulation, one batch of prices at a time.
//!
//! Each step is stored in one transaction together with the provider's position, so that a killed
//! process neither repeats nor skips one.

use std::{collections::HashSet, sync::Arc, time::Duration};

use chrono::NaiveDate;
use entity::{CandleInterval, PollOutcome, ProviderState, Symbol};
use market::{LastSessions, PollingHours, StalenessContext};
use runtime::{config::ProviderName, outage_log::OutageLog};
use store::{
    candle::CandleKey,
    feed::FeedTransaction,
    poll_request::{self, PendingRequest},
    provider::{self, ProviderStatus},
    symbol_search::SearchResult,
};
use tokio::time::{Instant, sleep_until};

use super::{
    context::{PollContext, database_outage, quote_batch, with_timeout},
    live::search_list,
    tracked_stocks::{Throttle, TrackedStocks},
};
use crate::{
    ingest::QuoteBatch,
    provider::{Pacing, QuoteProvider},
    status::StatusWriter,
};

/// Maximum time between two refreshes of everything that is read from the database.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);
/// Maximum number of symbols that are tracked in a transaction.
const TRACK_BATCH: usize = 100;
/// How often old poll requests are deleted.
const PRUNE_INTERVAL: Duration = Duration::from_mins(1);

/// The loop and its state.
pub(super) struct SelfPacedLoop {
    context: Arc<PollContext>,
    provider: Arc<dyn QuoteProvider>,
    /// The time between two steps; `None` at full speed.
    every: Option<Duration>,
    /// The time between two prices of a symbol.
    interval: Duration,
    /// The providers that are configured but not polled.
    standby: Vec<ProviderStatus>,
    tracked: TrackedStocks,
    /// Limits how often the tracked stocks are read, if a step has prices of some of them only.
    reload_throttle: Throttle,
    status: StatusWriter,
    metrics_throttle: Throttle,
    prune_throttle: Throttle,
    outage: OutageLog,
}

impl SelfPacedLoop {
    pub(super) fn new(
        context: Arc<PollContext>,
        provider: Arc<dyn QuoteProvider>,
        standby: Vec<ProviderStatus>,
    ) -> Self {
        let (every, interval) = match provider.pacing() {
            Pacing::SelfPaced { every, interval } => (every, interval),
            Pacing::Polled { .. } => (None, Duration::ZERO),
        };
        // Half of it, because steps are not exactly on time.
        let reload_interval = interval.min(REFRESH_INTERVAL) / 2;
        let status = StatusWriter::new(context.metrics.clone());
        Self {
            context,
            provider,
            every,
            interval,
            standby,
            tracked: TrackedStocks::default(),
            reload_throttle: Throttle::new(reload_interval),
            status,
            metrics_throttle: Throttle::new(REFRESH_INTERVAL),
            prune_throttle: Throttle::new(PRUNE_INTERVAL),
            outage: database_outage(),
        }
    }

    /// Plays step after step until the process begins to shut down.
    pub(super) async fn run(mut self) {
        let stopping = self.context.stopping.clone();
        let mut request = self.context.store.doorbell.requests();
        self.resume().await;
        let mut next = Instant::now();
        while !stopping.is_cancelled() {
            if !self.provider.is_finished() && Instant::now() >= next {
                next = Instant::now() + self.every.unwrap_or_default();
                self.play_next().await;
            }
            let refreshed = self.refresh_once().await;
            if !self.outage.record(&refreshed) {
                self.context.reject_poll_requests().await;
            }
            let wake = if self.provider.is_finished() {
                Instant::now() + REFRESH_INTERVAL
            } else {
                next
            };
            tokio::select! {
                biased;
                () = stopping.cancelled() => break,
                () = sleep_until(wake) => {}
                () = request.notified() => {}
            }
        }
    }

    /// Resumes at the stored position, and retries until the database is available.
    async fn resume(&mut self) {
        while !self.context.stopping.is_cancelled() {
            let resumed = self.resume_once().await;
            if self.outage.record(&resumed) {
                return;
            }
            self.retry_delay().await;
        }
    }

    /// Releases prices that another tracker held, deletes what a tracker of live providers recorded
    /// about symbols that none of them serves, resumes at the stored position, creates the
    /// provider's row, which contains the position, and tracks the symbols of the provider.
    async fn resume_once(&mut self) -> Result<(), store::Error> {
        let held = store::held_price::stocks(self.context.store.database.read());
        for stock in with_timeout(held).await? {
            with_timeout(self.context.ingest.release(stock.stock_id, None)).await?;
        }
        with_timeout(store::stock::set_unserved(&self.context.lease, &[])).await?;
        let name = self.provider.name();
        let reading = provider::position(self.context.store.database.read(), name);
        let position = with_timeout(reading).await?;
        if let Err(error) = self.provider.resume(position.as_deref()) {
            tracing::warn!(provider = name, %error, "failed to resume at the stored position");
        }
        let statuses = self.provider_statuses();
        with_timeout(self.status.write_if_due(&self.context.store, statuses)).await?;
        self.track_symbols().await
    }

    /// Tracks the symbols of the provider that were never tracked.
    async fn track_symbols(&self) -> Result<(), store::Error> {
        let store = &self.context.store;
        let stocks = with_timeout(store::stock::all(store.database.read())).await?;
        let known: HashSet<Symbol> = stocks.into_iter().map(|stock| stock.symbol).collect();
        let mut symbols = self.provider.tracks();
        symbols.retain(|symbol| !known.contains(symbol));
        for symbols in symbols.chunks(TRACK_BATCH) {
            let tracking = async {
                let mut feed = FeedTransaction::begin(store).await?;
                for symbol in symbols {
                    store::stock::track(&mut feed, symbol, None).await?;
                }
                feed.commit().await
            };
            with_timeout(tracking).await?;
        }
        Ok(())
    }

    /// Plays one step and stores it as a whole. If the database is unavailable, the same step is
    /// played again later.
    async fn play_next(&mut self) {
        let mut prepared = if self.reload_throttle.is_due() {
            self.tracked.reload(&self.context.store).await
        } else {
            Ok(())
        };
        if prepared.is_ok()
            && let Some(day) = self.provider.restarts_at()
        {
            prepared = self.delete_candles_from(day).await;
        }
        if !self.outage.record(&prepared) {
            self.context.reject_poll_requests().await;
            self.retry_delay().await;
            return;
        }
        // If the process stops, the remaining candles are deleted before the next step.
        if self.context.stopping.is_cancelled() {
            return;
        }
        let poll = self
            .context
            .poll(self.provider.as_ref(), &self.tracked.symbols())
            .await;
        let batch = quote_batch(self.provider.name(), &poll, None);
        if batch.position.is_none() && batch.quotes.is_empty() && batch.quoteless.is_empty() {
            // No price is due.
            return;
        }
        let stored = self.context.store_quotes(batch).await;
        if stored.is_some_and(|report| report.superseded) {
            tracing::warn!(
                provider = self.provider.name(),
                "another tracker continued, resuming at its position"
            );
            self.resume().await;
        }
        if self.provider.is_finished() {
            tracing::info!(provider = self.provider.name(), "replay ended");
        }
    }

    /// Deletes the candles of all replayed stocks from a day on, in small transactions. The replay
    /// restarts there, and candles of later years would hide the new ones.
    async fn delete_candles_from(&self, day: NaiveDate) -> Result<(), store::Error> {
        /// Maximum number of candles per transaction.
        const BATCH_SIZE: u64 = 10_000;
        tracing::info!(
            provider = self.provider.name(),
            %day,
            "no year left to move the data to, the replay restarts at its first day"
        );
        let _paused = self.context.ingest.pause().await;
        let store = &self.context.store;
        let from = market::session_open(day);
        let stocks = with_timeout(store::stock::all(store.database.read())).await?;
        for stock in stocks {
            if self.provider.knows(&stock.symbol) != Some(true) {
                continue;
            }
            for interval in CandleInterval::ALL {
                let from = CandleKey {
                    stock_id: stock.id,
                    interval,
                    start: from,
                };
                while !self.context.stopping.is_cancelled() {
                    let deleting = store::candle::delete_from(&store.database, from, BATCH_SIZE);
                    if with_timeout(deleting).await? < BATCH_SIZE {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Waits before a database operation is retried, or until the process stops.
    async fn retry_delay(&self) {
        let stopping = &self.context.stopping;
        let delay = self.context.retry_delay();
        stopping.run_until_cancelled(delay).await;
    }

    /// Updates the metrics, responds to poll requests and writes the provider status.
    async fn refresh_once(&mut self) -> Result<(), store::Error> {
        if self.metrics_throttle.is_due() {
            self.tracked.reload(&self.context.store).await?;
            let (now, interval) = (self.context.now(), self.interval());
            let replayed = self.provider.name() == ProviderName::Replay.as_str();
            let expected = |newest_day: Option<NaiveDate>| StalenessContext {
                now,
                interval,
                hours: PollingHours::Always,
                sessions: newest_day
                    .filter(|_| replayed)
                    .map_or_else(|| LastSessions::at(now), LastSessions::replayed),
                replayed,
            };
            self.tracked
                .update_metrics(&self.context, expected, |_| interval)
                .await?;
        }
        let pending = poll_request::pending(&self.context.store, |_| false);
        let pending = with_timeout(pending).await?;
        for request in pending.polls {
            self.respond(request).await?;
        }
        for search in pending.searches {
            let list = self.provider.list();
            let matches = list.and_then(|list| search_list(list, &search.query));
            let result = SearchResult {
                matches: matches.unwrap_or_default(),
                skipped: Vec::new(),
            };
            let store = &self.context.store;
            with_timeout(poll_request::respond_to_search(store, &search.ids, &result)).await?;
        }
        let statuses = self.provider_statuses();
        with_timeout(self.status.write_if_due(&self.context.store, statuses)).await?;
        if self.prune_throttle.is_due() {
            with_timeout(poll_request::delete_old(&self.context.store)).await?;
        }
        Ok(())
    }

    /// Responds to a poll request without polling, because the next step has the next price.
    async fn respond(&self, request: PendingRequest) -> Result<(), store::Error> {
        let outcome = match self.provider.knows(&request.symbol) {
            Some(true) => {
                let batch = QuoteBatch {
                    provider: self.provider.name(),
                    confirmed: vec![request.symbol.clone()],
                    track: request.track.then_some((request.symbol, request.name)),
                    ..QuoteBatch::default()
                };
                let stored = self.context.store_quotes(batch).await;
                stored.map_or(PollOutcome::Failed, |_| PollOutcome::Answered)
            }
            Some(false) => PollOutcome::UnknownSymbol,
            None => PollOutcome::Failed,
        };
        let completion = outcome.into();
        let answering = poll_request::respond(&self.context.store, &request.ids, &completion);
        with_timeout(answering).await
    }

    /// Returns the time between two prices of a symbol, 0 at full speed; `None` after the end.
    fn interval(&self) -> Option<Duration> {
        (!self.provider.is_finished()).then_some(self.interval)
    }

    fn provider_statuses(&self) -> Vec<ProviderStatus> {
        let active = ProviderStatus {
            name: self.provider.name(),
            rank: 0,
            state: ProviderState::Ok,
            effective_interval: self.interval(),
            note: self.provider.note(),
            terms: self.provider.terms(),
            per_second: None,
            per_minute: None,
            per_day: None,
        };
        std::iter::once(active)
            .chain(self.standby.iter().cloned())
            .collect()
    }
}
