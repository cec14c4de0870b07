//! Backfills the history of stocks: one request for each stock after it is tracked.
//!
//! Polls have priority. A backfill request is sent only while no poll is due or in flight, never
//! uses the reserve of the daily budget, and uses more than a tenth of a day only from what the
//! remaining polls of the day do not need. Failed requests are recorded and retried with growing
//! delays.

use std::{sync::Arc, time::Duration};

use chrono::NaiveDate;
use entity::Timestamp;
use market::Market;
use store::{
    backfill::{self, DueBackfill},
    feed::FeedTransaction,
};

use super::{
    LiveLoop, ProviderHealth, REFRESH_INTERVAL, completion::CompletedRequest,
    provider_health::Availability,
};
use crate::{
    budget::{Purpose, ReserveOutcome},
    candle,
    metrics::Endpoint,
    poller::context::{Attempt, PollContext, with_timeout},
    provider::{DailyBar, PollError, QuoteProvider, RequestBudget},
    schedule::{RETRY_UNKNOWN_AFTER, reserved_requests},
};

/// Delay after the daily budget had no requests to spare.
const BUDGET_RETRY_DELAY: Duration = Duration::from_mins(5);
/// Minimum time between two requests for the history of a stock, even if it is tracked again.
const MIN_INTERVAL: Duration = Duration::from_hours(24);
/// Delay after the first failure. Each further one waits six times as long, up to a day.
const FIRST_RETRY_DELAY: Duration = Duration::from_secs(5);

/// The progress of the backfill.
#[derive(Debug, Default)]
pub(super) struct Backfill {
    /// The next stock.
    due: Option<DueBackfill>,
    in_flight: bool,
    paused_until: Option<Timestamp>,
    /// The number of requests on a day of the provider.
    sent: Option<(NaiveDate, u32)>,
}

impl Backfill {
    fn sent_on(&self, day: NaiveDate) -> u32 {
        let sent = self.sent.filter(|(sent_on, _)| *sent_on == day);
        sent.map_or(0, |(_, count)| count)
    }
}

impl LiveLoop {
    /// Reads which stock is next.
    pub(super) async fn load_backfill(&mut self) -> Result<(), store::Error> {
        let has_history = |it: &ProviderHealth| it.provider.history().is_some();
        if self.settings.history
            && !self.backfill.in_flight
            && self.providers.iter().any(has_history)
        {
            let database = self.context.store.database.read();
            let unserved = self.unserved(|it| it.history().is_some());
            let next = backfill::next(database, self.context.now(), &unserved);
            self.backfill.due = with_timeout(next).await?;
        }
        Ok(())
    }

    /// Dispatches the request for one stock, unless another request has priority.
    pub(super) fn dispatch_backfill(&mut self, now: Timestamp) {
        let busy =
            self.backfill.in_flight || self.scheduled > 0 || !self.refresh_requests.is_empty();
        if busy || self.backfill.paused_until.is_some_and(|until| until > now) {
            return;
        }
        let Some(due) = &self.backfill.due else {
            return;
        };
        let is_usable = |health: &ProviderHealth| {
            health.provider.history().is_some()
                && health.serves(&due.symbol)
                && !health.has_failed()
                && health.availability(now) == Availability::Ready
        };
        let Some(provider) = self.providers.iter().position(is_usable) else {
            return;
        };
        let Some(due) = self.backfill.due.take() else {
            return;
        };
        let keep = self.requests_kept_for_polls(provider, now);
        self.backfill.in_flight = true;
        let health = &mut self.providers[provider];
        health.record_sent(now);
        let (history, budget) = (Arc::clone(&health.provider), health.budget);
        let context = Arc::clone(&self.context);
        self.requests.spawn(async move {
            let attempt = context.backfill(history.as_ref(), budget, keep, due).await;
            CompletedRequest {
                provider,
                symbols: Vec::new(),
                purpose: Purpose::Background { keep },
                sent_at: now,
                attempt,
            }
        });
    }

    /// Returns how many requests of the day, in addition to the reserve, the backfill must leave.
    fn requests_kept_for_polls(&self, provider: usize, now: Timestamp) -> u32 {
        let health = &self.providers[provider];
        let Some(limit) = health.budget.per_day else {
            return 0;
        };
        let today = health.budget.day.date(now);
        let pace = self.routing.pace(provider);
        if pace.symbols == 0 || self.backfill.sent_on(today) < reserved_requests(limit) {
            return 0;
        }
        let interval = pace.plan.interval.as_secs().max(1);
        let midnight = health.budget.day.next_midnight(now);
        let polls = self.routing.symbols_of(provider).map(|symbol| {
            let market = Market::of(symbol);
            let left = self.settings.hours.remaining(market, now, midnight);
            left.as_secs() / interval
        });
        u32::try_from(polls.fold(0, u64::saturating_add)).unwrap_or(u32::MAX)
    }

