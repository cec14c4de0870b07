//! Sends one request to a provider and stores the result.
//!
//! A request is sent only after it was reserved in the budget. If the database is unavailable, a
//! received price waits for it while the lease is held. When the lease is lost, the price is
//! dropped: the next holder requests a newer one. Both loops use this, [`live`](super::live) and
//! [`self_paced`](super::self_paced).

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use chrono::{Days, NaiveDate};
use entity::{PollOutcome, Symbol, Timestamp};
use market::Market;
use runtime::{outage_log::OutageLog, random::Random};
use store::{Store, lease::Lease, poll_request};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::is_self_paced;
use crate::{
    budget::{self, Purpose, Reservation, ReserveOutcome},
    ingest::{Ingest, IngestReport, QuoteBatch},
    metrics::{BudgetWindow, CallOutcome, Endpoint, TrackerMetrics},
    provider::{Poll, PollError, QuoteProvider, RequestBudget},
    stream::Streams,
};

/// Timeout of a request, in addition to the provider's own timeouts.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// Timeout of a database operation.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(5);
/// Base delay before a database operation is retried; up to 3 times as much is added as jitter.
/// Short, so that the recovery is noticed quickly.
pub(super) const DATABASE_RETRY_DELAY: Duration = Duration::from_millis(250);

/// A stock to track if the provider knows it, and the name to store.
pub(super) type NewStock = (Symbol, Option<String>);

/// What a loop needs to send requests and to store their results.
pub(crate) struct PollContext {
    pub(crate) store: Store,
    pub(crate) ingest: Ingest,
    pub(crate) lease: Arc<Lease>,
    pub(crate) metrics: TrackerMetrics,
    pub(crate) random: Random,
    /// Cancelled when the process begins to shut down.
    pub(crate) stopping: CancellationToken,
    /// Whether a configured provider reports splits.
    pub(crate) reports_splits: bool,
    pub(crate) streams: Streams,
}

/// The outcome of an attempt to send a request to a provider.
#[derive(Debug)]
pub(super) enum Attempt {
    /// Not sent: the budget is exhausted.
    BudgetExhausted(ReserveOutcome),
    /// Not sent: the database failed to reserve it.
    NotReserved(store::Error),
    /// Sent, and the response is stored. Symbols without a result were left out.
    Completed {
        results: Vec<(Symbol, Option<PollError>)>,
        /// How many requests of the day are left, if they are limited.
        day_left: Option<u32>,
    },
    /// Sent, but the process stops before the response could be stored.
    NotStored,
}

impl PollContext {
    pub(crate) fn now(&self) -> Timestamp {
        self.store.clock.now()
    }

    /// Polls `symbols` with one request and stores the quotes; only the first of them if the budget
    /// is not enough for all. A malformed answer for a symbol of `failing_alone` is treated as an
    /// answer without a price.
    pub(super) async fn poll_and_store(
        &self,
        provider: &dyn QuoteProvider,
        budget: RequestBudget,
        purpose: Purpose,
        symbols: &[Symbol],
        failing_alone: &[Symbol],
        track: Option<NewStock>,
    ) -> Attempt {
        let name = provider.name();
        let cost = 1..=budget.cost_of(symbols.len());
        let request = match self.reserve(name, budget, purpose, cost, symbols).await {
            Ok(request) => request,
            Err(attempt) => return attempt,
        };
        let symbols = &symbols[..budget.symbols_for(request.cost, symbols.len())];
        let mut poll = self.poll(provider, symbols).await;
        ignore_malformed(&mut poll, failing_alone);
        let day_exhausted = poll
            .answers
            .iter()
            .any(|(_, answer)| *answer == Err(PollError::BudgetSpent));
        let batch = quote_batch(name, &poll, track);
        self.streams.seed(name, &batch.quotes, self.now());
        // The prices are first in the queue for the connection that writes.
        let (stored, ()) = tokio::join!(
            self.store_quotes(batch),
            self.finalize(name, budget, request, day_exhausted),
        );
        if stored.is_none() {
            return Attempt::NotStored;
        }
        Attempt::Completed {
            results: poll
                .answers
                .into_iter()
                .map(|(symbol, answer)| (symbol, answer.err()))
                .collect(),
            day_left: request.day_left,
        }
    }

    /// Reserves a request that counts as `cost` requests in the provider's budget: as many as are
    /// left, up to the end of the range.
    pub(super) async fn reserve(
        &self,
        provider: &'static str,
        budget: RequestBudget,
        purpose: Purpose,
        cost: RangeInclusive<u32>,
        symbols: &[Symbol],
    ) -> Result<Reservation, Attempt> {
        let (lease, now) = (&self.lease, self.now());
        let reserving = budget::reserve(lease, provider, budget, purpose, cost, symbols, now);
        match with_timeout(reserving).await {
            Ok(ReserveOutcome::Reserved(reservation)) => Ok(reservation),
            Ok(exhausted) => Err(Attempt::BudgetExhausted(exhausted)),
            Err(error) => Err(Attempt::NotReserved(error)),
        }
    }

    /// Sends a reserved request and finalizes its reservation.
    pub(super) async fn send<T>(
        &self,
        provider: &'static str,
        budget: RequestBudget,
        request: Reservation,
        endpoint: Endpoint,
        sending: impl Future<Output = Result<T, PollError>>,
    ) -> Result<T, PollError> {
        let started = Instant::now();
        let response = tokio::time::timeout(REQUEST_TIMEOUT, sending)
            .await
            .unwrap_or(Err(PollError::Timeout));
        let error = response.as_ref().err();
        let outcome = error.map_or(CallOutcome::Ok, PollError::outcome);
        self.metrics
            .provider_called(provider, endpoint, outcome, started.elapsed());
        let day_exhausted = error == Some(&PollError::BudgetSpent);
        self.finalize(provider, budget, request, day_exhausted)
            .await;
        response
    }

    /// Corrects a reservation after the request: it counts from its end, and the whole day is used
    /// up if the provider reports it.
    async fn finalize(
        &self,
        provider: &'static str,
        budget: RequestBudget,
        request: Reservation,
        day_exhausted: bool,
    ) {
        let finalizing = budget::finalize(&self.lease, request, self.now());
        if let Err(error) = with_timeout(finalizing).await {
            tracing::warn!(
                provider,
                error = error.as_dyn(),
                "failed to record the end of a provider request"
            );
        }
        if !day_exhausted {
            return;
        }
        let spending = budget::exhaust_day(&self.lease, provider, budget, self.now());
        if let Err(error) = with_timeout(spending).await {
            tracing::warn!(
                provider,
                error = error.as_dyn(),
                "failed to mark the daily budget exhausted"
            );
        }
    }

    /// Polls once with a timeout, and counts the request.
    pub(super) async fn poll(&self, provider: &dyn QuoteProvider, symbols: &[Symbol]) -> Poll {
        let started = Instant::now();
        let name = provider.name();
        let span = tracing::debug_span!("poll", provider = name, symbols = symbols.len());
        let mut poll = tokio::time::timeout(REQUEST_TIMEOUT, provider.poll(symbols))
            .instrument(span)
            .await
            .unwrap_or_else(|_| Poll::failed(symbols, &PollError::Timeout));
        // The trading days of a replay are independent of today.
        let endpoint = if is_self_paced(provider) {
            Endpoint::Daily
        } else {
            limit_to_now(&mut poll, self.now());
            reject_future_quotes(&mut poll, market::trading_day(self.now()));
            Endpoint::Quote
        };
        let outcome = poll.outcome();
        self.metrics
            .provider_called(name, endpoint, outcome, started.elapsed());
        for (symbol, answer) in &poll.answers {
            if let Err(error) = answer {
                tracing::debug!(provider = name, %symbol, %error, "no quote");
            }
        }
        poll
    }

    /// Stores the quotes of a poll, and retries until it succeeds. Returns `None` if the process
    /// stops first.
    pub(crate) async fn store_quotes(&self, batch: QuoteBatch) -> Option<IngestReport> {
        let mut outage = OutageLog::new(
            "failed to store prices, retrying",
            "stored the delayed prices",
        );
        loop {
            let batch = QuoteBatch {
                reports_splits: self.reports_splits,
                ..batch.clone()
            };
            let provider = batch.provider;
            let stored = with_timeout(self.ingest.ingest(batch)).await;
            match &stored {
                Err(error) if self.stopping.is_cancelled() => {
                    tracing::error!(
                        provider,
                        error = error.as_dyn(),
                        "the last prices are not stored"
                    );
                    return None;
                }
                _ => outage.record(&stored),
            };
            if let Ok(report) = stored {
                return Some(report);
            }
            self.reject_poll_requests().await;
            self.stopping.run_until_cancelled(self.retry_delay()).await;
        }
    }

    /// Repeats a database operation until it succeeds. Returns `None` if the process stops first.
    pub(crate) async fn retry<T, F>(
        &self,
        failed: &'static str,
        operation: impl Fn() -> F,
    ) -> Option<T>
    where
        F: Future<Output = Result<T, store::Error>>,
    {
        loop {
            match with_timeout(operation()).await {
                Ok(value) => return Some(value),
                Err(error) => tracing::debug!(error = error.as_dyn(), "{failed}, retrying"),
            }
            let delay = self.retry_delay();
            self.stopping.run_until_cancelled(delay).await?;
        }
    }

    /// Completes all open poll requests with `DatabaseUnavailable`, because their quotes cannot be
    /// stored now. If that fails too, their senders find the database unavailable.
    pub(super) async fn reject_poll_requests(&self) {
        let rejecting = async {
            let open = poll_request::pending(&self.store, |_| false).await?;
            let ids = open.ids();
            if !ids.is_empty() {
                let outcome = PollOutcome::DatabaseUnavailable;
                poll_request::respond(&self.store, &ids, &outcome.into()).await?;
            }
            Ok(())
        };
        if let Err(error) = with_timeout(rejecting).await {
            tracing::debug!(error = error.as_dyn(), "failed to reject poll requests");
        }
    }