    /// Completes a backfill request. Errors of the whole provider apply to polls too; others do
    /// not.
    pub(super) fn complete_backfill(&mut self, request: CompletedRequest) {
        let now = self.context.now();
        let planned = self.routing.pace(request.provider).intervals();
        self.backfill.in_flight = false;
        let health = &mut self.providers[request.provider];
        match request.attempt {
            Attempt::BudgetExhausted(ReserveOutcome::WindowExhausted(until)) => {
                health.exhaust_window(until);
            }
            Attempt::BudgetExhausted(ReserveOutcome::DayExhausted(until)) => {
                health.exhaust_day(until);
            }
            Attempt::BudgetExhausted(ReserveOutcome::OnlyReserveLeft(_)) => {
                self.backfill.paused_until = Some(now.after(BUDGET_RETRY_DELAY));
            }
            Attempt::NotReserved(error) => {
                tracing::debug!(
                    error = error.as_dyn(),
                    "failed to reserve a backfill request"
                );
                self.backfill.paused_until = Some(now.after(REFRESH_INTERVAL));
            }
            Attempt::Completed { results, .. } => {
                let today = health.budget.day.date(now);
                self.backfill.sent = Some((today, self.backfill.sent_on(today) + 1));
                let errors = results.iter().filter_map(|(_, error)| error.as_ref());
                for error in errors.filter(|error| error.is_provider_wide()) {
                    health.record_error(error, planned, now, &self.context.random);
                }
            }
            Attempt::BudgetExhausted(
                ReserveOutcome::Reserved(_) | ReserveOutcome::RetriesExhausted(_),
            )
            | Attempt::NotStored => {}
        }
    }
}

impl PollContext {
    /// Requests the history of a stock and stores it, leaving `keep` requests of the day.
    async fn backfill(
        &self,
        provider: &dyn QuoteProvider,
        budget: RequestBudget,
        keep: u32,
        due: DueBackfill,
    ) -> Attempt {
        let name = provider.name();
        let Some(history) = provider.history() else {
            return Attempt::NotStored;
        };
        let request = match self
            .reserve(name, budget, Purpose::Background { keep }, 1..=1, &[])
            .await
        {
            Ok(request) => request,
            Err(attempt) => return attempt,
        };
        let sending = history.bars(&due.symbol);
        let response = self
            .send(name, budget, request, Endpoint::Daily, sending)
            .await;
        let storing = || self.store_history(&due, &response);
        let Some(days) = self.retry("failed to store a history", storing).await else {
            return Attempt::NotStored;
        };
        let symbol = due.symbol;
        match &response {
            Ok(_) => tracing::info!(provider = name, %symbol, days, "history stored"),
            Err(error) => tracing::info!(provider = name, %symbol, %error, "no history received"),
        }
        Attempt::Completed {
            results: vec![(symbol, response.err())],
            day_left: request.day_left,
        }
    }

    /// Stores a response. Returns the number of days.
    async fn store_history(
        &self,
        due: &DueBackfill,
        response: &Result<Vec<DailyBar>, PollError>,
    ) -> Result<usize, store::Error> {
        // The batches after it read the candles again.
        let _paused = self.ingest.pause().await;
        // Candles are read and written under the feed lock, although the feed gets no entry.
        let feed = FeedTransaction::begin(&self.store).await?;
        let now = self.now();
        let days = match response {
            Ok(bars) => {
                let stock = (due.stock_id, Market::of(&due.symbol));
                let days = candle::fill(&feed, stock, bars, now).await?;
                backfill::done(feed.connection(), due, now, now.after(MIN_INTERVAL)).await?;
                days
            }
            Err(error) => {
                let retry_at = self.backfill_retry_at(due, error, now);
                backfill::failed(feed.connection(), due, retry_at).await?;
                0
            }
        };
        feed.commit().await?;
        Ok(days)
    }

    fn backfill_retry_at(&self, due: &DueBackfill, error: &PollError, now: Timestamp) -> Timestamp {
        if matches!(error, PollError::UnknownSymbol | PollError::NotEntitled) {
            return now.after(RETRY_UNKNOWN_AFTER);
        }
        let failures = u32::try_from(due.failures).unwrap_or(u32::MAX);
        let delay = FIRST_RETRY_DELAY.saturating_mul(6_u32.saturating_pow(failures));
        let delay = delay.min(RETRY_UNKNOWN_AFTER);
        let jittered = delay / 2 + self.random.below(delay / 2);
        now.after(jittered.max(error.retry_after().unwrap_or_default()))
    }
}