    /// Updates the metrics of a provider's budget.
    pub(super) async fn update_budget_metrics(
        &self,
        provider: &'static str,
        budget: RequestBudget,
    ) -> Result<(), store::Error> {
        let left = budget::remaining(&self.store, provider, budget, self.now());
        let left = with_timeout(left).await?;
        for (window, left) in [
            (BudgetWindow::Second, left.second),
            (BudgetWindow::Minute, left.minute),
            (BudgetWindow::Day, left.day),
        ] {
            if let Some(left) = left {
                self.metrics
                    .budget_counted(provider, window, u64::from(left));
            }
        }
        Ok(())
    }

    /// Waits before a database operation is retried.
    pub(super) async fn retry_delay(&self) {
        let jitter = self.random.below(DATABASE_RETRY_DELAY * 3);
        tokio::time::sleep(DATABASE_RETRY_DELAY + jitter).await;
    }
}

/// The log of a loop's access to the database.
pub(super) fn database_outage() -> OutageLog {
    OutageLog::new(
        "the database is unavailable, polling is paused",
        "the database is available again",
    )
}

/// Converts a poll into the batch to store.
pub(super) fn quote_batch(
    provider: &'static str,
    poll: &Poll,
    track: Option<NewStock>,
) -> QuoteBatch {
    let mut batch = QuoteBatch {
        provider,
        position: poll.position.clone(),
        follows: poll.follows.clone(),
        ..QuoteBatch::default()
    };
    for (symbol, answer) in &poll.answers {
        match answer {
            Ok(quote) => batch.quotes.push(quote.clone()),
            Err(error) if error.counts_as_answer() => batch.quoteless.push(symbol.clone()),
            Err(_) => {}
        }
    }
    let exists = |(symbol, _): &NewStock| {
        poll.answers.iter().any(|(answered, answer)| {
            answered == symbol && matches!(answer, Ok(_) | Err(PollError::NoQuote))
        })
    };
    batch.track = track.filter(exists);
    batch
}

/// Fails a database operation that takes too long.
pub(crate) fn with_timeout<T>(
    operation: impl Future<Output = Result<T, store::Error>>,
) -> impl Future<Output = Result<T, store::Error>> {
    store::with_timeout(DATABASE_TIMEOUT, operation)
}

/// Turns malformed answers for symbols for which the provider fails alone into answers without a
/// price.
fn ignore_malformed(poll: &mut Poll, failing_alone: &[Symbol]) {
    for (symbol, answer) in &mut poll.answers {
        if let Err(error) = answer
            && matches!(error, PollError::Malformed { .. })
            && failing_alone.contains(symbol)
        {
            *answer = Err(PollError::no_price(error.to_string()));
        }
    }
}

/// Dates quotes with a market time in the future from now, like the trades of a stream. With that
/// time, they would make all correct quotes until then look old.
fn limit_to_now(poll: &mut Poll, now: Timestamp) {
    for (symbol, answer) in &mut poll.answers {
        if let Ok(quote) = answer
            && quote.market_time.is_some_and(|time| time > now)
        {
            quote.market_time = Some(now);
            quote.trading_day = quote.trading_day.min(Market::of(symbol).day_of(now));
        }
    }
}

/// Rejects quotes whose trading day has not begun anywhere in the world. Stored, such a quote would
/// make all correct quotes after it look old.
fn reject_future_quotes(poll: &mut Poll, today: NaiveDate) {
    let last = today + Days::new(1);
    for (_, answer) in &mut poll.answers {
        if answer.as_ref().is_ok_and(|quote| quote.trading_day > last) {
            *answer = Err(PollError::no_price("its trading day is in the future"));
        }
    }
}

#[cfg(test)]
mod tests {
    use entity::Decimal;

    use super::*;
    use crate::quote::Quote;

    #[test]
    fn a_market_time_in_the_future_counts_from_now() {
        let now: Timestamp = "2026-11-24T20:00:00Z".parse().expect("an instant");
        let symbol: Symbol = "AAPL".parse().expect("a symbol");
        for (sent, day, expected) in [
            (
                "2026-11-24T19:59:59Z",
                "2026-11-24",
                ("2026-11-24T19:59:59Z", "2026-11-24"),
            ),
            (
                "2026-11-24T20:00:01Z",
                "2026-11-24",
                ("2026-11-24T20:00:00Z", "2026-11-24"),
            ),
            (
                "2026-11-25T15:00:00Z",
                "2026-11-25",
                ("2026-11-24T20:00:00Z", "2026-11-24"),
            ),
        ] {
            let quote = Quote {
                market_time: Some(sent.parse().expect("an instant")),
                ..Quote::new(
                    symbol.clone(),
                    Decimal::from_int(1),
                    day.parse().expect("a date"),
                )
            };
            let mut poll = Poll::answered(vec![(symbol.clone(), Ok(quote))]);
            limit_to_now(&mut poll, now);
            let quote = poll.answers[0].1.as_ref().expect("a quote");
            let (time, day) = (quote.market_time, quote.trading_day.to_string());
            assert_eq!(
                time,
                Some(expected.0.parse().expect("an instant")),
                "{sent}"
            );
            assert_eq!(day, expected.1, "{sent}");
        }
    }
}
